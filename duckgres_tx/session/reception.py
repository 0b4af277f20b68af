"""What a session gets when it comes, whether its client has logged in or another worker had it before: a database, a connection, its state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from attrs import define, field, frozen

from duckgres_tx.catalog.search_path import effective_schemas
from duckgres_tx.engine.database import Connection, DuckDBError
from duckgres_tx.engine.failures import to_pg_error
from duckgres_tx.session.backends import Backends
from duckgres_tx.session.cancellation import Interruption
from duckgres_tx.session.client import Client
from duckgres_tx.session.databases import Databases, DatabaseSlot
from duckgres_tx.session.executor import Executor
from duckgres_tx.session.login_request import LoginRequest
from duckgres_tx.session.open_database import OpenDatabase
from duckgres_tx.session.outgoing import Outgoing
from duckgres_tx.session.session import Session
from duckgres_tx.session.session_start import SessionStart
from duckgres_tx.sql.statement_cache import StatementCache


@frozen(eq=False)
class Lodging:
    """What a session needs of DuckDB, ready.

    Attributes:
        database: The instance, reserved for it.
        native: Its connection.
        path: The schemas of its search path that exist.
        generation: The catalog's, as of the path.
    """

    database: OpenDatabase
    native: Connection
    path: tuple[str, ...]
    generation: int


@define(eq=False)
class Reception:
    """That of one host."""

    _databases: Databases
    _backends: Backends
    _executor: Executor
    # told the name of a database that DuckDB has given up on
    _invalidated: Callable[[str], None]
    _cache: StatementCache = field(factory=StatementCache)
    _started_at: str = field(factory=lambda: datetime.now(UTC).isoformat(sep=" "))

    async def lodge(self, user: str, slot: DatabaseSlot, start: SessionStart, instance_zone: str) -> Lodging:
        """Open a database, if need be, and a connection to it.

        Args:
            user: Whose session it is.
            slot: The database's reservation; it stays the caller's.
            start: What the session begins with.
            instance_zone: The time zone of those who set none.

        Raises:
            PgError: FATAL; one of them can't be opened.
        """
        database = slot.database or await self._databases.open(slot)
        generation = database.generation
        try:
            path = effective_schemas(start.search_path, user, await database.current_schemas())
            native = await database.connections.connect(start.script(path, database.catalog, instance_zone))
        except DuckDBError as error:
            raise to_pg_error(error).fatal() from error
        return Lodging(database, native, path, generation)

    def discard(self, lodging: Lodging) -> None:
        """Nobody needs it after all."""
        self._executor.threads.discard(lodging.native)

    def session(self, client: Client, request: LoginRequest, start: SessionStart, lodging: Lodging) -> Session:
        """Make the session of a client that has all it needs; its connection is the session's from now on."""
        settings, database, native = client.host.settings, lodging.database, lodging.native
        for name, value in {**start.context, **self._context(client, request, lodging.path)}.items():
            native.set_context(name, value)
        variables = start.variables.copy()
        return Session(
            backend_pid=client.accepted.backend_pid,
            user=request.user,
            superuser=variables.superuser,
            database=database,
            databases=self._databases,
            backends=self._backends,
            native=native,
            executor=self._executor,
            output=Outgoing(client.transport),
            variables=variables,
            acting=start.acting,
            greeting=start.greeting,
            interruption=Interruption(client.host.reactor),
            spool_directory=database.spool_directory,
            invalidated=self._invalidated,
            cache=self._cache,
            allowed_directories=None if settings.unrestricted_files else settings.allowed_directories,
            path=lodging.path,
            path_generation=lodging.generation,
        )

    def _context(self, client: Client, request: LoginRequest, path: tuple[str, ...]) -> dict[str, str]:
        """What the context functions are told of who and where a session is."""
        accepted = client.accepted
        context = {
            "pid": str(accepted.backend_pid),
            "user": request.user,
            "session_user": request.user,
            "database": request.database,
            "ssl": "on" if client.encrypted else "off",
            "start_time": self._started_at,
            "search_path": ",".join(path),
        }
        if accepted.remote_host:
            context["client_addr"] = accepted.remote_host
            context["client_port"] = str(accepted.remote_port)
        return context
