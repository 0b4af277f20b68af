"""The front door: accepts connections and reads one untyped packet from each.

It works on raw non-blocking sockets that it registers with the reactor itself, not on Twisted transports: a connection is here for
one packet, so a transport would be built only to be taken apart again, and a raw socket can be read for exactly that packet, so that
every byte after it is still in the socket for the worker. From a TLS hello (direct TLS) nothing is read at all.

It answers nothing but a CancelRequest, which gets its close. An exception: when there is no worker to say a refusal, it says it here.

Who may be here, and how long, is bounded: a peer that hasn't sent its packet in time is hung up on, and when too many are waited
for, the one that has kept us waiting longest goes.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from duckgres_tx.errors import PgError
from duckgres_tx.listeners import Listeners
from duckgres_tx.pool.switchboard import Arrival
from duckgres_tx.tasks import start
from duckgres_tx.wire.backend import ErrorResponse
from duckgres_tx.wire.startup import (
    MAX_STARTUP_PACKET_BYTES,
    MIN_STARTUP_PACKET_BYTES,
    CancelRequest,
    StartupMessage,
    StartupPacket,
    StartupReader,
)

MAX_HALF_OPEN = 1024
MAX_CANCELS = 64
_ACCEPTS_AT_ONCE = 64
# after running out of descriptors or memory
_PAUSE_S = 0.25
_OUT_OF_RESOURCES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_SWEEP_INTERVAL_S = 1.0
_LENGTH_BYTES = 4
_TLS_HANDSHAKE = 0x16


class Routes(Protocol):
    """Where connections go from here: the switchboard."""

    def route(self, arrival: Arrival) -> Awaitable[None]:
        """Hand a connection over; owns its socket."""

    def cancel(self, backend_pid: int, secret_key: bytes) -> Awaitable[None]:
        """Carry a CancelRequest to its session."""


@define(eq=False)
class FrontDoor:
    """Accepts on all listeners while it is open."""

    _reactor: Any
    _listeners: Listeners
    _routes: Routes
    _packet_deadline_s: float
    _max_half_open: int = MAX_HALF_OPEN
    _doors: list[_Door] = field(factory=list)
    # in the order of arrival, which is the order of their deadlines
    _half_open: dict[_Newcomer, float] = field(factory=dict)
    _sweep: IDelayedCall | None = None
    _cancels: int = 0
    _log: Logger = field(factory=Logger)

    def open(self) -> None:
        """Start to accept."""
        self._doors = [_Door(self._reactor, listener, self._came) for listener in self._listeners.sockets]
        for door in self._doors:
            door.open()

    def close(self) -> None:
        """Stop to accept and to listen, and hang up on whoever hasn't sent its packet."""
        for door in self._doors:
            door.shut()
        self._doors.clear()
        self._listeners.close()
        for newcomer in list(self._half_open):
            newcomer.hang_up()
        self._half_open.clear()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def _came(self, client: socket.socket, address: Any) -> None:
        newcomer = _Newcomer(self._reactor, client, address, self._decide, self._left)
        self._half_open[newcomer] = self._reactor.seconds() + self._packet_deadline_s
        if len(self._half_open) > self._max_half_open:
            next(iter(self._half_open)).hang_up()
        if self._sweep is None:
            self._sweep = self._reactor.callLater(_SWEEP_INTERVAL_S, self._hang_up_on_the_late)
        newcomer.listen()

    def _left(self, newcomer: _Newcomer) -> None:
        self._half_open.pop(newcomer, None)

    def _hang_up_on_the_late(self) -> None:
        self._sweep = None
        now = self._reactor.seconds()
        for newcomer, deadline in list(self._half_open.items()):
            if deadline > now:
                break
            newcomer.hang_up()
        if self._half_open:
            self._sweep = self._reactor.callLater(_SWEEP_INTERVAL_S, self._hang_up_on_the_late)

    def _decide(self, newcomer: _Newcomer, packet: StartupPacket | None, prefix: bytes) -> None:
        self._left(newcomer)
        if isinstance(packet, CancelRequest):
            start(self._cancel(newcomer.take(), packet), "cancel a query")
            return
        remote_host, remote_port = newcomer.remote
        arrival = Arrival(
            fd=newcomer.take().detach(),
            remote_host=remote_host,
            remote_port=remote_port,
            prefix=prefix,
            database=_database(packet),
        )
        start(_awaited(self._routes.route(arrival)), "route a connection")

    async def _cancel(self, client: socket.socket, request: CancelRequest) -> None:
        """The client waits for the close, and takes it to mean that the request has arrived."""
        with client:
            if self._cancels >= MAX_CANCELS:
                return
            self._cancels += 1
            try:
                await self._routes.cancel(request.backend_pid, request.secret_key)
            finally:
                self._cancels -= 1


