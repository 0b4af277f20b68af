"""The text of arrays, and what PostgreSQL says of one that is none."""

from __future__ import annotations

import psycopg
import pytest

from duckgres_tx.errors import PgError
from duckgres_tx.sql.array_literals import read_array

MALFORMED = """
{1,2
{"a
{a "b"}
{"a"b}
{a,"b"\\c}
{a,
{a,}
{,a}
{}}
{a}b
{{a},b}
{a,{b}}
{{a,b},{c}}
{{}}
[1:2]={a}
 [x:2]={a}
[2:1]={a}
 {a}}
{{{{{{{a}}}}}}}
"""


@pytest.mark.oracle
@pytest.mark.parametrize("text", MALFORMED.strip("\n").splitlines())
def test_a_malformed_array_is_refused_in_postgresqls_words(oracle, text: str) -> None:
    """SQLSTATE, message and detail."""
    with pytest.raises(psycopg.Error) as theirs:
        oracle.connection.execute("select %s::text[]", (text,))
    with pytest.raises(PgError) as ours:
        read_array(text)

    told = theirs.value.diag
    assert (ours.value.sqlstate, ours.value.message, ours.value.detail) == (
        told.sqlstate,
        told.message_primary,
        told.message_detail,
    )


def test_what_is_no_array_of_postgresqls_is_left_to_duckdb() -> None:
    """DuckDB's own literals, and anything else."""
    assert read_array("[1, 2]") is None
    assert read_array("") is None
    assert read_array("a=b") is None


def test_sizes_are_those_of_each_dimension() -> None:
    """Outer ones first; the empty array has none."""
    literal = read_array('{{1, "a,b"}, {null, "NULL"}, { x y ,\\"}}')
    assert literal is not None
    assert literal.sizes == (3, 2)
    assert literal.items == "[['1', 'a,b'], [NULL, 'NULL'], ['x y', '\"']]"
    empty = read_array(" { } ")
    assert empty is not None
    assert empty.sizes == ()
