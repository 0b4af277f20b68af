"""One open DuckDB instance: what all sessions of a database share.

The catalog's relations are a snapshot that is made anew when somebody reads it after the catalog has changed: every
committed statement that may have changed it counts ``generation`` up.
"""

from __future__ import annotations

from attrs import define, field

from duckgres_tx.catalog.enum_query import enum_query, read_enums
from duckgres_tx.catalog.install import databases_script
from duckgres_tx.catalog.snapshot import rebuild_script
from duckgres_tx.engine.database import Connection, Database
from duckgres_tx.engine.enum_types import NO_ENUMS, EnumTypes
from duckgres_tx.session.executor import Executor
from duckgres_tx.session.queueing import QueueingLock
from duckgres_tx.session.ready_connections import ReadyConnections
from duckgres_tx.sql.tokens import quote_string

_SCHEMAS = (
    "SELECT schema_name FROM duckdb_schemas() WHERE database_name = {catalog} AND NOT internal "
    "UNION SELECT 'main' ORDER BY 1"
)


@define(eq=False)
class OpenDatabase:
    """An instance while it is open.

    Attributes:
        name: The database's name, as clients say it.
        catalog: The name that DuckDB attached it under.
        native: The instance.
        generation: Counts what may have changed its catalog since it was opened.
        snapshot_generation: The generation that the catalog's relations show; 0 before they have been built.
        connections: For sessions to come.
        spool_directory: Where rows of suspended portals go.
        schemas: Names of its schemas as of ``schemas_generation``, for the effective search path.
    """

    name: str
    catalog: str
    native: Database
    _executor: Executor
    # For what no session's transaction may hold up or undo: the snapshot, limits.
    _maintenance: Connection
    generation: int = 1
    schemas: frozenset[str] = frozenset()
    schemas_generation: int = 0
    snapshot_generation: int = 0
    spool_directory: str = ""
    # Users' ENUM types as of a generation.
    _enums: EnumTypes = NO_ENUMS
    _enums_generation: int = 0
    _listed: tuple[str, ...] = ()
    _rebuilding: QueueingLock = field(factory=QueueingLock)
    connections: ReadyConnections = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.connections = ReadyConnections(self._executor, self.native)

    def catalog_changed(self) -> None:
        """A statement that may have changed the catalog was committed."""
        self.generation += 1

    @property
    def snapshot_is_fresh(self) -> bool:
        """The catalog's relations show what is there."""
        return self.snapshot_generation == self.generation

    async def refresh_snapshot(self) -> None:
        """Make the catalog's relations show everything committed up to now; those who ask at once share the work.

        Raises:
            DuckDBError: The script failed.
        """
        async with self._rebuilding:
            if self.snapshot_is_fresh:
                return
            generation = self.generation
            await self.run(rebuild_script(self.catalog))
            self.snapshot_generation = generation

    async def list_databases(self, names: tuple[str, ...]) -> None:
        """Have pg_database show these databases.

        Raises:
            DuckDBError: The script failed.
        """
        if names == self._listed:
            return
        await self.run(databases_script(names))
        self._listed = names

    @property
    def schemas_query(self) -> str:
        """SQL that gives the names of the schemas."""
        return _SCHEMAS.format(catalog=quote_string(self.catalog))

    async def current_schemas(self) -> frozenset[str]:
        """The names of the schemas that are there now (committed ones)."""
        generation = self.generation
        if self.schemas_generation != generation:
            rows = await self.run(self.schemas_query)
            self.schemas = frozenset(row[0] or "" for row in rows)
            self.schemas_generation = generation
        return self.schemas

    async def enum_types(self) -> EnumTypes:
        """The ENUM types that are there now (committed ones).

        Raises:
            DuckDBError: They can't be asked for.
        """
        generation = self.generation
        if self._enums_generation != generation:
            self._enums = read_enums(await self.run(enum_query(self.catalog)))
            self._enums_generation = generation
        return self._enums

    async def set_limits(self, memory_limit_bytes: int, threads: int) -> None:
        """Give the instance its share of the machine; 0 leaves a limit as it is.

        Raises:
            DuckDBError: More memory than the new limit is in use and can't be spilled.
        """
        if threads:
            self.native.set_threads(threads)
        if memory_limit_bytes:
            await self.run(f"SET GLOBAL memory_limit = '{memory_limit_bytes} bytes'")

    async def run(self, script: str) -> list[list[str | None]]:
        """Run statements outside of all sessions' transactions.

        Returns:
            The rows of the last one.

        Raises:
            DuckDBError: One of them failed.
        """
        rows: list[list[str | None]] = await self._executor.finish(
            self._executor.threads.run(self._maintenance, script.encode())
        )
        return rows

    async def close(self) -> None:
        """Write everything to the file and let it go; no session may use it any more.

        Raises:
            DuckDBError: The last checkpoint failed; the write-ahead log still has everything.
        """
        threads = self._executor.threads
        self.connections.close()
        await self._executor.finish(threads.close(self._maintenance))
        await self._executor.finish(threads.close(self.native))


def quote_identifier(name: str) -> str:
    """A name as SQL text."""
    return '"' + name.replace('"', '""') + '"'
