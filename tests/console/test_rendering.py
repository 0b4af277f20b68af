"""People can read it."""

from __future__ import annotations

import time

import pytest

from duckgres_tx.console.rendering import duration, event, progress, render
from duckgres_tx.handover.status import EventStatus, RollStatus, ServerStatus, WorkerStatus


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    """Dates don't depend on where the test runs."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_everything_has_its_place():
    """One line for each fact, and a table."""
    status = ServerStatus(
        pid=4711,
        epoch=3,
        version="0.1.0",
        state="serving",
        started_at=1_000_000_000,
        listeners=("127.0.0.1 port 5432", "/run/pg/.s.PGSQL.5432"),
        connections=12,
        max_connections=1000,
        waiting=1,
        generation=2,
        last_takeover=EventStatus(at=1_000_000_000, detail="from 4700"),
        workers=(
            WorkerStatus(slot=1, generation=1, pid=7, state="draining", stale=("code", "threads"), adopted=True),
            WorkerStatus(
                slot=12, generation=2, pid=40123, state="ready", sessions=11, running=2, resident_bytes=123_456_789,
                databases=tuple("abcdefghij"),
            ),
        ),
    )  # fmt: skip
    assert render(status, 1_000_007_500).splitlines() == [
        "duckgres_tx 0.1.0, pid 4711: serving since 2001-09-09 01:46:40 (2 h 5 min)",
        "listens on   127.0.0.1 port 5432; /run/pg/.s.PGSQL.5432",
        "connections  12 of 1000, 1 waiting",
        "epoch        3, workers of generation 2",
        "takeover     2001-09-09 01:46:40: ok (from 4700)",
        "reload       none",
        "roll         none",
        "",
        "worker  generation    pid  state                                  sessions  running  memory  databases",
        "     1           1      7  draining (adopted; old code, threads)         0        0    0 MB",
        "    12           2  40123  ready                                        11        2  123 MB  a, b, c, d, e, f, g, h, and 2 more",
    ]


def test_a_roll_says_how_far_it_is():
    """And what it waits for."""
    assert progress(RollStatus(replaced=1, total=4)) == "1 of 4 replaced"
    roll = RollStatus(reason="SIGUSR2", replaced=3, total=4, draining=2, sessions_left=12, deadline_s=40.2, queued=True)
    assert progress(roll) == (
        "3 of 4 replaced; 12 sessions left on worker 2, deadline in 40 s; another roll follows (SIGUSR2)"
    )
    assert "1 session left on worker 2" in progress(RollStatus(total=1, draining=2, sessions_left=1))


def test_what_went_wrong_is_said():
    """With its date."""
    assert event(None) == "none"
    assert event(EventStatus(at=0, outcome="the new one didn't start")) == (
        "1970-01-01 00:00:00: the new one didn't start"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (40.4, "40 s"),
        (119, "119 s"),
        (120, "2 min"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (93600, "1 d 2 h"),
    ],
)
def test_durations_are_short(seconds, text):
    """Two units at most."""
    assert duration(seconds) == text
