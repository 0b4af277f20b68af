"""Who gets a connection, who owns a database, and that no socket is ever lost."""

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
from duckgres_tx.pool.cancels import LINK_PATIENCE_S
from duckgres_tx.pool.commands import DescriptorMismatch, Draining, NoOwner, NotConfigured, WorkerFault
from duckgres_tx.pool.link import LinkDown, LinkLost
from duckgres_tx.pool.placement import Placement
from duckgres_tx.pool.switchboard import Arrival, Switchboard, asked_for
from duckgres_tx.wire.startup import SSLRequest, StartupMessage

HOST = "10.0.0.1"


class Board:
    """A switchboard with three fake workers."""

    def __init__(self, max_connections: int = 100) -> None:
        self.workers = [FakeWorker(slot) for slot in (1, 2, 3)]
        self.crew = FakeCrew(list(self.workers))
        self.clock = Clock()
        self.admission = Admission(self.clock, max_connections, RateLimit(max_connections_per_ip=0))
        self.refused_here = []
        self.board = Switchboard(
            self.clock,
            self.admission,
            Placement("postgres"),
            lambda fd, error: self.refused_here.append(error.sqlstate),
        )
        self.board.crew = self.crew
        self.clients = []

    def arrive(self, database: str | None = "sales", prefix: bytes = b"prefix", host: str = HOST, done: bool = True):
        """A client comes; returns its own end and the number of our end's inode."""
        client, server = socket.socketpair()
        self.clients.append(client)
        inode = descriptors.inode_of(server.fileno())
        arrival = Arrival(server.detach(), host, 4321, prefix, database)
        self.routed = Deferred.fromCoroutine(self.board.route(arrival))
        if done:
            result_of(self.routed)
        return client, inode

    def claim(self, worker, name):
        """What a worker is told."""
        return result_of(Deferred.fromCoroutine(self.board.claim_database(worker, name)))

    def taken(self):
        """Workers that have accepted something."""
        return [worker for worker in self.workers if worker.accepted]


@pytest.fixture
def board():
    """A switchboard; no descriptor may leak while it works."""
    made = Board()
    before = len(os.listdir("/proc/self/fd"))
    yield made
    still = len(made.clients)
    assert len(os.listdir("/proc/self/fd")) == before + still
    for client in made.clients:
        client.close()


def test_a_client_is_handed_over_with_all_that_is_known(board):
    """One worker gets the socket, the pid has its slot in it, and the prefix is untouched."""
    _, inode = board.arrive()
    (worker,) = board.taken()
    (connection, accepted_inode) = worker.accepted[0]

    assert accepted_inode == inode
    assert connection.backend_pid >> 20 == worker.slot
    assert (connection.remote_host, connection.remote_port, connection.prefix) == (HOST, 4321, b"prefix")
    assert connection.refusal is None
    assert board.admission.open_connections == 1


def test_clients_of_one_database_meet_at_one_worker(board):
    """DuckDB lets one process open a database."""
    for _ in range(20):
        board.arrive("sales")

    (worker,) = board.taken()
    assert len(worker.accepted) == 20
    assert len({connection.backend_pid for connection, _ in worker.accepted}) == 20


def test_many_databases_spread(board):
    """Rendezvous hashing uses all workers."""
    for number in range(40):
        board.arrive(f"db{number}")

    assert len(board.taken()) == 3


def test_the_owner_gets_its_clients_even_against_the_ranking(board):
    """A database that is open stays where it is."""
    board.arrive("sales")
    ranked = board.taken()[0]
    owner = next(worker for worker in board.workers if worker is not ranked)
    board.board.placement.give("sales", owner)

    board.arrive("sales")

    assert len(owner.accepted) == 1


def test_a_second_claim_is_denied_until_the_owner_lets_go(board):
    """The claim decides, not the guess."""
    first = board.board.placement.choose("sales", board.workers)
    second = next(worker for worker in board.workers if worker is not first)

    assert board.claim(first, "sales")
    assert board.claim(first, "sales")
    assert not board.claim(second, "sales")
    board.board.database_closed(second, "sales")
    assert not board.claim(second, "sales")
    board.board.database_closed(first, "sales")
    first.is_ready = False
    third = board.board.placement.choose("sales", board.crew.ready())
    assert third is not first
    assert board.claim(third, "sales")


def test_tls_clients_go_where_their_address_was_last(board):
    """Under TLS the database is not known yet; the last answer is the best guess."""
    board.arrive("sales")
    session = board.taken()[0]
    pid = session.accepted[0][0].backend_pid
    board.board.session_opened(session, pid, "me", "sales")

    board.arrive(None)

    assert len(session.accepted) == 2


