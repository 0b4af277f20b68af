"""One statement's run, whichever protocol asked for it: what has to be true before, what is said after."""

from __future__ import annotations

from collections.abc import Sequence

from duckgres_tx.engine.database import StatementType
from duckgres_tx.engine.execution import Execution, ResultKind
from duckgres_tx.errors import PgError
from duckgres_tx.session.existence import tell_existence
from duckgres_tx.session.preparation import prepare_native
from duckgres_tx.session.prepared_statements import PreparedStatement
from duckgres_tx.session.session import Session
from duckgres_tx.session.set_config import set_variables
from duckgres_tx.session.transactions import ENDS_OF_BLOCKS, BlockState, aborted
from duckgres_tx.sql.split import SourceStatement

# What can't have changed the catalog; all others may have.
_HARMLESS = frozenset(
    {
        *(StatementType.SELECT, StatementType.INSERT, StatementType.UPDATE, StatementType.DELETE),
        *(StatementType.MERGE_INTO, StatementType.EXPLAIN, StatementType.ANALYZE, StatementType.TRANSACTION),
        *(StatementType.VARIABLE_SET, StatementType.SET, StatementType.COPY, StatementType.RELATION),
    }
)
_WRITES = frozenset(
    {
        *(StatementType.INSERT, StatementType.UPDATE, StatementType.DELETE, StatementType.MERGE_INTO),
        *(StatementType.CREATE, StatementType.CREATE_FUNC, StatementType.ALTER, StatementType.DROP),
        *(StatementType.VACUUM, StatementType.COPY_DATABASE),
    }
)
# What leaves something behind in DuckDB's connection.
_BINDING = frozenset(
    {
        *(StatementType.SET, StatementType.VARIABLE_SET, StatementType.PRAGMA, StatementType.LOAD),
        *(StatementType.ATTACH, StatementType.DETACH, StatementType.MULTI, StatementType.PREPARE),
    }
)
_TEMPORARY_WORDS = frozenset({"temp", "temporary"})


def check_block(session: Session, statement: PreparedStatement) -> None:
    """Refuse what a failed block doesn't hear.

    Raises:
        PgError: 25P02.
    """
    if session.block.state is BlockState.FAILED and (
        statement.analyzed is not None and statement.analyzed.statement_class not in ENDS_OF_BLOCKS
    ):
        raise aborted()


def is_ready(session: Session, statement: PreparedStatement) -> bool:
    """Whether a native statement can be executed right now, with nothing to do first."""
    return not (
        statement.epoch != session.epoch
        or statement.generation != session.database.generation
        or statement.catalog_query
        or statement.settings
        or statement.signals
        or statement.guard is not None
        or session.block.wants_native
        or session.suspended is not None
    )


def is_stale(session: Session, statement: PreparedStatement) -> bool:
    """Whether the catalog or the search path has changed since a statement was prepared."""
    return (
        statement.epoch != session.epoch
        or statement.generation != session.database.generation
        or (statement.catalog_query and statement.live != session.reads_live_catalog)
    )


async def refresh(session: Session, statement: PreparedStatement) -> None:
    """Prepare a statement anew if it is stale.

    Raises:
        PgError: DuckDB refuses it now; 0A000 when the row type is no longer what the client may have been told.
    """
    if session.search_path_may_be_stale:
        await session.follow_search_path()
    if is_stale(session, statement):
        before = statement.column_types
        await prepare_native(session, statement)
        statement.row_type_changed |= before != statement.column_types
    if statement.row_type_changed:
        raise PgError("0A000", "cached plan must not change result type")


async def make_ready(session: Session, statement: PreparedStatement, parameters: Sequence[bytes | None] = ()) -> None:
    """Do what has to come before a native statement runs: search path, a fresh plan, a fresh catalog, a transaction.

    Raises:
        PgError: One of these can't be done; 0A000 when the statement's row type has changed.
    """
    check_fault(statement)
    if statement.settings:
        await set_variables(session, statement.settings, parameters)
    await refresh(session, statement)
    if statement.signals:
        await session.look_at_backends()
    if statement.catalog_query:
        await session.refresh_catalog()
    if session.block.wants_native:
        await session.begin_native()
    if statement.guard is not None:
        await tell_existence(session, statement.guard)
    await session.free_connection()


def check_fault(statement: PreparedStatement) -> None:
    """Refuse what can't be planned.

    Raises:
        PgError: Why it can't.
    """
    if statement.fault is not None:
        raise statement.fault.with_traceback(None)


def check_read_only(session: Session, statement: PreparedStatement) -> None:
    """Refuse to write in a read-only transaction; DuckDB itself knows of those only that were so from the beginning.

    Raises:
        PgError: 25006.
    """
    native, analyzed = statement.native, statement.analyzed
    if native is None or analyzed is None or native.statement_type not in _WRITES:
        return
    if session.variables.is_on("transaction_read_only") and not is_about_temporary_objects(analyzed.source):
        command = analyzed.command_tag(0).removesuffix(" 0").removesuffix(" 0")
        raise PgError("25006", f"cannot execute {command} in a read-only transaction")


def is_about_temporary_objects(source: SourceStatement) -> bool:
    """Whether a statement says TEMPORARY where CREATE does."""
    return any(token.word in _TEMPORARY_WORDS for token in source.tokens[:5])


def may_be_unwritable(session: Session, statement: PreparedStatement) -> bool:
    """Whether rows that a statement returns of what it writes may be none that the client can read; then nothing is to be written."""
    native = statement.native
    return (
        session.transcoder is not None
        and native is not None
        and statement.fields is not None
        and native.statement_type in _WRITES
    )


def _carries_out(statement: PreparedStatement) -> bool:
    """Whether it is an EXPLAIN that runs its statement, which may be a CREATE TABLE AS."""
    return (
        statement.explains
        and statement.analyzed is not None
        and any(token.is_word("analyze", "analyse") for token in statement.analyzed.source.tokens[1:8])
    )


def tag_of(statement: PreparedStatement, execution: Execution) -> str:
    """The command tag of a run that has ended well."""
    analyzed = statement.analyzed
    assert analyzed is not None, "an empty statement has no tag"  # noqa: S101
    rows = execution.rows if execution.result_kind is ResultKind.ROWS else execution.rows_changed
    return analyzed.command_tag(rows or 0)


def conclude(session: Session, statement: PreparedStatement, execution: Execution) -> None:
    """A run is over: remember what it means for the statements to come.

    Raises:
        PgError: It has failed, or has told the session itself to stop.
    """
    session.interruption.end()
    try:
        session.running.check()
    except PgError:
        execution.close()
        raise
    error = execution.error
    if error is not None:
        execution.close()
        raise session.pg_error(error, statement.text, statement.position_in_query)
    if statement.signals:
        session.check_order()
    native, analyzed = statement.native, statement.analyzed
    if native is not None and (native.statement_type in _BINDING or (analyzed is not None and analyzed.binds)):
        session.is_bound = True
        if analyzed is not None and analyzed.sets_division:
            session.divides_as_duckdb = True
            session.epoch += 1
    if native is None or analyzed is None or (native.statement_type in _HARMLESS and not _carries_out(statement)):
        return
    if is_about_temporary_objects(analyzed.source):
        session.has_temporary_objects = True
        session.epoch += 1
    session.catalog_changed()
