"""When the clients of a host are asked to leave, and when they are made to."""

from __future__ import annotations

import pytest
from attrs import define, field
from twisted.internet.task import Clock

from duckgres_tx.session.leaving import HANDSHAKE_S, Leaving, Step


@define(eq=False)
class FakeStage:
    """Remembers what it was told, and when."""

    clock: Clock
    logged_in: bool = True
    told: list = field(factory=list)

    def leave(self, *, now):
        self.told.append((self.clock.seconds(), now))


class Bench:
    """A session and a client that is logging in."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.session, self.newcomer = FakeStage(self.clock), FakeStage(self.clock, logged_in=False)
        self.stages = [self.session, self.newcomer]
        self.leaving = Leaving(self.clock, lambda: self.stages)

    def advance(self, seconds: float) -> None:
        """One second after the other."""
        for _ in range(round(seconds)):
            self.clock.advance(1)


@pytest.fixture
def bench():
    """Nobody has to leave yet."""
    return Bench()


def test_sessions_are_asked_after_the_grace_and_stopped_at_the_timeout(bench):
    """Who is logging in has a few seconds more than the grace, but is told then."""
    bench.leaving.begin(60.0, 5.0)
    bench.advance(100)

    assert bench.session.told == [(5.0, False), (60.0, True)]
    assert bench.newcomer.told == [(5.0, False), (5.0 + HANDSHAKE_S, True), (60.0, True)]
    assert bench.leaving.step is Step.STOPPED
    assert bench.clock.getDelayedCalls() == []


def test_without_grace_they_are_asked_at_once(bench):
    """In the same turn, so that nobody begins anything between."""
    bench.leaving.begin(60.0)

    assert bench.session.told == [(0.0, False)]
    assert bench.leaving.until_stopped_s() == 60.0


def test_without_a_timeout_they_are_stopped_at_once(bench):
    """Whatever the grace says."""
    bench.leaving.begin(0.0, 5.0)

    assert bench.session.told[-1] == (0.0, True)
    assert bench.leaving.until_stopped_s() == 0.0
    assert bench.clock.getDelayedCalls() == []


def test_a_grace_that_is_longer_than_the_timeout_is_cut(bench):
    """The timeout is the end."""
    bench.leaving.begin(3.0, 10.0)
    bench.advance(20)

    assert bench.session.told[-1] == (3.0, True)


def test_a_second_drain_hurries_the_first(bench):
    """Each step comes at the earlier of its two times."""
    bench.leaving.begin(60.0, 20.0)
    bench.advance(1)
    bench.leaving.begin(30.0, 30.0)
    bench.advance(60)

    assert bench.session.told == [(20.0, False), (31.0, True)]


def test_a_second_drain_holds_nothing_up(bench):
    """One takeover after the other in the middle of a rolling update doesn't make it last for ever."""
    bench.leaving.begin(10.0, 0.0)
    for _ in range(20):
        bench.advance(1)
        bench.leaving.begin(60.0, 5.0)

    assert bench.session.told == [(0.0, False), (10.0, True)]
    assert bench.leaving.until_stopped_s() == 0.0


def test_a_shutdown_stops_everybody_now(bench):
    """Nothing of the drain before it is left."""
    bench.leaving.begin(60.0, 5.0)
    bench.leaving.stop()

    assert bench.session.told == bench.newcomer.told == [(0.0, True)]
    assert bench.clock.getDelayedCalls() == []


def test_a_shutdown_tells_again(bench):
    """Somebody may have come since the drain's own end."""
    bench.leaving.begin(0.0)
    bench.leaving.stop()

    assert bench.session.told == [(0.0, True), (0.0, True)]


@pytest.mark.parametrize(
    ("after_s", "expected"), [(0, []), (4, []), (5, [(5.0, False)]), (59, [(59.0, False)]), (60, [(60.0, True)])]
)
def test_who_logs_in_meanwhile_is_told_what_the_others_were(bench, after_s, expected):
    """At the first moment at which it can be told anything, if it loses nothing by that."""
    bench.leaving.begin(60.0, 5.0)
    bench.advance(after_s)
    late = FakeStage(bench.clock)
    bench.leaving.arrived(late, is_to_move=True)

    assert late.told == expected


@pytest.mark.parametrize(("after_s", "expected"), [(4, []), (5, [(10.0, False)]), (58, []), (60, [(60.0, True)])])
def test_who_logs_in_meanwhile_and_can_t_move_has_a_grace_of_its_own(bench, after_s, expected):
    """Within the timeout, which is everybody's."""
    bench.leaving.begin(60.0, 5.0)
    bench.advance(after_s)
    late = FakeStage(bench.clock)
    bench.stages.append(late)
    bench.leaving.arrived(late, is_to_move=False)
    bench.advance(20 if after_s < 58 else 0)

    told_by_steps = [(5.0, False)] if after_s < 5 else []
    assert late.told == told_by_steps + expected
    bench.advance(60)
    assert late.told[-1] == (60.0, True)
    assert bench.clock.getDelayedCalls() == []


def test_who_has_left_before_its_grace_is_over_is_told_nothing(bench):
    """Its connection may be another stage's by then."""
    bench.leaving.begin(60.0, 5.0)
    bench.advance(10)
    gone = FakeStage(bench.clock)
    bench.leaving.arrived(gone, is_to_move=False)
    bench.advance(60)

    assert gone.told == []


def test_nobody_is_told_anything_in_ordinary_times(bench):
    """Nor later."""
    bench.leaving.arrived(bench.session, is_to_move=False)
    bench.advance(100)

    assert bench.session.told == []
    assert bench.leaving.step is Step.STAYING
