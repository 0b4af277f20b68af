"""Rows compared with TPC-H's published answers."""

from __future__ import annotations

import datetime
from decimal import Decimal

from benchmarks.answers import differences

ANSWER = "name|total|day\nA  |25.575154611454693|1998-09-02\nB|7|\n"
DAY = datetime.date(1998, 9, 2)


def test_equal_rows_have_no_differences() -> None:
    """Numbers within rounding, padded text, dates and NULL are the same."""
    assert differences([("A", 25.57515461145470, DAY), ("B", Decimal("7.00"), None)], ANSWER) == []


def test_a_wrong_value_is_told() -> None:
    """A difference beyond rounding is told with its place."""
    told = differences([("A", 25.6, DAY), ("B", 7, None)], ANSWER)

    assert told == ["row 1 column 2: 25.6 instead of '25.575154611454693'"]


def test_missing_rows_and_columns_are_told() -> None:
    """Results of another shape do not pass."""
    assert differences([("A", 25.575154611454693, DAY)], ANSWER) == ["1 rows instead of 2"]
    assert differences([("A",), ("B", 7, None)], ANSWER) == ["row 1: 1 columns instead of 3"]


def test_null_is_not_a_value() -> None:
    """NULL where a value is due, and a value where NULL is due, differ."""
    assert len(differences([(None, 25.575154611454693, DAY), ("B", 7, "x")], ANSWER)) == 2
