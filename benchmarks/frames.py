"""Counting the server's messages by jumping from length to length: exact, and without looking into any row."""

from __future__ import annotations

import struct
from collections import Counter

from attrs import define, field

HEADER_BYTES = 5
READY_FOR_QUERY_BYTES = 6
READY_FOR_QUERY = b"Z\x00\x00\x00\x05"
STATUSES = b"ITE"
# The longest tag is "INSERT 0 18446744073709551615".
LONGEST_COMMAND_COMPLETE_BYTES = 64
TAIL_BYTES = LONGEST_COMMAND_COMPLETE_BYTES + READY_FOR_QUERY_BYTES

_LENGTH = struct.Struct("!I")


class BrokenFrameError(Exception):
    """A length that no message can have: the stream is not the protocol, or we lost our place in it."""


@define
class FrameCounter:
    """Counts messages by type over any slicing of the stream.

    ``types`` maps a type byte to how often it came; ``finished`` becomes true right behind a ReadyForQuery.
    """

    types: Counter[int] = field(factory=Counter)
    finished: bool = False
    _to_skip: int = 0
    _header: bytearray = field(factory=bytearray)

    def feed(self, data: memoryview | bytes) -> None:
        """Take the next piece of the stream.

        Raises:
            BrokenFrameError: A message length below four.
        """
        view = memoryview(data)
        size = len(view)
        position = self._complete_header(view)
        while self._to_skip <= size - position:
            position += self._to_skip
            self._to_skip = 0
            if size - position < HEADER_BYTES:
                self._header += view[position:]
                return
            position = self._enter(view[position : position + HEADER_BYTES], position)
        self._to_skip -= size - position

    def _complete_header(self, view: memoryview) -> int:
        """Finish a header that the last piece cut; how many bytes that took."""
        if not self._header:
            return 0
        taken = min(HEADER_BYTES - len(self._header), len(view))
        self._header += view[:taken]
        if len(self._header) < HEADER_BYTES:
            return taken
        header = bytes(self._header)
        self._header.clear()
        self._enter(memoryview(header), 0)
        return taken

    def _enter(self, header: memoryview, position: int) -> int:
        (length,) = _LENGTH.unpack_from(header, 1)
        if length < 4:
            message = f"message {chr(header[0])!r} with length {length}"
            raise BrokenFrameError(message)
        self.types[header[0]] += 1
        self.finished = header[0] == ord("Z")
        self._to_skip = length - 4
        return position + HEADER_BYTES

    @property
    def at_boundary(self) -> bool:
        """Whether the stream so far ends exactly behind a message."""
        return self._to_skip == 0 and not self._header


def ends_with_ready(tail: bytes | bytearray | memoryview) -> bool:
    """Whether the bytes end as a ReadyForQuery does; row data may look the same, so this only nominates."""
    return len(tail) >= READY_FOR_QUERY_BYTES and bytes(tail[-6:-1]) == READY_FOR_QUERY and tail[-1] in STATUSES


def closing_tag(tail: bytes) -> str | None:
    """The tag of a CommandComplete that stands right before the closing ReadyForQuery; None if there is none."""
    if not ends_with_ready(tail):
        return None
    body_end = len(tail) - READY_FOR_QUERY_BYTES
    if body_end == 0 or tail[body_end - 1] != 0:
        return None
    for start in range(body_end - 1, max(-1, body_end - LONGEST_COMMAND_COMPLETE_BYTES), -1):
        if tail[start] != ord("C") or start + HEADER_BYTES > body_end:
            continue
        (length,) = _LENGTH.unpack_from(tail, start + 1)
        if start + 1 + length == body_end:
            return tail[start + HEADER_BYTES : body_end - 1].decode("ascii", "replace")
    return None


def rows_of(tag: str) -> int:
    """The number of rows that a tag tells: ``SELECT 5`` → 5, ``INSERT 0 5`` → 5; 0 for tags without one."""
    last = tag.rpartition(" ")[2]
    return int(last) if last.isdecimal() else 0
