"""The front door takes one packet from each, not a byte more, and never waits for ever."""

from __future__ import annotations

import gc
import os
import socket

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from duckgres_tx.front_door import FrontDoor, Knock, refuse_here
from duckgres_tx.listeners import Listeners, listen
from duckgres_tx.wire.startup import CancelRequest, GSSENCRequest, SSLRequest, StartupMessage

STARTUP = StartupMessage(3, 0, {"user": "me", "database": "sales"}).encode()
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


class FakeReactor(Clock):
    """Time, and who wants to read."""

    def __init__(self) -> None:
        super().__init__()
        self.readers = set()

    def addReader(self, reader):
        self.readers.add(reader)

    def removeReader(self, reader):
        self.readers.discard(reader)

    def turn(self):
        """Everybody who wants to read does so once."""
        for reader in list(self.readers):
            reader.doRead()


class Routes:
    """Remembers what came, and closes it."""

    def __init__(self) -> None:
        self.arrived, self.unread, self.cancelled = [], [], []

    async def route(self, arrival):
        self.arrived.append(arrival)
        with socket.socket(fileno=arrival.fd) as taken:
            try:
                self.unread.append(taken.recv(10000))
            except BlockingIOError:
                self.unread.append(b"")

    async def cancel(self, backend_pid, secret_key):
        self.cancelled.append((backend_pid, secret_key))


class Street:
    """A front door without a listener, and clients before it."""

    def __init__(self, max_half_open: int = 3) -> None:
        self.reactor, self.routes = FakeReactor(), Routes()
        self.door = FrontDoor(self.reactor, Listeners(), self.routes, 10.0, max_half_open)
        self.clients = []

    def come(self, data: bytes = b"") -> socket.socket:
        """A client connects, having sent something already."""
        client, server = socket.socketpair()
        server.setblocking(False)
        client.setblocking(False)
        client.sendall(data)
        self.clients.append(client)
        self.door._came(server, ("10.0.0.1", 4321))
        return client

    def listen(self, directory) -> socket.socket:
        """Open the door at a UNIX socket."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        listener.bind(str(directory / "s"))
        listener.listen(8)
        self.door._listeners.sockets.append(listener)
        self.door.open()
        return listener

    def connect(self, directory) -> socket.socket:
        """A client connects there and sends its packet."""
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(directory / "s"))
        client.sendall(STARTUP)
        self.clients.append(client)
        return client

    def send(self, client: socket.socket, data: bytes) -> None:
        """It sends more, and the reactor turns once."""
        client.sendall(data)
        self.reactor.turn()


@pytest.fixture
def street():
    """No descriptor may be left but the clients' own."""
    gc.collect()  # what another test has left would go in the middle
    before = len(os.listdir("/proc/self/fd"))
    made = Street()
    yield made
    made.door.close()
    for client in made.clients:
        client.close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert made.reactor.readers == set()
    assert made.reactor.getDelayedCalls() == []


def is_hung_up(client: socket.socket) -> bool:
    """Whether the server has closed the connection, without a word."""
    try:
        return client.recv(1) == b""
    except (BlockingIOError, ConnectionResetError) as error:
        return isinstance(error, ConnectionResetError)


@pytest.mark.parametrize(
    ("packet", "database"),
    [(STARTUP, "sales"), (SSLRequest().encode(), None), (GSSENCRequest().encode(), None)],
    ids=["startup", "ssl", "gss"],
)
@pytest.mark.parametrize("step", [1, 3, 5, 1000])
def test_one_packet_is_taken_however_it_comes(street, packet, database, step):
    """Byte by byte or at once."""
    client = street.come(packet[:step])
    for start in range(step, len(packet), step):
        assert street.routes.arrived == []
        street.send(client, packet[start : start + step])

    (arrival,) = street.routes.arrived
    assert (arrival.prefix, arrival.database) == (packet, database)
    assert street.routes.unread == [b""]


