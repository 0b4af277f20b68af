"""What simple queries have prepared last."""

from __future__ import annotations

import pytest
from attrs import define

from duckgres_tx.engine.database import StatementType
from duckgres_tx.session.prepared_statements import PreparedStatement
from duckgres_tx.session.recent_queries import MAX_STATEMENTS, MAX_TEXT_LENGTH, RecentQueries


@define
class Native:
    """A statement as far as it matters here."""

    statement_type: StatementType = StatementType.SELECT


def made(text: str, **changes) -> PreparedStatement:
    """A statement that a simple query has prepared."""
    return PreparedStatement("", None, query=text, **{"native": Native(), **changes})


def test_who_asks_again_gets_it_once():
    """A statement that runs is in nobody else's hands."""
    recent, statement = RecentQueries(), made("SELECT 1")
    recent.keep(statement)

    assert recent.take("SELECT 1") is statement
    assert recent.take("SELECT 1") is None


def test_the_oldest_goes_first():
    """A session holds a few plans, not as many as it has asked queries."""
    recent = RecentQueries()
    for number in range(MAX_STATEMENTS + 1):
        recent.keep(made(str(number)))

    assert recent.take("0") is None
    assert all(recent.take(str(number)) for number in range(1, MAX_STATEMENTS + 1))


@pytest.mark.parametrize(
    "changes",
    [{"native": None}, {"native": Native(StatementType.INSERT)}, {"catalog_query": True}, {"settings": ("a",)}],
    ids=str,
)
def test_only_plain_selects_are_kept(changes):
    """What changes something, or needs more than a plan, is prepared anew each time."""
    recent = RecentQueries()
    recent.keep(made("x", **changes))

    assert recent.take("x") is None


def test_long_texts_are_not_kept():
    """They are data rather than something that is asked again."""
    recent = RecentQueries()
    recent.keep(made("x" * (MAX_TEXT_LENGTH + 1)))
    recent.keep(made("y"))
    recent.clear()

    assert recent.take("x" * (MAX_TEXT_LENGTH + 1)) is None
    assert recent.take("y") is None
