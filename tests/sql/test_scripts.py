"""Statements that are several of DuckDB's."""

from __future__ import annotations

import duckdb
import pytest
from sql_vectors import pairs

from duckgres_tx.errors import PgError
from duckgres_tx.sql.forms import RunScript
from duckgres_tx.sql.scripts import script
from duckgres_tx.sql.several import is_several
from duckgres_tx.sql.split import split
from duckgres_tx.sql.statement_cache import StatementCache
from duckgres_tx.sql.translation_context import TranslationContext

VECTORS = pairs("scripts.txt")
SETUP = """
    create schema s; create table a(z int); create table "B"(z int); create table b2(z int); create table s.c(z int);
    create view v1 as select 1 as x; create view v2 as select 1 as x;
"""


def scripted(sql):
    """DuckDB's statements for one."""
    (statement,) = split(sql)
    assert is_several(statement)
    return script(statement, TranslationContext())


@pytest.mark.parametrize(("sql", "expected"), VECTORS)
def test_vectors(sql, expected):
    """Each statement becomes the lines of its vector, or is refused in its words."""
    if expected.startswith("0A000"):
        with pytest.raises(PgError) as caught:
            scripted(sql)
        assert f"{caught.value.sqlstate} {caught.value.message}" == expected
    else:
        assert "\n".join(scripted(sql)) == expected


@pytest.mark.parametrize("sql", [sql for sql, expected in VECTORS if not expected.startswith("0A000")])
def test_duckdb_runs_every_line(sql):
    """All lines run, in one transaction."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(SETUP)
        connection.execute("begin")
        for text in scripted(sql):
            connection.execute(text)
        connection.execute("commit")


@pytest.mark.parametrize(
    "sql",
    [
        "drop table a",
        "drop function f(int, int)",
        "truncate a",
        "create table t(serial int, identity int)",
        "create table t(a int, b int)",
        "create table t as select serial, identity from s",
        "alter table t add constraint u unique (a, b)",
        "select a, serial from identity",
        "drop",
    ],
)
def test_statements_that_are_one(sql):
    """Commas in brackets, and columns that are called serial, make nothing several."""
    assert not is_several(split(sql)[0])


def test_serial_columns_count():
    """A table that is made again after it was dropped counts from 1, as its sequence is new."""
    with duckdb.connect(":memory:") as connection:
        for _ in range(2):
            for text in scripted("create table t(id serial, a int)"):
                connection.execute(text)
            assert connection.execute("insert into t(a) values (7), (8) returning id").fetchall() == [(1,), (2,)]
            connection.execute("drop table t")


def test_the_form_holds_the_statement():
    """The session gets a form of its own; the policy is asked before it is given out."""
    (analyzed,) = StatementCache().statements("drop table a, b")
    assert analyzed.form == RunScript(analyzed.source)
    (forbidden,) = StatementCache().statements("create table t(id serial, a int default (enable_logging()))")
    with pytest.raises(PgError) as caught:
        _ = forbidden.form
    assert caught.value.sqlstate == "42501"
