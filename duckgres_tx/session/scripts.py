"""Statements that are several of DuckDB's: DROP TABLE a, b; serial columns; ALTER TABLE with several actions."""

from __future__ import annotations

from duckgres_tx.errors import PgError, Severity
from duckgres_tx.session.execution import is_about_temporary_objects
from duckgres_tx.session.existence import tell_existence
from duckgres_tx.session.session import Session
from duckgres_tx.session.transactions import BlockState
from duckgres_tx.sql import scripts
from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.guards import guard_of
from duckgres_tx.sql.several import dropped_at_commit
from duckgres_tx.sql.split import SourceStatement, split
from duckgres_tx.sql.tags import command_tag


async def run_script(session: Session, source: SourceStatement) -> str:
    """Run all of it or nothing: in the block that is open, else in a transaction of its own.

    Returns:
        The command tag.

    Raises:
        PgError: 25006 in a read-only transaction, 0A000, whatever DuckDB says; the caller ends the block.
    """
    tag = command_tag(source.tokens, 0)
    temporary = is_about_temporary_objects(source)
    if session.variables.is_on("transaction_read_only") and not temporary:
        raise PgError("25006", f"cannot execute {tag} in a read-only transaction")
    if session.search_path_may_be_stale:
        await session.follow_search_path()
    alone = session.block.state is BlockState.NONE
    session.begin_implicit()
    if session.block.wants_native:
        await session.begin_native()
    await session.free_connection()
    if source.tokens[0].is_word("create"):
        await _tell_of_creation(session, source)
    for text in scripts.script(source, session.translation_context):
        if not source.tokens[0].is_word("create"):
            await _tell_existence(session, split(text)[0])
        await _run(session, text)
    if temporary:
        session.has_temporary_objects = True
        session.epoch += 1
    short_lived = dropped_at_commit(StatementEdit(source))
    if short_lived is not None:
        session.block.dropped_at_commit.append(short_lived.name)
    session.catalog_changed()
    if alone:
        await session.commit()
    return tag


async def _tell_of_creation(session: Session, source: SourceStatement) -> None:
    await _tell_existence(session, source)
    for table, column, sequence in scripts.implicit_sequences(source):
        text = f'CREATE TABLE will create implicit sequence "{sequence}" for serial column "{table}.{column}"'
        session.notice(PgError("00000", text, severity=Severity.DEBUG))


async def _tell_existence(session: Session, statement: SourceStatement) -> None:
    guard = guard_of(statement)
    if guard is not None:
        await tell_existence(session, guard)


async def _run(session: Session, text: str) -> None:
    try:
        await session.run(text)
    except PgError as error:
        of_view = scripts.of_view(text) if "ALTER VIEW" in error.message else None
        if of_view is None:
            raise
        await session.run(of_view)
