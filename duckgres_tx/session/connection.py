"""A client's socket as a Twisted Protocol: its stages, its deadline, its end.

A connection is in one stage at a time, each of which takes bytes: ``startup`` (what comes before authentication),
``authentication``, then ``conversation`` or ``relay``.
"""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol, IHandshakeListener
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import directlyProvides, implementer

from duckgres_tx.errors import PgError
from duckgres_tx.session.client import Client, Host, Stage
from duckgres_tx.session.control_plane import AcceptedConnection
from duckgres_tx.wire.backend import ErrorResponse
from duckgres_tx.wire.state import Conversation

# A dead peer is noticed after 30 + 3 * 10 s when idle, and after 60 s with unacknowledged data.
KEEPALIVE_IDLE_S = 30
KEEPALIVE_INTERVAL_S = 10
KEEPALIVE_PROBES = 3
USER_TIMEOUT_MS = 60_000

# How long a peer may take to read the last message and the end of the stream.
CLOSE_TIMEOUT_S = 5.0


def configure_socket(client: socket.socket) -> None:
    """Set the options that every client's TCP socket needs; it stays non-blocking, as it came."""
    client.set_inheritable(False)
    if client.family == socket.AF_UNIX:
        return
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_PROBES)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


@implementer(IHandshakeListener)
class ClientConnection(Protocol):
    """One client's connection from accept to end.

    Args:
        host: Whom it belongs to.
        accepted: How it came; its descriptor has been adopted already.
        first_stage: Makes the stage that the connection begins in.

    Attributes:
        stage: Takes the client's bytes; replaced as the conversation goes on.
        encrypted: The transport is TLS.
        channel_binding: What the certificate that the client was shown binds a proof to; None in plain text.
        wire_state: Which message may come now.
        on_handshake: Called once when the TLS handshake is over.
        closing: The last word has been said.
    """

    transport: Any
    _log = Logger()

    def __init__(self, host: Host, accepted: AcceptedConnection, first_stage: Callable[[Client], Stage]) -> None:
        self.host = host
        self.accepted = accepted
        self.encrypted = False
        self.channel_binding: bytes | None = None
        self.closing = False
        self.on_handshake: Callable[[], None] | None = None
        self.wire_state = Conversation()
        self.stage = first_stage(self)
        self._plain: Any = None
        self._deadline: IDelayedCall | None = None
        self._finished = False
        if accepted.relayed:
            # the worker at the other end may want an answer to its last word
            directlyProvides(self, IHalfCloseableProtocol)

    def connectionMade(self) -> None:
        """Begin; when TLS is put in between, this happens a second time."""
        if self._plain is not None:
            return
        self._plain = self.transport
        timeout_s = self.host.settings.handshake_timeout_s
        self._deadline = self.host.reactor.callLater(timeout_s, self._too_slow)
        if self.accepted.prefix:
            self.dataReceived(self.accepted.prefix)

    def dataReceived(self, data: bytes) -> None:
        """Bytes are the stage's business."""
        if not self.closing:
            self.stage.receive(data)

    def readConnectionLost(self) -> None:
        """Of a relayed connection: nothing more comes."""
        if not self.closing:
            self.stage.end_of_input()

    def writeConnectionLost(self) -> None:
        """Of a relayed connection: never alone."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The socket is gone."""
        self.closing = True
        self.handshake_done()
        self.stage.lost()

    def handshakeCompleted(self) -> None:  # noqa: N802
        """The TLS handshake is over."""
        if self.on_handshake is not None:
            self.on_handshake()

    def start_tls(self, already_read: bytes, on_handshake: Callable[[], None]) -> None:
        """Go on in TLS; what was read of the client's hello goes in, and ``on_handshake`` is called when it is done."""
        assert self.host.tls is not None, "whoever offers TLS has looked"  # noqa: S101
        self.encrypted = True
        # by the time of the proof there may be another certificate
        self.channel_binding = self.host.tls.end_point_digest
        self.on_handshake = on_handshake
        layer = self.host.tls.wrap(self._plain, self)
        if already_read:
            layer.dataReceived(already_read)

    def handshake_done(self) -> None:
        """The client has logged in, or given up: the deadline for it is off."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def fatal(self, error: PgError) -> None:
        """Tell the client why, and hang up."""
        if not self.closing:
            self.transport.write(ErrorResponse.from_error(error.fatal()).encode())
            self.close()

    def close(self) -> None:
        """Hang up once the client has read what was written, or after ``CLOSE_TIMEOUT_S``."""
        if self.closing:
            return
        self.closing = True
        self.handshake_done()
        self._deadline = self.host.reactor.callLater(CLOSE_TIMEOUT_S, self._abort)
        self.transport.loseConnection()

    def abort(self) -> None:
        """Hang up at once."""
        self.closing = True
        self.transport.abortConnection()

    def finished(self) -> None:
        """Nothing of the connection is left; told by its last stage."""
        if not self._finished:
            self._finished = True
            self.host.connection_finished(self)

    def has_sent_more(self) -> bool:
        """Whether there is something of the client's that was not read yet. A look, no wait; never in TLS."""
        if self.encrypted or self.closing:
            return False
        with contextlib.suppress(OSError, ValueError, AttributeError):
            look = select.poll()
            look.register(self._plain.fileno(), select.POLLIN)
            return bool(look.poll(0))
        return False

    def peer_is_gone(self) -> bool:
        """Whether the peer has closed its end, also while reading is paused. A look, no wait."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            look = select.poll()
            look.register(self._plain.fileno(), select.POLLRDHUP)
            return any(events & (select.POLLRDHUP | select.POLLHUP | select.POLLERR) for _, events in look.poll(0))
        return False

    def _too_slow(self) -> None:
        # As in PostgreSQL no word is said: the peer may be anything, and may not read.
        self._deadline = None
        self.abort()

    def _abort(self) -> None:
        self._deadline = None
        self.transport.abortConnection()
