"""What a session begins with is found out once for all that ask for the same."""

from __future__ import annotations

import pytest
from attrs import evolve

from duckgres_tx.errors import PgError, Severity
from duckgres_tx.session.login_request import LoginRequest
from duckgres_tx.session.session_start import MAX_KEPT, SessionStarts
from duckgres_tx.session.settings import WorkerSettings
from duckgres_tx.wire.backend import ParameterStatus

SETTINGS = WorkerSettings(data_dir="data", time_zone="Europe/Berlin", superusers=("alice",))


def start(starts=None, user="alice", settings=SETTINGS, **variables):
    """The start of a login."""
    return (starts or SessionStarts()).start_of(LoginRequest(user, "shop", variables), settings)


def test_who_asks_for_the_same_gets_the_same():
    """The database is no part of it."""
    starts = SessionStarts()
    assert start(starts, application_name="a") is start(starts, application_name="a")
    assert start(starts, application_name="a") is not start(starts, application_name="b")
    assert start(starts) is not start(starts, user="bob")


def test_sessions_change_their_own_copies():
    """What one SETs, no other sees, nor does the next one begin with it."""
    starts = SessionStarts()
    one, two = (start(starts, work_mem="1MB").variables.copy() for _ in range(2))
    one.set("work_mem", "2MB")
    one.set("my.own", "7")
    assert (one.show("work_mem"), two.show("work_mem")) == ("2MB", "1MB")
    assert one.show("my.own") == "7"
    for others in (two, start(starts, work_mem="1MB").variables.copy()):
        with pytest.raises(PgError):
            others.show("my.own")
    one.reset("work_mem")
    assert one.show("work_mem") == "1MB"


def test_the_client_and_the_context_are_told_the_values():
    """The startup packet's go before the server's."""
    made = start(timezone="Asia/Tokyo", application_name="shop")
    assert ParameterStatus("TimeZone", "Asia/Tokyo").encode() in made.greeting
    assert ParameterStatus("is_superuser", "on").encode() in made.greeting
    assert made.greeting.count(b"S\0") == len(made.variables.reported())
    assert made.context["guc.timezone"] == "Asia/Tokyo"
    assert made.context["guc.application_name"] == "shop"
    assert made.context["guc.session_authorization"] == "alice"
    assert made.acting.render.time_zone == "Asia/Tokyo"


def test_the_connection_is_set_up_as_the_variables_say():
    """The instance's own zone needn't be set."""
    script = start().script(("public",), "shop", "Europe/Berlin")
    assert '"shop"."public"' in script
    assert "TimeZone" not in script
    assert "SET TimeZone = 'UTC'" in start(timezone="UTC").script(("public",), "shop", "Europe/Berlin")


def test_a_value_that_is_refused_ends_the_login_each_time():
    """Nothing of it is kept."""
    starts = SessionStarts()
    for _ in range(2):
        with pytest.raises(PgError) as refused:
            start(starts, client_encoding="nonsense")
        assert refused.value.severity is Severity.FATAL


def test_other_settings_make_other_starts():
    """What the operator has changed holds for the next session."""
    starts = SessionStarts()
    before = start(starts)
    after = start(starts, settings=evolve(SETTINGS, statement_timeout_ms=5000))
    assert (before.acting.statement_limit_s, after.acting.statement_limit_s) == (0, 5)


def test_what_is_kept_is_bounded():
    """A client that calls itself otherwise each time only loses what this is for."""
    starts = SessionStarts()
    first = start(starts, application_name="0")
    for number in range(1, MAX_KEPT):
        start(starts, application_name=str(number))
    assert start(starts, application_name="0") is first
    start(starts, application_name="one more")
    assert start(starts, application_name="0") is first
    start(starts, application_name="1")
    assert len(starts._kept) == MAX_KEPT
