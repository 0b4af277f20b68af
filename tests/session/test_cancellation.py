"""A statement can be stopped, once, by who knows the key; and nothing else is stopped in its place."""

from __future__ import annotations

from twisted.internet.task import Clock

from duckgres_tx.session.cancellation import (
    REPEAT_INTERVAL_S,
    CancellationRegistry,
    Interruption,
    statement_timeout,
    user_request,
)


class Target:
    """Counts interrupts."""

    interrupts = 0

    def interrupt(self):
        """Once more."""
        self.interrupts += 1


def test_a_request_between_statements_does_nothing():
    """A late cancel must not hit the statement after."""
    interruption, target = Interruption(Clock()), Target()
    interruption.request(user_request())
    interruption.new_statement()
    interruption.begin(target)
    assert target.interrupts == 0
    assert interruption.reason is None


def test_a_request_between_two_jobs_of_a_statement_stops_the_second():
    """Prepared, not yet executed: the client has asked in time all the same."""
    clock = Clock()
    interruption, first, second = Interruption(clock), Target(), Target()
    interruption.new_statement()
    interruption.begin(first)
    interruption.end()
    interruption.request(user_request())
    interruption.begin(second)
    assert (first.interrupts, second.interrupts) == (0, 1)
    interruption.end_statement()
    assert clock.getDelayedCalls() == []


def test_an_interrupt_is_repeated_until_the_engine_lets_go():
    """DuckDB forgets one that comes between two of its steps."""
    clock = Clock()
    interruption, target = Interruption(clock), Target()
    interruption.begin(target)
    interruption.request(user_request())
    clock.pump([REPEAT_INTERVAL_S] * 3)
    assert target.interrupts == 4
    interruption.end()
    clock.pump([REPEAT_INTERVAL_S] * 3)
    assert target.interrupts == 4
    assert clock.getDelayedCalls() == []


def test_the_end_of_a_session_stops_everything_to_come():
    """A client that is gone needs no answer to any of the messages it has sent."""
    interruption = Interruption(Clock())
    interruption.stop(user_request())
    for target in (Target(), Target()):
        interruption.new_statement()
        interruption.begin(target)
        assert target.interrupts == 1
        interruption.end_statement()


def test_a_statement_that_takes_too_long_ends_with_its_own_words():
    """statement_timeout and a cancel have the same SQLSTATE and different words; the time counts over all its jobs."""
    clock = Clock()
    interruption, target = Interruption(clock), Target()
    interruption.begin(Target(), timeout_s=2)
    clock.advance(1.9)
    interruption.end()
    interruption.begin(target, timeout_s=2)
    assert target.interrupts == 0
    clock.advance(0.2)
    assert target.interrupts == 1
    assert interruption.reason is not None
    assert interruption.reason.message == statement_timeout().message
    interruption.end_statement()


def test_the_first_reason_stays():
    """What was cancelled isn't said to have timed out a moment later."""
    interruption, target = Interruption(Clock()), Target()
    interruption.begin(target)
    interruption.request(user_request())
    interruption.request(statement_timeout())
    assert interruption.reason is not None
    assert interruption.reason.message == "canceling statement due to user request"
    interruption.end_statement()


def test_a_short_statement_leaves_no_timer_behind():
    """A timer for each statement would add up."""
    clock = Clock()
    interruption = Interruption(clock)
    interruption.begin(Target(), timeout_s=60)
    interruption.end_statement()
    assert clock.getDelayedCalls() == []


class Session:
    """Counts cancels."""

    cancels = 0

    def cancel(self):
        """Once more."""
        self.cancels += 1


def test_only_the_right_pid_with_the_right_key_cancels():
    """Anybody can connect and send a CancelRequest."""
    registry, session = CancellationRegistry(), Session()
    registry.add(7, b"key1", session)
    assert not registry.cancel(7, b"key2")
    assert not registry.cancel(7, b"")
    assert not registry.cancel(8, b"key1")
    assert session.cancels == 0
    assert registry.cancel(7, b"key1")
    assert session.cancels == 1
    registry.remove(7, session)
    assert not registry.cancel(7, b"key1")
    assert 7 not in registry
