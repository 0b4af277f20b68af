"""One worker process: brought up or adopted within deadlines, its heart listened to, and gone for one reason."""

from __future__ import annotations

import pytest
from attrs import define, field
from obedient import ObedientWorker
from pairs import has_no_result, result_of
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from duckgres_tx.pool.commands import InvalidConfiguration, Superseded
from duckgres_tx.pool.heart import DEADLINE_S, INTERVAL_S, MISSES
from duckgres_tx.pool.inventory import InventorySession
from duckgres_tx.pool.lifecycle import Phase
from duckgres_tx.pool.link import LinkLost
from duckgres_tx.pool.remote import CONFIGURE_DEADLINE_S, RemoteWorker
from duckgres_tx.pool.terms import OTHER_CODE, Terms
from duckgres_tx.tasks import start

SESSIONS = (InventorySession(backend_pid=7, remote_host="10.0.0.1", user="me", database="sales"),)


@define(eq=False)
class FakeFiles:
    """The socket and the log of a process."""

    told: list = field(factory=list)
    log_offset: int = 42

    def follow(self, offset):
        self.told.append(("follow", offset))

    def leave(self):
        self.told.append("leave")


@define(eq=False)
class FakeProcess:
    """A process that ends when it is killed, or told to."""

    pid: int | None = 4711
    killed: int = 0
    ended: object = None
    files: FakeFiles = field(factory=FakeFiles)

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
    epoch: int = 3
    is_in_charge: bool = True

    def terms(self, worker):
        return Terms(b"configuration", worker.slot, worker.generation, self.epoch)

    def is_to_go(self, worker):
        return worker.generation < 3

    def worker_ready(self, worker):
        self.told.append(worker.phase)

    def worker_draining(self, worker):
        self.told.append(worker.phase)

    def worker_unfit(self, worker):
        self.told.append("unfit")

    def worker_gone(self, worker, phase, reason):
        self.told.append((phase, reason))

    def superseded(self):
        self.told.append("superseded")


@define(eq=False)
class FakeDesk:
    """Hears hearts, and what workers have."""

    heard: int = 0
    inventories: list = field(factory=list)

    def heard_from(self, worker):
        self.heard += 1

    def entered(self, worker, inventory):
        self.inventories.append(inventory)


class Bench:
    """A `RemoteWorker` and the worker at the other end of its link."""

    def __init__(self) -> None:
        self.clock, self.process, self.watcher, self.desk = Clock(), FakeProcess(), FakeWatcher(), FakeDesk()
        self.other = ObedientWorker()
        self.worker = RemoteWorker(
            self.clock, 5, 2, "worker 5", self.process, self.other.connect, self.desk, self.watcher, is_fresh=True
        )

    @property
    def told(self):
        """What the watcher was told."""
        return self.watcher.told

    def run(self, coroutine, carry: bool = True):
        """Start something, and carry it to the other end."""
        running = start(coroutine, "do something")
        if carry:
            self.other.carry()
        return running

    def bring_up(self, carry: bool = True):
        """Bring it up, to the end if it can be."""
        return self.run(self.worker.bring_up(), carry)

    def found(self, **has):
        """It was there before, and serves under another control plane."""
        self.other.slot, self.other.generation, self.other.epoch = 5, 2, 2
        self.other.boss = object()
        for name, value in has.items():
            setattr(self.other, name, value)
        self.worker.is_adopted, self.worker.is_fresh = True, False

    def beat(self, answered: bool = True):
        """One heartbeat's time."""
        self.clock.advance(INTERVAL_S)
        if answered:
            self.other.carry()
        else:
            self.other.pair.left.waiting.clear()


@pytest.fixture
def bench():
    """A worker that is not up yet."""
    return Bench()


def failure_of(deferred):
    """The exception of a coroutine's Deferred."""
    failures = []
    deferred.addErrback(failures.append)
    return failures[0].value


def test_a_worker_comes_up(bench):
    """Connected, configured, ready: the watcher is told once."""
    bench.bring_up()

    assert bench.told == [Phase.READY]
    assert bench.worker.is_ready
    assert bench.worker.is_known
    assert bench.worker.is_to_go
    assert bench.other.told == [("configure", b"configuration", 5, 2, 3)]


