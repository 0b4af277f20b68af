"""Statements that are several of DuckDB's: DROP TABLE a, b; serial columns; ALTER TABLE with several actions."""

from __future__ import annotations

from duckgres_tx.errors import PgError
from duckgres_tx.session.execution import is_about_temporary_objects
from duckgres_tx.session.session import Session
from duckgres_tx.session.transactions import BlockState
from duckgres_tx.sql import scripts
from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.several import dropped_at_commit
from duckgres_tx.sql.split import SourceStatement
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
    for text in scripts.script(source, session.translation_context):
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


async def _run(session: Session, text: str) -> None:
    try:
        await session.run(text)
    except PgError as error:
        of_view = scripts.of_view(text) if "ALTER VIEW" in error.message else None
        if of_view is None:
            raise
        await session.run(of_view)
