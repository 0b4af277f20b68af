"""A worker process: whom it obeys, and when it ends."""

from __future__ import annotations

import pytest
from pairs import Pair
from test_link import FakeDesk, FakeHost
from twisted.internet.task import Clock

from duckgres_tx.handover import descriptors
from duckgres_tx.pool.child import ORPHAN_TIMEOUT_S, WorkerProcess
from duckgres_tx.pool.commands import Shutdown
from duckgres_tx.pool.control_end import ControlEnd


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
            descriptors, "peer_credentials", lambda fd: descriptors.PeerCredentials(1, self.uid, self.uid)
        )
        monkeypatch.setattr("pairs.Side.getHandle", lambda side: FakeHandle(), raising=False)
        self.uid = uid
        self.reactor, self.host = FakeReactor(), FakeHost()
        self.process = WorkerProcess(self.reactor, lambda settings, control: self.host)
        self.process.watch()

    def connect(self) -> Pair:
        """A control plane connects."""
        return Pair(ControlEnd(FakeDesk(), object(), lambda link: None), self.process.buildProtocol(None))

    @property
    def link(self):
        """The link that the worker believes."""
        return self.process.employment.control.link


@pytest.fixture
def bench(monkeypatch):
    """A process that nobody has connected to."""
    return Bench(monkeypatch)


def test_a_worker_that_nobody_connects_to_ends(bench):
    """Its parent may have died right after it was started."""
    bench.reactor.advance(ORPHAN_TIMEOUT_S)
    bench.reactor.advance(1)

    assert bench.reactor.stopped == 1


def test_a_worker_with_a_control_plane_stays(bench):
    """For as long as there is one."""
    bench.connect()
    bench.reactor.advance(10 * ORPHAN_TIMEOUT_S)

    assert bench.reactor.stopped == 0


def test_an_orphan_ends_after_its_last_session(bench):
    """Sessions go on without control plane."""
    pair = bench.connect()
    bench.process.employment.control.live.add(7)
    pair.left.lose()
    assert bench.link is None
    for _ in range(5):
        bench.reactor.advance(ORPHAN_TIMEOUT_S)
    assert bench.reactor.stopped == 0
    bench.process.employment.control.session_closed(7)
    bench.reactor.advance(ORPHAN_TIMEOUT_S)
    bench.reactor.advance(1)

    assert bench.reactor.stopped == 1


def test_an_orphan_that_is_adopted_stays(bench):
    """The next control plane came in time."""
    bench.connect().left.lose()
    bench.reactor.advance(ORPHAN_TIMEOUT_S / 2)
    bench.connect()
    bench.reactor.advance(10 * ORPHAN_TIMEOUT_S)

    assert bench.reactor.stopped == 0


def test_the_newest_control_plane_is_believed(bench):
    """The older link is dropped, and its loss changes nothing."""
    older = bench.connect()
    newer = bench.connect()

    assert not older.left.connected
    assert bench.link is newer.right.protocol


def test_another_user_is_not_obeyed(monkeypatch):
    """The directory keeps others out already; the kernel's word is a second lock."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    bench = Bench(monkeypatch, uid=1001)
    turned_away = bench.connect()
    assert bench.link is None
    assert not turned_away.right.connected

    bench.uid = 1000
    bench.connect()
    assert bench.link is not None


def test_a_shut_down_worker_waits_for_its_answer_to_be_read(bench):
    """The control plane hangs up when it has; one that doesn't is not waited for."""
    for hangs_up in (True, False):
        bench.reactor.stopped = 0
        bench.process._ending = bench.process._stopped = False
        pair = bench.connect()
        pair.left.protocol.ask(Shutdown, timeout_s=1.0)
        pair.carry()
        assert bench.reactor.stopped == 0
        if hangs_up:
            pair.left.lose()
        else:
            bench.reactor.advance(2)

        assert bench.reactor.stopped == 1


def test_sigterm_drains_and_ends(bench):
    """Once, however often it comes."""
    bench.process.employment.configure(b'{"data_dir": "/nowhere"}', 1)
    bench.process.terminate()
    bench.process.terminate()
    assert bench.process.employment.draining
    assert not bench.host.ended

    bench.host.drained.callback(0)
    bench.reactor.advance(1)

    assert bench.host.ended
    assert bench.reactor.stopped == 1
