"""With standard_conforming_strings off, backslashes are escapes in plain constants."""

from __future__ import annotations

import pytest

from duckgres_tx.sql.escaped_strings import standard_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"select 'a\'b', 'c'", r"select E'a\'b', 'c'"),
        (r"select 'a''\\'||'\n'", r"select E'a''\\'||E'\n'"),
        (r"select E'\'', e'\n', x'1f', n'a', U&'\0041'", None),
        (r"""select "a\'b", 'c\d'""", r"""select "a\'b", E'c\d'"""),
        (r"select $$'\'$$, $t$'\$t$, 1 -- '\'", None),
        (r"select /* '\' */ '\\'", r"select /* '\' */ E'\\'"),
        (r"select x'\n'", None),
        (r"select date'\n'", r"select dateE'\n'"),
        ("select 'plain'", None),
    ],
)
def test_constants(text: str, expected: str | None) -> None:
    """Only plain constants with a backslash get an E."""
    if expected is not None and "dateE" in expected:
        expected = expected.replace("dateE", "date E")
    assert standard_text(text).text == (text if expected is None else expected)


def test_positions_and_warnings() -> None:
    """What is said of a place in the new text is told of the client's."""
    standard = standard_text(r"select '\\', '\x', y")

    assert [standard.position_before(standard.text.index(part) + 1) for part in ("select", "E'", "y")] == [1, 8, 20]
    assert [(warning.sqlstate, warning.position) for warning in standard.warnings()] == [("22P06", 8), ("22P06", 14)]
