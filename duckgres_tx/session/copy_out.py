"""COPY … TO STDOUT: a query whose rows go out as CopyData.

Spec: sql-copy.html#SQL-COPY-FILE-FORMATS, protocol-flow.html#PROTOCOL-COPY
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from duckgres_tx.engine.copy_framing import CopyFraming, FramingFormat
from duckgres_tx.errors import FeatureNotSupported, PgError
from duckgres_tx.session.copy_relation import find_relation
from duckgres_tx.session.execution import check_read_only, conclude, make_ready
from duckgres_tx.session.preparation import prepare
from duckgres_tx.session.prepared_statements import PreparedStatement
from duckgres_tx.session.session import Session
from duckgres_tx.session.turn import Turn
from duckgres_tx.sql.copy_options import EVERY, CopyFormat, CopyOptions, Header
from duckgres_tx.sql.forms import CopyStandardStream
from duckgres_tx.wire.backend import COPY_DONE, CopyData, CopyDone, CopyOutResponse

# The engine's numbers for COPY's formats.
FORMATS = {
    CopyFormat.TEXT: FramingFormat.TEXT,
    CopyFormat.CSV: FramingFormat.CSV,
    CopyFormat.BINARY: FramingFormat.BINARY,
}
_BINARY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_BINARY_END = b"\xff\xff"


async def copy_out(turn: Turn, session: Session, form: CopyStandardStream, options: CopyOptions) -> str:
    """Send the rows.

    Args:
        turn: Told of CopyOutResponse and CopyDone.
        session: The client's.
        form: The statement.
        options: What its options say.

    Returns:
        The command tag, not sent yet.

    Raises:
        PgError: It failed, perhaps after some rows.
    """
    statement = await _query(session, form)
    fields = statement.fields or ()
    names = [field.name for field in fields]
    framing = CopyFraming(
        FORMATS[options.format],
        options.delimiter.encode(),
        options.null.encode(),
        options.quote.encode(),
        options.escape.encode(),
        _forced(options, names, form),
    )
    check_read_only(session, statement)
    await make_ready(session, statement)
    for notice in statement.notices:
        session.notice(notice)
    binary = options.format is CopyFormat.BINARY
    session.output.write(CopyOutResponse(int(binary), [int(binary)] * len(names)).encode())
    turn.said(CopyOutResponse)
    if options.header is not Header.NONE:
        session.output.write(CopyData(_header(framing, names)).encode())
    execution = session.execute(statement, result_formats=(1,) if binary else (), framing=framing)
    await session.running.finish(execution)
    conclude(session, statement, execution)
    rows = execution.rows
    execution.close()
    if binary:
        session.output.write(CopyData(_BINARY_END if rows else _BINARY_HEAD + _BINARY_END).encode())
    session.output.write(COPY_DONE)
    turn.said(CopyDone)
    return f"COPY {rows}"


async def _query(session: Session, form: CopyStandardStream) -> PreparedStatement:
    if form.query is None:
        relation = await find_relation(session, form)
        text = f"SELECT {relation.column_list} FROM {relation.qualified}"
        return await prepare(session, session.cache.statements(text)[0])
    statement = await prepare(session, session.cache.analyzed(form.query))
    if statement.parameter_oids:
        raise PgError("42P02", "there is no parameter $1")
    if statement.fields is None:
        raise FeatureNotSupported("COPY query must have a RETURNING clause")
    return statement


def _forced(options: CopyOptions, names: Sequence[str], form: CopyStandardStream) -> frozenset[int]:
    if options.force_quote == EVERY:
        return frozenset(range(len(names)))
    forced = set()
    for name in options.force_quote:
        if name not in names:
            if form.relation:
                raise PgError("42703", f'column "{name}" of relation "{form.relation[-1]}" does not exist')
            raise PgError("42703", f'column "{name}" does not exist')
        forced.add(names.index(name))
    return frozenset(forced)


_ESCAPES = {"\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\"}


def _header(framing: CopyFraming, names: Sequence[str]) -> bytes:
    delimiter = framing.delimiter.decode()
    if framing.format is FramingFormat.CSV:
        line = delimiter.join(_quoted(framing, name, alone=len(names) == 1) for name in names)
    else:
        escapes = {delimiter: f"\\{delimiter}"} | _ESCAPES
        line = delimiter.join("".join(escapes.get(letter, letter) for letter in name) for name in names)
    return line.encode() + b"\n"


def _quoted(framing: CopyFraming, name: str, *, alone: bool) -> str:
    quote, escape = framing.quote.decode(), framing.escape.decode()
    special = re.escape(framing.delimiter.decode() + quote + "\r\n")
    if not re.search(f"[{special}]", name) and name.encode() != framing.null and not (alone and name == "\\."):
        return name
    return quote + "".join(escape + letter if letter in (quote, escape) else letter for letter in name) + quote
