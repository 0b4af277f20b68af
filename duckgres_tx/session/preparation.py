"""From a statement's text to something that can run: classify, check, translate, prepare. Nothing is executed here."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping

import attrs

from duckgres_tx.engine.database import Column, DuckDBError, ResultKind, Statement, StatementType
from duckgres_tx.engine.enum_types import NO_ENUMS, EnumTypes
from duckgres_tx.engine.logical_types import TypeId
from duckgres_tx.engine.pg_types import pg_type_of
from duckgres_tx.errors import PgError
from duckgres_tx.session.copy_targets import check_copy_target
from duckgres_tx.session.enum_columns import (
    enum_parameters,
    enum_types,
    has_enums,
    reading_oids,
    speaks_of_enums,
    tell_enums,
)
from duckgres_tx.session.own_columns import describe, describe_plan
from duckgres_tx.session.parameter_inference import guess, infer
from duckgres_tx.session.parameter_types import (
    UNKNOWN_OIDS,
    CastText,
    cast_parameters,
    declared_casts,
    missing_casts,
    nothing,
    sample,
    unresolved,
    unresolved_columns,
    widen_names,
    widen_types,
    without_parameters,
    written_types,
)
from duckgres_tx.session.prepared_statements import PreparedStatement
from duckgres_tx.session.session import Session
from duckgres_tx.session.transactions import ENDS_OF_BLOCKS, BlockState, aborted
from duckgres_tx.sql.forms import DeclareCursor
from duckgres_tx.sql.session_statements import is_session_statement
from duckgres_tx.sql.set_config_calls import find_calls
from duckgres_tx.sql.statement_cache import AnalyzedStatement
from duckgres_tx.sql.translate import Translation, TranslationContext
from duckgres_tx.wire import oids
from duckgres_tx.wire.backend import FieldDescription
from duckgres_tx.wire.oids import is_array

_CHANGES = frozenset({StatementType.INSERT, StatementType.UPDATE, StatementType.DELETE, StatementType.MERGE_INTO})
_QUERIES = frozenset(
    {
        *(StatementType.SELECT, StatementType.EXPLAIN, StatementType.CALL, StatementType.RELATION),
        *(StatementType.PRAGMA, StatementType.LOGICAL_PLAN, StatementType.EXECUTE),
    }
)
_CHANGING_WORDS = frozenset({"insert", "update", "delete", "merge", "truncate", "create", "alter", "drop", "copy"})
_OPENING = frozenset("([{")
_CLOSING = frozenset(")]}")


async def prepare(
    session: Session,
    analyzed: AnalyzedStatement | None,
    *,
    name: str = "",
    declared_oids: tuple[int, ...] = (),
    query: str = "",
) -> PreparedStatement:
    """Make a statement ready.

    Args:
        session: Whose it is.
        analyzed: The statement; None for an empty one.
        name: What the client calls it.
        declared_oids: Parameter types that the client declared; 0 = none.
        query: The whole text that it came in.

    Raises:
        PgError: Anything that is wrong with it, positions counted in the client's whole text.
    """
    statement = PreparedStatement(name, analyzed, declared_oids=declared_oids, query=query)
    if analyzed is None:
        return statement
    if session.block.state is BlockState.FAILED and analyzed.statement_class not in ENDS_OF_BLOCKS:
        raise aborted()
    if is_session_statement(analyzed.statement_class):
        statement.form = analyzed.form
        if isinstance(statement.form, DeclareCursor):
            await _prepare_body(session, statement, statement.form)
        statement.fields = describe(analyzed.form, session.variables, session.statements, session.portals)
    else:
        if session.allowed_directories is not None:
            check_copy_target(analyzed.source, session.allowed_directories)
        statement.settings = find_calls(analyzed.source)
        statement.signals = analyzed.signals
        statement.guard = analyzed.guard
        await prepare_native(session, statement)
    return statement


async def wake(session: Session, name: str) -> None:
    """Prepare a statement that has come with its session from another worker; nothing happens if there is none that waits for that.

    Raises:
        PgError: DuckDB refuses it now; 0A000 when it would not be what the client was told.
    """
    asleep = session.statements.asleep(name)
    if asleep is None:
        return
    statements = session.cache.statements(asleep.query)
    statement = await prepare(
        session,
        statements[0] if statements else None,
        name=name,
        declared_oids=asleep.declared_oids,
        query=asleep.query,
    )
    if (statement.fields, statement.parameter_oids) != (asleep.fields, asleep.parameter_oids):
        raise PgError("0A000", "cached plan must not change result type")
    statement.from_sql, statement.created_at = asleep.from_sql, asleep.created_at
    session.statements.add(statement)


async def _prepare_body(session: Session, statement: PreparedStatement, form: DeclareCursor) -> None:
    """The query of a DECLARE is prepared with it, so that its parameters are known."""
    if form.body.tokens[0].word in _CHANGING_WORDS:
        raise _not_a_query(form)
    body = await prepare(
        session, session.cache.analyzed(form.body), declared_oids=statement.declared_oids, query=statement.query
    )
    if body.native is None or body.fields is None or body.native.statement_type not in _QUERIES:
        raise _not_a_query(form)
    statement.body = body
    statement.parameter_oids = body.parameter_oids


def _not_a_query(form: DeclareCursor) -> PgError:
    first = form.body.tokens[0]
    word = form.body.text[first.start : first.end]
    return PgError("42601", f'syntax error at or near "{word}"', position=form.body.offset + first.start + 1)


async def prepare_native(session: Session, statement: PreparedStatement) -> None:
    """Have DuckDB prepare a statement, for the first time or anew; what it knows about the statement is replaced.

    Raises:
        PgError: DuckDB refuses it.
    """
    analyzed = statement.analyzed
    assert analyzed is not None, "an empty statement is never prepared"  # noqa: S101
    if session.search_path_may_be_stale:
        await session.follow_search_path()
    statement.epoch = session.epoch
    statement.generation = session.database.generation
    context = session.translation_context
    if statement.declared_oids:
        context = _knowing_types(context, analyzed, statement.declared_oids)
    translation = analyzed.translation(context)
    if translation.catalog_query:
        await session.refresh_catalog()
    enums = NO_ENUMS
    if speaks_of_enums(statement.declared_oids):
        enums = await enum_types(session)
    native, text = await _prepare_typed(session, statement, translation, enums)
    statement.native = native
    statement.catalog_query = translation.catalog_query
    statement.live = context.live
    statement.explains = native.statement_type is StatementType.EXPLAIN
    statement.notices = translation.notices
    statement.fault = translation.fault
    columns, depend_on_values = await _columns(session, native, text)
    if enums is not NO_ENUMS or has_enums(native, columns):
        enums = await enum_types(session)
        enums = enums.preferring(analyzed.names, statement.declared_oids)
        tell_enums(native, columns, enums)
    unknown = _unknown(native, statement.declared_oids)
    written = await _written_oids(session, translation.text, unknown) if unknown else {}
    written |= dict.fromkeys(translation.void_parameters, oids.VOID)
    statement.parameter_oids = _parameter_oids(native, statement.declared_oids, written, enums)
    statement.reading_oids = reading_oids(statement.parameter_oids, enums)
    statement.array_parameters = tuple(index for index, oid in enumerate(statement.reading_oids) if is_array(oid))
    if translation.columnless:
        native.hide_columns()
        columns = ()
    statement.fields = _fields(native, columns, analyzed, enums, exact=not depend_on_values)
    statement.column_types = tuple(column.type for column in columns)
    statement.told_as_text = unresolved_columns(statement.column_types)
    statement.forget_descriptions()


def _knowing_types(
    context: TranslationContext, analyzed: AnalyzedStatement, declared_oids: tuple[int, ...]
) -> TranslationContext:
    """The context with what passes want to know of the types of parameters."""
    arrays = frozenset(number for number, oid in enumerate(declared_oids, 1) if is_array(oid))
    typed = frozenset(declared_casts(declared_oids, NO_ENUMS)) if analyzed.divides else frozenset()
    return attrs.evolve(context, typed_parameters=typed, array_parameters=arrays) if typed or arrays else context


async def _prepare_typed(
    session: Session, statement: PreparedStatement, translation: Translation, enums: EnumTypes
) -> tuple[Statement, CastText]:
    """Prepare a statement with a type for each parameter: declared, found by DuckDB, told by what stands beside it, guessed, or else text."""
    declared_oids = statement.declared_oids
    casts = declared_casts(declared_oids, enums)
    checked = enum_parameters(declared_oids, enums)

    async def attempt(firm: Collection[int] = ()) -> tuple[Statement, CastText]:
        written = widen_types(translation.text, statement.dimensions)
        text = cast_parameters(written, widen_names(casts, statement.dimensions), firm, checked)
        return await _prepare_text(session, statement, translation, text), text

    native, text = await attempt()
    unknown = _unknown(native, declared_oids)
    if unknown and (inferred := await infer(session, translation.text, unknown, casts)):
        # Where DuckDB has found none for one parameter, it has looked for no other's.
        casts |= inferred
        native, text = await attempt()
        unknown = _unknown(native, declared_oids)
    missing = missing_casts(native.parameter_types, declared_oids, enums)
    if not missing:
        return native, text
    if len(unknown) > 1 and (text_one := await _find_text(session, translation.text, unknown, casts)):
        # It has hidden the others' types.
        casts |= text_one
        native, text = await attempt()
        missing = missing_casts(native.parameter_types, declared_oids, enums)
    casts |= missing
    try:
        native, text = await attempt()
    except PgError:
        guessed = await guess(session, translation.text, unknown, casts)
        if not guessed:
            raise
        casts |= guessed
        native, text = await attempt()
    firm = unresolved(native.parameter_types)
    return await attempt(firm) if firm else (native, text)


async def _find_text(session: Session, text: str, unknown: Collection[int], casts: Mapping[int, str]) -> dict[int, str]:
    """The one parameter of several without a type that has to be text for DuckDB to find the others' types; nothing if there is none."""
    for number in sorted(unknown):
        with contextlib.suppress(DuckDBError):
            native = await session.prepare_native(cast_parameters(text, {**casts, number: "VARCHAR"}).text)
            if all(kind.id is not TypeId.INVALID for kind in native.parameter_types):
                return {number: "VARCHAR"}
    return {}


