"""Transports that send at once what the kernel takes, instead of a turn of the reactor's loop later.

Twisted's transports gather what is written, ask the reactor to tell when the socket is writable, and send then. An answer
that fits into the socket's buffer, as nearly all do, costs two changes of the poll set, a turn of the loop and a copy more
that way. What the kernel doesn't take waits as Twisted's would, producers and all, but isn't copied.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.interfaces import IHalfCloseableDescriptor
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from zope.interface import implementer_only

# For one call of the kernel: what more there is waits for the next.
MAX_PIECES = 64


def send_now(transport: Any, data: bytes) -> bytes | memoryview:
    """Send what the kernel takes, if nothing that was written before still waits.

    Args:
        transport: One of Twisted's TCP or UNIX transports.
        data: Not empty.

    Returns:
        What is left, for the transport's own ``write``.
    """
    if (
        not transport.connected
        or transport.disconnecting
        or transport._writeDisconnecting  # noqa: SLF001
        or transport._tempDataLen  # noqa: SLF001
        or transport.dataBuffer
    ):
        return data
    sent = transport.writeSomeData(data)
    # An error comes again when the reactor tries, which then ends the connection as usual.
    if not isinstance(sent, int) or sent <= 0:
        return data
    return b"" if sent == len(data) else memoryview(data)[sent:]


def has_unsent(transport: Any) -> bool:
    """Whether something that was written to one of these transports has yet to be sent."""
    return bool(transport._tempDataLen or transport.dataBuffer)  # noqa: SLF001


class _EagerWrites:
    """Mixed into Twisted's server transports.

    Attributes:
        lazy_from_bytes: Writes of at least this length are gathered all the same; for TLS, whose records come one by one.
    """

    lazy_from_bytes = sys.maxsize
    # Twisted's own is half of one of the engine's buffers: the other half would go the long way each time.
    SEND_LIMIT = 1 << 20

    def write(self: Any, data: bytes) -> None:
        """Send; what can't be sent now is sent when the socket is writable."""
        left = send_now(self, data) if 0 < len(data) < self.lazy_from_bytes else data
        if left and self.connected and not self._writeDisconnected:
            # As Twisted's own, which takes bytes only: so the rest would have to be copied.
            self._tempDataBuffer.append(left)
            self._tempDataLen += len(left)
            self._maybePauseProducer()
            self.startWriting()

    def doWrite(self: Any) -> Any:
        """The socket is writable: send what waits, piece by piece as it was written, where Twisted would join it first."""
        waiting = self._tempDataBuffer
        if waiting:
            try:
                sent = self.socket.sendmsg(waiting[:MAX_PIECES])
            except BlockingIOError:
                return None
            except OSError:
                return CONNECTION_LOST
            self._tempDataLen -= sent
            _drop(waiting, sent)
        if waiting:
            return None
        # The end of writing, and whoever waits for it, are Twisted's to see to.
        return super().doWrite()  # type: ignore[misc]  # the mixed-in transport's

    def loseConnection(self: Any) -> None:  # noqa: N802
        """Close: at the end of this turn when nothing waits to be sent, whether the socket is writable or not."""
        if (
            not self.connected
            or self.disconnecting
            or self._writeDisconnecting
            or self._writeDisconnected
            or self._tempDataLen
            or self.dataBuffer
            or self.producer is not None
        ):
            super().loseConnection()  # type: ignore[misc]  # the mixed-in transport's
            return
        self.disconnecting = 1
        self.stopReading()
        self.reactor.callLater(0, self._close)

    def _close(self: Any) -> None:
        # It may have been aborted in the meantime.
        if self.connected:
            self.connectionLost(Failure(CONNECTION_DONE))


def _drop(pieces: list[bytes | memoryview], count: int) -> None:
    """Forget the first bytes."""
    whole = 0
    for piece in pieces:
        if len(piece) > count:
            break
        count -= len(piece)
        whole += 1
    del pieces[:whole]
    if count:
        pieces[0] = memoryview(pieces[0])[count:]


# Twisted's TLS declares for itself, one by one, every interface that the transport below has, and that for each connection takes
# longer than all else that it does for one. So no more are declared here than somebody asks for: the reactor, when a peer has
# closed its half.
@implementer_only(IHalfCloseableDescriptor)
class EagerTCP(_EagerWrites, tcp.Server):
    """A client's TCP connection."""


@implementer_only(IHalfCloseableDescriptor)
class EagerUNIX(_EagerWrites, unix.Server):
    """A client's connection by UNIX socket, or one end of a relay."""


def adopt(reactor: Any, client: socket.socket, factory: Factory[Any]) -> None:
    """As ``reactor.adoptStreamConnection``, which can't be told a class: a transport on a duplicate of a connected socket.

    Args:
        reactor: Its reactor.
        client: Non-blocking; it stays the caller's.
        factory: Makes the protocol.

    Raises:
        OSError: The peer is gone.
    """
    if client.family == socket.AF_UNIX:
        EagerUNIX._fromConnectedSocket(client.fileno(), factory, reactor)  # noqa: SLF001
    else:
        EagerTCP._fromConnectedSocket(client.fileno(), client.family, factory, reactor)  # noqa: SLF001
