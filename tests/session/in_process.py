"""A host in the test's own process, without sockets and without a reactor's loop: whoever waits for an answer turns the wheels.

Time stands still unless a test moves it, or asks for real time; only the engine's native threads work by themselves, and their news is
looked for while somebody waits.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import raw
from attrs import define, field
from session_fakes import RememberingControlPlane, certificate, verifier
from tls_client import TlsSocket
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import ITransport
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from duckgres_tx.session.connection import ClientConnection
from duckgres_tx.session.control_plane import AcceptedConnection
from duckgres_tx.session.host import SessionHost
from duckgres_tx.session.settings import WorkerSettings
from duckgres_tx.session.startup import Startup

PASSWORD = "secret"
# The longest wait for an answer, in real time.
PATIENCE_S = 60.0
# As Twisted's transports: more than this unsent, and the producer is asked to pause.
FULL_BYTES = 64 * 1024
READ_BYTES = 64 * 1024


class HandReactor(Clock):
    """A reactor that turns when it is told to: a clock, and the descriptors that are really readable."""

    def __init__(self) -> None:
        super().__init__()
        self._readers: list[Any] = []
        self.follows_real_time = False
        self._looked_at = time.monotonic()

    def addReader(self, reader: Any) -> None:
        """Look at its descriptor in each turn."""
        self._readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        """No more."""
        if reader in self._readers:
            self._readers.remove(reader)

    def turn(self, wait_s: float = 0.0) -> None:
        """Call whoever is due and whose descriptor is readable, after waiting for that so long."""
        poll = select.poll()
        by_number = {reader.fileno(): reader for reader in self._readers}
        for number in by_number:
            poll.register(number, select.POLLIN)
        for number, _ in poll.poll(wait_s * 1000):
            by_number[number].doRead()
        now = time.monotonic()
        passed, self._looked_at = now - self._looked_at, now
        self.advance(passed if self.follows_real_time else 0)

    def until(self, condition: Callable[[], Any], what: str = "an answer") -> None:
        """Turn until something is so.

        Raises:
            TimeoutError: It isn't for too long.
        """
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited in vain for {what}")
            self.turn(0.02)

    def result(self, waiting: Deferred[Any]) -> Any:
        """Turn until a Deferred has fired."""
        results: list[Any] = []
        waiting.addBoth(results.append)
        self.until(lambda: results)
        if isinstance(results[0], Failure):
            results[0].raiseException()
        return results[0]


@implementer(ITransport)
class MemoryTransport:
    """The server's end of a connection that is nothing but two buffers.

    Attributes:
        unread: What the server has written and the client hasn't read.
        reads_slowly: More than ``FULL_BYTES`` of that, and the server is told to pause.
        ended: The server has hung up; the client may still read what was written before.
        most_unread: The most that ever waited for the client.
    """

    lazy_from_bytes = 0
    dataBuffer = b""  # noqa: N815  Twisted's names
    _tempDataLen = 0  # noqa: N815

    def __init__(self, reactor: HandReactor, protocol: Any) -> None:
        self._reactor = reactor
        self.protocol = protocol
        self.unread = bytearray()
        self.ended = False
        self.disconnecting = False
        self.most_unread = 0
        self.reading = True
        self._arriving = bytearray()
        self._producer: Any = None
        self._producer_paused = False

    # The server's side

    def write(self, data: bytes) -> None:
        """To the client."""
        if self.ended:
            return
        self.unread += data
        self.most_unread = max(self.most_unread, len(self.unread))
        if len(self.unread) > FULL_BYTES and self._producer is not None and not self._producer_paused:
            self._producer_paused = True
            self._producer.pauseProducing()

    def writeSequence(self, data: Any) -> None:
        """To the client."""
        self.write(b"".join(data))

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """It is told to pause when the client doesn't read."""
        self._producer = producer

    def unregisterProducer(self) -> None:
        """It isn't any more."""
        self._producer = None
        self._producer_paused = False
        if self.disconnecting:
            self.loseConnection()

    def pauseProducing(self) -> None:
        """Take nothing from the client."""
        self.reading = False

    def resumeProducing(self) -> None:
        """Take from the client again."""
        if not self.ended:
            self.reading = True
            self._reactor.callLater(0, self._deliver)

    def loseConnection(self) -> None:
        """Hang up when the client has read what was written."""
        self.disconnecting = True
        if self._producer is None and not self.unread:
            self._reactor.callLater(0, self._end, ConnectionDone())

    def abortConnection(self) -> None:
        """Hang up now."""
        self.unread.clear()
        self._reactor.callLater(0, self._end, ConnectionLost())

    def getPeer(self) -> Any:
        """Nobody in particular."""
        return None

    getHost = getPeer  # noqa: N815

    # The client's side

    def arrive(self, data: bytes) -> None:
        """The client has sent something."""
        self._arriving += data
        self._deliver()

    def take(self, count: int) -> bytes:
        """The client reads."""
        data = bytes(self.unread[:count])
        del self.unread[:count]
        if not self.unread:
            if self._producer_paused and self._producer is not None:
                self._producer_paused = False
                self._reactor.callLater(0, self._producer.resumeProducing)
            if self.disconnecting:
                self.loseConnection()
        return data

    def vanish(self) -> None:
        """The client is gone."""
        self._end(ConnectionDone())

    @property
    def undelivered(self) -> int:
        """How much the client has sent that the server doesn't take."""
        return len(self._arriving)

    def _deliver(self) -> None:
        while self.reading and self._arriving and not self.ended:
            data = bytes(self._arriving[:READ_BYTES])
            del self._arriving[:READ_BYTES]
            self.protocol.dataReceived(data)

    def _end(self, reason: Exception) -> None:
        if not self.ended:
            self.ended = True
            producer, self._producer = self._producer, None
            if producer is not None:
                producer.stopProducing()
            self.protocol.connectionLost(Failure(reason))


