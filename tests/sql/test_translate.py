"""PostgreSQL in, DuckDB out; and DuckDB runs what comes out."""

from __future__ import annotations

import re

import duckdb
import pytest
from sql_vectors import pairs

from duckgres_tx.errors import PgError, Severity
from duckgres_tx.sql.split import split
from duckgres_tx.sql.translate import translate
from duckgres_tx.sql.translation_context import TranslationContext

VECTORS = pairs("translate.txt")


def translated(sql):
    """The translation of one statement."""
    return translate(split(sql)[0], TranslationContext())


def is_refusal(expected):
    """Whether a vector's result is an error."""
    return re.match("[0-9][0-9A-Z]{4} ", expected) is not None


@pytest.mark.parametrize(("sql", "expected"), VECTORS)
def test_vectors(sql, expected):
    """Each statement becomes what the vector says, or is refused in its words."""
    if is_refusal(expected):
        with pytest.raises(PgError) as caught:
            translated(sql)
        assert f"{caught.value.sqlstate} {caught.value.message}" == expected
        assert caught.value.position is not None
        return
    translation = translated(sql)
    assert translation.text == (sql if expected == "same" else expected)
    assert translation.untouched == (expected == "same")


@pytest.fixture(scope="module")
def connection():
    """A DuckDB with a table, each statement's effect rolled back."""
    with duckdb.connect(":memory:") as made:
        made.execute("create table t(a int, b varchar, c varchar)")
        made.execute(
            'create table s("at" timestamptz, "by" text, "show" int, "qualify" int, "pivot" int, '
            '"describe" int, "asof" int, "semi" int, value int, name text)'
        )
        yield made


@pytest.mark.parametrize("sql", [sql for sql, expected in VECTORS if not is_refusal(expected)])
def test_duckdb_takes_every_result(connection, sql):
    """No translation is something that DuckDB can't parse or bind."""
    connection.execute("begin")
    try:
        connection.execute(translated(sql).text).fetchall()
    finally:
        connection.execute("rollback")


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("select '\\xDEADBEEF'::bytea", b"\xde\xad\xbe\xef"),
        ("select X'1F'::text", "00011111"),
        ("select 'abcdef'::varchar(3)", "abc"),
        ("select cast(null as varchar(3))", None),
        ("select '{{1,2},{3,NULL}}'::int[]", [[1, 2], [3, None]]),
        ("select '{a b,\"c,d\",e\\,f}'::text[]", ["a b", "c,d", "e,f"]),
        ("select round(1.23456::numeric, 4)::text", "1.2346"),
        ('select "sum" from (select sum(x) from (values (1), (2)) v(x)) s', 3),
    ],
)
def test_meaning(connection, sql, value):
    """What DuckDB answers to the translation is what PostgreSQL answers to the statement."""
    assert connection.execute(translated(sql).text).fetchall() == [(value,)]


def test_parameters_whose_type_a_function_does_not_tell():
    """They stand alone as its argument."""
    sql = "select pg_sleep($1), pg_terminate_backend($2, $3), pg_cancel_backend(pid + $4) from t where pg_sleep = $5"
    assert translated(sql).text == (
        "select pg_sleep($1::DOUBLE), pg_terminate_backend($2::INTEGER, $3::BIGINT), pg_cancel_backend(pid + $4) "
        "from t where pg_sleep = $5"
    )


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select a / b, a % b, a/0 from t", "select Q(a , b), R(a , b), Q(a,0) from t"),
        ("select case when a > 0 then 1/0 end from t", "select case when a > 0 then Q(1,0) end from t"),
        ("select a * b / c + 1, -a / -b from t", "select Q(a * b , c) + 1, -Q(a , -b) from t"),
        ("select a / b / c, a / 2 / b, 2 ^ a / b from t", "select Q(Q(a , b) , c), Q(a / 2 , b), Q(2 ^ a , b) from t"),
        ("select sum(a) / count(*), (a / (b - 1)) from t", "select Q(sum(a) , count(*)), (Q(a , (b - 1))) from t"),
        ("select case when a > 0 then 1 end / b from t", "select Q(case when a > 0 then 1 end , b) from t"),
        ("select $1::int / $2::int", "select Q($1::int , $2::int)"),
        ("update t set a = a / b where c = 1", "update t set a = Q(a , b) where c = 1"),
        ("create table q as select a / b from t", "create table q as select Q(a , b) from t"),
        # What needs no look, or gets none.
        ("select a / 2, a % -3, a / 1.5e0, a / 7::numeric(3,0) from t", None),
        ("select a / $1, $1 / a from t", None),
        ("select sum(a) over () / sum(b), (select 1) / b, a / b[1], a / case when b > 0 then b end from t", None),
        ("create view v as select a / b from t", None),
        ("create table q (a int, check (a / a = 1))", None),
        ("select * from t", None),
    ],
)
def test_divisors_are_looked_at(sql, expected):
    """Where they may be zero, by a macro with both operands."""
    wanted = (expected or sql).replace("Q(", "__pg.pg.quotient(").replace("R(", "__pg.pg.remainder(")
    assert translated(sql).text == wanted
    assert translate(split(sql)[0], TranslationContext(checks_divisors=False)).untouched


def test_constants_are_divided_when_the_statement_is_planned():
    """Whether a row comes of it or not; but it can be prepared."""
    fault = translated("select * from t where 1 / 0 = a").fault
    assert fault is not None
    assert fault.sqlstate == "22012"


def test_locking_clause_leaves_a_notice():
    """The client is told that no lock was taken."""
    (notice,) = translated("select 1 for update skip locked").notices
    assert (notice.severity, notice.message) == (Severity.NOTICE, "FOR UPDATE takes no locks")


def test_position_of_an_error_in_the_translation():
    """Where DuckDB points into its text, the client is pointed into its own."""
    sql = "select 1.5::numeric, nocolumn from t"
    translation = translated(sql)
    assert translation.position_in_source(translation.text.index("nocolumn")) == sql.index("nocolumn")


def test_positions_of_refusals_count_in_the_whole_string():
    """The statement may be the second of its query string."""
    sql = "select 1; select B'2'"
    with pytest.raises(PgError) as caught:
        translate(split(sql)[1], TranslationContext())
    assert caught.value.position == sql.index("B'2'") + 1
