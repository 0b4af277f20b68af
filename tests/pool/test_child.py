"""A worker process: who may talk to it, and when it ends."""

from __future__ import annotations

import json

import pytest
from pairs import Pair, result_of
from test_link import FakeDesk, FakeHost
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from duckgres_tx.handover import descriptors
from duckgres_tx.pool.child import WorkerProcess
from duckgres_tx.pool.commands import Configure, Shutdown
from duckgres_tx.pool.control_end import ControlEnd
from duckgres_tx.pool.employment import UNCONFIGURED_TIMEOUT_S
from duckgres_tx.session.control_plane import AcceptedConnection

ORPHAN_TIMEOUT_S = 60.0


class FakeReactor(Clock):
    """Time, and whether it was stopped."""

    stopped = 0

    def stop(self):
        """The process ends."""
        self.stopped += 1


class FakeHandle:
    """A socket with a number."""

    def fileno(self):
        """Any."""
        return 0


class Bench:
    """A worker process, and control planes that connect to it."""

    def __init__(self, monkeypatch, uid: int = 0) -> None:
        monkeypatch.setattr(
            descriptors, "peer_credentials", lambda fd: descriptors.PeerCredentials(self.pid, self.uid, self.uid)
        )
        monkeypatch.setattr("pairs.Side.getHandle", lambda side: FakeHandle(), raising=False)
        self.pid, self.uid = 1, uid
        self.reactor, self.host = FakeReactor(), FakeHost()
        self.process = WorkerProcess(self.reactor, lambda settings, control: self.host)
        self.process.watch()

    def connect(self) -> Pair:
        """A control plane connects; each is a process of its own."""
        self.pid += 1
        return Pair(ControlEnd(FakeDesk(), object(), lambda link: None), self.process.buildProtocol(None))

    def employ(self, epoch: int = 1) -> Pair:
        """A control plane connects and takes charge."""
        pair = self.connect()
        settings = {"data_dir": "/nowhere", "orphan_timeout_s": ORPHAN_TIMEOUT_S, "drain_timeout_s": 20.0}
        with (
            descriptors.OwnedDescriptor(descriptors.memory_file(json.dumps(settings).encode(), "test")) as file,
            descriptors.OwnedDescriptor(descriptors.memory_file(b"", "test")) as sheet,
        ):
            numbers = {"slot": 1, "generation": 0, "epoch": epoch}
            answer = pair.left.protocol.ask(Configure, configuration=file.fd, inventory=sheet.fd, **numbers)
            pair.carry()
            result_of(answer)
        return pair

    def serve(self, pair: Pair) -> None:
        """A client comes."""
        self.process.employment.control.begin(AcceptedConnection(-1, 7), pair.right.protocol)

    @property
    def boss(self):
        """The link that the worker obeys."""
        return self.process.employment.control.boss


@pytest.fixture
def bench(monkeypatch):
    """A process that nobody has connected to."""
    return Bench(monkeypatch)


def test_a_worker_that_nobody_connects_to_ends(bench):
    """Its parent may have died right after it was started."""
    bench.reactor.advance(UNCONFIGURED_TIMEOUT_S)
    bench.reactor.advance(1)

    assert bench.reactor.stopped == 1


def test_a_worker_that_is_only_looked_at_ends(bench):
    """Whoever connects gets as much time to take charge as another would, but no more."""
    bench.reactor.advance(UNCONFIGURED_TIMEOUT_S - 1)
    bench.connect()
    bench.reactor.advance(UNCONFIGURED_TIMEOUT_S - 1)
    assert bench.reactor.stopped == 0
    bench.reactor.advance(1)
    bench.reactor.advance(1)

    assert bench.reactor.stopped == 1


def test_a_worker_with_a_control_plane_stays(bench):
    """For as long as there is one."""
    bench.employ()
    for _ in range(10):
        bench.reactor.advance(ORPHAN_TIMEOUT_S)

    assert bench.reactor.stopped == 0


