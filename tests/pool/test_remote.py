"""One worker process: brought up within deadlines, its heart listened to, and gone for one reason."""

from __future__ import annotations

import json

import cattrs
import pytest
from attrs import define, field
from pairs import Pair, has_no_result, result_of
from test_link import FakeHost
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock

from duckgres_tx.pool.lifecycle import Phase
from duckgres_tx.pool.remote import (
    CONFIGURE_DEADLINE_S,
    HEARTBEAT_DEADLINE_S,
    HEARTBEAT_INTERVAL_S,
    HEARTBEAT_MISSES,
    RemoteWorker,
)
from duckgres_tx.pool.worker import Employment, WorkerEnd
from duckgres_tx.session.settings import WorkerSettings
from duckgres_tx.tasks import start

CONFIGURATION = json.dumps(cattrs.unstructure(WorkerSettings(data_dir="/nowhere"))).encode()


@define(eq=False)
class FakeProcess:
    """A process that ends when it is killed, or told to."""

    pid: int | None = 4711
    killed: int = 0
    ended: object = None

    def kill(self):
        self.killed += 1

    def when_ended(self, ended):
        self.ended = ended

    def end(self, status: str = "exited with status 0"):
        """It has ended."""
        self.pid = None
        self.ended(status)


@define(eq=False)
class FakeWatcher:
    """Remembers."""

    told: list = field(factory=list)

    def worker_ready(self, worker):
        self.told.append(worker.phase)

    def worker_gone(self, worker, phase, reason):
        self.told.append((phase, reason))


class FakeDesk:
    """Hears nothing but hearts."""

    def __init__(self):
        self.heard = 0

    def heard_from(self, worker):
        self.heard += 1


class Bench:
    """A `RemoteWorker` and the worker at the other end of its link."""

    def __init__(self) -> None:
        self.clock, self.process, self.watcher, self.desk = Clock(), FakeProcess(), FakeWatcher(), FakeDesk()
        self.host = FakeHost()
        self.host.drained.callback(0)
        self.employment = Employment(lambda settings, control: self.host, lambda: None)
        self.pairs = []
        self.reachable = True
        self.worker = RemoteWorker(self.clock, 5, "worker 5", self.process, self._connect, self.desk, self.watcher)

    def _connect(self, link, deadline_s):
        if not self.reachable:
            return fail(OSError("nobody listens"))
        self.pairs.append(Pair(link, WorkerEnd(self.employment, lambda link: None)))
        connected: Deferred = Deferred()
        connected.callback(link)
        return connected

    @property
    def pair(self):
        return self.pairs[-1]

    def bring_up(self, carry: bool = True):
        """Bring it up, to the end if it can be."""
        running = start(self.worker.bring_up(CONFIGURATION), "bring up")
        if carry:
            self.pair.carry()
        return running

    def beat(self, answered: bool = True):
        """One heartbeat's time."""
        self.clock.advance(HEARTBEAT_INTERVAL_S)
        if answered:
            self.pair.carry()
        else:
            self.pair.left.waiting.clear()


@pytest.fixture
def bench():
    """A worker that is not up yet."""
    return Bench()


def test_a_worker_comes_up(bench):
    """Connected, configured, ready: the watcher is told once."""
    bench.bring_up()

    assert bench.watcher.told == [Phase.READY]
    assert bench.worker.is_ready
    assert bench.employment.slot == 5


def test_a_configuration_that_is_refused_is_its_end(bench):
    """The reason is the worker's own words."""
    bench.host.failure = ValueError("no such extension")
    bench.bring_up()

    assert bench.watcher.told == [(Phase.CONFIGURING, "can't serve: no such extension")]
    assert bench.process.killed == 1


def test_a_worker_that_is_not_ready_in_time_is_killed(bench):
    """It may hang anywhere."""
    bench.bring_up(carry=False)
    bench.clock.advance(CONFIGURE_DEADLINE_S)

    assert bench.watcher.told == [(Phase.CONFIGURING, "was not ready within 60 s")]
    assert bench.process.killed == 1


