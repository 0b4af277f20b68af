"""The simple protocol: a text of statements, each answered in turn; several of them are one transaction.

Spec: protocol-flow.html#PROTOCOL-FLOW-SIMPLE-QUERY, protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any

from duckgres_tx.engine.database import DuckDBError
from duckgres_tx.errors import PgError
from duckgres_tx.session import cursors, session_statements
from duckgres_tx.session.copy_stream import copy_stream
from duckgres_tx.session.execution import (
    check_block,
    check_read_only,
    conclude,
    is_stale,
    make_ready,
    may_be_unwritable,
    tag_of,
)
from duckgres_tx.session.explaining import TAG as EXPLAIN_TAG
from duckgres_tx.session.explaining import explain
from duckgres_tx.session.preparation import prepare
from duckgres_tx.session.prepared_statements import PreparedStatement
from duckgres_tx.session.session import Session
from duckgres_tx.session.standard_strings import standardize
from duckgres_tx.session.transactions import BlockState
from duckgres_tx.session.turn import Turn
from duckgres_tx.sql.forms import CopyStandardStream, DeclareCursor, ExecuteStatement, FetchCursor
from duckgres_tx.sql.statement_cache import AnalyzedStatement
from duckgres_tx.wire.backend import EMPTY_QUERY_RESPONSE, CommandComplete

# A batch that is longer is run as it is read: it holds data rather than a program.
MAX_PREPARED_BATCH = 64


def simple_query(turn: Turn, session: Session, text: str) -> Coroutine[Any, Any, None]:
    """Answer a Query, ReadyForQuery included.

    Args:
        turn: Ends when all statements are answered.
        session: The client's.
        text: The statements.

    Raises:
        PgError: A statement failed; those after it are not looked at.
    """
    answer = _answer_all if session.acting.standard_strings else _answer_escaped
    return answer(turn, session, text)


async def _answer_escaped(turn: Turn, session: Session, text: str) -> None:
    standard = standardize(session, text)
    try:
        await _answer_all(turn, session, standard.text)
    except PgError as error:
        standard.restore(error)
        raise


async def _answer_all(turn: Turn, session: Session, text: str) -> None:
    session.forget_unnamed()
    statements = session.cache.statements(text)
    if len(statements) == 1:
        await _single(turn, session, statements[0], text)
        turn.ready_for_query()
        return
    if not statements:
        session.output.write(EMPTY_QUERY_RESPONSE)
    prepared = await _prepare_batch(session, statements, text)
    for number, analyzed in enumerate(statements):
        if session.block.state is BlockState.NONE:
            session.begin_implicit()
        statement = prepared.get(number)
        if statement is None or (statement.native is not None and is_stale(session, statement)):
            statement = await prepare(session, analyzed, query=text)
        await _answer(turn, session, statement, is_last=number == len(statements) - 1)
    if session.block.state is BlockState.IMPLICIT:
        await session.commit()
    turn.ready_for_query()


async def _single(turn: Turn, session: Session, analyzed: AnalyzedStatement, text: str) -> None:
    statement = session.recent.take(text)
    if statement is None or is_stale(session, statement):
        statement = await prepare(session, analyzed, query=text)
    else:
        check_block(session, statement)
    if session.block.state is BlockState.NONE and may_be_unwritable(session, statement):
        session.begin_implicit()
    await _answer(turn, session, statement, is_last=True)
    session.recent.keep(statement)


async def _prepare_batch(
    session: Session, statements: Sequence[AnalyzedStatement], text: str
) -> dict[int, PreparedStatement]:
    """Prepare what can be prepared before anything runs, so that a syntax error in the last statement stops the first.

    Other errors wait for their statement's turn: it may use what one before it makes.

    Raises:
        PgError: 42601.
    """
    prepared: dict[int, PreparedStatement] = {}
    for number, analyzed in enumerate(statements[:MAX_PREPARED_BATCH]):
        try:
            prepared[number] = await prepare(session, analyzed, query=text)
        except PgError as error:
            cause = error.__cause__
            if isinstance(cause, DuckDBError) and cause.error_type == "PARSER":
                raise
    return prepared


async def _answer(turn: Turn, session: Session, statement: PreparedStatement, *, is_last: bool) -> None:
    tag = await run_statement(turn, session, statement)
    if is_last and session.block.state is BlockState.IMPLICIT:
        # It is only done when the transaction is committed.
        await session.commit()
    session.output.write(CommandComplete(tag).encode())
    # Each statement of a batch has its own time.
    session.interruption.end_statement()


async def run_statement(
    turn: Turn, session: Session, statement: PreparedStatement, parameters: Sequence[bytes | None] = ()
) -> str:
    """Run a statement to its end, its rows described and sent as text.

    Returns:
        The command tag, not sent yet.

    Raises:
        PgError: It failed.
    """
    if isinstance(statement.form, ExecuteStatement):
        prepared, values = await session_statements.resolve_execute(session, statement.form)
        return await run_statement(turn, session, prepared, values)
    if isinstance(statement.form, CopyStandardStream):
        return await copy_stream(turn, session, statement.form)
    if isinstance(statement.form, DeclareCursor):
        return await cursors.declare(session, statement, statement.form)
    if isinstance(statement.form, FetchCursor):
        return await cursors.fetch(session, statement.form)
    if statement.form is not None:
        return await _run_own(session, statement)
    if statement.explains:
        return await _run_explain(session, statement, parameters)
    check_read_only(session, statement)
    await make_ready(session, statement, parameters)
    for notice in statement.notices:
        session.notice(notice)
    head = b"" if statement.fields is None else statement.row_description(())
    execution = session.execute(statement, parameters)
    await session.running.finish(execution, head)
    conclude(session, statement, execution)
    tag = tag_of(statement, execution)
    execution.close()
    return tag


async def _run_explain(session: Session, statement: PreparedStatement, parameters: Sequence[bytes | None]) -> str:
    rows = await explain(session, statement, parameters)
    session.output.write(statement.row_description(()))
    for row in rows:
        session.output.write(row)
    return EXPLAIN_TAG


async def _run_own(session: Session, statement: PreparedStatement) -> str:
    assert statement.form is not None, "the caller has looked"  # noqa: S101
    outcome = await session_statements.carry_out(session, statement.form)
    if statement.fields is not None:
        session.output.write(statement.row_description(()))
        for row in outcome.rows:
            session.output.write(row)
    return outcome.tag
