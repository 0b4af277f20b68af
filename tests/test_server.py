"""The control plane as a whole: what a takeover does with it."""

from __future__ import annotations

import os
import socket
from types import SimpleNamespace

import attrs
import pytest
from crew import FakeCrew, FakeWorker
from pairs import has_no_result, result_of
from test_front_door import FakeReactor
from twisted.internet.defer import Deferred

from duckgres_tx.admission import Admission, RateLimit
from duckgres_tx.front_door import FrontDoor
from duckgres_tx.handover.descriptors import inode_of
from duckgres_tx.handover.document import Counters, Handover
from duckgres_tx.handover.serving import HeldConnection, Outranked
from duckgres_tx.listeners import listen
from duckgres_tx.pool.commands import InvalidConfiguration, Superseded
from duckgres_tx.pool.legacy import Legacy
from duckgres_tx.pool.placement import Placement
from duckgres_tx.pool.servers import WorkerStartFailed
from duckgres_tx.pool.switchboard import Switchboard
from duckgres_tx.server import Server
from duckgres_tx.wire.startup import StartupMessage

STARTUP = StartupMessage(3, 0, {"user": "me", "database": "sales"}).encode()
LEGACY = Legacy(generation=3, roll="because", drains={"worker-1.sock": 2.5})


class SlowWorker(FakeWorker):
    """It takes connections when it is told to, if ever."""

    def __init__(self) -> None:
        super().__init__(1)
        self.answered = Deferred()

    async def accept(self, connection):
        await self.answered


class FakeWorkforce(FakeCrew):
    """Worker processes that remember what they were told."""

    def __init__(self, workers) -> None:
        super().__init__(workers)
        self.did, self.fails, self.epoch = [], {}, 4

    async def _do(self, what, *arguments):
        self.did.append((what, *arguments))
        if what in self.fails:
            raise self.fails[what]

    def stand_down(self):
        self.did.append(("stand down",))
        return LEGACY

    async def survey(self):
        await self._do("survey")

    async def promote(self, epoch, legacy=None):
        await self._do("promote", epoch, legacy)

    async def reclaim(self, epoch):
        await self._do("reclaim", epoch)

    async def start(self):
        await self._do("start")

    async def drain(self, timeout_s):
        await self._do("drain", timeout_s)

    async def shutdown(self, timeout_s):
        await self._do("shutdown", timeout_s)


@attrs.define
class FakePrepared:
    """What the server was started with."""

    listeners: object
    locks: dict
    did: list = attrs.Factory(list)
    config: object = SimpleNamespace(shutdown_timeout=30.0)

    def leave(self):
        self.did.append("leave")
        self.listeners.leave()

    def undo(self):
        self.did.append("undo")
        self.listeners.undo()


class House:
    """A server with one worker, at a UNIX socket."""

    def __init__(self, directory, workers=(1,)) -> None:
        self.reactor = FakeReactor()
        self.path = directory / ".s.PGSQL.6543"
        self.workers = [FakeWorker(slot) for slot in workers]
        self.crew = FakeWorkforce(list(self.workers))
        listeners = listen([], 6543, directory)
        self.prepared = FakePrepared(listeners, {"data_dir": listeners.lock})
        admission = Admission(self.reactor, 100, RateLimit(max_failed_attempts=1))
        switchboard = Switchboard(self.reactor, admission, Placement("postgres"), lambda fd, error: None)
        switchboard.crew = self.crew
        door = FrontDoor(self.reactor, listeners, switchboard, 60.0)
        self.server = Server(self.prepared, self.crew, self.crew, admission, switchboard, door)
        self.clients = []

    def come(self, data: bytes) -> socket.socket:
        """A client connects, has sent something, and the door has looked."""
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(self.path))
        client.sendall(data)
        self.clients.append(client)
        for _ in range(3):
            self.reactor.turn()
        return client

    def close(self):
        self.server.front_door.close()
        self.server.switchboard.close()
        for client in self.clients:
            client.close()


