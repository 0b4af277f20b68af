"""How COPY … TO STDOUT writes its rows, as the engine is told."""

from __future__ import annotations

import enum

from attrs import frozen


class FramingFormat(enum.IntEnum):
    """COPY's formats, by the numbers that the engine has for them."""

    TEXT = 0
    CSV = 1
    BINARY = 2


@frozen
class CopyFraming:
    """COPY's format and its characters, one byte each; ``forced`` are columns, from 0, whose values are always quoted."""

    format: FramingFormat
    delimiter: bytes = b"\t"
    null: bytes = b"\\N"
    quote: bytes = b'"'
    escape: bytes = b'"'
    forced: frozenset[int] = frozenset()
