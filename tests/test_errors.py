"""What a failure says of itself."""

from __future__ import annotations

import pytest

from duckgres_tx.errors import (
    AdminShutdown,
    FeatureNotSupported,
    LocalProtocolError,
    PgError,
    ProtocolViolation,
    QueryCanceled,
    Severity,
    TooManyConnections,
)


@pytest.mark.parametrize(
    ("error_class", "sqlstate"),
    [
        (ProtocolViolation, "08P01"),
        (QueryCanceled, "57014"),
        (AdminShutdown, "57P01"),
        (TooManyConnections, "53300"),
        (FeatureNotSupported, "0A000"),
    ],
)
def test_a_named_error_has_its_sqlstate(error_class, sqlstate):
    """Who raises a named error doesn't spell its SQLSTATE, and who catches PgError gets it too."""
    error = error_class("because", hint="do something else")

    assert isinstance(error, PgError)
    assert (sqlstate, "because", "do something else", Severity.ERROR) == (
        error.sqlstate,
        error.message,
        error.hint,
        error.severity,
    )


def test_fatal_is_the_same_error_and_worse():
    """An error that ends the connection keeps its class and all that it says; the original isn't touched."""
    error = PgError("42601", "syntax error", "detail", "hint", 7, where="COPY t, line 1")

    fatal = error.fatal()

    assert Severity.FATAL is fatal.severity
    assert (
        fatal.sqlstate,
        fatal.message,
        fatal.detail,
        fatal.hint,
        fatal.position,
        fatal.where,
    ) == ("42601", "syntax error", "detail", "hint", 7, "COPY t, line 1")
    assert Severity.ERROR is error.severity
    assert isinstance(QueryCanceled("stop").fatal(), QueryCanceled)


def test_only_three_severities_are_errors():
    """The others are notices, which change nothing for the client."""
    assert {Severity.ERROR, Severity.FATAL, Severity.PANIC} == {each for each in Severity if each.is_error}


def test_an_error_reads_well_in_a_log():
    """The text and the repr name severity, message and SQLSTATE."""
    error = ProtocolViolation("invalid message format")

    assert str(error) == "ERROR: invalid message format (SQLSTATE 08P01)"
    assert repr(error) == "<ProtocolViolation 08P01 ERROR 'invalid message format'>"


def test_our_own_mistakes_are_not_told_as_they_are():
    """What catches PgError to tell the client of it must not catch a bug."""
    assert not issubclass(LocalProtocolError, PgError)