@pytest.fixture
def house(tmp_path):
    """Open; at the end no descriptor is left."""
    before = len(os.listdir("/proc/self/fd"))
    made = House(tmp_path)
    made.server.open()
    yield made
    made.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_newcomer_gets_sockets_and_locks_by_their_names(house):
    """A UNIX socket without a lock is somebody else's, who goes on listening there."""
    listeners = house.prepared.listeners
    assert [(named.name, named.fd) for named in house.server.descriptors()] == [
        ("listener", listeners.sockets[0].fileno()),
        ("lock unix_socket", listeners.lock),
        ("lock data_dir", listeners.lock),
    ]
    lock, listeners.lock = listeners.lock, -1
    assert house.server.descriptors()[0].name == "lent listener"
    listeners.lock = lock


def test_who_waits_is_held_and_goes_on(house):
    """In the middle of the first packet, or for a worker; when nothing comes of the takeover."""
    house.crew.workers = []
    house.come(STARTUP)
    house.come(STARTUP[:5])
    house.server.hold()
    assert house.server.waiting == 2
    held = [connection for connection, _ in house.server.held()]
    assert [(connection.prefix, connection.admitted) for connection in held] == [(STARTUP[:5], False), (STARTUP, True)]
    house.crew.workers = list(house.workers)
    house.come(STARTUP)
    assert house.workers[0].accepted == []

    house.server.resume()
    house.clients[1].sendall(STARTUP[5:])
    for _ in range(3):
        house.reactor.turn()

    assert len(house.workers[0].accepted) == 3


def test_who_was_taken_is_closed_and_who_was_not_is_passed_on(house):
    """When the newcomer serves."""
    house.crew.workers = []
    taken, half, late = house.come(STARTUP), house.come(STARTUP[:5]), house.come(STARTUP)
    house.server.hold()
    taken_now = house.server.held()
    taken_now[1][1]()
    passed = []

    async def pass_on(connection):
        passed.append((connection.prefix, connection.admitted))
        return True

    house.server.relieve(pass_on)

    assert passed == [(STARTUP, True)]
    for client in (taken, half, late):
        assert client.recv(1) == b""
    assert house.server.waiting == 0


def test_a_relayed_session_is_asked_for_again_by_its_worker(house):
    """It isn't given away: the worker that relays it asks whoever serves."""
    house.crew.workers = []
    ours, theirs = socket.socketpair()
    relayed = Deferred.fromCoroutine(
        house.server.switchboard.relay_connection(house.workers[0], theirs.detach(), STARTUP, "", 0)
    )
    house.server.hold()
    assert house.server.held() == []

    async def pass_on(connection):
        raise AssertionError("it is passed on")

    house.server.relieve(pass_on)

    assert not has_no_result(relayed)
    relayed.addErrback(lambda failure: None)
    ours.close()


def test_what_is_in_flight_is_waited_for(house):
    """A worker that has been sent a connection and hasn't answered."""
    house.crew.workers = [worker := SlowWorker()]
    house.come(STARTUP)
    settled = Deferred.fromCoroutine(house.server.settle(2.0))
    assert has_no_result(settled)
    worker.answered.callback(None)

    assert result_of(settled) is True


def test_what_is_known_is_handed_over(house, tmp_path):
    """Bans, counters, and what is known of the workers."""
    house.server.counters = Counters(accepted=10, takeovers=2)
    house.come(STARTUP)
    house.server.admission.login_failed("10.0.0.9")
    document = house.server.stand_down()
    assert house.crew.did == [("stand down",)]
    (tmp_path / "other").mkdir()
    other = House(tmp_path / "other")

    result_of(Deferred.fromCoroutine(other.server.take_charge(7, document)))

    assert other.crew.did == [("promote", 7, LEGACY)]
    assert other.server.admission.is_banned("10.0.0.9")
    assert other.server.counters == Counters(accepted=11, takeovers=3)
    other.close()


@pytest.mark.parametrize("document", [b"[]", Handover(legacy={"generation": "many"}).encode()])
def test_what_can_t_be_read_is_told(house, document):
    """And nobody is commanded."""
    with pytest.raises(WorkerStartFailed, match="can't be read"):
        result_of(Deferred.fromCoroutine(house.server.take_charge(7, document)))
    assert house.crew.did == []


