"""Sessions that go from one worker to another, at the control plane: it carries them, and keeps nothing of them."""

from __future__ import annotations

import os
import socket

import pytest
from crew import FakeCrew, FakeWorker
from pairs import result_of
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from duckgres_tx.admission import Admission, RateLimit
from duckgres_tx.handover import descriptors
from duckgres_tx.pool.assignment import ROUTE_DEADLINE_S
from duckgres_tx.pool.commands import DescriptorMismatch, Draining, NoOwner, NotConfigured, WorkerFault
from duckgres_tx.pool.link import LinkLost
from duckgres_tx.pool.placement import Placement
from duckgres_tx.pool.switchboard import Switchboard
from duckgres_tx.session.control_plane import Departure

PID = 1 << 20 | 7


class Bench:
    """A giver that drains, and a taker that is ready."""

    def __init__(self) -> None:
        self.giver, self.taker = FakeWorker(1, is_ready=False, is_draining=True), FakeWorker(2)
        self.clock = Clock()
        admission = Admission(self.clock, 100, RateLimit(max_connections_per_ip=0))
        self.board = Switchboard(self.clock, admission, Placement("postgres"), lambda fd, error: None)
        self.board.crew = FakeCrew([self.giver, self.taker])
        self.board.session_opened(self.giver, PID, "me", "sales", "10.0.0.1", admitted=True)
        self.kept = []

    def move(self, **changes):
        """The giver asks; what comes of it."""
        pairs = [socket.socketpair() for _ in range(2)]
        (client, far_client), (near, leash) = pairs
        self.kept += [client, near]
        self.inodes = [descriptors.inode_of(end.fileno()) for end in (far_client, leash)]
        departure = Departure(
            **{
                "fd": far_client.detach(),
                "leash": leash.detach(),
                "document": b"{}",
                "backend_pid": PID,
                "database": "sales",
                "remote_host": "10.0.0.1",
                "remote_port": 4321,
                **changes,
            }
        )
        return Deferred.fromCoroutine(self.board.move_session(self.giver, departure))


@pytest.fixture
def bench():
    """No descriptor may be left of what was carried."""
    made = Bench()
    before = len(os.listdir("/proc/self/fd"))
    yield made
    assert len(os.listdir("/proc/self/fd")) == before + len(made.kept)
    for end in made.kept:
        end.close()


@pytest.mark.parametrize("relayed", [False, True])
def test_a_session_goes_to_the_next_owner_of_its_database(bench, relayed):
    """As it is: with its pid, what it brings, and the leash; from then on a cancel finds it at either worker."""
    result_of(bench.move(relayed=relayed))

    ((connection, inode),) = bench.taker.accepted
    assert inode == bench.inodes[0]
    assert (connection.backend_pid, connection.relayed, connection.remote_port) == (PID, relayed, 4321)
    assert connection.journey.document == b"{}"
    assert bench.board.placement.owner("sales") is bench.taker
    assert bench.board.sessions.get(PID).worker is bench.giver
    assert bench.board.sessions.get(PID).heading_for is bench.taker
    bench.giver.failures.append(LinkLost("just gone"))
    result_of(Deferred.fromCoroutine(bench.board.cancel(PID, b"key!")))
    assert bench.taker.cancelled == [(PID, b"key!")]


def test_when_it_is_there_it_is_there_only(bench):
    """The new worker's word counts, and the old one's end changes nothing."""
    result_of(bench.move())
    bench.board.session_opened(bench.taker, PID, "me", "sales")
    bench.board.session_closed(bench.giver, PID)

    assert bench.board.sessions.get(PID).worker is bench.taker
    assert bench.board.sessions.get(PID).heading_for is None
    bench.board.session_closed(bench.taker, PID)
    assert bench.board.sessions.get(PID) is None


@pytest.mark.parametrize("error", [Draining("it drains"), NotConfigured("not yet"), DescriptorMismatch("lost")])
def test_a_worker_that_did_not_take_it_is_asked_again(bench, error):
    """It is untouched."""
    bench.taker.failures.append(error)
    result_of(bench.move())

    assert len(bench.taker.accepted) == 1


@pytest.mark.parametrize("error", [LinkLost("it died"), WorkerFault("a bug")])
def test_the_giver_hears_of_a_worker_that_can_t(bench, error):
    """Whether that one has got it the leash tells; the session is the giver's."""
    bench.taker.failures.append(error)
    with pytest.raises(NoOwner, match="can't take it"):
        result_of(bench.move())


def test_a_worker_of_an_earlier_release_gets_no_session(bench):
    """It would not know what to do with it."""
    bench.taker.takes_sessions = False
    with pytest.raises(NoOwner, match="takes no sessions"):
        result_of(bench.move())


def test_a_session_waits_for_a_worker_that_comes(bench):
    """As a client does, and no longer."""
    bench.taker.is_ready = False
    moving = bench.move()
    assert not moving.called
    bench.taker.is_ready = True
    bench.board.something_changed()
    result_of(moving)

    bench.taker.is_ready = False
    bench.board.placement.closed("sales", bench.taker)
    moving = bench.move()
    bench.clock.advance(ROUTE_DEADLINE_S)
    with pytest.raises(NoOwner, match="not accepting"):
        result_of(moving)


def test_in_a_takeover_it_waits_and_the_giver_asks_the_next_one(bench):
    """It is not handed on with the clients: what is known of it is the giver's."""
    bench.board.hold()
    moving = bench.move()
    assert not moving.called

    async def pass_on(arrival):
        return arrival.relayed

    bench.board.room.move(pass_on)
    with pytest.raises(NoOwner, match="another control plane"):
        result_of(moving)
    assert bench.taker.accepted == []