def test_a_configuration_that_is_refused_is_its_end(bench):
    """The reason is the worker's own words."""
    bench.other.refuses = "no such extension"
    bench.bring_up()

    assert bench.told == [(Phase.CONFIGURING, "can't serve: no such extension")]
    assert bench.process.killed == 1


def test_a_worker_that_is_not_ready_in_time_is_killed(bench):
    """It may hang anywhere."""
    bench.bring_up(carry=False)
    bench.clock.advance(CONFIGURE_DEADLINE_S)

    assert bench.told == [(Phase.CONFIGURING, "was not ready within 60 s")]
    assert bench.process.killed == 1


def test_a_process_that_ends_at_once_says_more_than_its_lost_link(bench):
    """The link is lost first, but the reason is how the process ended."""
    bench.bring_up(carry=False)
    bench.other.pair.left.lose()
    bench.process.end("exited with status 1 (ModuleNotFoundError: No module named 'duckdb')")
    bench.clock.advance(5)

    (told,) = bench.told
    assert told[0] is Phase.CONFIGURING
    assert "ModuleNotFoundError" in told[1]


def test_nobody_listens(bench):
    """A worker that can't be connected to is given up."""
    bench.other.reachable = False
    bench.bring_up(carry=False)
    bench.clock.advance(5)

    (told,) = bench.told
    assert told == (Phase.SPAWNING, "could not be configured: nobody listens")


def test_hearts_that_beat_are_left_alone(bench):
    """For hours."""
    bench.bring_up()
    for _ in range(1000):
        bench.beat()

    assert bench.told == [Phase.READY]
    assert bench.desk.heard == 1000
    assert bench.worker.health.databases == ("a", "b")


def test_five_misses_in_a_row_are_death(bench):
    """Four are not, and an answer forgives them."""
    bench.bring_up()
    for _ in range(MISSES - 1):
        bench.beat(answered=False)
    assert bench.worker.is_silent
    bench.beat()
    for _ in range(MISSES - 1):
        bench.beat(answered=False)
    assert bench.told == [Phase.READY]

    bench.beat(answered=False)
    bench.clock.advance(DEADLINE_S)

    assert bench.told[1:] == [(Phase.READY, "did not answer 5 heartbeats in a row")]
    assert bench.process.killed == 1


def test_a_lost_link_is_mended(bench):
    """The sessions of a worker that lives don't die for a broken link; what was not heard meanwhile is told anew."""
    bench.bring_up()
    bench.other.sessions = SESSIONS
    bench.other.pair.left.lose()
    bench.other.carry()
    bench.clock.advance(1)

    assert bench.told == [Phase.READY]
    assert bench.worker.is_ready
    assert len(bench.other.pairs) == 2
    assert [len(inventory.sessions) for inventory in bench.desk.inventories] == [0, 1]
    bench.beat()
    assert bench.desk.heard == 1


def test_a_worker_that_has_not_noticed_that_the_link_is_lost_is_told_again(bench):
    """It takes the new link for a stranger's until then."""
    bench.bring_up()
    bench.other.pair.left.lose()
    bench.other.boss = object()
    bench.other.carry()
    bench.other.boss = None
    bench.clock.advance(1)
    bench.other.carry()

    assert bench.told == [Phase.READY]
    assert [told[0] for told in bench.other.told] == ["configure", "configure"]


def test_a_lost_link_that_can_t_be_mended_is_death(bench):
    """Whatever is left of the process is killed."""
    bench.bring_up()
    bench.other.reachable = False
    bench.other.pair.left.lose()
    assert not bench.worker.is_ready
    bench.clock.advance(1)

    assert bench.told[1:] == [(Phase.READY, "can't be reached: nobody listens")]
    assert bench.process.killed == 1


def test_the_process_s_end_comes_before_the_link_s(bench):
    """How it died is known better by the kernel."""
    bench.bring_up()
    bench.other.reachable = False
    bench.other.pair.left.lose()
    bench.process.end("was killed by SIGSEGV")
    bench.clock.advance(1)

    assert bench.told[1:] == [(Phase.READY, "was killed by SIGSEGV")]


