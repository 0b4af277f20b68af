"""EXPLAIN as PostgreSQL answers it: one column ``QUERY PLAN``, with a row for each line of the plan.

DuckDB has two columns, and the whole plan in one value. A plan is short, so its rows are made here, in memory.

Spec: sql-explain.html
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from duckgres_tx.session.execution import conclude, make_ready
from duckgres_tx.session.own_columns import plan_format
from duckgres_tx.session.prepared_statements import PreparedStatement
from duckgres_tx.session.session import Session
from duckgres_tx.wire.backend import DataRow

TAG = "EXPLAIN"
# 'D' Int32(length) Int16(columns)
_ROW_HEAD = 7
_LENGTH = struct.Struct("!i")


async def explain(
    session: Session,
    statement: PreparedStatement,
    parameters: Sequence[bytes | None] = (),
    parameter_formats: Sequence[int] = (),
) -> list[bytes]:
    """Run an EXPLAIN to its end.

    Returns:
        Its DataRow messages.

    Raises:
        PgError: It has failed.
    """
    await make_ready(session, statement, parameters)
    for notice in statement.notices:
        session.notice(notice)
    execution = session.execute(statement, parameters, parameter_formats)
    buffers: list[bytes] = []
    await session.running.divert(execution, buffers.extend)
    conclude(session, statement, execution)
    execution.close()
    assert statement.analyzed is not None, "an empty statement explains nothing"  # noqa: S101
    whole = plan_format(statement.analyzed.source.tokens) not in ("", "text")
    return [DataRow([line]).encode() for line in _lines(list(_plans(b"".join(buffers))), whole=whole)]


def _lines(plans: list[tuple[bytes, bytes]], *, whole: bool) -> Iterator[bytes]:
    for kind, plan in plans:
        if whole:
            yield plan
            continue
        if len(plans) > 1:
            # explain_output = 'all': the plan at three stages.
            yield kind
        yield from plan.strip(b"\n").split(b"\n")


def _plans(rows: bytes) -> Iterator[tuple[bytes, bytes]]:
    """DuckDB's two columns, out of its DataRow messages in text form; neither is ever NULL."""
    position = 0
    while position < len(rows):
        position += _ROW_HEAD
        values = []
        for _ in range(2):
            (length,) = _LENGTH.unpack_from(rows, position)
            position += _LENGTH.size
            values.append(rows[position : position + length])
            position += length
        yield values[0], values[1]
