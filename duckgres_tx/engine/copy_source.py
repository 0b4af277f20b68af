"""What COPY … FROM STDIN reads and where it puts it, as the engine is told."""

from __future__ import annotations

import enum

from attrs import frozen


class HeaderUse(enum.IntEnum):
    """What is done about a first line of names, by the engine's numbers."""

    NONE = 0
    SKIP = 1
    MATCH = 2


@frozen
class CopySource:
    """How a COPY's stream is written, and what becomes of its rows.

    Attributes:
        format: As in ``copy_framing``.
        relation: What messages call the table.
        names: The columns' names.
        insert: What puts rows into the table; they are a table ``appended_data`` with columns of these names.
        header: What is done about a first line.
        delimiter: One byte, as ``quote`` and ``escape``.
        null: How NULL is spelled.
        quote: Of CSV.
        escape: Of CSV.
        force_not_null: Columns, from 0, in which the NULL marker is data.
        force_null: Columns in which even a quoted NULL marker is NULL.
    """

    format: int
    relation: str
    names: tuple[str, ...]
    insert: str
    header: HeaderUse = HeaderUse.NONE
    delimiter: bytes = b"\t"
    null: bytes = b"\\N"
    quote: bytes = b'"'
    escape: bytes = b'"'
    force_not_null: frozenset[int] = frozenset()
    force_null: frozenset[int] = frozenset()