def test_shutdown_waits_for_the_process(bench):
    """An answer is not yet an end."""
    bench.bring_up()
    ending = bench.run(bench.worker.shutdown(1.0))
    assert bench.other.told[-1] == ("shutdown", 1.0)
    assert has_no_result(ending)

    bench.process.end()

    result_of(ending)
    assert bench.clock.getDelayedCalls() == []


def test_a_worker_that_does_not_end_is_killed(bench):
    """In bounded time, whatever it does."""
    bench.bring_up()
    ending = bench.run(bench.worker.shutdown(1.0))
    bench.clock.advance(7)
    assert bench.process.killed == 1
    assert has_no_result(ending)

    bench.process.end("was killed by SIGKILL")

    result_of(ending)


def test_a_worker_that_has_not_served_yet_is_not_waited_for(bench):
    """It has nothing to write out."""
    bench.bring_up(carry=False)
    ending = bench.run(bench.worker.shutdown(10.0), carry=False)

    assert bench.process.killed == 1
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
    draining = bench.run(bench.worker.drain(1.0, grace_s=0.5), carry=False)
    assert not bench.worker.is_ready
    assert bench.worker.is_draining
    bench.other.carry()
    bench.other.drained.callback(None)
    bench.other.carry()

    assert result_of(draining) == 0
    assert bench.told == [Phase.READY, Phase.DRAINING]
    assert bench.other.told[-1] == ("drain", 1.0, 0.5, "")


def test_a_worker_that_drains_by_itself_is_noticed(bench):
    """It was told so by a signal."""
    bench.bring_up()
    bench.other.draining = True
    bench.beat()

    assert bench.told == [Phase.READY, Phase.DRAINING]


def test_a_worker_whose_database_is_beyond_use_is_told_of(bench):
    """It answers, but nobody can use it."""
    bench.bring_up()
    bench.other.invalidated = b'["sales"]'
    bench.beat()

    assert bench.told == [Phase.READY, "unfit"]


def test_a_worker_that_was_found_is_adopted_with_what_it_has(bench):
    """It obeys from then on, and its sessions are told to the desk."""
    bench.found(sessions=SESSIONS, stale="threads")
    result_of(bench.run(bench.worker.adopt()))

    assert bench.told == [Phase.READY]
    assert bench.desk.inventories[0].sessions == SESSIONS
    assert bench.other.epoch == 3
    assert bench.worker.stale == ("threads",)


def test_other_code_makes_it_stale(bench):
    """Only a new process runs the code of today."""
    bench.found(release="0123456789abcdef", stale="threads,extensions")
    bench.run(bench.worker.adopt())

    assert bench.worker.stale == (OTHER_CODE, "threads", "extensions")


def test_a_worker_that_was_draining_goes_on_with_that(bench):
    """It is never sent a client."""
    bench.found(draining=True)
    bench.run(bench.worker.adopt())

    assert bench.told == [Phase.DRAINING]


def test_a_worker_that_can_t_be_adopted_is_not_harmed(bench):
    """It has sessions, and whoever was in charge may be taken back."""
    bench.found(refuses="no such extension")

    error = failure_of(run_raw(bench, bench.worker.adopt()))
    assert isinstance(error, InvalidConfiguration)
    assert bench.process.killed == 0
    assert bench.told == []


def test_whoever_has_a_higher_epoch_is_not_disturbed(bench):
    """The worker says so, and is left alone."""
    bench.found(epoch=9)

    error = failure_of(run_raw(bench, bench.worker.adopt()))
    assert isinstance(error, Superseded)
    assert bench.process.killed == 0


def test_one_that_does_not_answer_to_its_adoption_has_the_time_of_a_silent_heart(bench):
    """It may be suspended for a moment; it is not known until it has said what it has."""
    bench.found()
    adopting = bench.run(bench.worker.adopt(), carry=False)
    for _ in range(MISSES - 1):
        bench.clock.advance(INTERVAL_S)
    assert bench.told == []
    assert not bench.worker.is_known
    bench.other.carry()
    assert bench.told == [Phase.READY]
    assert bench.worker.is_known
    result_of(adopting)


