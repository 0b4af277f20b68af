"""What all parts of one client's session share: its connection to DuckDB, variables, transaction, statements and portals.

It carries out on DuckDB what the others decide. One thing at a time is with the engine; the engine runs the jobs of one
connection in the order of submission.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field
from twisted.logger import Logger

from duckgres_tx.catalog.search_path import effective_search_path
from duckgres_tx.engine.database import Connection, DuckDBError, Execution, Job, Statement
from duckgres_tx.engine.failures import to_pg_error
from duckgres_tx.engine.timezones import RenderOptions
from duckgres_tx.errors import PgError, Severity
from duckgres_tx.session.cancellation import Interruption
from duckgres_tx.session.executor import Executor
from duckgres_tx.session.open_database import OpenDatabase
from duckgres_tx.session.outgoing import Outgoing
from duckgres_tx.session.portals import Portal, Portals
from duckgres_tx.session.prepared_statements import PreparedStatements
from duckgres_tx.session.running import Running
from duckgres_tx.session.transactions import BlockState, TransactionBlock
from duckgres_tx.sql.split import SourceStatement
from duckgres_tx.sql.translate import Translation, TranslationContext, Translator
from duckgres_tx.sql.variables import Changes, Variables
from duckgres_tx.wire.backend import NoticeResponse, ParameterStatus

_NOTICE_LEVELS = ("debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error")
_LEVEL_OF_SEVERITY = {
    Severity.DEBUG: "debug1",
    Severity.LOG: "log",
    Severity.NOTICE: "notice",
    Severity.WARNING: "warning",
}


@define(eq=False)
class Session:
    """One authenticated client's session.

    Attributes:
        backend_pid: As clients see it.
        user: Who logged in.
        superuser: May create and drop databases.
        database: The instance it works on.
        native: Its connection to that.
        executor: Where work goes.
        output: What goes to the client.
        variables: SET and SHOW.
        block: Where it stands towards its transaction.
        statements: Prepared ones.
        portals: Open ones.
        interruption: How the statement that runs is stopped.
        running: Passes a running statement's rows on.
        render: The text form of values, as the variables say.
        epoch: Counts what makes prepared statements stale beside the database's generation.
        has_temporary_objects: Made in this session, so its catalog is its own.
        spool_directory: Where rows of suspended portals go.
        invalidated: Called when DuckDB says that the instance is beyond use.
    """

    backend_pid: int
    user: str
    superuser: bool
    database: OpenDatabase
    native: Connection
    executor: Executor
    output: Outgoing
    variables: Variables
    interruption: Interruption
    spool_directory: str
    invalidated: Callable[[str], None]
    _translator: Translator
    block: TransactionBlock = field(factory=TransactionBlock)
    statements: PreparedStatements = field(factory=PreparedStatements)
    portals: Portals = field(factory=Portals)
    running: Running = field(init=False)
    render: RenderOptions = field(init=False)
    epoch: int = 0
    has_temporary_objects: bool = False
    suspended: Portal | None = None
    _timeout_s: float = 0.0
    _notice_level: int = 6
    _path: str = ""
    _path_generation: int = -1
    _log: Logger = Logger()

    def __attrs_post_init__(self) -> None:
        self.running = Running(self.output)
        self._read_variables()

    # Telling the client

    def notice(self, notice: PgError) -> None:
        """Send a NOTICE or WARNING, if the client wants to hear of such."""
        if _NOTICE_LEVELS.index(_LEVEL_OF_SEVERITY.get(notice.severity, "warning")) >= self._notice_level:
            self.output.write(NoticeResponse.from_error(notice).encode())

    def pg_error(self, error: DuckDBError, text: str | None = None, position: Callable[[int], int] | None = None) -> PgError:
        """What the client hears of an error of DuckDB's.

        Args:
            error: As it came.
            text: What DuckDB was given.
            position: From a position in ``text`` to one in the client's, both from 1.
        """
        if error.error_type == "INTERRUPT" and self.interruption.reason is not None:
            return self.interruption.reason
        if error.error_type in ("FATAL", "INTERNAL"):
            self._log.error("database {name}: {message}", name=self.database.name, message=error.message)
            if self.database.native.invalidated:
                self.invalidated(self.database.name)
        found = to_pg_error(error, text)
        if found.position is not None:
            found.position = None if position is None else position(found.position)
        return found

    # Asking DuckDB

    async def finish(self, job: Job) -> Any:
        """Wait for a job of the client's own statement; it can be cancelled, and ``statement_timeout`` ends it.

        Raises:
            DuckDBError: It failed.
        """
        self.interruption.begin(job, timeout_s=self._timeout_s)
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
            rows: list[list[str | None]] = await self.executor.finish(self.executor.threads.run(self.native, sql.encode()))
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
        statement: Statement,
        parameters: Sequence[bytes | None] = (),
        parameter_formats: Sequence[int] = (),
        parameter_oids: Sequence[int] = (),
        result_formats: Sequence[int] = (),
        row_limit: int = 0,
    ) -> Execution:
        """Begin to run a statement; nothing else may be open on the connection. ``interruption`` is set for it."""
        execution = self.executor.threads.execute(
            statement, parameters, parameter_formats, parameter_oids, result_formats, self.render, row_limit
        )
        self.interruption.begin(execution, timeout_s=self._timeout_s)
        return execution

    def resume(self, execution: Execution, row_limit: int) -> None:
        """Go on with a suspended one."""
        execution.resume(row_limit)
        self.interruption.begin(execution, timeout_s=self._timeout_s)

    async def free_connection(self) -> None:
        """Spool what a suspended portal has left, so that something else may run."""
        portal, self.suspended = self.suspended, None
        if portal is None or portal.execution is None or portal.execution.spooled:
            return
        try:
            await self.finish(portal.execution.spool(self.spool_directory))
        except DuckDBError as error:
            raise self.pg_error(error) from error

    def close_native(self, statement: Statement) -> None:
        """Free a statement, off the reactor."""
        self.executor.forget(self.executor.threads.close(statement))

    # Translating

    def translate(self, source: SourceStatement) -> Translation:
        """Into DuckDB's dialect.

        Raises:
            PgError: Something has no counterpart; the position is one in the client's whole text.
        """
        try:
            return self._translator.translate(source, TranslationContext(self.database.catalog, self.reads_live_catalog))
        except PgError as error:
            if error.position is not None and source.offset:
                moved = PgError(error.sqlstate, error.message, error.detail, error.hint, error.position + source.offset)
                raise moved from None
            raise

    @property
    def reads_live_catalog(self) -> bool:
        """The snapshot doesn't show what this session alone can see."""
        return self.has_temporary_objects or self.block.catalog_changed

    async def refresh_catalog(self) -> None:
        """Make sure that the catalog's relations show everything committed.

        Raises:
            PgError: DuckDB can't rebuild them.
        """
        if self.database.snapshot_is_fresh or self.reads_live_catalog:
            return
        try:
            await self.database.refresh_snapshot()
        except DuckDBError as error:
            raise self.pg_error(error) from error

    # Transactions

    async def begin_native(self) -> None:
        """Begin DuckDB's transaction for the block.

        Raises:
            PgError: What DuckDB said.
        """
        read_only = self.variables.is_on("transaction_read_only")
        await self.run("BEGIN TRANSACTION READ ONLY" if read_only else "BEGIN TRANSACTION")
        self.block.native_open = True

    async def commit(self) -> None:
        """Commit the block.

        Raises:
            PgError: It could not be; then it is rolled back, and over all the same.
        """
        catalog_changed = self.block.catalog_changed
        self._close_portals()
        if self.block.native_open:
            try:
                await self.run("COMMIT")
            except PgError:
                await self.rollback()
                raise
        self.block.end()
        if catalog_changed:
            self.catalog_changed()
        await self.apply(self.variables.commit())

    async def rollback(self) -> None:
        """Roll the block back, whatever state it is in."""
        await self._rollback_native()
        self.block.end()
        await self.apply(self.variables.rollback())

    async def fail(self) -> None:
        """An error was met: undo what the block has done, and wait for its end if it was begun by BEGIN."""
        if self.block.state is BlockState.NONE:
            return
        await self._rollback_native()
        self.block.fail()
        await self.apply(self.variables.rollback())
        if self.block.state is BlockState.FAILED:
            # SHOW and SET LOCAL are refused until its end, but the block is still one.
            self.variables.begin()

    async def _rollback_native(self) -> None:
        changed = self.block.catalog_changed
        self._close_portals()
        if self.block.native_open:
            self.block.native_open = False
            try:
                await self.executor.finish(self.executor.threads.run(self.native, b"ROLLBACK"))
            except DuckDBError as error:
                # DuckDB has ended it by itself.
                if error.error_type != "TRANSACTION":
                    raise self.pg_error(error) from error
        if changed:
            self.epoch += 1

    def _close_portals(self) -> None:
        self.suspended = None
        self.portals.close_all()

    def catalog_changed(self) -> None:
        """A statement that may have changed the catalog has run: everyone hears of it at the commit."""
        if self.block.state is BlockState.NONE:
            self.database.catalog_changed()
        else:
            self.block.catalog_changed = True
            self.epoch += 1

    # Variables

    async def apply(self, changes: Changes) -> None:
        """Do what a change of variables means: to DuckDB, to the context functions, to the client.

        Raises:
            PgError: DuckDB refuses.
        """
        for notice in changes.notices:
            self.notice(notice)
        if not changes.values:
            return
        for statement in changes.duckdb_statements:
            await self.run(statement)
        for name, value in changes.context:
            self.native.set_context(name, value)
        for name, value in changes.parameter_status:
            self.output.write(ParameterStatus(name, value).encode())
        self._read_variables()
        if "search_path" in changes.values:
            await self.follow_search_path()

    async def follow_search_path(self) -> None:
        """Give DuckDB the search path, as far as its schemas exist.

        Raises:
            PgError: DuckDB refuses.
        """
        schemas = await self.database.current_schemas()
        self._path_generation = self.database.generation
        setting = self.variables.show("search_path")
        path = effective_search_path(setting, self.user, schemas)
        if path.statement != self._path:
            self._path = path.statement
            self.epoch += 1
            self.native.set_context("search_path", path.context)
            await self.run(path.statement)

    @property
    def search_path_may_be_stale(self) -> bool:
        """Schemas may have come or gone since the search path was given to DuckDB."""
        return self._path_generation != self.database.generation

    def _read_variables(self) -> None:
        variables = self.variables
        self._timeout_s = variables.number("statement_timeout") / 1000
        self._notice_level = _NOTICE_LEVELS.index(variables.show("client_min_messages"))
        self.render = RenderOptions(
            time_zone=variables.time_zone,
            extra_float_digits=int(variables.number("extra_float_digits")),
            bytea_output=variables.show("bytea_output"),
            interval_style=variables.show("intervalstyle"),
            date_style=variables.show("datestyle"),
        )

    # The end

    async def close(self) -> None:
        """Free everything the session has in DuckDB; whatever was open is rolled back."""
        self._close_portals()
        self.statements.pop_all()
        await self.executor.finish(self.executor.threads.close(self.native))
