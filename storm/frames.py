"""The protocol's messages as far as the clients of the storm need them: encoding, and cutting a stream."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from attrs import define, field

PROTOCOL_3_0 = 196608
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_CANCEL_CODE = 80877102
_HEADER_BYTES = 5
_LENGTH = struct.Struct("!i")

Message = tuple[bytes, bytes]


class BrokenStreamError(Exception):
    """A length that no message can have."""


def frame(kind: bytes, body: bytes = b"") -> bytes:
    """One typed message."""
    return kind + struct.pack("!i", len(body) + 4) + body


def startup(user: str, database: str) -> bytes:
    """StartupMessage."""
    body = f"user\0{user}\0database\0{database}\0application_name\0storm\0\0".encode()
    return struct.pack("!ii", len(body) + 8, PROTOCOL_3_0) + body


def cancel_request(backend_pid: int, secret_key: bytes) -> bytes:
    """CancelRequest."""
    return struct.pack("!iii", 12 + len(secret_key), _CANCEL_CODE, backend_pid) + secret_key


def query(sql: str) -> bytes:
    """Query: the simple protocol."""
    return frame(b"Q", sql.encode() + b"\0")


def parse(statement: str, sql: str) -> bytes:
    """Parse, the types of parameters left to the server."""
    return frame(b"P", statement.encode() + b"\0" + sql.encode() + b"\0\0\0")


def bind(portal: str, statement: str, *parameters: str) -> bytes:
    """Bind with all parameters and results as text."""
    body = portal.encode() + b"\0" + statement.encode() + b"\0\0\0" + struct.pack("!h", len(parameters))
    for parameter in parameters:
        value = parameter.encode()
        body += struct.pack("!i", len(value)) + value
    return frame(b"B", body + b"\0\0")


def execute(portal: str = "", max_rows: int = 0) -> bytes:
    """Execute; 0 is all rows."""
    return frame(b"E", portal.encode() + b"\0" + struct.pack("!i", max_rows))


SYNC = frame(b"S")
TERMINATE = frame(b"X")


def copy_data(data: bytes) -> bytes:
    """CopyData."""
    return frame(b"d", data)


COPY_DONE = frame(b"c")
COPY_FAIL = frame(b"f", b"not meant\0")


def error_fields(body: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse or NoticeResponse by their one-letter codes."""
    return {chr(part[0]): part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}


def values(body: bytes) -> list[str | None]:
    """The values of a DataRow, as text."""
    (count,) = struct.unpack_from("!h", body)
    position, row = 2, []
    for _ in range(count):
        (length,) = struct.unpack_from("!i", body, position)
        position += 4
        row.append(None if length < 0 else body[position : position + length].decode())
        position += max(length, 0)
    return row


@define
class FrameReader:
    """Cuts the server's stream into messages, whatever pieces it comes in."""

    _buffer: bytearray = field(factory=bytearray)

    def feed(self, data: bytes) -> Iterator[Message]:
        """Take the next piece; the messages that are whole now.

        Raises:
            BrokenStreamError: A length below four.
        """
        buffer = self._buffer
        buffer += data
        position, size = 0, len(buffer)
        while size - position >= _HEADER_BYTES:
            (length,) = _LENGTH.unpack_from(buffer, position + 1)
            if length < _LENGTH.size:
                text = f"message {buffer[position : position + 1]!r} with length {length}"
                raise BrokenStreamError(text)
            end = position + 1 + length
            if end > size:
                break
            yield bytes(buffer[position : position + 1]), bytes(buffer[position + _HEADER_BYTES : end])
            position = end
        del buffer[:position]