async def _prepare_text(
    session: Session, statement: PreparedStatement, translation: Translation, text: CastText
) -> Statement:
    assert statement.analyzed is not None, "an empty statement is never prepared"  # noqa: S101
    offset = statement.analyzed.source.offset

    def to_query(position: int) -> int:
        return offset + translation.position_in_source(text.position_before(position - 1)) + 1

    try:
        native = await session.prepare_native(text.text)
    except DuckDBError as error:
        raise session.pg_error(error, text.text, to_query) from error
    statement.text, statement.to_query = text.text, to_query
    return native


async def _columns(session: Session, native: Statement, text: CastText) -> tuple[tuple[Column, ...], bool]:
    """The result's columns, also where DuckDB would tell them only when it knows the parameters' values; and whether it would."""
    if all(column.type.known for column in native.columns):
        return native.columns, False
    # Some functions want a constant, and what they give depends on it (round); others tell more of no constant.
    for stand_in in (nothing, sample):
        with contextlib.suppress(DuckDBError):
            described = await session.prepare_native(without_parameters(text.text, native.parameter_types, stand_in))
            if all(column.type.known for column in described.columns):
                return described.columns, True
    # The statement makes no sense without values; what it gives stays unknown until it runs.
    return native.columns, True


def _unknown(native: Statement, declared_oids: tuple[int, ...]) -> frozenset[int]:
    """The numbers (from 1) of the parameters that nobody has said anything about."""
    return frozenset(
        number
        for number, logical_type in enumerate(native.parameter_types, 1)
        if logical_type.id is TypeId.INVALID
        and (number > len(declared_oids) or declared_oids[number - 1] in UNKNOWN_OIDS)
    )


