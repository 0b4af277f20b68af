"""A client that drains results without parsing rows, so that the server sets the pace.

The end is nominated by the last bytes received (CommandComplete, ReadyForQuery) and proved by arithmetic: a drain that
counts every frame is made once per statement, outside the clock, and each timed drain must give the same number of
bytes and the same tag.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterable
from typing import Self

from attrs import define, field, frozen

from benchmarks.endpoints import Endpoint
from benchmarks.frames import (
    TAIL_BYTES,
    BrokenFrameError,
    FrameCounter,
    closing_tag,
    ends_with_ready,
    rows_of,
)
from benchmarks.raw_login import ServerRefusedError, describe_error, log_in, message, read_message

RECEIVE_BYTES = 1 << 20
DRAIN_TIMEOUT_S = 300.0
# How long a stream that looks ended without a tag may still bring something before it counts as an error.
LOOKALIKE_WAIT_S = 2.0
COPY_DATA_BYTES = 64 << 10

FORMAT_CODES = {"text": 0, "binary": 1}


@frozen
class Drained:
    """One result, drained: its tag, size in bytes (all messages) and time from sending to ReadyForQuery."""

    tag: str
    size: int
    seconds: float

    @property
    def rows(self) -> int:
        """The rows by the tag."""
        return rows_of(self.tag)


def extended_query(sql: str, result_format: str) -> bytes:
    """Parse, Bind, Describe, Execute, Sync for a statement without parameters, all columns in one format."""
    return b"".join(
        (
            message(b"P", b"\0" + sql.encode() + b"\0" + struct.pack("!H", 0)),
            message(b"B", b"\0\0" + struct.pack("!HHHH", 0, 0, 1, FORMAT_CODES[result_format])),
            message(b"D", b"P\0"),
            message(b"E", b"\0" + struct.pack("!I", 0)),
            message(b"S", b""),
        )
    )


def simple_query(sql: str) -> bytes:
    """Query: the simple protocol."""
    return message(b"Q", sql.encode() + b"\0")


@define
class RawClient:
    """One plain TCP session that reads as fast as the kernel gives."""

    _socket: socket.socket
    _buffer: bytearray = field(factory=lambda: bytearray(RECEIVE_BYTES), repr=False)

    @classmethod
    def connect(cls, endpoint: Endpoint) -> Self:
        """Log in; the caller closes it (or uses ``with``)."""
        connection = socket.create_connection((endpoint.host, endpoint.port), DRAIN_TIMEOUT_S)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            log_in(connection, endpoint)
            # A blocking recv needs one system call, one with a timeout needs a poll before it; SO_RCVTIMEO bounds it.
            connection.setblocking(True)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", int(DRAIN_TIMEOUT_S), 0))
        except BaseException:
            connection.close()
            raise
        return cls(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def drain(self, request: bytes) -> Drained:
        """Send a request and drain its answer without looking into it.

        Raises:
            ServerRefusedError: The server answered with an error.
        """
        connection, buffer = self._socket, self._buffer
        tail = b""
        size = 0
        begin = time.perf_counter()
        connection.sendall(request)
        while True:
            taken = connection.recv_into(buffer)
            if not taken:
                text = f"the server closed the connection after {size} bytes"
                raise ConnectionError(text)
            size += taken
            tail = (
                bytes(buffer[taken - TAIL_BYTES : taken])
                if taken >= TAIL_BYTES
                else (tail + buffer[:taken])[-TAIL_BYTES:]
            )
            if ends_with_ready(tail):
                tag = closing_tag(tail)
                if tag is not None:
                    return Drained(tag, size, time.perf_counter() - begin)
                self._refuse_if_silent(bytes(buffer[:taken]))

    def _refuse_if_silent(self, last: bytes) -> None:
        """What looked like an end has no tag: an error's end, unless more comes."""
        self._socket.settimeout(LOOKALIKE_WAIT_S)
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            found = last.rfind(b"SERROR\0")
            text = describe_error(last[found:-6]) if found >= 0 else repr(last[-200:])
            raise ServerRefusedError(text) from None
        finally:
            self._socket.setblocking(True)

    def drain_counted(self, request: bytes) -> tuple[Drained, FrameCounter]:
        """The same, walking over every message; slower, for proof and not for the clock.

        Raises:
            BrokenFrameError: Bytes follow the ReadyForQuery, or a length is impossible.
            ServerRefusedError: The server answered with an error.
        """
        counter = FrameCounter()
        view = memoryview(self._buffer)
        tail = b""
        size = 0
        begin = time.perf_counter()
        self._socket.sendall(request)
        while not (counter.finished and counter.at_boundary):
            taken = self._socket.recv_into(self._buffer)
            if not taken:
                text = f"the server closed the connection after {size} bytes"
                raise ConnectionError(text)
            size += taken
            counter.feed(view[:taken])
            tail = (tail + bytes(view[max(0, taken - 4096) : taken]))[-4096:]
        tag = closing_tag(tail)
        if tag is None:
            found = tail.rfind(b"SERROR\0")
            raise ServerRefusedError(describe_error(tail[found:-6]) if found >= 0 else repr(tail[-200:]))
        return Drained(tag, size, time.perf_counter() - begin), counter

    def copy_in(self, sql: str, blocks: Iterable[memoryview]) -> Drained:
        """COPY … FROM STDIN: send the blocks as CopyData of 64 KiB and wait for the tag.

        Raises:
            ServerRefusedError: The server answered with an error.
        """
        connection = self._socket
        size = 0
        begin = time.perf_counter()
        connection.sendall(simple_query(sql))
        kind, _ = read_message(connection)
        if kind != b"G":
            text = f"COPY was answered by {kind!r}, not CopyInResponse"
            raise BrokenFrameError(text)
        for block in blocks:
            for start in range(0, len(block), COPY_DATA_BYTES):
                piece = block[start : start + COPY_DATA_BYTES]
                connection.sendall(b"d" + struct.pack("!I", len(piece) + 4))
                connection.sendall(piece)
                size += len(piece)
        connection.sendall(message(b"c", b""))
        tag = ""
        while True:
            kind, body = read_message(connection)
            if kind == b"C":
                tag = body[:-1].decode()
            elif kind == b"Z":
                return Drained(tag, size, time.perf_counter() - begin)
