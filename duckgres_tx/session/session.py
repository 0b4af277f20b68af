"""What all parts of one client's session share: its connection to DuckDB, variables, transaction, statements and portals.

It carries out on DuckDB what the others decide. One thing at a time is with the engine; the engine runs the jobs of one
connection in the order of submission.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from attrs import define, field
from twisted.logger import Logger

from duckgres_tx.catalog.search_path import effective_schemas, effective_search_path
from duckgres_tx.catalog.snapshot import live_script
from duckgres_tx.engine.database import Connection, DuckDBError, Statement
from duckgres_tx.engine.execution import Execution
from duckgres_tx.engine.failures import to_pg_error
from duckgres_tx.engine.native_threads import Job
from duckgres_tx.engine.rendering import RenderOptions
from duckgres_tx.errors import PgError, Severity
from duckgres_tx.session.cancellation import Interruption
from duckgres_tx.session.databases import Databases
from duckgres_tx.session.executor import Executor
from duckgres_tx.session.open_database import OpenDatabase, quote_identifier
from duckgres_tx.session.outgoing import Outgoing
from duckgres_tx.session.portals import Portal, Portals
from duckgres_tx.session.prepared_statements import PreparedStatement, PreparedStatements
from duckgres_tx.session.running import Running
from duckgres_tx.session.transactions import BlockState, TransactionBlock
from duckgres_tx.sql.forms import TransactionModes
from duckgres_tx.sql.guc_values import read_name_list
from duckgres_tx.sql.statement_cache import StatementCache
from duckgres_tx.sql.translation_context import TranslationContext
from duckgres_tx.sql.variables import Changes, Variables
from duckgres_tx.wire.backend import NoticeResponse, ParameterStatus

_TEMPORARY_OBJECTS = """
SELECT 'VIEW', view_name FROM duckdb_views() WHERE database_name = 'temp' AND NOT internal
UNION ALL SELECT 'TABLE', table_name FROM duckdb_tables() WHERE database_name = 'temp' AND NOT internal
UNION ALL SELECT 'SEQUENCE', sequence_name FROM duckdb_sequences() WHERE database_name = 'temp'
UNION ALL SELECT DISTINCT CASE function_type WHEN 'macro' THEN 'MACRO' ELSE 'MACRO TABLE' END, function_name
FROM duckdb_functions() WHERE database_name = 'temp' AND NOT internal
UNION ALL SELECT 'TYPE', type_name FROM duckdb_types() WHERE database_name = 'temp' AND NOT internal
"""

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
        databases: All of the host's, for CREATE and DROP DATABASE.
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
        cache: What is known of statements, shared by all sessions.
        spool_directory: Where rows of suspended portals go.
        idle_limit_s: How long the client may be silent outside a transaction; 0 = for ever.
        idle_in_transaction_limit_s: Likewise inside one.
        transaction_limit_s: How long a transaction may last.
        invalidated: Called when DuckDB says that the instance is beyond use.
    """

    backend_pid: int
    user: str
    superuser: bool
    database: OpenDatabase
    databases: Databases
    native: Connection
    executor: Executor
    output: Outgoing
    variables: Variables
    interruption: Interruption
    spool_directory: str
    invalidated: Callable[[str], None]
    cache: StatementCache
    block: TransactionBlock = field(factory=TransactionBlock)
    statements: PreparedStatements = field(factory=PreparedStatements)
    portals: Portals = field(factory=Portals)
    running: Running = field(init=False)
    render: RenderOptions = field(init=False)
    epoch: int = 0
    has_temporary_objects: bool = False
    _snapshot_of_block: int = 0
    suspended: Portal | None = None
    idle_limit_s: float = 0.0
    idle_in_transaction_limit_s: float = 0.0
    transaction_limit_s: float = 0.0
    _unreported: dict[str, str] = field(factory=dict)
    _timeout_s: float = 0.0
    _notice_level: int = 6
    _path: tuple[str, ...] | None = None
    _path_generation: int = -1

    _log: ClassVar[Logger] = Logger()

    def __attrs_post_init__(self) -> None:
        self.running = Running(self.output)
        self._read_variables()

    # Telling the client

    def notice(self, notice: PgError) -> None:
        """Send a NOTICE or WARNING, if the client wants to hear of such."""
        if _NOTICE_LEVELS.index(_LEVEL_OF_SEVERITY.get(notice.severity, "warning")) >= self._notice_level:
            self.output.write(NoticeResponse.from_error(notice).encode())

    def pg_error(
        self, error: DuckDBError, text: str | None = None, position: Callable[[int], int] | None = None
    ) -> PgError:
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

    def report_variables(self) -> None:
        """Send ParameterStatus for what has changed since the last time: just before ReadyForQuery, as PostgreSQL does."""
        if self._unreported:
            for name, value in sorted(self._unreported.items(), key=lambda item: item[0].lower()):
                self.output.write(ParameterStatus(name, value).encode())
            self._unreported.clear()

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
    ) -> Execution:
        """Begin to run a statement; nothing else may be open on the connection. ``interruption`` is set for it."""
        native = statement.native
        assert native is not None, "only what DuckDB has prepared is executed"  # noqa: S101
        execution = self.executor.threads.execute(
            native, parameters, parameter_formats, statement.parameter_oids, result_formats, self.render, row_limit
        )
        self.block.ran = True
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

    def forget_unnamed(self) -> None:
        """A Query makes an end of the unnamed statement and portal."""
        self.statements.pop("")
        self.close_portal("")

    async def drop_temporary_objects(self) -> None:
        """Drop everything that was made TEMPORARY in this session.

        Raises:
            PgError: DuckDB refuses.
        """
        if not self.has_temporary_objects:
            return
        if self.block.wants_native:
            await self.begin_native()
        for kind, name in await self.run(_TEMPORARY_OBJECTS):
            await self.run(f"DROP {kind} IF EXISTS temp.main.{quote_identifier(name or '')} CASCADE")
        self.has_temporary_objects = self.block.state is not BlockState.NONE
        self.epoch += 1

    # The catalog

    @property
    def translation_context(self) -> TranslationContext:
        """What translations depend on beside the statement."""
        return TranslationContext(self.database.catalog, self.reads_live_catalog)

    @property
    def reads_live_catalog(self) -> bool:
        """The snapshot doesn't show what this session alone can see, or this transaction can't see the snapshot.

        A transaction sees what the snapshot's tables were when it began, as those of any other database.
        """
        if self.has_temporary_objects or self.block.catalog_changed:
            return True
        return self.block.native_open and not (
            self.database.snapshot_is_fresh and self.database.snapshot_generation == self._snapshot_of_block
        )

    async def refresh_catalog(self) -> None:
        """Make sure that the catalog's relations show everything committed, and what this session alone can see.

        Raises:
            PgError: DuckDB can't rebuild them.
        """
        live = self.reads_live_catalog
        try:
            await self.database.list_databases(self.databases.names())
            if not live and not self.database.snapshot_is_fresh:
                await self.database.refresh_snapshot()
        except DuckDBError as error:
            raise self.pg_error(error) from error
        if live:
            await self.run(live_script(self.database.catalog))

    # Transactions

    def begin_implicit(self) -> None:
        """The statements to come belong together, unless they do already."""
        if self.block.begin_implicit():
            self.variables.begin()

    def begin_block(self, modes: TransactionModes) -> Changes:
        """BEGIN, with what SET LOCAL would mean for its modes."""
        warning = self.block.begin(modes)
        if warning is not None:
            self.notice(warning)
            return Changes()
        self.variables.begin()
        return self.variables.set_modes(modes)

    async def begin_native(self) -> None:
        """Begin DuckDB's transaction for the block.

        Raises:
            PgError: What DuckDB said.
        """
        read_only = self.variables.is_on("transaction_read_only")
        await self.run("BEGIN TRANSACTION READ ONLY" if read_only else "BEGIN TRANSACTION")
        self.block.native_open = True
        self._snapshot_of_block = self.database.snapshot_generation

    async def commit(self) -> None:
        """Commit the block.

        Raises:
            PgError: It could not be; then it is rolled back, and over all the same.
        """
        catalog_changed = self.block.catalog_changed
        self.close_portals()
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
            # Some errors outside of a transaction leave DuckDB in one that is aborted (1.5.5: ALTER TABLE with a default that
            # names a sequence that isn't there), and every later statement would be refused.
            self.block.native_open = True
            await self._rollback_native()
            return
        await self._rollback_native()
        self.block.fail()
        await self.apply(self.variables.rollback())
        if self.block.state is BlockState.FAILED:
            # SHOW and SET LOCAL are refused until its end, but the block is still one.
            self.variables.begin()

    async def _rollback_native(self) -> None:
        changed = self.block.catalog_changed
        self.close_portals()
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

    def close_portal(self, name: str) -> None:
        """Close: it is no error if there is none."""
        if self.suspended is not None and self.suspended.name == name:
            self.suspended = None
        self.portals.close(name)

    def close_portals(self) -> None:
        """The transaction is over, and with it its portals."""
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
        self._unreported.update(changes.parameter_status)
        self._read_variables()
        if "search_path" in changes.values:
            await self.follow_search_path()

    async def follow_search_path(self) -> None:
        """Give DuckDB the search path, as far as its schemas exist.

        Raises:
            PgError: DuckDB refuses.
        """
        schemas = await self._visible_schemas()
        self._path_generation = self.database.generation
        setting = read_name_list(self.variables.show("search_path"))
        path = effective_schemas(setting, self.user, schemas)
        if path != self._path:
            self._path = path
            self.epoch += 1
            self.native.set_context("search_path", ",".join(path))
            await self.run(effective_search_path(path, self.database.catalog))

    async def _visible_schemas(self) -> frozenset[str]:
        if self.block.catalog_changed:
            # Its own new schemas are to be found before they are committed.
            return frozenset(row[0] or "" for row in await self.run(self.database.schemas_query))
        return await self.database.current_schemas()

    @property
    def search_path_may_be_stale(self) -> bool:
        """Schemas may have come or gone since the search path was given to DuckDB."""
        return self._path_generation != self.database.generation

    def _read_variables(self) -> None:
        variables = self.variables
        self._timeout_s = variables.number("statement_timeout") / 1000
        self.idle_limit_s = variables.number("idle_session_timeout") / 1000
        self.idle_in_transaction_limit_s = variables.number("idle_in_transaction_session_timeout") / 1000
        self.transaction_limit_s = variables.number("transaction_timeout") / 1000
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
        self.close_portals()
        self.statements.clear()
        await self.executor.finish(self.executor.threads.close(self.native))
