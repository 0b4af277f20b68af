"""A session whose database another worker owns: bytes go between the client and a socketpair whose far end is there.

TLS ends here; the owner sees the client's StartupMessage first, then what the client sends. Only the owner knows what the session is
doing. So when this worker has to let go of its clients, it asks the owner: by a message of its own between two of the client's (`LEAVE`)
for the session to end when it is idle, by the end of the stream for it to be stopped. Either way the owner says the last word.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from duckgres_tx.errors import PgError, Severity
from duckgres_tx.session.client import Client
from duckgres_tx.session.control_plane import AskAgain
from duckgres_tx.session.eager_writes import adopt
from duckgres_tx.wire.startup import StartupMessage

# the type of the message from a relaying worker to an owner; PostgreSQL has none of that type
LEAVE = b"!"
_LEAVE_MESSAGE = LEAVE + struct.pack(">I", 4)
# how long an owner may take to stop what runs and say so
STOP_TIMEOUT_S = 5.0
_ATTEMPTS = 3
_HEADER_BYTES = 5
_length_at = struct.Struct(">I").unpack_from


class NearEnd(Protocol):
    """Our end of the socketpair: what the owner says goes to the client.

    Args:
        client: The client's connection.
    """

    transport: Any

    def __init__(self, client: Client) -> None:
        self._client = client

    def dataReceived(self, data: bytes) -> None:
        """The owner's bytes are the client's."""
        self._client.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The owner has hung up: so do we, once the client has read everything."""
        if not self._client.closing:
            self._client.transport.unregisterProducer()
            self._client.close()


class Boundaries:
    """Follows a stream of typed messages, to know where one has ended and the next has not begun."""

    __slots__ = ("_head", "_missing")

    def __init__(self) -> None:
        self._head = b""
        self._missing = 0

    @property
    def between_messages(self) -> bool:
        """What has passed is whole messages."""
        return not self._missing and not self._head

    def passed(self, data: bytes) -> None:
        """These bytes have passed."""
        position = self._missing
        if self._head:
            data, position = self._head + data, 0
        end, length_at = len(data), _length_at
        last_header = end - _HEADER_BYTES
        # COPY FROM STDIN sends a message for each line
        while position <= last_header:
            position += length_at(data, position + 1)[0] + 1
        self._missing = max(0, position - end)
        self._head = data[position:] if position < end else b""


class Relay:
    """The stage of a relayed connection; each side is the other's producer, so that a slow reader slows the writer.

    Args:
        client: The client's connection.
        near_end: Our end of the pair, connected.
    """

    def __init__(self, client: Client, near_end: NearEnd) -> None:
        self._client = client
        self._near_end = near_end
        self._boundaries = Boundaries()
        self._is_to_ask = False
        self._has_asked = False
        self._deadline: IDelayedCall | None = None
        client.transport.registerProducer(near_end.transport, True)
        near_end.transport.registerProducer(client.transport, True)

    @property
    def logged_in(self) -> bool:
        """The owner sees to that."""
        return True

    def receive(self, data: bytes) -> None:
        """The client's bytes are the owner's."""
        if self._deadline is not None:
            return
        self._boundaries.passed(data)
        self._near_end.transport.write(data)
        if self._is_to_ask:
            self._ask_owner()

    def leave(self, *, now: bool) -> None:
        """The host lets go of its clients: the owner is told, and hangs up."""
        if now:
            self._stop()
        elif not self._has_asked:
            self._is_to_ask = True
            self._ask_owner()

    def end_of_input(self) -> None:
        """Who was relayed to this worker is not relayed again, so a relayed connection is none of the stages of a relayed one."""
        self._stop()

    def lost(self) -> None:
        """The client is gone: the owner sees the end of the stream."""
        if self._deadline is None:
            self._near_end.transport.unregisterProducer()
        elif self._deadline.active():
            self._deadline.cancel()
        self._near_end.transport.loseConnection()
        self._client.finished()

    def _ask_owner(self) -> None:
        if self._boundaries.between_messages:
            self._is_to_ask, self._has_asked = False, True
            self._near_end.transport.write(_LEAVE_MESSAGE)

    def _stop(self) -> None:
        if self._deadline is None:
            self._near_end.transport.unregisterProducer()
            self._near_end.transport.loseWriteConnection()
            self._deadline = self._client.host.reactor.callLater(STOP_TIMEOUT_S, self._client.abort)


async def relay(client: Client, message: StartupMessage, early: bytes) -> None:
    """Pass a session on to the worker that owns its database.

    Args:
        client: The connection, before authentication; the owner authenticates it.
        message: What it asked for.
        early: Bytes that came after the message.

    Raises:
        PgError: The owner can't be reached (57P03, as the control plane says it).
    """
    # it may have to wait until the database has moved, which is not the client's time
    client.handshake_done()
    near = await _reach_owner(client, message)
    try:
        if client.closing:
            return
        near_end = NearEnd(client)
        factory = Factory.forProtocol(lambda: near_end)
        factory.noisy = False
        adopt(client.host.reactor, near, factory)
    finally:
        near.close()
    client.stage = Relay(client, near_end)
    if early:
        client.stage.receive(early)
    client.host.arrived(client)


async def _reach_owner(client: Client, message: StartupMessage) -> socket.socket:
    """Our end of a pair whose other end the owner has; the caller owns it.

    It has no deadline of its own: the control plane waits for a database no longer than a drain may take, and one that is gone is noticed by its link.
    """
    control_plane, accepted = client.host.control_plane, client.accepted
    for _ in range(_ATTEMPTS):
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            near.setblocking(False)
            far.setblocking(False)
            await control_plane.relay_connection(
                far.detach(), message.encode(), accepted.remote_host, accepted.remote_port
            )
        except AskAgain:
            # an owner that has got the other end all the same sees that nobody is there
            near.close()
        except BaseException:
            near.close()
            raise
        else:
            return near
        finally:
            # only still open when the control plane never got it
            far.close()
    raise cannot_connect_now()


def cannot_connect_now() -> PgError:
    """What a client hears that can't have a session now, but soon."""
    return PgError("57P03", "the database system is shutting down", severity=Severity.FATAL)
