"""Workers end within bounds, whatever becomes of their links."""

from __future__ import annotations

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from duckgres_tx.pool.commands import Superseded
from duckgres_tx.pool.lifecycle import Phase
from duckgres_tx.pool.link import LinkLost
from duckgres_tx.pool.retirement import DrainPolicy, Retirements
from duckgres_tx.pool.servers import ServerHealth


@define(eq=False)
class FakeWorker:
    """Drains and ends as it is told."""

    phase: Phase = Phase.DRAINING
    name: str = "worker 1"
    slot: int = 1
    health: ServerHealth = field(factory=ServerHealth)
    failures: list = field(factory=list)
    told: list = field(factory=list)
    drained: Deferred = field(factory=Deferred)

    async def drain(self, timeout_s, database="", grace_s=0.0, moves=False):
        self.told.append((timeout_s, grace_s))
        if self.failures:
            raise self.failures.pop(0)
        await self.drained
        return 0

    async def shutdown(self, timeout_s):
        self.told.append("shutdown")
        self.phase = Phase.GONE


class Bench:
    """Retirements, and who is told when they aren't ours."""

    def __init__(self) -> None:
        self.clock, self.outranked, self.worker = Clock(), [], FakeWorker()
        self.retirements = Retirements(
            self.clock, lambda: self.outranked.append(True), lambda: "drain", DrainPolicy(timeout_s=60, grace_s=5)
        )

    def begin(self):
        """The worker is on its way."""
        self.retirements.begin(self.worker)
        self.retirements.begin(self.worker)
        return self


def test_a_worker_is_drained_and_shut_down():
    """Once, by the rules."""
    bench = Bench().begin()
    assert bench.worker.told == [(60.0, 5.0)]
    bench.clock.advance(20)
    assert bench.retirements.left_s(bench.worker) == 40.0
    bench.worker.drained.callback(None)

    assert bench.worker.told == [(60.0, 5.0), "shutdown"]
    bench.retirements.forget(bench.worker)
    bench.clock.advance(10)
    assert bench.clock.getDelayedCalls() == []


def test_when_its_link_breaks_it_is_told_again():
    """With what is left of its time, and of the grace."""
    bench = Bench()
    bench.worker.failures = [LinkLost("broken")] * 4
    bench.begin()
    bench.clock.pump([0.5] * 4)

    assert bench.worker.told == [(60.0, 5.0), (59.5, 4.5), (59.0, 4.0), (58.5, 3.5), (58.0, 3.0)]


def test_one_that_can_t_be_told_is_ended_when_its_time_is_over():
    """No retirement takes for ever."""
    bench = Bench()
    bench.worker.failures = [LinkLost("broken")] * 1000
    bench.begin()
    bench.clock.pump([0.5] * 130)

    assert bench.worker.told[-1] == "shutdown"


def test_one_that_dies_meanwhile_needs_nothing_more():
    """It is gone."""
    bench = Bench()
    bench.worker.failures = [LinkLost("broken")]
    bench.begin()
    bench.worker.phase = Phase.GONE
    bench.clock.advance(0.5)

    assert bench.worker.told == [(60.0, 5.0)]


def test_one_that_obeys_another_is_left_alone():
    """And that is told."""
    bench = Bench()
    bench.worker.failures = [Superseded("epoch 9")]
    bench.begin()

    assert bench.outranked == [True]
    assert bench.worker.told == [(60.0, 5.0)]


def test_it_can_be_suspended_and_gone_on_with():
    """The deadline stays, and after the grace nobody gets another one."""
    bench = Bench().begin()
    bench.retirements.suspend()
    bench.clock.advance(10)
    assert bench.clock.getDelayedCalls() == []
    bench.worker.drained = Deferred()
    bench.retirements.begin(bench.worker)

    assert bench.worker.told == [(60.0, 5.0), (50.0, 0.0)]


def test_another_deadline_can_be_said():
    """Such as the one that another control plane had."""
    bench = Bench()
    bench.retirements.within(bench.worker, 2.0)
    bench.begin()

    assert bench.worker.told == [(2.0, 0.0)]


def test_who_does_not_retire_has_no_deadline():
    """For whoever asks."""
    assert Bench().retirements.left_s(FakeWorker()) is None