@implementer(IReadDescriptor)
@define(eq=False)
class _Door:
    """One listening socket in the reactor. The `Listeners` own it."""

    _reactor: Any
    _listener: socket.socket
    _came: Callable[[socket.socket, Any], None]
    _pause: IDelayedCall | None = None
    _log: Logger = field(factory=Logger)

    def open(self) -> None:
        """Accept from now on."""
        self._pause = None
        self._reactor.addReader(self)

    def shut(self) -> None:
        """Accept no more."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        else:
            self._reactor.removeReader(self)

    def fileno(self) -> int:
        """For the reactor."""
        return self._listener.fileno()

    def logPrefix(self) -> str:
        """For the reactor."""
        return "front door"

    def doRead(self) -> None:
        """Take those who wait, a bounded number at once."""
        for _ in range(_ACCEPTS_AT_ONCE):
            try:
                client, address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in _OUT_OF_RESOURCES:
                    # the peer has given up between its connect and our accept
                    continue
                self._log.error("can't accept connections: {error}", error=error.strerror)
                self._reactor.removeReader(self)
                self._pause = self._reactor.callLater(_PAUSE_S, self.open)
                return
            client.setblocking(False)
            self._came(client, address)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor lets go of it."""


@implementer(IReadDescriptor)
@define(eq=False)
class _Newcomer:
    """One connection before its first packet is whole; owns its socket until `take` or `hang_up`."""

    _reactor: Any
    _client: socket.socket
    _address: Any
    _decided: Callable[[_Newcomer, StartupPacket | None, bytes], None]
    _left: Callable[[_Newcomer], None]
    _prefix: bytes = b""
    _wanted: int = _LENGTH_BYTES
    _listening: bool = False
    _done: bool = False

    @property
    def remote(self) -> tuple[str, int]:
        """Address and port; "" and 0 for a UNIX socket."""
        if self._client.family == socket.AF_UNIX:
            return "", 0
        return self._address[0], self._address[1]

    def listen(self) -> None:
        """Look at once: a client on the same machine has mostly sent its packet by now."""
        self.doRead()
        if not self._done:
            self._listening = True
            self._reactor.addReader(self)

    def take(self) -> socket.socket:
        """Give the socket to the caller."""
        self._stop()
        return self._client

    def hang_up(self) -> None:
        """Close it without a word, as PostgreSQL does with whoever doesn't speak its protocol, or not in time."""
        self._stop()
        self._client.close()
        self._left(self)

    def _stop(self) -> None:
        self._done = True
        if self._listening:
            self._listening = False
            self._reactor.removeReader(self)

    def fileno(self) -> int:
        """For the reactor."""
        return self._client.fileno()

    def logPrefix(self) -> str:
        """For the reactor."""
        return "newcomer"

    def doRead(self) -> None:
        """Read what is there of the packet, and not one byte more."""
        try:
            data = self._look() if not self._prefix else self._client.recv(self._wanted - len(self._prefix))
        except BlockingIOError:
            return
        except OSError:
            self.hang_up()
            return
        if data is None:
            self._decided(self, None, b"")
        elif not data:
            self.hang_up()
        else:
            self._prefix += data
            self._consider()

    def _look(self) -> bytes | None:
        """The first bytes: peeked at, then taken up to the end of the packet. None for a TLS hello, of which nothing is taken."""
        seen = self._client.recv(MAX_STARTUP_PACKET_BYTES, socket.MSG_PEEK)
        if not seen:
            return seen
        if seen[0] == _TLS_HANDSHAKE:
            return None
        if len(seen) >= _LENGTH_BYTES:
            self._wanted = _length_of(seen)
        return self._client.recv(self._wanted)

    def _consider(self) -> None:
        reader = StartupReader()
        reader.feed(self._prefix)
        try:
            packet = reader.read()
        except PgError:
            if not MIN_STARTUP_PACKET_BYTES <= len(self._prefix) == self._wanted:
                # the length itself is wrong: whoever this is doesn't speak our protocol
                self.hang_up()
                return
            # a packet that is well framed but malformed: the worker says so
            self._decided(self, None, self._prefix)
            return
        if packet is not None:
            self._decided(self, packet, self._prefix)
        elif len(self._prefix) >= _LENGTH_BYTES:
            self._wanted = _length_of(self._prefix)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor lets go of it: the peer has hung up, or the server ends."""
        if not self._done:
            self.hang_up()


def refuse_here(fd: int, refusal: PgError) -> None:
    """Say a refusal from the front door, once, without waiting: what the socket's buffer doesn't take is lost.

    Used when no worker lives. The client may have asked for TLS; an ErrorResponse is a legal answer to that too. Doesn't own the
    socket.
    """
    with socket.socket(fileno=fd) as client:
        try:
            client.send(ErrorResponse.from_error(refusal).encode())
        except OSError:
            # it has hung up already
            pass
        finally:
            client.detach()


def _length_of(prefix: bytes) -> int:
    """How much to read; bounded, because a length that is wrong is still to be found out."""
    return max(_LENGTH_BYTES, min(int.from_bytes(prefix[:_LENGTH_BYTES]), MAX_STARTUP_PACKET_BYTES))


def _database(packet: StartupPacket | None) -> str | None:
    if not isinstance(packet, StartupMessage):
        return None
    try:
        return packet.database
    except PgError:
        # it names no user: the worker says so
        return None


async def _awaited(awaitable: Awaitable[None]) -> None:
    await awaitable
