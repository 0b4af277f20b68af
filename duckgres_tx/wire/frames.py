"""Cuts the stream of typed messages into frames: `Byte1(type) Int32(length, counts itself) Byten(body)`.

The reader holds at most one incomplete message, and refuses a type or a length as soon as the five bytes that say
so are there; so what it keeps is bounded by the limit plus one read.

Spec: protocol-overview.html#PROTOCOL-MESSAGE-CONCEPTS
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NoReturn, Self

from duckgres_tx.errors import ProtocolViolation, Severity

__all__ = ["DEFAULT_MAX_MESSAGE_BYTES", "FRAME_HEADER_BYTES", "PASSWORD_MESSAGE_BYTES", "FrameReader"]

FRAME_HEADER_BYTES = 5

# PostgreSQL's MaxAllocSize - 1 (PQ_LARGE_MESSAGE_LIMIT).
DEFAULT_MAX_MESSAGE_BYTES = 0x3FFFFFFE

# Messages that hold a name or nothing: PostgreSQL's PQ_SMALL_MESSAGE_LIMIT.
SMALL_MESSAGE_BYTES = 10_000

# PostgreSQL's PG_MAX_AUTH_TOKEN_LENGTH.
PASSWORD_MESSAGE_BYTES = 65_535

_LARGE_TYPES = (b"B", b"F", b"P", b"Q", b"d")
_SMALL_TYPES = (b"C", b"D", b"E", b"H", b"S", b"X", b"c", b"f")

_header = struct.Struct(">cI").unpack_from


@lru_cache(maxsize=64)
def _limits_of(max_message_bytes: int, more_types: tuple[bytes, ...]) -> Mapping[bytes, int]:
    """The limit of each type. A server has two, one before and one after the login, shared by all clients."""
    return {
        **dict.fromkeys(_LARGE_TYPES, max_message_bytes),
        **dict.fromkeys((*_SMALL_TYPES, *more_types), min(SMALL_MESSAGE_BYTES, max_message_bytes)),
        b"p": min(PASSWORD_MESSAGE_BYTES, max_message_bytes),
    }


class FrameReader:
    """Bytes in by `feed`, `(type_byte, body)` out by iteration.

    Iteration ends where the next message isn't whole yet and goes on after the next `feed`; it may be left at any
    frame and taken up again, which is how a busy session lets the rest wait. After a `ProtocolViolation` (FATAL:
    the place in the stream is lost) the reader is of no further use.

    Args:
        max_message_bytes: The highest length that a message may claim, its length word included.
        more_types: Types beside the protocol's own, of small messages.
    """

    __slots__ = ("_data", "_limits", "_more_types", "_parts", "_parts_bytes", "_position", "_wanted")

    def __init__(self, max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES, more_types: tuple[bytes, ...] = ()) -> None:
        self._data = b""
        self._position = 0
        # Of a message that needs more reads the pieces are only joined when it is whole.
        self._parts: list[bytes] = []
        self._parts_bytes = 0
        self._wanted = 0
        self._more_types = more_types
        self._limits: Mapping[bytes, int] = {}
        self.set_limit(max_message_bytes)

    def set_limit(self, max_message_bytes: int) -> None:
        """Change the limit for messages that are yet to come, e.g. a low one until the client has authenticated."""
        self._limits = _limits_of(max_message_bytes, self._more_types)

    @property
    def buffered_bytes(self) -> int:
        """How many bytes were fed and not given out yet."""
        return len(self._data) - self._position + self._parts_bytes

    @property
    def amid_message(self) -> bool:
        """Iteration has ended inside of a message: nothing comes out before more is fed, however much is buffered."""
        return bool(self._parts)

    @property
    def rest(self) -> bytes:
        """What was fed and not given out yet, as it was sent."""
        return b"".join(self._parts) if self._parts else self._data[self._position :]

    def feed(self, data: bytes) -> None:
        """Take bytes from the client, in any portions.

        Args:
            data: Kept, not copied, until its last frame is given out.
        """
        if self._parts:
            self._parts.append(data)
            self._parts_bytes += len(data)
            if self._parts_bytes >= self._wanted:
                self._data = b"".join(self._parts)
                self._position = 0
                self._parts.clear()
                self._parts_bytes = 0
        elif self._position == len(self._data):
            self._data = data
            self._position = 0
        else:
            self._data = self._data[self._position :] + data
            self._position = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[bytes, bytes]:
        data = self._data
        start = self._position
        if start + FRAME_HEADER_BYTES > len(data):
            if start < len(data):
                self._check_type(data[start : start + 1])
            raise StopIteration
        type_byte, length = _header(data, start)
        # A negative length reads as a very high one here, an unknown type has no limit.
        if not 4 <= length <= self._limits.get(type_byte, 0):
            self._refuse(type_byte)
        end = start + 1 + length
        if end > len(data):
            self._wait_for(end - start)
            raise StopIteration
        self._position = end
        return type_byte, data[start + 5 : end]

    def _wait_for(self, message_bytes: int) -> None:
        self._parts.append(self._data[self._position :])
        self._parts_bytes = len(self._parts[0])
        self._wanted = message_bytes
        self._data = b""
        self._position = 0

    def _check_type(self, type_byte: bytes) -> None:
        if type_byte not in self._limits:
            self._refuse(type_byte)

    def _refuse(self, type_byte: bytes) -> NoReturn:
        if type_byte in self._limits:
            raise ProtocolViolation("invalid message length", severity=Severity.FATAL)
        raise ProtocolViolation(f"invalid frontend message type {type_byte[0]}", severity=Severity.FATAL)


def messages(data: bytes) -> Iterator[bytes]:
    """Cut encoded messages of our own apart, type and length included; there are only whole ones."""
    start = 0
    while start < len(data):
        end = start + 1 + int.from_bytes(data[start + 1 : start + FRAME_HEADER_BYTES])
        yield data[start:end]
        start = end