@define
class MemorySocket:
    """The client's end, as far as ``raw.RawClient`` needs one: reading turns the reactor until there is something."""

    transport: MemoryTransport
    _reactor: HandReactor

    def sendall(self, data: bytes) -> None:
        """Send."""
        if self.transport.ended:
            raise ConnectionResetError
        self.transport.arrive(data)

    def recv(self, count: int) -> bytes:
        """Read; nothing at the end of the stream."""
        self._reactor.until(lambda: self.transport.unread or self.transport.ended)
        return self.transport.take(count)

    def close(self) -> None:
        """Hang up."""
        self.transport.vanish()


@define
class InProcess:
    """A host, and clients of it."""

    reactor: HandReactor
    host: SessionHost
    control_plane: RememberingControlPlane
    _next_pid: int = 100
    _clients: list[raw.RawClient] = field(factory=list)

    def client(self, **accepted: Any) -> raw.RawClient:
        """A client whose connection was accepted just now, as from a UNIX socket unless said otherwise."""
        self._next_pid += 1
        connection = ClientConnection(self.host, AcceptedConnection(-1, self._next_pid, **accepted), Startup)
        transport = MemoryTransport(self.reactor, connection)
        self.host._connections.add(connection)
        connection.makeConnection(transport)
        client = raw.RawClient(MemorySocket(transport, self.reactor))
        self._clients.append(client)
        return client

    def session(self, user: str = "postgres", **parameters: str) -> raw.RawClient:
        """A client that has logged in."""
        client = self.client()
        client.login(user, PASSWORD, **parameters)
        return client

    @property
    def password(self) -> str:
        """Everybody's."""
        return PASSWORD

    def stranger(self) -> raw.RawClient:
        """A client whose connection was accepted just now, as over TCP."""
        return self.client(remote_host="127.0.0.1", remote_port=4711)

    def encrypt(self, client: raw.RawClient) -> None:
        """Shake hands."""
        client.socket = TlsSocket(client.socket)
        client.socket.handshake()

    def close(self) -> None:
        """End it; nothing may be left."""
        for client in self._clients:
            client.socket.close()
        self.reactor.until(lambda: not self.host.health().sessions, "the end of all sessions")
        self.reactor.result(Deferred.fromCoroutine(self.host.shutdown(10)))


@contextmanager
def in_process(data_dir: str, **changes: Any) -> Iterator[InProcess]:
    """A host over a directory; with a certificate unless `tls` says otherwise."""
    cert, key = certificate()
    options = {
        "data_dir": data_dir,
        "verifiers": {"postgres": verifier(PASSWORD)},
        "certificate_pem": cert,
        "private_key_pem": key,
    }
    reactor, control_plane = HandReactor(), RememberingControlPlane()
    host = SessionHost(reactor, WorkerSettings(**{**options, **changes}), control_plane)
    control_plane.release_database = lambda name: host.drain(0, name)
    host.start()
    world = InProcess(reactor, host, control_plane)
    try:
        yield world
    finally:
        world.close()