def test_one_that_never_answers_to_its_adoption_is_killed(bench):
    """As any whose heart is silent."""
    bench.found()
    bench.run(bench.worker.adopt(), carry=False)
    for _ in range(MISSES + 1):
        bench.clock.advance(INTERVAL_S)

    assert bench.told == [(Phase.CONFIGURING, "did not answer 5 heartbeats in a row")]
    assert bench.process.killed == 1


def test_who_stands_by_harms_nobody(bench):
    """No heart is listened to, no link mended, nothing killed; what is in flight goes on over the link."""
    bench.bring_up()
    bench.worker.stand_by()
    bench.watcher.is_in_charge = False
    cancelled = bench.run(bench.worker.cancel(7, b"key!"))
    bench.clock.advance(100)
    bench.worker.kill()
    bench.other.pair.left.lose()
    bench.clock.advance(100)

    assert result_of(cancelled)
    assert bench.told == [Phase.READY]
    assert bench.process.killed == 0
    assert len(bench.other.pairs) == 1
    assert bench.process.files.told == ["leave"]
    assert bench.clock.getDelayedCalls() == []


@pytest.mark.parametrize("carry", [True, False])
def test_one_that_is_just_being_started_is_left_to_the_next(bench, carry):
    """What it was told goes with the link, so that it doesn't come after what the next one says."""
    bench.bring_up(carry=False)
    bench.worker.stand_by()
    bench.watcher.is_in_charge = False
    if carry:
        bench.other.carry()
    bench.clock.advance(100)

    assert bench.told == []
    assert bench.other.told == []
    assert bench.process.killed == 0
    bench.watcher.is_in_charge = True
    bench.worker.take_back()
    bench.bring_up()
    assert bench.told == [Phase.READY]


def test_one_that_can_be_reached_only_when_we_stand_by_is_not_told_anything(bench):
    """The next control plane tells it."""
    connected: Deferred = Deferred()
    bench.worker._connect = lambda link, deadline_s: connected
    bringing_up = bench.run(bench.worker.bring_up(), carry=False)
    bench.worker.stand_by()
    bench.watcher.is_in_charge = False
    connected.callback(None)

    result_of(bringing_up)
    assert not bench.worker.is_linked
    assert bench.told == []


def test_who_stood_by_can_take_it_back(bench):
    """With a higher epoch, over the link that there is, and its log from where it was."""
    bench.bring_up()
    bench.worker.stand_by()
    bench.watcher.epoch = 5
    bench.worker.take_back()
    bench.run(bench.worker.adopt())

    assert bench.told == [Phase.READY]
    assert bench.worker.is_ready
    assert bench.other.epoch == 5
    assert len(bench.other.pairs) == 1
    assert bench.process.files.told == ["leave", ("follow", 42)]
    bench.beat()
    assert bench.desk.heard == 1


def test_a_higher_epoch_in_a_heartbeat_is_told(bench):
    """Another control plane has taken charge without a word."""
    bench.bring_up()
    bench.other.epoch = 4
    bench.beat()

    assert bench.told == [Phase.READY, "superseded"]


@pytest.mark.parametrize("command", ["drain", "shutdown"])
def test_who_obeys_another_can_t_be_told(bench, command):
    """Neither drained nor ended."""
    bench.bring_up()
    bench.other.epoch, bench.other.boss = 4, object()
    running = run_raw(bench, getattr(bench.worker, command)(1.0))
    if command == "drain":
        assert isinstance(failure_of(running), Superseded)
    else:
        result_of(running)
        assert "superseded" in bench.told
    assert bench.process.killed == 0


def test_a_drain_that_a_fresh_link_is_too_early_for_can_be_tried_again(bench):
    """The worker has yet to notice that it is the same control plane."""
    bench.bring_up()
    bench.other.boss = object()

    assert isinstance(failure_of(run_raw(bench, bench.worker.drain(1.0))), LinkLost)


def test_it_can_be_configured_again(bench):
    """Sessions go on; what it can't take is named."""
    bench.bring_up()
    bench.other.stale = "threads"

    assert result_of(bench.run(bench.worker.configure_again())) == ("threads",)
    assert bench.told == [Phase.READY]


def run_raw(bench, coroutine):
    """Run a coroutine whose exception is wanted."""
    running = Deferred.fromCoroutine(coroutine)
    bench.other.carry()
    return running
