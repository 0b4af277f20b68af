"""One client's connection to DuckDB: what runs on it, one thing at a time, and how that is stopped.

The engine runs the jobs of one connection in the order of submission.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from attrs import define, field
from twisted.logger import Logger

from duckgres_tx.engine.copy_framing import CopyFraming
from duckgres_tx.engine.database import Connection, DuckDBError, Statement
from duckgres_tx.engine.execution import Execution
from duckgres_tx.engine.failures import to_pg_error
from duckgres_tx.engine.native_threads import Job
from duckgres_tx.engine.rendering import RenderOptions
from duckgres_tx.errors import PgError
from duckgres_tx.session.cancellation import Interruption
from duckgres_tx.session.executor import Executor
from duckgres_tx.session.open_database import OpenDatabase
from duckgres_tx.session.portals import Cursor, Portal, Portals
from duckgres_tx.session.prepared_statements import PreparedStatement, PreparedStatements
from duckgres_tx.session.recent_queries import RecentQueries
from duckgres_tx.session.transactions import TransactionBlock
from duckgres_tx.wire.transcoding import Transcoder


@define(eq=False, kw_only=True)
class DuckDBSession:
    """A connection of one session's, with what depends on it.

    Attributes:
        database: The instance it is to.
        native: The connection.
        executor: Where work goes.
        interruption: How the statement that runs is stopped.
        spool_directory: Where rows of suspended portals go.
        invalidated: Called with the database's name when DuckDB says that the instance is beyond use.
        block: Where the session stands towards its transaction.
        statements: Prepared ones.
        recent: What simple queries have prepared last.
        portals: Open ones.
        suspended: The portal whose rows DuckDB's one open result gives, if any.
        render: The text form of values.
        statement_limit_s: How long a statement may take; 0 = for ever.
        transcoder: Converts for a client that doesn't speak UTF-8; None for all others.
    """

    database: OpenDatabase
    native: Connection
    executor: Executor
    interruption: Interruption
    spool_directory: str
    invalidated: Callable[[str], None]
    block: TransactionBlock = field(factory=TransactionBlock)
    statements: PreparedStatements = field(factory=PreparedStatements)
    recent: RecentQueries = field(factory=RecentQueries)
    portals: Portals = field(factory=Portals)
    suspended: Portal | None = None
    render: RenderOptions = field(factory=RenderOptions)
    statement_limit_s: float = 0.0
    transcoder: Transcoder | None = None

    _log: ClassVar[Logger] = Logger()

    def pg_error(
        self, error: DuckDBError, text: str | None = None, position: Callable[[int], int] | None = None
    ) -> PgError:
        """What the client hears of an error of DuckDB's.

        Args:
            error: As it came.
            text: What DuckDB was given.
            position: From a position in ``text`` to one in the client's, both from 1.
        """
        # one of our own functions can say it in its message only
        interrupted = error.error_type == "INTERRUPT" or error.message.endswith(": Interrupted!")
        if interrupted and self.interruption.reason is not None:
            return self.interruption.reason
        if error.error_type in ("FATAL", "INTERNAL"):
            self._log.error("database {name}: {message}", name=self.database.name, message=error.message)
            if self.database.native.invalidated:
                self.invalidated(self.database.name)
        found = to_pg_error(error, text)
        if found.position is not None:
            found.position = None if position is None else position(found.position)
        return found

    async def finish(self, job: Job) -> Any:
        """Wait for a job of the client's own statement; it can be cancelled, and ``statement_timeout`` ends it.

        Raises:
            DuckDBError: It failed.
        """
        self.interruption.begin(job, timeout_s=self.statement_limit_s)
        try:
            return await self.executor.finish(job)
        finally:
            self.interruption.end()

    async def run(self, sql: str) -> list[list[str | None]]:
        """Run statements of the session's own; they can't be cancelled.

        Returns:
            The rows of the last one.

        Raises:
            PgError: What DuckDB said.
        """
        await self.free_connection()
        try:
            rows: list[list[str | None]] = await self.executor.finish(
                self.executor.threads.run(self.native, sql.encode())
            )
        except DuckDBError as error:
            raise self.pg_error(error) from error
        return rows

    async def prepare_native(self, text: str) -> Statement:
        """Have DuckDB prepare a text.

        Raises:
            DuckDBError: It refuses.
        """
        await self.free_connection()
        native: Statement = await self.finish(self.executor.threads.prepare(self.native, text.encode()))
        return native

    def execute(
        self,
        statement: PreparedStatement,
        parameters: Sequence[bytes | None] = (),
        parameter_formats: Sequence[int] = (),
        result_formats: Sequence[int] = (),
        row_limit: int = 0,
        framing: CopyFraming | None = None,
    ) -> Execution:
        """Begin to run a statement; nothing else may be open on the connection. ``interruption`` is set for it."""
        native = statement.native
        assert native is not None, "only what DuckDB has prepared is executed"  # noqa: S101
        self.rows_are(statement, result_formats)
        if statement.told_as_text:
            result_formats = statement.formats_of_values(tuple(result_formats))
        execution = self.executor.threads.execute(
            native,
            parameters,
            parameter_formats,
            statement.reading_oids,
            result_formats,
            self.render,
            row_limit,
            framing,
        )
        self.block.ran = True
        self.interruption.begin(execution, timeout_s=self.statement_limit_s)
        return execution

    def rows_are(self, statement: PreparedStatement, formats: Sequence[int]) -> None:
        """The next rows that the client gets are a statement's, in these formats; a RowDescription says it by itself."""
        if self.transcoder is not None:
            self.transcoder.columns_are([field.type_oid for field in statement.fields or ()], formats)

    def resume(self, execution: Execution, row_limit: int) -> None:
        """Go on with a suspended one."""
        execution.resume(row_limit)
        self.interruption.begin(execution, timeout_s=self.statement_limit_s)

    async def free_connection(self) -> None:
        """Spool what a suspended portal has left, so that something else may run."""
        portal, self.suspended = self.suspended, None
        if portal is None or portal.execution is None or portal.execution.spooled:
            return
        try:
            await self.finish(portal.execution.spool(self.spool_directory))
        except DuckDBError as error:
            raise self.pg_error(error) from error

    def forget_unnamed(self) -> None:
        """A Query makes an end of the unnamed statement and portal."""
        self.statements.pop("")
        self.close_portal("")

    def close_portal(self, name: str) -> None:
        """Close: it is no error if there is none."""
        if self.suspended is not None and self.suspended.name == name:
            self.suspended = None
        self.portals.close(name)

    def end_portals(self) -> None:
        """The transaction is over, and with it its portals."""
        self.suspended = None
        self.portals.end_of_transaction()

    def close_portals(self) -> None:
        """All, also those that outlive transactions."""
        self.suspended = None
        self.portals.close_all()

    async def hold_cursors(self) -> list[Cursor]:
        """Before the commit: keep the rows of the cursors that shall outlive it.

        Returns:
            These cursors, for who has to let them go after all.

        Raises:
            PgError: The rows can't be made, or kept.
        """
        cursors = self.portals.to_hold()
        if self.suspended in cursors:
            # the others' rows are spooled already: one result only is open
            await self.free_connection()
        for cursor in cursors:
            cursor.held = True
        return cursors

    def close(self) -> None:
        """Free everything the session has in DuckDB; whatever was open is rolled back. Nobody waits for that.

        Its instance does, when it is to be closed itself.
        """
        self.close_portals()
        # First, so that what is dropped here after it costs no native thread a wakeup of its own.
        self.executor.threads.discard(self.native)
        self.statements.clear()
        self.recent.clear()