def test_an_orphan_ends_after_its_last_session(bench):
    """Sessions go on without control plane, and the next one has the whole time after the last of them."""
    pair = bench.employ()
    bench.serve(pair)
    pair.left.lose()
    assert bench.boss is None
    for _ in range(5):
        bench.reactor.advance(ORPHAN_TIMEOUT_S)
    assert bench.reactor.stopped == 0
    bench.reactor.advance(ORPHAN_TIMEOUT_S / 2)
    bench.process.employment.control.session_closed(7)
    bench.reactor.advance(ORPHAN_TIMEOUT_S - 1)
    assert not bench.host.ended
    bench.reactor.advance(1)
    bench.reactor.advance(1)

    assert bench.host.ended
    assert bench.reactor.stopped == 1


def test_an_orphan_that_is_adopted_stays(bench):
    """The next control plane came in time."""
    bench.employ().left.lose()
    bench.reactor.advance(ORPHAN_TIMEOUT_S - 1)
    bench.employ(epoch=2)
    for _ in range(10):
        bench.reactor.advance(ORPHAN_TIMEOUT_S)

    assert bench.reactor.stopped == 0


def test_links_come_and_go_beside_the_boss(bench):
    """One that isn't in charge changes nothing; one that takes charge leaves the others their links."""
    first = bench.employ()
    onlooker = bench.connect()
    onlooker.left.lose()
    assert bench.boss is first.right.protocol

    second = bench.employ(epoch=2)
    assert first.left.connected
    assert bench.boss is second.right.protocol
    first.left.lose()
    assert bench.boss is second.right.protocol


def test_another_user_is_not_obeyed(monkeypatch):
    """The directory keeps others out already; the kernel's word is a second lock."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    bench = Bench(monkeypatch, uid=1001)
    turned_away = bench.connect()
    assert not turned_away.right.connected

    bench.uid = 1000
    bench.employ()
    assert bench.boss is not None


@pytest.mark.parametrize("hangs_up", [True, False])
def test_a_shut_down_worker_waits_for_its_answer_to_be_read(bench, hangs_up):
    """The control plane hangs up when it has; one that doesn't is not waited for."""
    pair = bench.employ()
    pair.left.protocol.ask(Shutdown, timeout_s=1.0)
    pair.carry()
    assert bench.reactor.stopped == 0
    if hangs_up:
        pair.left.lose()
    bench.reactor.advance(2)

    assert bench.reactor.stopped == 1


def test_sigterm_drains_and_ends(bench):
    """Transactions get the time that a drain gives them; the control plane is told like of any drain."""
    bench.employ()
    bench.process.terminate()
    assert bench.process.employment.draining
    assert bench.host.drains == [(20.0, "", 0.0)]
    assert not bench.host.ended

    bench.host.drained.callback(0)
    bench.reactor.advance(1)

    assert bench.host.ended
    assert bench.reactor.stopped == 1


def test_sigterm_while_draining_already(bench):
    """A rolling update has its own end in mind, a signal means the process."""
    bench.employ()
    bench.process.employment.draining = True
    bench.process.terminate()
    bench.host.drained.callback(0)
    bench.reactor.advance(1)

    assert bench.reactor.stopped == 1


def test_a_second_sigterm_waits_for_nobody(bench):
    """The end comes once, however often it is asked for."""
    bench.employ()
    bench.process.terminate()
    bench.process.terminate()
    assert bench.host.ended
    bench.process.terminate()
    bench.host.drained.callback(3)
    bench.reactor.advance(1)

    assert bench.host.endings == 1
    assert bench.reactor.stopped == 1


def test_an_unconfigured_worker_ends_at_once(bench):
    """There is nothing to drain."""
    bench.process.terminate()
    bench.reactor.advance(0)

    assert bench.reactor.stopped == 1


def test_finishing_twice_is_finishing_once(bench):
    """A command and a signal may both ask for it."""
    bench.employ()
    employment = bench.process.employment
    both = [Deferred.fromCoroutine(employment.finish(1.0)) for _ in range(2)]

    assert [result_of(each) for each in both] == [None, None]
    assert bench.host.endings == 1
