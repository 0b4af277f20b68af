"""Which question is asked about parameters that nothing is known of."""

from __future__ import annotations

import pytest

from duckgres_tx.sql.parameter_probes import Place, probe

TEXTS = [
    ("SELECT x = ANY($1)", "SELECT x = ($1)", [Place(1)]),
    ("SELECT x <> all ( $1 )", "SELECT x <>  ( $1 )", [Place(1)]),
    ("SELECT i + $1 FROM t", "SELECT i + coalesce($1, i) FROM t", [Place(1, "+")]),
    ("SELECT $1 - f(a, 2)", "SELECT coalesce($1, f(a, 2)) - f(a, 2)", [Place(1, "-")]),
    ("SELECT a + $1 * 2", "SELECT a + coalesce($1, 2) * 2", [Place(1, "*")]),
    ("SELECT a * $1 + b", "SELECT a * coalesce($1, a) + b", [Place(1, "*")]),
    ("SELECT t.a::int - $1 - 2", "SELECT t.a::int - coalesce($1, t.a::int) - 2", [Place(1, "-")]),
    (
        "SELECT (i + $1) * $2",
        "SELECT (i + coalesce($1, i)) * coalesce($2, (i + $1))",
        [Place(1, "+"), Place(2, "*")],
    ),
    ("SELECT i + $1, $1 + j", "SELECT i + coalesce($1, i), coalesce($1, j) + j", [Place(1, "+")]),
    ("UPDATE t SET i = i + $1", "UPDATE t SET i = i + coalesce($1, i)", [Place(1, "+")]),
    ("SELECT case when a then b end + $1", None, [Place(1, "+")]),
]


@pytest.mark.parametrize(("text", "expected", "places"), TEXTS)
def test_what_stands_beside_a_parameter(text, expected, places):
    """The other operand of its operator, the tightest one; or what its array is compared with."""
    found = probe(text, {1, 2})
    assert list(found.places) == places
    if expected is not None:
        assert found.text == expected


@pytest.mark.parametrize(
    "text",
    [
        "SELECT $1",
        "SELECT $1::int + 1",
        "SELECT - $1",
        "SELECT a, - $1",
        "SELECT f($1)",
        "SELECT x WHERE + $1",
        "SELECT x = ANY($1::int[])",
        "SELECT x = ANY(SELECT $1)",
        "SELECT '1 + $1', \"any\"($1)",
        "SELECT 1 + $3",
    ],
)
def test_nothing_tells(text):
    """The statement stays as it is."""
    assert probe(text, {1, 2}).places == ()
    assert probe(text, {1, 2}).text == text


def test_a_case_is_one_operand():
    """From CASE to its END."""
    assert "coalesce($1, case when a then b end)" in probe("SELECT case when a then b end + $1", {1}).text
