"""From a statement's text to something that can run: classify, check, translate, prepare. Nothing is executed here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duckgres_tx.engine.database import DuckDBError, Statement
from duckgres_tx.engine.execution import ResultKind
from duckgres_tx.engine.pg_types import pg_type_of
from duckgres_tx.errors import PgError
from duckgres_tx.session.parameter_types import (
    UNKNOWN_OIDS,
    CastText,
    cast_parameters,
    declared_casts,
    missing_casts,
)
from duckgres_tx.session.prepared_statements import PreparedStatement
from duckgres_tx.session.session_statements import describe
from duckgres_tx.sql import policy, session_statements
from duckgres_tx.sql.classify import StatementClass, classify
from duckgres_tx.sql.names import column_names
from duckgres_tx.sql.split import SourceStatement
from duckgres_tx.sql.translate import Translation
from duckgres_tx.wire.backend import FieldDescription

if TYPE_CHECKING:
    from duckgres_tx.session.session import Session


async def prepare(
    session: Session, source: SourceStatement | None, *, name: str = "", declared_oids: tuple[int, ...] = (), query: str = ""
) -> PreparedStatement:
    """Make a statement ready.

    Args:
        session: Whose it is.
        source: The statement; None for an empty one.
        name: What the client calls it.
        declared_oids: Parameter types that the client declared; 0 = none.
        query: The whole text that it came in.

    Raises:
        PgError: Anything that is wrong with it, positions counted in the client's whole text.
    """
    if source is None:
        return PreparedStatement(name, None, StatementClass.QUERY, declared_oids=declared_oids, query=query)
    statement_class = classify(source)
    if session_statements.is_session_statement(statement_class):
        form = session_statements.parse(source, statement_class)
        statement = PreparedStatement(name, source, statement_class, form, query=query)
        statement.fields = describe(session, form)
        return statement
    policy.check(source, statement_class)
    statement = PreparedStatement(name, source, statement_class, declared_oids=declared_oids, query=query)
    await prepare_native(session, statement)
    return statement


async def prepare_native(session: Session, statement: PreparedStatement) -> None:
    """Have DuckDB prepare a statement, for the first time or anew; what it knows about the statement is replaced.

    Raises:
        PgError: DuckDB refuses it.
    """
    source = statement.source
    assert source is not None, "an empty statement is never prepared"  # noqa: S101
    statement.epoch = session.epoch
    statement.generation = session.database.generation
    translation = session.translate(source)
    if translation.catalog_query:
        await session.refresh_catalog()
    text = cast_parameters(translation.text, declared_casts(statement.declared_oids))
    native = await _prepare_text(session, source, translation, text)
    missing = missing_casts(native.parameter_types, statement.declared_oids)
    if missing:
        session.close_native(native)
        text = cast_parameters(translation.text, declared_casts(statement.declared_oids) | missing)
        native = await _prepare_text(session, source, translation, text)
    if statement.native is not None:
        session.close_native(statement.native)
    statement.native = native
    statement.catalog_query = translation.catalog_query
    statement.notices = translation.notices
    statement.parameter_oids = _parameter_oids(native, statement.declared_oids)
    statement.fields = _fields(native, source)
    statement.column_types = tuple(column.type for column in native.columns)
    statement.forget_descriptions()


async def _prepare_text(session: Session, source: SourceStatement, translation: Translation, text: CastText) -> Statement:
    def position_in_query(position: int) -> int:
        return source.offset + translation.position_in_source(text.position_before(position - 1)) + 1

    try:
        native: Statement = await session.prepare_native(text.text)
    except DuckDBError as error:
        raise session.pg_error(error, text.text, position_in_query) from error
    return native


def _parameter_oids(native: Statement, declared_oids: tuple[int, ...]) -> tuple[int, ...]:
    oids = []
    for number, logical_type in enumerate(native.parameter_types):
        declared = declared_oids[number] if number < len(declared_oids) else 0
        oids.append(pg_type_of(logical_type).oid if declared in UNKNOWN_OIDS else declared)
    return tuple(oids)


def _fields(native: Statement, source: SourceStatement) -> tuple[FieldDescription, ...] | None:
    if native.result_kind is not ResultKind.ROWS or not native.columns:
        return None
    names = column_names(source)
    fields = []
    for position, column in enumerate(native.columns):
        pg_type = pg_type_of(column.type)
        name = column.name
        if names is not None and position < len(names) and names[position] is not None:
            name = names[position]
        fields.append(
            FieldDescription(name, type_oid=pg_type.oid, type_size=pg_type.size, type_modifier=pg_type.modifier)
        )
    return tuple(fields)


def check_result_type(before: PreparedStatement, column_types: tuple[object, ...]) -> None:
    """A statement was prepared anew: a client that knows its row type may rely on it.

    Raises:
        PgError: 0A000.
    """
    if before.column_types != column_types:
        raise PgError("0A000", "cached plan must not change result type")