@pytest.mark.parametrize("error", [Draining("no"), NotConfigured("no"), DescriptorMismatch("no")])
def test_a_worker_that_did_not_take_it_is_followed_by_another_try(board, error):
    """The client notices nothing of it."""
    board.arrive("sales")
    first = board.taken()[0]
    first.failures.append(error)

    board.arrive("sales")

    assert len(first.accepted) == 2
    assert len(board.board.sessions) == 2


@pytest.mark.parametrize("error", [LinkLost("dead"), WorkerFault("bug")])
def test_a_worker_that_may_have_touched_it_is_not(board, error):
    """Its bytes may be gone: the client is hung up on, and doesn't count any longer."""
    for worker in board.workers:
        worker.failures.append(error)

    client, _ = board.arrive("sales")

    client.setblocking(False)
    assert client.recv(1) == b""
    assert board.admission.open_connections == 0
    assert len(board.board.sessions) == 0


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """A client and the server's end, over TCP: only there can the kernel say what has been touched."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    return client, server


@pytest.mark.parametrize("touched", [False, True])
def test_what_a_dead_worker_has_not_touched_goes_to_another(board, touched):
    """A client that comes at the moment of a worker's death needn't notice it."""
    client, server = tcp_pair()
    with client:
        if touched:
            server.send(b"S")
        for worker in board.workers:
            worker.is_dead = True
        first = board.board.placement.choose("sales", board.workers)
        first.failures.append(LinkLost("dead"))
        arrival = Arrival(server.detach(), HOST, 1, b"", "sales")
        result_of(Deferred.fromCoroutine(board.board.route(arrival)))

        assert len(board.taken()) == (0 if touched else 1)
        assert board.admission.open_connections == (0 if touched else 1)


@pytest.mark.parametrize("touched", [False, True])
def test_a_relayed_session_survives_its_owner_s_death_if_it_was_not_touched(board, touched):
    """Its first worker doesn't read before it hears that the session was taken."""
    startup = StartupMessage(3, 0, {"user": "me", "database": "sales"}).encode()
    first = board.board.placement.choose("sales", board.workers)
    first.failures.append(LinkLost("dead"))
    first.is_dead = True
    ours, theirs = socket.socketpair()
    with ours:
        if touched:
            theirs.send(b"R")
        relay = Deferred.fromCoroutine(board.board.relay_connection(first, theirs.detach(), startup, HOST, 1))
        if touched:
            with pytest.raises(NoOwner):
                result_of(relay)
        else:
            assert result_of(relay) is None
    assert len(board.taken()) == (0 if touched else 1)


def test_a_relayed_session_is_not_relayed_again(board):
    """Whoever it is sent to may open the database, whatever worker becomes ready meanwhile."""
    startup = StartupMessage(3, 0, {"user": "me", "database": "new"}).encode()
    ours, theirs = socket.socketpair()
    with ours:
        result_of(
            Deferred.fromCoroutine(board.board.relay_connection(board.workers[0], theirs.detach(), startup, HOST, 1))
        )
    (target,) = board.taken()
    board.crew.workers += [FakeWorker(slot) for slot in range(4, 40)]

    assert board.claim(target, "new")


def test_a_client_waits_for_the_first_worker(board):
    """While workers are being replaced, clients are held, not refused."""
    board.crew.workers = []
    board.arrive("sales", done=False)
    board.clock.advance(5)
    assert not board.routed.called
    board.crew.workers = list(board.workers)

    board.board.something_changed()

    result_of(board.routed)
    assert len(board.taken()) == 1
    assert board.clock.getDelayedCalls() == []


def test_a_client_waits_for_a_draining_owner_to_let_go(board):
    """Its database moves to another worker; it is neither refused nor sent to who may not open it."""
    owner = board.board.placement.choose("sales", board.workers)
    board.board.placement.give("sales", owner)
    owner.is_ready = False
    board.arrive("sales", done=False)
    board.board.something_changed()
    assert not board.routed.called

    board.board.database_closed(owner, "sales")

    result_of(board.routed)
    assert board.taken() == [board.board.placement.choose("sales", board.crew.ready())]


def test_without_any_worker_the_front_door_says_57p03(board):
    """Nobody else could; after a while, or at once when the server ends."""
    board.crew.workers = []
    board.arrive("sales", done=False)
    board.clock.advance(10)
    result_of(board.routed)
    assert board.refused_here == ["57P03"]
    board.arrive("sales", done=False)

    board.board.close()

    result_of(board.routed)
    assert board.refused_here == ["57P03", "57P03"]
    assert board.admission.open_connections == 0
    assert board.clock.getDelayedCalls() == []


