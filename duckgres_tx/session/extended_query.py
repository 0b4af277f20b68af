"""The extended protocol: Parse, Bind, Describe, Execute, Close, and Sync at the end of a series.

The statements of a series are one transaction, unless there is only one. Nobody knows that before the Sync; so when a Sync has
been read right behind an Execute, the statement commits by itself, and else a transaction is begun for it.

Spec: protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any

from duckgres_tx.engine.execution import Execution
from duckgres_tx.errors import PgError, ProtocolViolation
from duckgres_tx.session import cursors, session_statements
from duckgres_tx.session.bound_parameters import dimensions, values_of, with_dimensions
from duckgres_tx.session.copy_stream import copy_stream
from duckgres_tx.session.execution import (
    check_block,
    check_fault,
    check_read_only,
    conclude,
    is_ready,
    is_stale,
    make_ready,
    may_be_unwritable,
    refresh,
    tag_of,
)
from duckgres_tx.session.explaining import TAG as EXPLAIN_TAG
from duckgres_tx.session.explaining import explain
from duckgres_tx.session.portals import Cursor, ExhaustedPortal, Portal
from duckgres_tx.session.preparation import prepare, wake
from duckgres_tx.session.prepared_statements import PreparedStatement, used_parameters
from duckgres_tx.session.session import Session
from duckgres_tx.session.standard_strings import standardize
from duckgres_tx.session.transactions import BlockState, aborted
from duckgres_tx.session.turn import Turn
from duckgres_tx.sql.forms import (
    CopyStandardStream,
    CreateDatabase,
    DeclareCursor,
    Discard,
    DropDatabase,
    ExecuteStatement,
    FetchCursor,
    SessionStatement,
)
from duckgres_tx.wire.backend import (
    BIND_COMPLETE,
    CLOSE_COMPLETE,
    EMPTY_QUERY_RESPONSE,
    NO_DATA,
    PARSE_COMPLETE,
    PORTAL_SUSPENDED,
    CommandComplete,
    ParameterDescription,
)
from duckgres_tx.wire.frames import messages
from duckgres_tx.wire.frontend import Bind, Close, Describe, Execute, Parse, Sync, Target

# What can't be undone, so that it is never a part of a series' transaction.
ALONE = (CreateDatabase, DropDatabase, Discard)


class ExtendedQuery:
    """The steps of one session's extended protocol.

    Args:
        turn: Where errors and the end of a wait go.
        session: The session's state.
    """

    __slots__ = ("_output", "_portal", "_session", "_turn")

    def __init__(self, turn: Turn, session: Session) -> None:
        self._turn = turn
        self._session = session
        self._output = session.output
        # What runs now.
        self._portal: Portal | None = None

    def parse(self, message: Parse) -> Coroutine[Any, Any, None]:
        """Parse: make a prepared statement; nothing is executed."""
        if self._session.acting.standard_strings:
            return self._parse(message, message.query)
        return self._parse_escaped(message)

    async def _parse_escaped(self, message: Parse) -> None:
        standard = standardize(self._session, message.query)
        try:
            await self._parse(message, standard.text)
        except PgError as error:
            standard.restore(error)
            raise

    async def _parse(self, message: Parse, query: str) -> None:
        session = self._session
        statements = session.cache.statements(query)
        if len(statements) > 1:
            raise PgError("42601", "cannot insert multiple commands into a prepared statement")
        analyzed = statements[0] if statements else None
        session.statements.check_new(message.statement)
        if not message.statement:
            session.statements.pop("")
        statement = await prepare(
            session, analyzed, name=message.statement, declared_oids=message.parameter_oids, query=query
        )
        session.statements.add(statement)
        self._output.write(PARSE_COMPLETE)

    def bind(self, message: Bind) -> Coroutine[Any, Any, None] | None:
        """Bind: make a portal. A statement whose tables have changed is planned anew first, as in PostgreSQL."""
        session = self._session
        if session.statements.asleep(message.statement) is not None:
            return self._bind_woken(message)
        statement = session.statements.find(message.statement)
        check_block(session, statement)
        if statement.native is not None and is_stale(session, statement):
            return self._bind_anew(message, statement)
        if statement.array_parameters and (wanted := dimensions(statement, message)):
            return self._bind_arrays(message, statement, wanted)
        self._bind(message, statement)
        return None

    async def _bind_woken(self, message: Bind) -> None:
        await wake(self._session, message.statement)
        statement = self._session.statements.find(message.statement)
        check_block(self._session, statement)
        await self._bind_anew(message, statement)

    async def _bind_anew(self, message: Bind, statement: PreparedStatement) -> None:
        if statement.native is not None:
            await refresh(self._session, statement)
        await self._bind_arrays(message, statement, dimensions(statement, message))

    async def _bind_arrays(self, message: Bind, statement: PreparedStatement, wanted: Mapping[int, int]) -> None:
        if wanted:
            statement = await with_dimensions(self._session, statement, wanted)
        self._bind(message, statement)

    def _bind(self, message: Bind, statement: PreparedStatement) -> None:
        session = self._session
        if statement.analyzed is None and session.block.state is BlockState.FAILED:
            raise aborted()
        if len(message.parameters) != len(statement.parameter_oids):
            raise ProtocolViolation(
                f"bind message supplies {len(message.parameters)} parameters, "
                f'but prepared statement "{message.statement}" requires {len(statement.parameter_oids)}'
            )
        columns = len(statement.fields) if statement.fields is not None else 0
        if len(message.result_formats) > 1 and len(message.result_formats) != columns:
            raise ProtocolViolation(
                f"bind message has {len(message.result_formats)} result formats but query has {columns} columns"
            )
        check_fault(statement)
        parameters = values_of(session, statement, message)
        parameters, formats = used_parameters(statement, parameters, message.parameter_formats)
        session.portals.add(Portal(message.portal, statement, parameters, formats, message.result_formats))
        self._output.write(BIND_COMPLETE)

    def describe(self, message: Describe) -> Coroutine[Any, Any, None] | None:
        """Describe: parameters and columns of a statement, or the columns of a portal; nothing is executed."""
        session = self._session
        if message.target is Target.STATEMENT:
            if session.statements.asleep(message.name) is not None:
                return self._describe_woken(message)
            statement = session.statements.find(message.name)
            formats: tuple[int, ...] = ()
        else:
            self._check_ended(message.name)
            portal = session.portals.find(message.name)
            statement, formats = portal.statement, portal.result_formats
        if session.block.state is BlockState.FAILED and statement.fields is not None:
            raise aborted()
        if statement.native is not None and is_stale(session, statement):
            return self._describe_anew(message.target, statement, formats)
        self._write_description(message.target, statement, formats)
        return None

    async def _describe_woken(self, message: Describe) -> None:
        await wake(self._session, message.name)
        work = self.describe(message)
        if work is not None:
            await work

    async def _describe_anew(self, target: Target, statement: PreparedStatement, formats: tuple[int, ...]) -> None:
        await refresh(self._session, statement)
        self._write_description(target, statement, formats)

    def _write_description(self, target: Target, statement: PreparedStatement, formats: tuple[int, ...]) -> None:
        if target is Target.STATEMENT:
            self._output.write(ParameterDescription(statement.parameter_oids).encode())
        self._output.write(NO_DATA if statement.fields is None else statement.row_description(formats))

    def execute(self, message: Execute) -> Coroutine[Any, Any, None] | None:
        """Execute: run a portal, or go on with it; the quick way when there is nothing to do first."""
        session = self._session
        self._check_ended(message.portal)
        portal = session.portals.find(message.portal)
        if isinstance(portal, ExhaustedPortal):
            self._execute_exhausted(portal)
            return None
        statement = portal.statement
        if statement.analyzed is None:
            self._output.write(EMPTY_QUERY_RESPONSE)
            return None
        check_block(session, statement)
        limit = max(0, message.max_rows)
        if isinstance(portal, Cursor):
            return self._execute_cursor(portal, limit)
        if session.block.state is BlockState.NONE and not (
            isinstance(statement.form, ALONE)
            or (self._turn.next_is_sync() and not may_be_unwritable(session, statement))
        ):
            session.begin_implicit()
        if statement.form is not None:
            return self._execute_own(portal, statement.form, limit)
        if statement.explains:
            return self._execute_explain(portal, limit)
        if portal.execution is None and is_ready(session, statement):
            check_read_only(session, statement)
            self._start(portal, limit)
            return None
        return self._execute_slowly(portal, limit)

    def _check_ended(self, name: str) -> None:
        """A portal that has ended with its transaction is known until the block ends."""
        session = self._session
        if session.block.state is BlockState.FAILED and session.portals.ended(name):
            raise aborted()

    def close(self, message: Close) -> None:
        """Close: forget a statement or a portal."""
        if message.target is Target.STATEMENT:
            self._session.statements.pop(message.name)
        else:
            self._session.close_portal(message.name)
        self._output.write(CLOSE_COMPLETE)

    def sync(self, message: Sync) -> Coroutine[Any, Any, None] | None:
        """Sync: the end of a series, and of the transaction that it was."""
        session = self._session
        if session.block.state is BlockState.IMPLICIT:
            return self._commit_series()
        if session.block.state is BlockState.NONE:
            session.end_portals()
        self._turn.ready_for_query()
        return None

    async def _commit_series(self) -> None:
        await self._session.commit()
        self._turn.ready_for_query()

    async def _execute_slowly(self, portal: Portal, limit: int) -> None:
        session = self._session
        execution = portal.execution
        if execution is None:
            check_read_only(session, portal.statement)
            await make_ready(session, portal.statement, portal.parameters)
            execution = self._begin(portal, limit)
        else:
            # Going on with its own rows needs no spooling, but another portal's may have to give way.
            if session.suspended is not portal:
                await session.free_connection()
            session.suspended = None
            session.rows_are(portal.statement, portal.result_formats)
            session.resume(execution, limit)
        await session.running.finish(execution)
        self._conclude(portal, execution)

    async def _execute_own(self, portal: Portal, form: SessionStatement, limit: int) -> None:
        session = self._session
        if isinstance(form, ExecuteStatement):
            # From now on the portal runs what EXECUTE means.
            portal.statement, portal.parameters = await session_statements.resolve_execute(session, form)
            await self._execute_slowly(portal, limit)
            return
        if isinstance(form, CopyStandardStream):
            # A row limit has no meaning for what isn't rows.
            portal.tag = await copy_stream(self._turn, session, form)
            self._output.write(CommandComplete(portal.tag).encode())
            session.portals.exhaust(portal)
            return
        if isinstance(form, FetchCursor) and not limit and portal.rows is None:
            # its rows needn't be gathered
            tag = await cursors.fetch(session, form, portal.result_formats)
            self._output.write(CommandComplete(tag).encode())
            session.portals.exhaust(portal)
            return
        if portal.rows is None:
            portal.rows, portal.tag = await self._carry_out(portal, form)
        self._send_rows(portal, portal.rows, limit, counted=isinstance(form, FetchCursor) and not form.move)

    async def _execute_explain(self, portal: Portal, limit: int) -> None:
        if portal.rows is None:
            portal.rows = await explain(self._session, portal.statement, portal.parameters, portal.parameter_formats)
            portal.tag = EXPLAIN_TAG
        self._send_rows(portal, portal.rows, limit)

    def _send_rows(self, portal: Portal, rows: list[bytes], limit: int, *, counted: bool = False) -> None:
        """Of the rows that the session has made itself, as many as are asked for.

        Args:
            portal: Whose rows they are; the others stay in it.
            rows: Those that were not sent yet.
            limit: 0 = all.
            counted: The tag is that of a FETCH, which counts the last piece only.
        """
        end = limit or len(rows)
        self._session.rows_are(portal.statement, portal.result_formats)
        for row in rows[:end]:
            self._output.write(row)
        sent, portal.rows = len(rows[:end]), rows[end:]
        if limit and sent == limit:
            self._output.write(PORTAL_SUSPENDED)
            return
        self._output.write(CommandComplete(f"FETCH {sent}" if counted else portal.tag).encode())
        self._session.portals.exhaust(portal)

    async def _carry_out(self, portal: Portal, form: SessionStatement) -> tuple[list[bytes], str]:
        session = self._session
        rows: list[bytes] = []
        if isinstance(form, FetchCursor):
            tag = await cursors.fetch(session, form, portal.result_formats, sink=rows.extend)
            return [row for block in rows for row in messages(block)], tag
        if isinstance(form, DeclareCursor):
            tag = await cursors.declare(
                session,
                portal.statement,
                form,
                parameters=portal.parameters,
                parameter_formats=portal.parameter_formats,
                formats=portal.result_formats,
                in_series=True,
            )
            return rows, tag
        outcome = await session_statements.carry_out(session, form)
        return list(outcome.rows), outcome.tag

    async def _execute_cursor(self, cursor: Cursor, limit: int) -> None:
        rows = await cursors.advance(self._session, cursor, limit or None)
        if limit and rows == limit:
            self._output.write(PORTAL_SUSPENDED)
        else:
            self._output.write(CommandComplete(f"SELECT {rows}").encode())

    def _start(self, portal: Portal, limit: int) -> None:
        execution = self._begin(portal, limit)
        self._portal = portal
        self._turn.wait()
        self._session.running.start(execution, self._over)

    def _begin(self, portal: Portal, limit: int) -> Execution:
        statement = portal.statement
        for notice in statement.notices:
            self._session.notice(notice)
        return self._session.execute(
            statement,
            portal.parameters,
            portal.parameter_formats,
            portal.result_formats,
            limit,
        )

    def _over(self, execution: Execution) -> None:
        portal, self._portal = self._portal, None
        assert portal is not None, "what is over was begun"  # noqa: S101
        try:
            self._conclude(portal, execution)
        except PgError as error:
            self._turn.go_on(error)
        else:
            self._turn.go_on()

    def _conclude(self, portal: Portal, execution: Execution) -> None:
        session = self._session
        conclude(session, portal.statement, execution)
        if execution.suspended:
            portal.execution = execution
            session.suspended = portal
            self._output.write(PORTAL_SUSPENDED)
            return
        self._output.write(CommandComplete(tag_of(portal.statement, execution)).encode())
        session.portals.exhaust(portal)

    def _execute_exhausted(self, portal: ExhaustedPortal) -> None:
        statement = portal.statement
        if statement.analyzed is None:
            self._output.write(EMPTY_QUERY_RESPONSE)
        elif statement.fields is None:
            raise PgError("55000", f'portal "{portal.name}" cannot be run')
        else:
            self._output.write(CommandComplete(statement.analyzed.command_tag(0)).encode())
