"""What all parts of one client's session share: its variables, its transaction, its view of the catalog.

It carries out on DuckDB what the others decide.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field

from duckgres_tx.catalog.search_path import effective_schemas, effective_search_path
from duckgres_tx.catalog.snapshot import live_script
from duckgres_tx.engine.database import DuckDBError
from duckgres_tx.errors import PgError, Severity
from duckgres_tx.session.acting_values import NOTICE_LEVELS, ActingValues
from duckgres_tx.session.backends import KNOWN, NOTES, Backends
from duckgres_tx.session.databases import Databases
from duckgres_tx.session.duckdb_session import DuckDBSession
from duckgres_tx.session.listing import listing
from duckgres_tx.session.open_database import quote_identifier
from duckgres_tx.session.outgoing import Outgoing
from duckgres_tx.session.running import Running
from duckgres_tx.session.transactions import BlockState
from duckgres_tx.sql.forms import TransactionModes
from duckgres_tx.sql.guc_values import read_name_list
from duckgres_tx.sql.statement_cache import StatementCache
from duckgres_tx.sql.translation_context import TranslationContext
from duckgres_tx.sql.variables import Changes, Variables
from duckgres_tx.wire.backend import NoticeResponse, ParameterStatus
from duckgres_tx.wire.transcoding import Transcoder

_TEMPORARY_OBJECTS = """
SELECT 'VIEW', view_name FROM duckdb_views() WHERE database_name = 'temp' AND NOT internal
UNION ALL SELECT 'TABLE', table_name FROM duckdb_tables() WHERE database_name = 'temp' AND NOT internal
UNION ALL SELECT 'SEQUENCE', sequence_name FROM duckdb_sequences() WHERE database_name = 'temp'
UNION ALL SELECT DISTINCT CASE function_type WHEN 'macro' THEN 'MACRO' ELSE 'MACRO TABLE' END, function_name
FROM duckdb_functions() WHERE database_name = 'temp' AND NOT internal
UNION ALL SELECT 'TYPE', type_name FROM duckdb_types() WHERE database_name = 'temp' AND NOT internal
"""

_LEVEL_OF_SEVERITY = {
    Severity.DEBUG: "debug1",
    Severity.LOG: "log",
    Severity.NOTICE: "notice",
    Severity.WARNING: "warning",
}


@define(eq=False, kw_only=True)
class Session(DuckDBSession):
    """One authenticated client's session.

    Attributes:
        backend_pid: As clients see it.
        user: Who logged in.
        superuser: May create and drop databases.
        databases: All of the host's, for CREATE and DROP DATABASE.
        backends: All sessions of the host.
        output: What goes to the client.
        variables: SET and SHOW.
        acting: What they mean for the session.
        greeting: The ParameterStatus messages that the client is told first.
        running: Passes a running statement's rows on.
        cache: What is known of statements, shared by all sessions.
        allowed_directories: Where SQL may write files; None = wherever the server's account may.
        epoch: Counts what makes prepared statements stale beside the database's generation.
        has_temporary_objects: Made in this session, so its catalog is its own.
        date_order: How a date of three numbers is read: ``MDY``, ``DMY`` or ``YMD``.
        divides_as_duckdb: It has set ``integer_division`` itself.
        is_bound: DuckDB's connection holds something for it that can't be taken out, such as a setting or a seed.
    """

    backend_pid: int
    user: str
    superuser: bool
    databases: Databases
    backends: Backends
    output: Outgoing
    variables: Variables
    acting: ActingValues
    greeting: bytes
    cache: StatementCache
    allowed_directories: tuple[str, ...] | None
    running: Running = field(init=False)
    date_order: str = field(init=False)
    epoch: int = 0
    has_temporary_objects: bool = False
    is_bound: bool = False
    divides_as_duckdb: bool = False
    _unreported: dict[str, str] = field(factory=dict)
    # What the client has been told since its greeting.
    _reported: dict[str, str] = field(factory=dict)
    # The generation of the snapshot that the block's transaction sees.
    _snapshot_of_block: int = 0
    # What the session's own facts were made from; None when there are none.
    _live_facts: tuple[int, int] | None = None
    _path: tuple[str, ...] | None = None
    _path_generation: int = -1
    # What the statement of now was told of other sessions; empty when it doesn't ask.
    _told_backends: str = ""
    # It has told this session to stop.
    _own_end: PgError | None = None

    def __attrs_post_init__(self) -> None:
        self.running = Running(self.output, self.settle)
        self._act_by(self.acting)

    @property
    def holds_nothing(self) -> bool:
        """Nothing of it would be missed if it went on in another worker with its variables and prepared statements."""
        return not (
            self.block.state is not BlockState.NONE
            or len(self.portals)
            or self.suspended is not None
            or self.has_temporary_objects
            or self.is_bound
            or self.native.holds_locks()
        )

    # Telling the client

    def was_told(self, values: Mapping[str, str]) -> None:
        """The client knows these values of variables from another worker; what is different here is told at the next `report_variables`."""
        self._reported.update(values)
        self._unreported.update(self.variables.reported())

    def notice(self, notice: PgError) -> None:
        """Send a NOTICE or WARNING, if the client wants to hear of such."""
        if NOTICE_LEVELS.index(_LEVEL_OF_SEVERITY.get(notice.severity, "warning")) >= self.acting.notice_level:
            self.output.write(NoticeResponse.from_error(notice).encode())

    def report_variables(self) -> None:
        """Send ParameterStatus for what has changed since the last time: just before ReadyForQuery, as PostgreSQL does.

        What has changed back meanwhile, as by a SET LOCAL, isn't told.
        """
        if self._unreported:
            for name, value in sorted(self._unreported.items(), key=lambda item: item[0].lower()):
                if value != self._reported.get(name, self.variables.initial(name)):
                    self.output.write(ParameterStatus(name, value).encode())
                    self._reported[name] = value
            self._unreported.clear()

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
        return TranslationContext(
            self.database.catalog, self.reads_live_catalog, self.date_order, not self.divides_as_duckdb
        )

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
        for name, records in listing(self).items():
            self.native.set_context(name, records)
        try:
            await self.database.list_databases(self.databases.names())
            if not live and not self.database.snapshot_is_fresh:
                await self.database.refresh_snapshot()
        except DuckDBError as error:
            raise self.pg_error(error) from error
        state = (self.database.generation, self.epoch)
        if live and self._live_facts != state:
            await self.run(live_script(self.database.catalog))
            self._live_facts = state

    # What functions ask of the session

    async def look_at_backends(self) -> None:
        """Before a statement that may stop other sessions: say which there are."""
        # what one that has failed has asked for
        self.native.take_notes(NOTES)
        for name, pids in (await self.backends.listing(self.user, superuser=self.superuser)).items():
            self.native.set_context(name, pids)
            if name == KNOWN:
                self._told_backends = pids

    def settle(self) -> None:
        """A statement has ended well: what it has left to be done is done, and what there is to tell of that is told."""
        self._settle_locks()
        if self._told_backends:
            known, self._told_backends = self._told_backends, ""
            notes = self.native.take_notes(NOTES)
            self._own_end = self.backends.carry_out(notes, known, self.backend_pid, self.notice)

    def check_order(self) -> None:
        """Look whether the statement that has run has told this session to stop.

        Raises:
            PgError: It has.
        """
        own_end, self._own_end = self._own_end, None
        if own_end is not None:
            raise own_end

    def _settle_locks(self) -> None:
        """Outside a transaction its locks end with it; what it unlocked in vain is told."""
        for kind in self.native.settle_locks(self.block.state is BlockState.NONE):
            self.notice(PgError("01000", f"you don't own a lock of type {kind}", severity=Severity.WARNING))

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
        try:
            held = await self.hold_cursors()
        except PgError:
            await self.rollback()
            raise
        self.end_portals()
        if self.block.native_open:
            try:
                for name in self.block.dropped_at_commit:
                    await self.run(f"DROP TABLE IF EXISTS temp.main.{quote_identifier(name)}")
                await self.run("COMMIT")
            except PgError:
                for cursor in held:
                    self.portals.close(cursor.name)
                await self.rollback()
                raise
        self.block.end()
        self.native.settle_locks(True)
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
        self.end_portals()
        self.native.settle_locks(True)
        self._live_facts = None
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
            # DuckDB has folded constants by the old value.
            self.epoch += 1
        for name, value in changes.context:
            self.native.set_context(name, value)
        if "datestyle" in changes.values:
            # so have the constants of dates
            self.epoch += 1
        self._unreported.update(changes.parameter_status)
        self._act_by(ActingValues.of(self.variables))
        if "search_path" in changes.values:
            await self.follow_search_path()

    async def follow_search_path(self) -> None:
        """Give DuckDB the search path, as far as its schemas exist.

        Raises:
            PgError: DuckDB refuses.
        """
        schemas = await self.visible_schemas()
        self._path_generation = self.database.generation
        setting = read_name_list(self.variables.show("search_path"))
        path = effective_schemas(setting, self.user, schemas)
        if path != self._path:
            self._path = path
            self.epoch += 1
            self.native.set_context("search_path", ",".join(path))
            await self.run(effective_search_path(path, self.database.catalog))

    @property
    def creation_schemas(self) -> tuple[str, ...]:
        """Where something new is made: in the first of these."""
        return self._path or ()

    async def visible_schemas(self) -> frozenset[str]:
        """The schemas of the database, the session's own new ones among them.

        Raises:
            PgError: DuckDB can't be asked.
        """
        if self.block.catalog_changed:
            # Its own new schemas are to be found before they are committed.
            return frozenset(row[0] or "" for row in await self.run(self.database.schemas_query))
        return await self.database.current_schemas()

    @property
    def search_path_may_be_stale(self) -> bool:
        """Schemas may have come or gone since the search path was given to DuckDB."""
        return self._path_generation != self.database.generation

    def _act_by(self, acting: ActingValues) -> None:
        self.acting = acting
        self.statement_limit_s = acting.statement_limit_s
        self.render = acting.render
        self.date_order = acting.render.date_style[-3:]
        if (self.transcoder and self.transcoder.encoding) != acting.encoding:
            self.transcoder = None if acting.encoding is None else Transcoder(acting.encoding)
            self.output.transcoder = self.transcoder