def test_a_process_that_ends_at_once_says_more_than_its_lost_link(bench):
    """The link is lost first, but the reason is how the process ended."""
    bench.bring_up(carry=False)
    bench.pair.left.lose()
    bench.process.end("exited with status 1 (ModuleNotFoundError: No module named 'duckdb')")
    bench.clock.advance(5)

    (told,) = bench.watcher.told
    assert told[0] is Phase.CONFIGURING
    assert "ModuleNotFoundError" in told[1]


def test_nobody_listens(bench):
    """A worker that can't be connected to is given up."""
    bench.reachable = False
    bench.bring_up(carry=False)
    bench.clock.advance(5)

    (told,) = bench.watcher.told
    assert told == (Phase.SPAWNING, "could not be configured: nobody listens")


def test_hearts_that_beat_are_left_alone(bench):
    """For hours."""
    bench.bring_up()
    for _ in range(1000):
        bench.beat()

    assert bench.watcher.told == [Phase.READY]
    assert bench.desk.heard == 1000
    assert bench.worker.health.databases == ("a", "b")


def test_five_misses_in_a_row_are_death(bench):
    """Four are not, and an answer forgives them."""
    bench.bring_up()
    for _ in range(HEARTBEAT_MISSES - 1):
        bench.beat(answered=False)
    bench.beat()
    for _ in range(HEARTBEAT_MISSES - 1):
        bench.beat(answered=False)
    assert bench.watcher.told == [Phase.READY]

    bench.beat(answered=False)
    bench.clock.advance(HEARTBEAT_DEADLINE_S)

    assert bench.watcher.told[1:] == [(Phase.READY, "did not answer 5 heartbeats in a row")]
    assert bench.process.killed == 1


def test_a_lost_link_is_mended(bench):
    """The sessions of a worker that lives don't die for a broken link."""
    bench.bring_up()
    bench.pair.left.lose()
    bench.pair.carry()
    bench.clock.advance(1)

    assert bench.watcher.told == [Phase.READY]
    assert bench.worker.is_ready
    assert len(bench.pairs) == 2
    bench.beat()
    assert bench.desk.heard == 2


def test_a_lost_link_that_can_t_be_mended_is_death(bench):
    """Whatever is left of the process is killed."""
    bench.bring_up()
    bench.reachable = False
    bench.pair.left.lose()
    assert not bench.worker.is_ready
    bench.clock.advance(1)

    assert bench.watcher.told[1:] == [(Phase.READY, "can't be reached: nobody listens")]
    assert bench.process.killed == 1


def test_the_process_s_end_comes_before_the_link_s(bench):
    """How it died is known better by the kernel."""
    bench.bring_up()
    bench.reachable = False
    bench.pair.left.lose()
    bench.process.end("was killed by SIGSEGV")
    bench.clock.advance(1)

    assert bench.watcher.told[1:] == [(Phase.READY, "was killed by SIGSEGV")]


def test_shutdown_waits_for_the_process(bench):
    """An answer is not yet an end."""
    bench.bring_up()
    ending = start(bench.worker.shutdown(1.0), "shut down")
    bench.pair.carry()
    assert bench.host.ended
    assert has_no_result(ending)

    bench.process.end()

    result_of(ending)
    assert bench.clock.getDelayedCalls() == []


def test_a_worker_that_does_not_end_is_killed(bench):
    """In bounded time, whatever it does."""
    bench.bring_up()
    ending = start(bench.worker.shutdown(1.0), "shut down")
    bench.clock.advance(7)
    assert bench.process.killed == 1
    assert has_no_result(ending)

    bench.process.end("was killed by SIGKILL")

    result_of(ending)


def test_a_dead_worker_can_be_shut_down(bench):
    """Nothing to wait for."""
    bench.bring_up()
    bench.process.end("was killed by SIGKILL")

    result_of(start(bench.worker.shutdown(1.0), "shut down"))


def test_a_draining_worker_is_not_ready(bench):
    """No new client is sent there from the moment that it is asked."""
    bench.bring_up()
    draining = start(bench.worker.drain(1.0), "drain")
    assert not bench.worker.is_ready
    bench.pair.carry()

    assert result_of(draining) == 0
    assert bench.worker.phase is Phase.DRAINING