@pytest.mark.parametrize(
    ("error", "expected"),
    [(Superseded("epoch 9"), Outranked), (InvalidConfiguration("no such thing"), WorkerStartFailed)],
)
def test_workers_that_don_t_obey_are_told_in_the_takeover_s_words(house, error, expected):
    """Whether it takes charge or takes back."""
    house.crew.fails = {"promote": error, "reclaim": error}
    for taking in (house.server.take_charge(7, Handover().encode()), house.server.reclaim(8)):
        with pytest.raises(expected):
            result_of(Deferred.fromCoroutine(taking))


def test_clients_that_waited_elsewhere_go_on_here(house):
    """To a worker, or to the end of their first packet."""
    pairs = [socket.socketpair() for _ in range(2)]
    house.clients += [ours for ours, _ in pairs]
    for _, theirs in pairs:
        theirs.setblocking(False)
    inode = inode_of(pairs[0][1].fileno())
    house.server.take(HeldConnection(pairs[0][1].detach(), STARTUP, "10.0.0.1", 7, 1.0, admitted=True))
    house.server.take(HeldConnection(pairs[1][1].detach(), STARTUP[:9], "10.0.0.2", 8, 1.0, admitted=False))
    ((accepted, taken),) = house.workers[0].accepted
    assert (taken, accepted.remote_host, accepted.prefix) == (inode, "10.0.0.1", STARTUP)
    pairs[1][0].sendall(STARTUP[9:])
    house.reactor.turn()

    assert house.workers[0].accepted[1][0].remote_host == "10.0.0.2"
    assert house.server.admission.open_connections == 2


def test_leaving_leaves_everything_to_the_other_process(house):
    """The UNIX socket, the workers; what is in flight ends first."""
    house.crew.workers = [worker := SlowWorker()]
    house.come(STARTUP)
    left = Deferred.fromCoroutine(house.server.leave())
    assert has_no_result(left)
    assert house.reactor.readers == set()
    worker.answered.callback(None)
    result_of(left)

    assert house.prepared.did == ["leave"]
    assert house.crew.did == [("stand down",)]
    assert house.path.exists()


def test_leaving_refuses_nobody_whom_the_other_process_has(house):
    """The operator has ended this one before the other one has said that it serves."""
    house.crew.workers = []
    client = house.come(STARTUP)
    house.server.hold()
    house.server.held()[0][1]()
    house.crew.workers = list(house.workers)
    result_of(Deferred.fromCoroutine(house.server.leave()))

    assert house.workers[0].accepted == []
    # our copy is closed, and in this test there is no other
    assert client.recv(1) == b""


def test_leaving_doesn_t_wait_for_ever(house):
    """For a worker that hangs."""
    house.crew.workers = [worker := SlowWorker()]
    house.come(STARTUP)
    left = Deferred.fromCoroutine(house.server.leave())
    house.reactor.advance(3)

    result_of(left)
    # only now is its socket closed
    worker.answered.callback(None)


def test_undoing_touches_nobody(house):
    """Workers that it has started end."""
    result_of(Deferred.fromCoroutine(house.server.undo()))

    assert house.crew.did == [("shutdown", 2.0)]
    assert house.prepared.did == ["undo"]


@pytest.mark.parametrize(
    ("patient", "hurry", "did"),
    [
        (True, False, [("drain", 30.0), ("shutdown", 10.0)]),
        (True, True, [("drain", 30.0), ("shutdown", 2.0)]),
        (False, True, [("shutdown", 2.0)]),
    ],
)
def test_a_stop_is_as_patient_as_it_may_be(house, patient, hurry, did):
    """Transactions may finish until somebody can't wait."""
    in_a_hurry = Deferred()
    if hurry:
        in_a_hurry.callback(None)
    result_of(Deferred.fromCoroutine(house.server.stop(patient, in_a_hurry)))

    assert house.crew.did == did
    assert not house.path.exists()


def test_a_server_without_workers_takes_no_part(house):
    """It says so before anybody tries."""
    house.server.workforce = None

    assert not house.server.has_workers
    assert house.server.epoch == 0
    with pytest.raises(ValueError, match="takes no part in a takeover"):
        house.server.stand_down()
