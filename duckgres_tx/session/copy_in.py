"""COPY … FROM STDIN: the client's CopyData into a table, within the block's transaction.

Spec: sql-copy.html#SQL-COPY-FILE-FORMATS, protocol-flow.html#PROTOCOL-COPY
"""

from __future__ import annotations

from duckgres_tx.engine.copy_in import CopyInJob
from duckgres_tx.engine.copy_source import CopySource, HeaderUse
from duckgres_tx.engine.database import DuckDBError, Statement
from duckgres_tx.engine.logical_types import TypeId
from duckgres_tx.errors import FeatureNotSupported, PgError
from duckgres_tx.session.copy_out import FORMATS
from duckgres_tx.session.copy_relation import CopyColumn, CopyRelation, find_relation
from duckgres_tx.session.session import Session
from duckgres_tx.session.turn import Turn
from duckgres_tx.sql.copy_options import CopyFormat, CopyOptions, Header
from duckgres_tx.sql.forms import CopyStandardStream
from duckgres_tx.sql.tokens import quote_name
from duckgres_tx.wire.backend import CopyInResponse

_HEADERS = {Header.NONE: HeaderUse.NONE, Header.PRESENT: HeaderUse.SKIP, Header.MATCH: HeaderUse.MATCH}
# What goes out as JSON, and that DuckDB doesn't cast from JSON's text by itself.
_FROM_JSON = frozenset((TypeId.MAP, TypeId.UNION, TypeId.VARIANT))


async def copy_in(turn: Turn, session: Session, form: CopyStandardStream, options: CopyOptions) -> str:
    """Take the rows.

    Args:
        turn: Told of CopyInResponse; passes what the client sends on.
        session: The client's.
        form: The statement.
        options: What its options say.

    Returns:
        The command tag, not sent yet; what was copied is not committed yet.

    Raises:
        PgError: Nothing is copied, once the transaction is rolled back.
    """
    if session.variables.is_on("transaction_read_only"):
        raise PgError("25006", "cannot execute COPY FROM in a read-only transaction")
    if options.default is not None:
        raise FeatureNotSupported("COPY FROM with DEFAULT is not supported", hint="Leave the column out of the list.")
    if options.format is CopyFormat.BINARY and session.transcoder is not None:
        name = session.transcoder.encoding.name
        raise FeatureNotSupported(f"COPY FROM in binary format is not supported with client encoding {name}")
    relation = await find_relation(session, form)
    source = _source(form, options, relation)
    statement = await _prepare(session, form, relation, source)
    # It is several insertions.
    session.begin_implicit()
    if session.block.wants_native:
        await session.begin_native()
    before = await _count(session, relation) if form.condition is not None else 0
    job = session.executor.threads.copy_in(statement, source, session.render)
    session.block.ran = True
    binary = int(options.format is CopyFormat.BINARY)
    session.output.write(CopyInResponse(binary, [binary] * len(relation.columns)).encode())
    session.output.flush()
    turn.said(CopyInResponse)
    session.interruption.begin(job, timeout_s=session.statement_limit_s)
    await turn.take_copy(job)
    session.interruption.end()
    if job.error is not None:
        raise _failure(session, job, job.error, relation)
    rows = await _count(session, relation) - before if form.condition is not None else job.rows
    return f"COPY {rows}"


def _source(form: CopyStandardStream, options: CopyOptions, relation: CopyRelation) -> CopySource:
    names = tuple(column.name for column in relation.columns)
    values = ", ".join(_value(column) for column in relation.columns)
    insert = f"INSERT INTO {relation.qualified} ({relation.column_list}) SELECT {values} FROM appended_data"
    if form.condition is not None:
        insert += f" WHERE {form.condition.text}"
    return CopySource(
        format=FORMATS[options.format],
        relation=relation.name,
        names=names,
        insert=insert,
        header=_HEADERS[options.header],
        delimiter=options.delimiter.encode(),
        null=options.null.encode(),
        quote=options.quote.encode(),
        escape=options.escape.encode(),
        force_not_null=_forced(options.force_not_null, names, form, "FORCE_NOT_NULL"),
        force_null=_forced(options.force_null, names, form, "FORCE_NULL"),
    )


def _value(column: CopyColumn) -> str:
    name = quote_name(column.name)
    if column.type.id not in _FROM_JSON:
        return name
    kind = column.type.sql_name()
    return f"CASE WHEN json_valid({name}) THEN CAST(CAST({name} AS JSON) AS {kind}) ELSE CAST({name} AS {kind}) END"


def _forced(
    forced: tuple[str, ...] | str, names: tuple[str, ...], form: CopyStandardStream, option: str
) -> frozenset[int]:
    for name in forced:
        if name not in names:
            known = form.columns is not None
            raise PgError(
                "42P10" if known else "42703",
                f'{option} column "{name}" not referenced by COPY'
                if known
                else f'column "{name}" of relation "{form.relation[-1]}" does not exist',
            )
    return frozenset(names.index(name) for name in forced)


async def _prepare(session: Session, form: CopyStandardStream, relation: CopyRelation, source: CopySource) -> Statement:
    """The statement that says the stream's columns; and whether DuckDB would insert, while nothing has been sent yet."""
    columns = f"SELECT {relation.column_list} FROM {relation.qualified}"
    text = f"WITH appended_data AS ({columns}) {source.insert}"
    try:
        await session.prepare_native(text)
        return await session.prepare_native(columns)
    except DuckDBError as error:
        found = session.pg_error(error, text, lambda position: _in_condition(form, len(text), position))
        if found.position == 0:
            found.position = None
        raise found from error


def _in_condition(form: CopyStandardStream, length: int, position: int) -> int:
    """Where in the client's text a place in ours is; 0 outside of the condition, which is all that it has written of it.

    Args:
        form: The statement.
        length: Of our text, at whose end the condition stands.
        position: In our text, from 1.
    """
    if form.condition is None:
        return 0
    inside = position - (length - len(form.condition.text))
    return form.condition.offset + inside if inside > 0 else 0


async def _count(session: Session, relation: CopyRelation) -> int:
    ((count,),) = await session.run(f"SELECT count(*) FROM {relation.qualified}")
    return int(count or 0)


def _failure(session: Session, job: CopyInJob, error: DuckDBError, relation: CopyRelation) -> PgError:
    """What the client hears."""
    if not job.input_is_bad or error.error_type == "INTERRUPT":
        found = session.pg_error(error)
        found.where = found.where or f"COPY {relation.name}"
        return found
    message, detail = error.message, None
    if message.startswith("numeric field overflow\n"):
        message, detail = message.split("\n", 1)
    return PgError(error.sqlstate or "XX000", message, detail, job.hint or None, where=job.where or None)
