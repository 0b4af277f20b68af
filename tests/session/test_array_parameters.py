"""Which parameters stand for arrays."""

from __future__ import annotations

import pytest

from duckgres_tx.session.array_parameters import without_quantifiers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT x = ANY($1)", "SELECT x = ($1)"),
        ("SELECT x <> all ( $1 ), y = SOME($12)", "SELECT x <>  ( $1 ), y = ($12)"),
        ("SELECT x = ANY($1::int[])", "SELECT x = ANY($1::int[])"),
        ("SELECT x = ANY(SELECT 1)", "SELECT x = ANY(SELECT 1)"),
        ("SELECT 'ANY($1)', \"any\"($1), ANY", "SELECT 'ANY($1)', \"any\"($1), ANY"),
    ],
)
def test_a_parameter_alone_in_the_brackets_of_a_quantifier(text, expected):
    """Anything else has a type of its own."""
    assert without_quantifiers(text) == expected