def test_too_many_clients_are_told_so_by_a_worker():
    """They read a real FATAL, over TLS too, and don't count."""
    board = Board(max_connections=2)
    for _ in range(3):
        board.arrive("sales")

    refused = [c for worker in board.workers for c, _ in worker.accepted if c.refusal is not None]
    assert [(c.refusal.sqlstate, c.refusal.message) for c in refused] == [("53300", "sorry, too many clients already")]
    assert refused[0].refusal.severity.value == "FATAL"
    assert board.admission.open_connections == 2

    board.board.session_closed(board.workers[0], refused[0].backend_pid)
    assert board.admission.open_connections == 2
    for client in board.clients:
        client.close()


def test_a_session_that_ends_makes_room(board):
    """Told twice, it makes room once."""
    board.arrive("sales")
    worker = board.taken()[0]
    pid = worker.accepted[0][0].backend_pid

    board.board.session_closed(worker, pid)
    board.board.session_closed(worker, pid)

    assert board.admission.open_connections == 0


def test_a_cancel_for_a_session_that_is_not_known_goes_by_its_slot(board):
    """Another control plane has handed it over; the worker knows whether the key is right."""
    result_of(Deferred.fromCoroutine(board.board.cancel(2 << 20 | 77, b"key!")))

    assert [worker.cancelled for worker in board.workers] == [[], [(2 << 20 | 77, b"key!")], []]


def test_a_cancel_goes_to_the_session_s_worker(board):
    """Found by its pid; one that nobody can have goes nowhere; a dead worker is no error."""
    board.arrive("sales")
    worker = board.taken()[0]
    pid = worker.accepted[0][0].backend_pid

    for number in (pid, 9 << 20 | 1, 0, -5):
        result_of(Deferred.fromCoroutine(board.board.cancel(number, b"key!")))
    worker.failures.append(LinkLost("dead"))
    result_of(Deferred.fromCoroutine(board.board.cancel(pid, b"key!")))

    assert worker.cancelled == [(pid, b"key!")]


def test_a_session_that_another_worker_s_has_told_to_stop_is_found(board):
    """Those that have logged in are listed to others; one that isn't there any more is no error."""
    board.arrive("sales")
    worker = board.taken()[0]
    pid = worker.accepted[0][0].backend_pid
    other = next(each for each in board.workers if each is not worker)
    assert board.board.sessions_of_others(other) == []
    board.board.session_opened(worker, pid, "me", "sales")

    assert [session.user for session in board.board.sessions_of_others(other)] == ["me"]
    assert board.board.sessions_of_others(worker) == []
    for number in (pid, pid + 1):
        result_of(Deferred.fromCoroutine(board.board.signal(number, "terminate")))
    assert worker.cancelled == [(pid, "terminate")]


def test_a_cancel_waits_for_a_link_that_is_down(board):
    """It is not the client's fault, and its query would go on; but a dead worker's link never comes back."""
    board.arrive("sales")
    worker = board.taken()[0]
    pid = worker.accepted[0][0].backend_pid
    worker.failures += [LinkDown("down"), LinkDown("still down")]

    carried = Deferred.fromCoroutine(board.board.cancel(pid, b"key!"))
    board.board.something_changed()
    assert not carried.called
    board.board.heard_from(worker)
    result_of(carried)
    assert worker.cancelled == [(pid, b"key!")]

    worker.failures.append(LinkDown("down"))
    carried = Deferred.fromCoroutine(board.board.cancel(pid, b"key!"))
    board.crew.workers.remove(worker)
    board.board.worker_died(worker)
    result_of(carried)
    assert len(worker.cancelled) == 1


def test_a_cancel_does_not_wait_for_ever(board):
    """Its client waits for the close."""
    board.arrive("sales")
    worker = board.taken()[0]
    worker.failures += [LinkDown("down")] * 9

    carried = Deferred.fromCoroutine(board.board.cancel(worker.accepted[0][0].backend_pid, b"key!"))
    board.clock.advance(LINK_PATIENCE_S - 1)
    assert not carried.called
    board.clock.advance(1)
    result_of(carried)
    assert worker.cancelled == []
    worker.failures.clear()


def test_a_relayed_session_goes_to_the_owner_and_counts_once(board):
    """Its first worker pumps; the client has been counted at the front door."""
    first, owner, _ = board.workers
    board.board.placement.give("sales", owner)
    startup = StartupMessage(3, 0, {"user": "me", "database": "sales"}).encode()
    ours, theirs = socket.socketpair()
    with ours:
        result_of(Deferred.fromCoroutine(board.board.relay_connection(first, theirs.detach(), startup, HOST, 1)))

    (connection, _) = owner.accepted[0]
    assert connection.relayed
    assert connection.prefix == startup
    assert board.admission.open_connections == 0


