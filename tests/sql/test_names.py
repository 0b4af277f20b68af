"""PostgreSQL's column names."""

from __future__ import annotations

import pytest
from sql_vectors import rows

from duckgres_tx.sql.names import column_names
from duckgres_tx.sql.split import split


@pytest.mark.parametrize(("sql", "expected"), rows("names.txt"))
def test_names(sql, expected):
    """An expression without alias is called what PostgreSQL calls it."""
    names = column_names(split(sql)[0])
    shown = "none" if names is None else ", ".join("-" if name is None else name for name in names)
    assert shown == expected


@pytest.mark.parametrize(
    "sql", ["insert into t values (1)", "update t set a = 1", "create table x as select 1", "table t", "show tables"]
)
def test_statements_without_a_list_have_no_names(sql):
    """What has no list of output columns is named by DuckDB."""
    assert column_names(split(sql)[0]) is None
