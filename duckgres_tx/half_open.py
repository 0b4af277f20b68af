"""A connection before its first packet is whole.

It is read for exactly that packet: every byte after it stays in the socket, for the worker. From a TLS hello (direct TLS) nothing is
read at all.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from attrs import define
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from duckgres_tx.errors import PgError
from duckgres_tx.wire.startup import (
    MAX_STARTUP_PACKET_BYTES,
    MIN_STARTUP_PACKET_BYTES,
    StartupPacket,
    StartupReader,
)

_LENGTH_BYTES = 4
_TLS_HANDSHAKE = 0x16


@implementer(IReadDescriptor)
@define(eq=False)
class HalfOpen:
    """One connection; owns its socket until `take` or `hang_up`.

    Attributes:
        remote: Address and port of the client; "" and 0 for a UNIX socket.
        prefix: What was read from it so far.
    """

    _reactor: Any
    _client: socket.socket
    remote: tuple[str, int]
    _decided: Callable[[HalfOpen, StartupPacket | None, bytes], None]
    _left: Callable[[HalfOpen], None]
    prefix: bytes = b""
    _wanted: int = _LENGTH_BYTES
    _listening: bool = False
    _done: bool = False

    def __attrs_post_init__(self) -> None:
        if len(self.prefix) >= _LENGTH_BYTES:
            self._wanted = _length_of(self.prefix)

    def listen(self) -> None:
        """Look at once: a client on the same machine has mostly sent its packet by now."""
        self.doRead()
        if not self._done and not self._listening:
            self._listening = True
            self._reactor.addReader(self)

    def pause(self) -> None:
        """Read nothing until `listen`."""
        if self._listening:
            self._listening = False
            self._reactor.removeReader(self)

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
        self.pause()

    def fileno(self) -> int:
        """For the reactor."""
        return self._client.fileno()

    def logPrefix(self) -> str:
        """For the reactor."""
        return "half-open connection"

    def doRead(self) -> None:
        """Read what is there of the packet, and not one byte more."""
        try:
            data = self._look() if not self.prefix else self._client.recv(self._wanted - len(self.prefix))
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
            self.prefix += data
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
        reader.feed(self.prefix)
        try:
            packet = reader.read()
        except PgError:
            if not MIN_STARTUP_PACKET_BYTES <= len(self.prefix) == self._wanted:
                # the length itself is wrong: whoever this is doesn't speak our protocol
                self.hang_up()
                return
            # a packet that is well framed but malformed: the worker says so
            self._decided(self, None, self.prefix)
            return
        if packet is not None:
            self._decided(self, packet, self.prefix)
        elif len(self.prefix) >= _LENGTH_BYTES:
            self._wanted = _length_of(self.prefix)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor lets go of it: the peer has hung up, or the server ends."""
        if not self._done:
            self.hang_up()


def _length_of(prefix: bytes) -> int:
    """How much to read; bounded, because a length that is wrong is still to be found out."""
    return max(_LENGTH_BYTES, min(int.from_bytes(prefix[:_LENGTH_BYTES]), MAX_STARTUP_PACKET_BYTES))