def test_a_relay_without_owner_fails(board):
    """The first worker hears it and tells its client."""
    board.crew.workers = []
    board.board.close()
    ours, theirs = socket.socketpair()
    with ours, pytest.raises(NoOwner):
        result_of(Deferred.fromCoroutine(board.board.relay_connection(board.workers[0], theirs.detach(), b"", HOST, 1)))


def test_releasing_a_database_gives_it_to_the_asker(board):
    """So nobody opens the file while it is dropped."""
    first, owner, third = board.workers
    board.board.placement.give("doomed", owner)
    owner.sessions_left = 2
    assert result_of(Deferred.fromCoroutine(board.board.release_database(first, "doomed"))) == 2
    assert not board.claim(first, "doomed")

    owner.sessions_left = 0
    assert result_of(Deferred.fromCoroutine(board.board.release_database(first, "doomed"))) == 0

    assert owner.drained == [(0.0, "doomed"), (0.0, "doomed")]
    assert board.claim(first, "doomed")
    assert not board.claim(third, "doomed")


def test_a_dead_worker_leaves_its_databases_and_its_places(board):
    """Its sessions are named, its databases are free, its clients don't count any more."""
    board.arrive("sales")
    worker = board.taken()[0]
    assert board.claim(worker, "sales")

    lost, freed = board.board.worker_died(worker)

    assert [session.backend_pid for session in lost] == [worker.accepted[0][0].backend_pid]
    assert freed == ("sales",)
    assert board.admission.open_connections == 0
    worker.is_ready = False
    assert board.claim(board.board.placement.choose("sales", board.crew.ready()), "sales")


def test_a_session_whose_end_was_not_heard_is_ended_by_two_heartbeats(board):
    """News can be lost with a link; a session that was handed over just now must not be taken for one."""
    board.arrive("sales")
    worker = board.taken()[0]

    board.board.heard_from(worker)
    assert board.admission.open_connections == 1
    board.board.heard_from(worker)

    assert board.admission.open_connections == 0


def test_the_database_is_read_from_a_startup_message_only():
    """Anything else names none."""
    assert asked_for(StartupMessage(3, 0, {"user": "me", "database": "sales"}).encode()) == "sales"
    assert asked_for(StartupMessage(3, 0, {"user": "me"}).encode()) == "me"
    assert asked_for(StartupMessage(3, 0, {}).encode()) is None
    assert asked_for(SSLRequest().encode()) is None
    assert asked_for(b"GET / HTTP/1.0\r\n\r\n") is None
    assert asked_for(b"") is None


def test_an_opened_session_forgives_its_address(board):
    """Somebody there knows a password: failed logins before it no longer count."""
    admission = board.board._admission
    admission.login_failed(HOST)
    assert HOST in admission._records
    board.arrive("sales")
    session = board.taken()[0]

    board.board.session_opened(session, session.accepted[0][0].backend_pid, "me", "sales")

    assert HOST not in admission._records


def test_during_a_takeover_clients_wait_and_then_go_on(board):
    """Those who waited for a worker, and those who come."""
    board.crew.workers = []
    board.arrive(done=False)
    board.board.hold()
    board.arrive(done=False)
    board.crew.workers = list(board.workers)
    board.board.something_changed()
    assert board.taken() == []
    assert [waiting.guest.remote_host for waiting in board.board.room.inside()] == [HOST, HOST]

    board.board.reopen()

    assert sum(len(worker.accepted) for worker in board.workers) == 2
    assert board.admission.open_connections == 2


def test_after_a_takeover_clients_are_the_other_control_plane_s(board):
    """Their sockets are closed here and they are counted no more."""
    board.crew.workers = []
    client, inode = board.arrive(done=False)
    board.board.hold()
    got = []

    async def pass_on(arrival) -> bool:
        got.append(descriptors.inode_of(arrival.fd))
        return True

    board.board.room.move(pass_on)

    assert got == [inode]
    assert client.recv(1) == b""
    assert board.admission.open_connections == 0


def test_a_client_of_another_control_plane_is_let_in_beyond_the_limits():
    """It was let in there; what it has waited there counts."""
    board = Board(max_connections=0)
    board.crew.workers = []
    client, server = socket.socketpair()
    arrival = Arrival(server.detach(), HOST, 1, b"prefix", "sales", admitted=True, waited_s=9.0)
    routed = Deferred.fromCoroutine(board.board.route(arrival))
    assert board.admission.open_connections == 1
    board.clock.advance(1.1)

    result_of(routed)
    client.close()
    assert board.refused_here == ["57P03"]
    assert board.admission.open_connections == 0
