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
        insert: The beginning of a statement that puts rows into the table, up to the SELECT.
        select: A SELECT up to the subquery that gives the rows, with columns of these names.
        condition: What follows the subquery: its alias, at least.
        merge: What can stand in place of ``insert``, with ``merge_end`` behind the condition. It does the same on several
            processors.
        merge_end: See there.
        header: What is done about a first line.
        delimiter: One byte, as ``quote`` and ``escape``.
        null: How NULL is spelled.
        default: What stands for a column's default; None: nothing does.
        defaults: The columns, from 0, that have a default, each with the name of a BOOLEAN column of the rows that tells
            where it was asked for.
        quote: Of CSV.
        escape: Of CSV.
        force_not_null: Columns, from 0, in which the NULL marker is data.
        force_null: Columns in which even a quoted NULL marker is NULL.
    """

    format: int
    relation: str
    names: tuple[str, ...]
    insert: str
    select: str
    condition: str
    merge: str
    merge_end: str
    header: HeaderUse = HeaderUse.NONE
    delimiter: bytes = b"\t"
    null: bytes = b"\\N"
    default: bytes | None = None
    defaults: tuple[tuple[int, str], ...] = ()
    quote: bytes = b'"'
    escape: bytes = b'"'
    force_not_null: frozenset[int] = frozenset()
    force_null: frozenset[int] = frozenset()
