"""What goes to the client: gathered, written in one piece, held back while the client doesn't read."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from duckgres_tx.session.transports import ClientTransport
from duckgres_tx.wire.transcoding import Transcoder

# A result that is still growing is handed to the transport in pieces of about this size.
FLUSH_BYTES = 64 * 1024


@implementer(IPushProducer)
class Outgoing:
    """The session's output.

    Small messages are gathered until ``flush``, so that a whole answer is one write. The transport says when it is full
    (``IPushProducer``); then ``paused`` is set, and whoever produces asks nothing more of the engine until ``on_writable``.

    Attributes:
        transcoder: Converts what is written for a client that doesn't read UTF-8; None for all others.
        paused: The transport has enough; produce no more.
        on_writable: Called when it wants more again.
        closed: The connection is going away; writes are dropped.
    """

    __slots__ = ("_parts", "_size", "_transport", "closed", "on_writable", "paused", "transcoder")

    def __init__(self, transport: ClientTransport) -> None:
        self._transport = transport
        self._parts: list[bytes] = []
        self._size = 0
        self.paused = False
        self.closed = False
        self.on_writable: Callable[[], None] | None = None
        self.transcoder: Transcoder | None = None
        transport.registerProducer(self, True)

    def write(self, data: bytes) -> None:
        """Add encoded messages; they leave with the next flush, or now when much has gathered.

        Raises:
            PgError: 22P05 for what the client's encoding lacks; the messages before it are added.
        """
        if self.transcoder is not None:
            self._write_transcoded(self.transcoder, data)
            return
        self._parts.append(data)
        self._size += len(data)
        if self._size >= FLUSH_BYTES:
            self.flush()

    def _write_transcoded(self, transcoder: Transcoder, data: bytes) -> None:
        for message in transcoder.messages(data):
            self._parts.append(message)
            self._size += len(message)
        if self._size >= FLUSH_BYTES:
            self.flush()

    def write_all(self, buffers: list[bytes]) -> None:
        """Add buffers that an execution has filled.

        Raises:
            PgError: As `write`.
        """
        for data in buffers:
            self.write(data)

    def flush(self) -> None:
        """Hand everything gathered to the transport."""
        parts = self._parts
        if not parts:
            return
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        self._parts = []
        self._size = 0
        if not self.closed:
            self._transport.write(data)

    def detach(self) -> None:
        """Write no more, so that the transport may be closed: with a producer it would wait for what still comes."""
        if not self.closed:
            self.flush()
            self.closed = True
            self._transport.unregisterProducer()

    def pauseProducing(self) -> None:
        """The transport is full."""
        self.paused = True

    def resumeProducing(self) -> None:
        """The transport wants more."""
        self.paused = False
        if self.on_writable is not None:
            self.on_writable()

    def stopProducing(self) -> None:
        """The transport is gone; ``connectionLost`` tells the session."""
        self.closed = True
        self.paused = True
        self._parts = []
        self._size = 0
