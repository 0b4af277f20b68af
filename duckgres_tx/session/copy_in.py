"""COPY … FROM STDIN: the client's CopyData into a table, within the block's transaction.

Spec: sql-copy.html#SQL-COPY-FILE-FORMATS, protocol-flow.html#PROTOCOL-COPY
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from duckgres_tx.engine.copy_in import CopyInJob
from duckgres_tx.engine.copy_source import CopySource, HeaderUse
from duckgres_tx.engine.database import DuckDBError, Statement
from duckgres_tx.engine.logical_types import TypeId
from duckgres_tx.errors import FeatureNotSupported, PgError
from duckgres_tx.session.copy_out import FORMATS
from duckgres_tx.session.copy_relation import CopyColumn, CopyRelation, find_defaults, find_relation
from duckgres_tx.session.session import Session
from duckgres_tx.session.turn import Turn
from duckgres_tx.sql.copy_options import EVERY, CopyFormat, CopyOptions, Header
from duckgres_tx.sql.forms import CopyStandardStream
from duckgres_tx.sql.tokens import quote_name
from duckgres_tx.wire.backend import CopyInResponse

_HEADERS = {Header.NONE: HeaderUse.NONE, Header.PRESENT: HeaderUse.SKIP, Header.MATCH: HeaderUse.MATCH}
# What goes out as JSON, and that DuckDB doesn't cast from JSON's text by itself.
_FROM_JSON = frozenset((TypeId.MAP, TypeId.UNION, TypeId.VARIANT))


# The engine's messages that go on with a detail in a line of its own.
_WITH_DETAIL = ("numeric field overflow\n", "unexpected default marker in COPY data\n")


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
    if options.format is CopyFormat.BINARY and session.transcoder is not None:
        name = session.transcoder.encoding.name
        raise FeatureNotSupported(f"COPY FROM in binary format is not supported with client encoding {name}")
    relation = await find_relation(session, form)
    defaults = {} if options.default is None else await find_defaults(session, relation)
    source = _source(form, options, relation, defaults)
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


def _source(
    form: CopyStandardStream, options: CopyOptions, relation: CopyRelation, defaults: Mapping[str, str]
) -> CopySource:
    names = tuple(column.name for column in relation.columns)
    flags = {name: _flag(name, names) for name in names if name in defaults}
    values = ", ".join(f"{_value(column, flags, defaults)} AS {quote_name(column.name)}" for column in relation.columns)
    merged = ", ".join(f"copied.{quote_name(column.name)}" for column in relation.columns)
    select, condition = f"SELECT {values} FROM (", f") AS {quote_name(relation.name)}"
    if form.condition is not None:
        # It sees the defaults that were asked for.
        select = f"SELECT * FROM ({select}"
        condition = f") AS told{condition} WHERE {form.condition.text}"
    return CopySource(
        format=FORMATS[options.format],
        relation=relation.name,
        names=names,
        insert=f"INSERT INTO {relation.qualified} ({relation.column_list}) ",
        select=select,
        condition=condition,
        merge=f"MERGE INTO {relation.qualified} USING (",
        merge_end=f") AS copied ON (false) WHEN NOT MATCHED THEN INSERT ({relation.column_list}) VALUES ({merged})",
        header=_HEADERS[options.header],
        delimiter=options.delimiter.encode(),
        null=options.null.encode(),
        default=None if options.default is None else options.default.encode(),
        defaults=tuple((names.index(name), flag) for name, flag in flags.items()),
        quote=options.quote.encode(),
        escape=options.escape.encode(),
        force_not_null=_forced(options.force_not_null, names, form, "FORCE_NOT_NULL"),
        force_null=_forced(options.force_null, names, form, "FORCE_NULL"),
    )


def _flag(name: str, names: Collection[str]) -> str:
    """What the column is called that tells where a column's default was asked for."""
    flag = f"default of {name}"
    while flag in names:
        flag += " "
    return flag


def _value(column: CopyColumn, flags: Mapping[str, str], defaults: Mapping[str, str]) -> str:
    name = quote_name(column.name)
    value = name
    if column.type.id in _FROM_JSON:
        kind = column.type.sql_name()
        value = (
            f"CASE WHEN json_valid({name}) THEN CAST(CAST({name} AS JSON) AS {kind}) ELSE CAST({name} AS {kind}) END"
        )
    if column.name in flags:
        value = f"CASE WHEN {quote_name(flags[column.name])} THEN ({defaults[column.name]}) ELSE {value} END"
    return value


def _forced(
    forced: tuple[str, ...] | str, names: tuple[str, ...], form: CopyStandardStream, option: str
) -> frozenset[int]:
    if forced == EVERY:
        return frozenset(range(len(names)))
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
    flags = "".join(f", false AS {quote_name(flag)}" for _, flag in source.defaults)
    rows = f"SELECT {relation.column_list}{flags} FROM {relation.qualified}"
    text = f"{source.insert}{source.select}{rows}{source.condition}"
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
    if message.startswith(_WITH_DETAIL):
        message, detail = message.split("\n", 1)
    return PgError(error.sqlstate or "XX000", message, detail, job.hint or None, where=job.where or None)
