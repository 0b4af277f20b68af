"""What message bodies are made of: strings, counted values, formats, OIDs; writing them, and reading them checked.

The readers take a body and a position and give the value and the position behind it. None reads, or makes room for,
more than the body holds: a count is compared with the bytes that are left before it is used. Some let `struct.error`
and `UnicodeDecodeError` pass, so they run under `checked`, which says it in PostgreSQL's words.

Spec: protocol-message-types.html
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar

from duckgres_tx.errors import LocalProtocolError, PgError, ProtocolViolation

__all__ = [
    "checked",
    "expect_end",
    "formats",
    "insufficient",
    "int16",
    "int32",
    "invalid_text",
    "oids",
    "read_formats",
    "read_oids",
    "read_string",
    "read_value",
    "read_values",
    "spread",
    "string",
    "uint16",
    "uint32",
    "value",
]

MessageT = TypeVar("MessageT")

int16 = struct.Struct(">h").unpack_from
uint16 = struct.Struct(">H").unpack_from
int32 = struct.Struct(">i").unpack_from
uint32 = struct.Struct(">I").unpack_from

_USUAL_FORMATS = {b"\0\1\0\0": (0,), b"\0\1\0\1": (1,)}
_NULL = b"\xff\xff\xff\xff"


def string(text: str) -> bytes:
    """String: UTF-8, ended by NUL.

    Raises:
        LocalProtocolError: There is a NUL within.
    """
    encoded = text.encode()
    if b"\0" in encoded:
        raise LocalProtocolError("a string with NUL in it can't be sent")
    return encoded + b"\0"


def value(data: bytes | None) -> bytes:
    """Int32(length) Byten(data), or Int32(-1) for None."""
    return _NULL if data is None else len(data).to_bytes(4) + data


def formats(codes: Sequence[int]) -> bytes:
    """Int16(n) n*Int16(format)."""
    return struct.pack(f">H{len(codes)}h", len(codes), *codes)


def spread(codes: Sequence[int], count: int) -> tuple[int, ...]:
    """Format codes for ``count`` values: none means all text, one holds for all."""
    if not codes:
        return (0,) * count
    return tuple(codes) * count if len(codes) == 1 else tuple(codes)


def oids(numbers: Sequence[int]) -> bytes:
    """Int16(n) n*Int32(OID)."""
    return struct.pack(f">H{len(numbers)}I", len(numbers), *numbers)


def checked(decoder: Callable[[bytes], MessageT], body: bytes) -> MessageT:
    """What `decoder` makes of a body.

    Raises:
        ProtocolViolation: 08P01: the body ends too early or too late.
        PgError: 22021: text that isn't UTF-8; 22023: an unknown format code.
    """
    try:
        return decoder(body)
    except struct.error:
        insufficient()
    except UnicodeDecodeError as error:
        raise invalid_text(error) from error


def invalid_text(error: UnicodeDecodeError) -> PgError:
    """What PostgreSQL says of text that isn't UTF-8: it shows as many bytes as the first one announces."""
    first = error.object[error.start]
    length = 2 if first & 0xE0 == 0xC0 else 3 if first & 0xF0 == 0xE0 else 4 if first & 0xF8 == 0xF0 else 1
    shown = " ".join(f"0x{byte:02x}" for byte in error.object[error.start : error.start + length])
    return PgError("22021", f'invalid byte sequence for encoding "UTF8": {shown}')


def insufficient() -> NoReturn:
    """Refuse a body that ends before what it announces."""
    raise ProtocolViolation("insufficient data left in message") from None


def expect_end(body: bytes, position: int) -> None:
    """Refuse a body that goes on after what belongs into it."""
    if position != len(body):
        raise ProtocolViolation("invalid message format")


def read_string(body: bytes, position: int) -> tuple[str, int]:
    """String."""
    end = body.find(0, position)
    if end <= position:
        if end < 0:
            raise ProtocolViolation("invalid string in message")
        return "", end + 1
    return body[position:end].decode(), end + 1


def read_value(body: bytes, position: int) -> tuple[bytes | None, int]:
    """Int32(length) Byten(data); None for -1."""
    length = int32(body, position)[0]
    start = position + 4
    if length == -1:
        return None, start
    end = start + length
    if length < 0 or end > len(body):
        insufficient()
    return body[start:end], end


def read_values(body: bytes, position: int) -> tuple[list[bytes | None], int]:
    """Int16(n) n*(Int32(length) Byten(data))."""
    count = uint16(body, position)[0]
    position += 2
    values: list[bytes | None] = []
    for _ in range(count):
        # As in read_value, which would cost a call for each.
        length = int32(body, position)[0]
        position += 4
        if length == -1:
            values.append(None)
            continue
        end = position + length
        if length < 0 or end > len(body):
            insufficient()
        values.append(body[position:end])
        position = end
    return values, position


def read_formats(body: bytes, position: int) -> tuple[tuple[int, ...], int]:
    """Int16(n) n*Int16(format)."""
    # None or one for all is what clients send, so these are looked up before anything is unpacked.
    usual = _USUAL_FORMATS.get(body[position : position + 4])
    if usual is not None:
        return usual, position + 4
    count = uint16(body, position)[0]
    position += 2
    if count == 0:
        return (), position
    codes: tuple[int, ...] = struct.unpack_from(f">{count}h", body, position)
    for code in codes:
        if code not in {0, 1}:
            raise PgError("22023", f"unsupported format code: {code}")
    return codes, position + 2 * count


def read_oids(body: bytes, position: int) -> tuple[tuple[int, ...], int]:
    """Int16(n) n*Int32(OID)."""
    count = uint16(body, position)[0]
    position += 2
    numbers: tuple[int, ...]
    numbers = uint32(body, position) if count == 1 else struct.unpack_from(f">{count}I", body, position)
    return numbers, position + 4 * count
