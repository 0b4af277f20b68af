"""The live set: complete before anybody is let in, and kept complete."""

from __future__ import annotations

import pytest
from attrs import define, field
from pairs import has_no_result, result_of
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from duckgres_tx.pool.lifecycle import Phase
from duckgres_tx.pool.pace import GOOD_LIFE_S, MAX_DELAY_S, OPEN_AFTER, RespawnPace
from duckgres_tx.pool.roster import Roster
from duckgres_tx.pool.servers import WorkerStartFailed
from duckgres_tx.tasks import start


@define(eq=False)
class FakeWorker:
    """A worker that becomes ready and dies when told."""

    slot: int
    watcher: object
    is_ready: bool = False
    calls: list = field(factory=list)

    @property
    def name(self):
        return f"worker {self.slot}"

    async def bring_up(self, configuration):
        self.calls.append(configuration)

    def become_ready(self):
        """It is configured."""
        self.is_ready = True
        self.watcher.worker_ready(self)

    def die(self, reason="was killed by SIGKILL"):
        """It is gone."""
        self.is_ready = False
        self.watcher.worker_gone(self, Phase.READY, reason)

    async def drain(self, timeout_s, database=""):
        self.calls.append(("drain", timeout_s))
        return self.slot

    async def shutdown(self, timeout_s):
        self.calls.append(("shutdown", timeout_s))
        self.die("exited with status 0")

    def kill(self):
        self.die()


class Bench:
    """A roster of two."""

    def __init__(self) -> None:
        self.clock, self.hired, self.buried = Clock(), [], []
        self.failure = None
        self.changes = 0
        self.roster = Roster(self.clock, 2, self.employ, lambda: b"configuration", self.bury, self.changed)

    def employ(self, slot, watcher):
        if self.failure:
            raise self.failure
        worker = FakeWorker(slot, watcher)
        self.hired.append(worker)
        return worker

    def changed(self):
        self.changes += 1

    def bury(self, worker):
        self.buried.append(worker.slot)
        return [], ()

    def up(self):
        """All are ready."""
        starting = start(self.roster.start(), "start")
        for worker in list(self.hired):
            worker.become_ready()
        result_of(starting)
        return self


def test_it_is_started_when_all_are_ready():
    """Not before."""
    bench = Bench()
    starting = Deferred.fromCoroutine(bench.roster.start())
    assert [worker.slot for worker in bench.hired] == [1, 2]
    assert bench.hired[0].calls == [b"configuration"]
    bench.hired[0].become_ready()
    assert has_no_result(starting)

    bench.hired[1].become_ready()

    result_of(starting)
    assert bench.roster.ready() == bench.hired


def test_a_worker_that_can_t_start_fails_the_first_start():
    """With its own words; nobody is hired instead."""
    bench = Bench()
    starting = Deferred.fromCoroutine(bench.roster.start())
    bench.hired[0].become_ready()
    bench.hired[1].die("can't serve: no such extension")

    with pytest.raises(WorkerStartFailed, match="worker 2 can't serve: no such extension"):
        result_of(starting)
    bench.clock.advance(100)
    assert len(bench.hired) == 2


def test_a_process_that_can_t_be_made_fails_the_first_start():
    """Out of processes, or of memory."""
    bench = Bench()
    bench.failure = OSError(11, "Resource temporarily unavailable")

    with pytest.raises(WorkerStartFailed, match="temporarily unavailable"):
        result_of(Deferred.fromCoroutine(bench.roster.start()))


def test_a_dead_worker_is_replaced_at_once():
    """Its slot is free again; what it had is forgotten first."""
    bench = Bench().up()
    bench.clock.advance(100)
    bench.hired[0].die()
    bench.clock.advance(0)

    assert bench.buried == [1]
    assert [worker.slot for worker in bench.hired] == [1, 2, 1]
    bench.hired[2].become_ready()
    assert len(bench.roster.ready()) == 2


def test_workers_that_die_young_are_replaced_ever_more_slowly():
    """A crash at every start must not eat the machine."""
    bench = Bench().up()
    times = []
    for _ in range(OPEN_AFTER + 2):
        victim = bench.hired[-1]
        hired = len(bench.hired)
        died = bench.clock.seconds()
        victim.die()
        while len(bench.hired) == hired:
            bench.clock.advance(0.25)
        times.append(bench.clock.seconds() - died)
        bench.hired[-1].become_ready()

    assert times[0] <= 0.25
    assert times == sorted(times)
    assert times[-1] >= MAX_DELAY_S


def test_each_ready_worker_is_told_of():
    """Clients may be waiting for it."""
    assert Bench().up().changes == 2


def test_the_end_replaces_nobody():
    """Drained, shut down, gone; and no timer is left."""
    bench = Bench().up()
    assert result_of(Deferred.fromCoroutine(bench.roster.drain(3.0))) == 3
    result_of(Deferred.fromCoroutine(bench.roster.shutdown(1.0)))
    bench.clock.advance(1000)

    assert len(bench.hired) == 2
    assert bench.roster.ready() == []
    assert bench.clock.getDelayedCalls() == []
    assert all(worker.calls[-1] == ("shutdown", 1.0) for worker in bench.hired)


def test_killing_ends_all_now():
    """For an operator who can't wait."""
    bench = Bench().up()
    bench.roster.kill()

    assert bench.roster.ready() == []
    assert bench.buried == [1, 2]


def test_a_long_life_is_no_failed_start():
    """Deaths that are days apart are each replaced at once."""
    pace = RespawnPace()
    for _ in range(20):
        assert pace.after_death(GOOD_LIFE_S) == 0.0
    assert not pace.is_open


def test_short_lives_open_the_breaker_and_a_good_one_closes_it():
    """Twice as long each time, bounded."""
    pace = RespawnPace()
    delays = [pace.after_death(0.0) for _ in range(OPEN_AFTER + 3)]

    assert delays[:4] == [0.0, 0.5, 1.0, 2.0]
    assert delays[-1] == MAX_DELAY_S
    assert pace.is_open
    assert pace.after_death(GOOD_LIFE_S) == 0.0
    assert not pace.is_open