def test_what_follows_the_packet_stays_in_the_socket(street):
    """Whether it may be there is the worker's to judge (CVE-2021-23214)."""
    street.come(SSLRequest().encode() + b"plain text before TLS")

    assert street.routes.arrived[0].prefix == SSLRequest().encode()
    assert street.routes.unread == [b"plain text before TLS"]


def test_of_a_tls_hello_nothing_is_taken(street):
    """Direct TLS: the worker's OpenSSL wants all of it."""
    street.come(HELLO)

    assert street.routes.arrived[0].prefix == b""
    assert street.routes.unread == [HELLO]


def test_the_address_comes_along(street):
    """For a UNIX socket, as here, there is none."""
    street.come(STARTUP)

    assert (street.routes.arrived[0].remote_host, street.routes.arrived[0].remote_port) == ("", 0)


def test_nothing_is_answered(street):
    """Not to an SSLRequest, not to a StartupMessage."""
    for packet in (SSLRequest().encode(), STARTUP):
        client = street.come(packet)
        # the socket was closed by the fake route, which is all that the client may see
        assert client.recv(100) == b""


def test_a_cancel_is_carried_and_closed(street):
    """The client waits for the close."""
    client = street.come(CancelRequest(77, b"key!").encode())

    assert street.routes.cancelled == [(77, b"key!")]
    assert is_hung_up(client)
    assert street.routes.arrived == []


def test_a_cancel_with_a_long_key_is_carried(street):
    """Protocol 3.2."""
    street.come(CancelRequest(77, bytes(range(256))).encode())

    assert street.routes.cancelled == [(77, bytes(range(256)))]


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\0\0\0\0\0\0\0\0",
        b"\0\0\0\x04",
        b"\0\0\0\x07\0\0\0",
        b"\xff\xff\xff\xff",
        b"\0\0\x27\x11" + b"x" * 20,
        b"\x7f\xff\xff\xff\0\x03\0\0",
        b"SSH-2.0-x\r\n",
    ],
)
def test_who_speaks_another_language_is_hung_up_on(street, garbage):
    """As PostgreSQL does, without a word."""
    client = street.come(garbage)
    street.reactor.turn()

    assert street.routes.arrived == []
    assert is_hung_up(client)


def test_a_malformed_startup_message_is_told_by_the_worker(street):
    """Its length is right, so whoever sent it can read an error."""
    body = b"\0\x03\0\0user\0me"
    street.come((len(body) + 4).to_bytes(4) + body)

    (arrival,) = street.routes.arrived
    assert arrival.database is None
    assert arrival.prefix.endswith(b"me")


def test_a_startup_message_without_user_is_told_by_the_worker(street):
    """There is no database to choose a worker by."""
    street.come(StartupMessage(3, 0, {}).encode())

    assert street.routes.arrived[0].database is None


def test_the_silent_are_hung_up_on(street):
    """After their time, each after its own."""
    early = street.come()
    street.reactor.advance(6)
    late = street.come(b"\0\0\0")
    street.reactor.advance(5)
    assert (is_hung_up(early), is_hung_up(late)) == (True, False)

    for _ in range(6):
        street.reactor.advance(1)

    assert is_hung_up(late)
    assert street.reactor.getDelayedCalls() == []


def test_the_most_silent_makes_room(street):
    """A bounded number is waited for."""
    clients = [street.come() for _ in range(4)]

    assert [is_hung_up(client) for client in clients] == [True, False, False, False]
    street.send(clients[3], STARTUP)
    assert len(street.routes.arrived) == 1


def test_who_hangs_up_is_forgotten(street):
    """A port scanner costs nothing afterwards."""
    client = street.come()
    client.close()
    street.reactor.turn()

    assert street.reactor.readers == set()
    assert street.door._half_open == {}


def test_a_closed_door_hangs_up_on_newcomers(street):
    """They can try the next server at once."""
    client = street.come()
    street.door.close()

    assert is_hung_up(client)


