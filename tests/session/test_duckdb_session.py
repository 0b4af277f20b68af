"""What a client hears of DuckDB's errors, and who else does."""

from __future__ import annotations

from types import SimpleNamespace

from twisted.internet.task import Clock

from duckgres_tx.engine.native_threads import DuckDBError
from duckgres_tx.session.cancellation import Interruption, statement_timeout
from duckgres_tx.session.duckdb_session import DuckDBSession


def session(*, invalidated=False):
    """A session without a connection, and what it reports."""
    reports = []
    database = SimpleNamespace(name="shop", native=SimpleNamespace(invalidated=invalidated))
    made = DuckDBSession(
        database=database,
        native=None,
        executor=None,
        interruption=Interruption(Clock()),
        spool_directory="",
        invalidated=reports.append,
    )
    return made, reports


def test_an_interrupt_is_told_by_its_reason():
    """A timeout isn't a user's request; without a reason it is."""
    made, _ = session()
    error = DuckDBError("INTERRUPT", "INTERRUPT Error: Interrupted!")
    assert made.pg_error(error).message == "canceling statement due to user request"
    made.interruption.request(statement_timeout())
    assert made.pg_error(error).message == "canceling statement due to statement timeout"


def test_an_instance_beyond_use_is_reported():
    """Every later statement would fail, so the process has to be replaced."""
    made, reports = session(invalidated=True)
    made.pg_error(DuckDBError("FATAL", "FATAL Error: database has been invalidated"))
    assert reports == ["shop"]


def test_only_duckdb_itself_says_that_it_is_beyond_use():
    """A text that looks like a fatal error is nothing: anybody can write it into a query."""
    made, reports = session(invalidated=True)
    made.pg_error(DuckDBError("CONVERSION", "Conversion Error: Could not convert string 'FATAL Error' to INT32"))
    assert reports == []


def test_positions_are_the_clients():
    """DuckDB counts in the text that it was given, the client in the one that it has sent."""
    made, _ = session()
    text = "select nonsense"
    message = 'Binder Error: Referenced column "nonsense" not found in FROM clause!\n\nLINE 1: select nonsense\n               ^'
    error = DuckDBError("BINDER", message)
    assert made.pg_error(error, text, lambda position: position + 100).position == 108
    assert made.pg_error(error, text).position is None
