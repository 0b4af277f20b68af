"""How long another process is waited for."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from duckgres_tx.handover.patience import Patience


@pytest.fixture
def made():
    """A clock, a deadline of two seconds, and when it was past."""
    clock, times = Clock(), []
    return clock, Patience(clock, 2.0, lambda: times.append(clock.seconds())), times


def run(clock, seconds):
    """Time passes as it does for a process that runs."""
    for _ in range(round(seconds * 20)):
        clock.advance(0.05)


def test_it_ends_after_its_time(made):
    """Once."""
    clock, patience, times = made
    patience.begin()
    run(clock, 10)

    assert times == [pytest.approx(2.0, abs=0.2)]
    assert clock.getDelayedCalls() == []


def test_it_can_be_ended_and_begun_again(made):
    """With its whole time."""
    clock, patience, times = made
    patience.begin()
    run(clock, 1.5)
    patience.begin()
    run(clock, 1.5)
    patience.end()
    patience.end()
    run(clock, 10)
    assert times == []

    patience.begin()
    run(clock, 10)
    assert len(times) == 1


def test_time_in_which_this_process_was_stopped_doesn_t_count(made):
    """An answer may be waiting to be read."""
    clock, patience, times = made
    patience.begin()
    run(clock, 1)
    clock.advance(3600)
    assert times == []
    run(clock, 0.5)
    assert times == []
    run(clock, 1)

    assert len(times) == 1


def test_no_time_is_a_turn_of_the_reactor(made):
    """It isn't past before it was begun."""
    clock, _, times = made
    patience = Patience(clock, 0.0, lambda: times.append(clock.seconds()))
    patience.begin()
    assert times == []
    clock.advance(0)
    assert len(times) == 1
