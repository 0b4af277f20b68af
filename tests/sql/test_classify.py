"""Who carries a statement out."""

from __future__ import annotations

import pytest
from sql_vectors import rows

from duckgres_tx.sql.classify import classify
from duckgres_tx.sql.split import split


@pytest.mark.parametrize(("sql", "expected"), rows("classify.txt"))
def test_classes(sql, expected):
    """The first tokens tell, in any spelling and behind any comment."""
    (statement,) = split(sql)
    assert classify(statement).name == expected


@pytest.mark.parametrize(("sql", "expected"), rows("classify.txt"))
def test_classes_of_upper_case(sql, expected):
    """Keywords are the same in upper case."""
    upper = sql if '"' in sql or "$$" in sql else sql.upper()
    (statement,) = split(upper)
    assert classify(statement).name == expected