async def _written_oids(session: Session, text: str, numbers: frozenset[int]) -> dict[int, int]:
    """OIDs of the types that stand behind parameters: of a table function's arguments DuckDB looks for the first one's type only."""
    names = written_types(text, numbers)
    if not names:
        return {}
    try:
        probe = await session.prepare_native("SELECT " + ", ".join(f"CAST(NULL AS {name})" for name in names.values()))
    except DuckDBError:
        # the statement itself tells what is wrong with them
        return {}
    return {number: pg_type_of(column.type).oid for number, column in zip(names, probe.columns, strict=True)}


def _parameter_oids(
    native: Statement, declared_oids: tuple[int, ...], written_oids: Mapping[int, int], enums: EnumTypes
) -> tuple[int, ...]:
    found = []
    for number, logical_type in enumerate(native.parameter_types, 1):
        declared = declared_oids[number - 1] if number <= len(declared_oids) else 0
        known = written_oids.get(number) or pg_type_of(logical_type, enums).oid
        found.append(known if declared in UNKNOWN_OIDS else declared)
    # what is declared and not used is a parameter too
    for number, declared in enumerate(declared_oids[len(found) :], len(found) + 1):
        if declared in UNKNOWN_OIDS:
            raise PgError("42P18", f"could not determine data type of parameter ${number}")
        found.append(declared)
    return tuple(found)


def _gives_rows(native: Statement, analyzed: AnalyzedStatement) -> bool:
    # DuckDB has a column for the count or the success of the others too.
    if native.statement_type in _CHANGES:
        depth = 0
        for token in analyzed.source.tokens:
            if token.text in _OPENING:
                depth += 1
            elif token.text in _CLOSING:
                depth -= 1
            elif depth == 0 and token.word == "returning":
                return True
        return False
    # CHECKPOINT is a CALL, which answers with a status.
    return native.statement_type in _QUERIES and native.result_kind is ResultKind.ROWS


def _fields(
    native: Statement, columns: tuple[Column, ...], analyzed: AnalyzedStatement, enums: EnumTypes, *, exact: bool
) -> tuple[FieldDescription, ...] | None:
    if native.statement_type is StatementType.EXPLAIN:
        return describe_plan(analyzed.source.tokens)
    if not _gives_rows(native, analyzed):
        return None
    names = analyzed.column_names
    fields = []
    for position, column in enumerate(columns):
        pg_type = pg_type_of(column.type, enums)
        # A set in the select list is called after its function, whatever it is of.
        name = "unnest" if column.name.startswith("unnest(") else column.name
        if names is not None and position < len(names):
            name = names[position] or name
        modifier = pg_type.modifier if exact else -1
        fields.append(FieldDescription(name, type_oid=pg_type.oid, type_size=pg_type.size, type_modifier=modifier))
    return tuple(fields)
