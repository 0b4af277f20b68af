"""Waiting, and not waiting."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from duckgres_tx.tasks import wait_for


def begin(waiting: Deferred) -> tuple[Deferred, Clock, list]:
    """Wait two seconds for something; the wait, its clock, and what came of it."""
    clock, outcome = Clock(), []
    wait = Deferred.fromCoroutine(wait_for(waiting, 2.0, clock))
    wait.addBoth(outcome.append)
    return wait, clock, outcome


def test_a_wait_ends_when_it_has_happened():
    """With nothing left behind."""
    waiting = Deferred()
    _, clock, outcome = begin(waiting)
    waiting.callback("done")

    assert outcome == [None]
    assert clock.getDelayedCalls() == []
    assert waiting.result == "done"


def test_a_wait_ends_after_its_time():
    """And what was waited for goes on."""
    waiting = Deferred()
    _, clock, outcome = begin(waiting)
    clock.advance(2)
    assert outcome == [None]

    waiting.callback("late")
    assert waiting.result == "late"


def test_a_wait_that_is_cancelled_is_no_wait_that_has_ended():
    """Whoever waited doesn't go on; what was waited for does."""
    waiting = Deferred()
    wait, clock, outcome = begin(waiting)
    wait.cancel()

    (failure,) = outcome
    assert isinstance(failure, Failure)
    assert failure.check(CancelledError)
    assert not waiting.called
    assert clock.getDelayedCalls() == []
    waiting.callback("late")


def test_what_has_happened_already_is_not_waited_for():
    """Nor is time."""
    waiting = Deferred()
    waiting.callback(None)
    _, clock, outcome = begin(waiting)

    assert outcome == [None]
    assert clock.getDelayedCalls() == []
