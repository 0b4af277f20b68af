"""The binary form of values is what PostgreSQL's *send functions make."""

from __future__ import annotations

import struct

import pytest
from encoded_rows import Duck
from oracle import Oracle
from type_values import SHARED_TYPES, SharedType, array_literal

from duckgres_tx.engine.database import DuckDBError


@pytest.mark.oracle
@pytest.mark.parametrize("shared", SHARED_TYPES, ids=lambda shared: shared.name)
def test_values_are_as_postgresql_sends_them(oracle: Oracle, duck: Duck, shared: SharedType) -> None:
    """Every type that both have is the same, bit for bit; the scale of a numeric too."""
    expected = oracle.column(
        f"select v::{shared.postgres} from unnest($1::text[]) v", [array_literal(shared.for_postgres())], 1
    )
    rows = duck.rows(
        f"select v::{shared.duckdb} from (select unnest($1::varchar[]) v)",
        1,
        None,
        [array_literal(shared.for_duckdb())],
    )
    actual = [row[0] for row in rows]
    differences = [each for each in zip(shared.for_postgres(), expected, actual, strict=True) if each[1] != each[2]]

    assert not differences[:5]


@pytest.mark.oracle
@pytest.mark.parametrize("shared", SHARED_TYPES, ids=lambda shared: shared.name)
def test_arrays_are_as_postgresql_sends_them(oracle: Oracle, duck: Duck, shared: SharedType) -> None:
    """The header names the element's type and whether there are NULLs; the elements are in their own binary form."""
    expected = oracle.value(
        f"select array_append(array_agg(v::{shared.postgres} order by n), null)"
        " from unnest($1::text[]) with ordinality u(v, n)",
        [array_literal(shared.for_postgres())],
        1,
    )
    sql = f"select list(v::{shared.duckdb}) from (select unnest(list_append($1::varchar[], null)) v)"

    assert expected == duck.value(sql, 1, None, array_literal(shared.for_duckdb()))


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("postgres", "duckdb"),
    [
        ("'{{1,2},{3,4}}'::int[]", "[[1,2],[3,4]]"),
        ("'{{1,NULL},{3,4}}'::int[]", "[[1,NULL],[3,4]]"),
        ("'{{{1},{2}},{{3},{4}}}'::int8[]", "[[[1::bigint],[2]],[[3],[4]]]"),
        ("'{}'::int[]", "[]::int[]"),
        ("'{}'::int[]", "[]::int[][]"),
        ("'{1,2}'::int[]", "[1,2]"),
        ("'{{1,2},{3,4},{5,6}}'::int[]", "[[1,2],[3,4],[5,6]]::int[2][3]"),
        ('\'{{a,"b c"},{"","NULL"}}\'::text[]', "[['a','b c'],['','NULL']]"),
        ("array['{\"a\":1}'::json, null]", "[{'a': 1}, null]"),
        (
            "array['x', null, 'a long label indeed']",
            "['x', null, 'a long label indeed']::enum('x', 'a long label indeed')[]",
        ),
    ],
)
def test_arrays_of_more_dimensions(oracle: Oracle, duck: Duck, postgres: str, duckdb: str) -> None:
    """A list of lists of one length has two dimensions; no elements at all is the empty array."""
    assert oracle.value(f"select {postgres}", None, 1) == duck.value(f"select {duckdb}", 1)


@pytest.mark.parametrize(
    "sql", ["[[1,2],[3]]", "[[1],NULL]", "[[1],[]]", "[[[1]],[[2],[3]]]", "[[1,2],NULL]::int[2][2]"]
)
def test_a_ragged_list_has_no_binary_form(duck: Duck, sql: str) -> None:
    """PostgreSQL's arrays are rectangles, and nothing is made up to fill one."""
    with pytest.raises(DuckDBError, match="matching dimensions"):
        duck.value(f"select {sql}", 1)


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("postgres", "duckdb"),
    [("'{\"a\": 1}'::json", "'{\"a\": 1}'::json"), ("'x'::text", "'x'::enum('x', 'y')"), ("null::text", "null")],
)
def test_text_is_its_own_binary_form(oracle: Oracle, duck: Duck, postgres: str, duckdb: str) -> None:
    """json, text and labels are the same in both formats."""
    assert oracle.value(f"select {postgres}", None, 1) == duck.value(f"select {duckdb}", 1)


@pytest.mark.parametrize(
    "sql",
    [
        "{'a': 1, 'b': ['x']}",
        "map {'k': date '2024-01-01'}",
        "union_value(num := 2)",
        "{'a': 1}::variant",
        "{'a': timestamp '2024-01-02 03:04:05'}",
    ],
)
def test_json_is_the_same_in_both_formats(duck: Duck, sql: str) -> None:
    """json_send sends the text."""
    assert duck.value(f"select {sql}", 1) == duck.value(f"select {sql}", 0)


def test_geometry_is_well_known_binary(duck: Duck) -> None:
    """A geometry is announced as bytea and sent as WKB."""
    assert duck.value("select 'POINT (1 2)'::geometry", 1) == struct.pack("<bIdd", 1, 1, 1.0, 2.0)


def test_formats_may_differ_by_column(duck: Duck) -> None:
    """Each column has the format that the client asked for."""
    assert duck.rows("select 1, 1, 'x', 2::bigint", [0, 1, 1, 0]) == [[b"1", b"\0\0\0\x01", b"x", b"2"]]


@pytest.mark.parametrize("sql", ["timestamp '290309-12-22 (BC) 00:00:00'", "date '5877642-06-25 (BC)'"])
def test_times_out_of_binary_range_are_refused(duck: Duck, sql: str) -> None:
    """DuckDB's calendar begins earlier than PostgreSQL's; a wrapped number would be a lie."""
    with pytest.raises(DuckDBError, match="out of range"):
        duck.value(f"select {sql}", 1)


@pytest.mark.oracle
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_timestamptz_is_utc(oracle: Oracle, duck: Duck, zone: str) -> None:
    """The session's zone doesn't touch the binary form."""
    oracle.connection.execute(f"set timezone = '{zone}'")
    try:
        expected = oracle.value("select timestamptz '2024-07-01 12:00:00.5+00'", None, 1)
    finally:
        oracle.connection.execute("set timezone = 'UTC'")

    assert expected == duck.value("select timestamptz '2024-07-01 12:00:00.5+00'", 1)


@pytest.mark.oracle
@pytest.mark.parametrize(
    "text",
    ["0", "1", "-1.5", "100", "1.0000000001", "-0.001", "123456789012345678.5", "1234567890123456789012345678", "0.1"],
)
def test_a_numeric_without_a_scale_has_no_zeros_at_its_end(oracle: Oracle, duck: Duck, text: str) -> None:
    """It is kept with ten digits behind the point, and a product of two with twenty; neither is shown."""
    for result_format in (0, 1):
        expected = oracle.value(f"select trim_scale({text}::numeric)", None, result_format)
        assert duck.value(f"select {text}::decimal(38,10)", result_format) == expected
    if len(text) < 18:
        assert duck.value(f"select {text}::decimal(38,20)", 1) == expected


def test_a_decimal_with_a_scale_keeps_its_zeros(duck: Duck) -> None:
    """Money has two digits."""
    assert duck.value("select 1.5::decimal(38,2)") == b"1.50"
    assert duck.value("select [1.5]::decimal(38,10)[]") == b"{1.5}"