def test_a_door_that_is_held_neither_accepts_nor_reads_nor_hangs_up(street, tmp_path):
    """And goes on afterwards as if nothing had happened."""
    listener = street.listen(tmp_path)
    client = street.come(STARTUP[:3])
    street.door.hold()
    late = street.connect(tmp_path)
    street.send(client, STARTUP[3:])
    street.reactor.advance(20)
    assert street.routes.arrived == []
    assert not is_hung_up(client)
    assert street.reactor.readers == set()

    street.door.open()
    street.reactor.turn()

    assert [arrival.prefix for arrival in street.routes.arrived] == [STARTUP, STARTUP]
    late.close()
    listener.close()


def test_who_has_knocked_can_go_on_at_another_door(street):
    """With what it has sent, and with the time that it has left."""
    client = street.come(STARTUP[:7])
    street.reactor.advance(4)
    street.door.hold()
    (knock,) = street.door.knocks()
    assert (knock.prefix, knock.remote_host, knock.age_s) == (STARTUP[:7], "", 4.0)
    other = Street()
    copy = Knock(os.dup(knock.fd), "10.0.0.1", 5, knock.prefix, knock.age_s)
    street.door.let_go()
    assert not is_hung_up(client)

    other.door.wait_for(copy)
    other.send(client, STARTUP[7:])

    (arrival,) = other.routes.arrived
    assert (arrival.prefix, arrival.remote_host, arrival.remote_port, arrival.database) == (
        STARTUP,
        "10.0.0.1",
        5,
        "sales",
    )


def test_who_has_knocked_elsewhere_is_not_waited_for_longer(street):
    """Its deadline is that of its arrival, whoever came meanwhile."""
    later = street.come()
    client, server = socket.socketpair()
    client.setblocking(False)
    server.setblocking(False)
    street.clients.append(client)
    street.door.wait_for(Knock(server.detach(), "", 0, b"", 8.0))
    for _ in range(3):
        street.reactor.advance(1)

    assert (is_hung_up(client), is_hung_up(later)) == (True, False)


def test_a_door_that_is_left_keeps_the_unix_socket(tmp_path):
    """It is the other control plane's; one that is closed removes it."""
    for name, remains in (("leave", True), ("close", False)):
        listeners = listen([], 6543, tmp_path)
        door = FrontDoor(FakeReactor(), listeners, Routes(), 10.0)
        door.open()
        getattr(door, name)()
        assert (tmp_path / ".s.PGSQL.6543").exists() == remains


def test_cancels_are_waited_for(street):
    """A control plane that leaves carries those that it has taken."""
    answered = Deferred()
    street.routes.cancel = lambda backend_pid, secret_key: answered
    street.come(CancelRequest(77, b"key!").encode())
    settled = Deferred.fromCoroutine(street.door.settle(5.0))
    assert not settled.called

    answered.callback(None)

    assert settled.result is True


def test_accepting_from_a_real_listener(street, tmp_path):
    """All who wait are taken at once."""
    street.listen(tmp_path)
    for _ in range(3):
        street.connect(tmp_path)
    street.reactor.turn()

    assert len(street.routes.arrived) == 3


class NoDescriptors:
    """A listener in a process that has no descriptor left."""

    family = socket.AF_UNIX

    def __init__(self) -> None:
        self.asked = 0

    def accept(self):
        self.asked += 1
        raise OSError(24, "Too many open files")

    def fileno(self):
        return 0

    def close(self):
        pass


def test_without_descriptors_it_pauses(street):
    """Instead of asking again and again, which would take all of the processor."""
    listener = NoDescriptors()
    street.door._listeners.sockets.append(listener)
    street.door.open()
    street.reactor.turn()
    assert street.reactor.readers == set()
    street.reactor.turn()
    assert listener.asked == 1

    street.reactor.advance(1)
    street.reactor.turn()

    assert listener.asked == 2


def test_a_refusal_is_said_when_no_worker_can(street):
    """A real ErrorResponse; the socket stays its owner's."""
    from duckgres_tx.errors import PgError

    client, server = socket.socketpair()
    with client, server:
        refuse_here(server.fileno(), PgError("57P03", "not now").fatal())

        answer = client.recv(1000)
        assert answer[:1] == b"E"
        assert b"C57P03\0" in answer
        assert b"SFATAL\0" in answer
        server.send(b"still open")
