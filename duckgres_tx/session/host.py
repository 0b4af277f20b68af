"""Everything that one worker process serves: connections, sessions, databases, native threads."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from duckgres_tx import tasks
from duckgres_tx.engine.database import NativeThreads
from duckgres_tx.errors import Severity, TooManyConnections
from duckgres_tx.session.authentication import Passwords
from duckgres_tx.session.backends import Backends
from duckgres_tx.session.belongings import Belongings
from duckgres_tx.session.cancellation import Cancelable, CancellationRegistry
from duckgres_tx.session.client import Client
from duckgres_tx.session.connection import ClientConnection, configure_socket
from duckgres_tx.session.control_plane import AcceptedConnection, ControlPlane, Health
from duckgres_tx.session.conversation import Conversation
from duckgres_tx.session.database_files import does_not_exist
from duckgres_tx.session.databases import Databases, DatabaseSlot
from duckgres_tx.session.departures import Departures
from duckgres_tx.session.eager_writes import adopt
from duckgres_tx.session.executor import Executor
from duckgres_tx.session.leaving import Leaving
from duckgres_tx.session.login_request import LoginRequest
from duckgres_tx.session.moving import Moving
from duckgres_tx.session.reception import Lodging, Reception
from duckgres_tx.session.relay import LEAVE
from duckgres_tx.session.reload import reload
from duckgres_tx.session.resumption import Arrival, resume
from duckgres_tx.session.session_start import SessionStart, SessionStarts
from duckgres_tx.session.settings import WorkerSettings
from duckgres_tx.session.startup import Startup
from duckgres_tx.session.tls import TlsServer
from duckgres_tx.session.watch import watch
from duckgres_tx.wire.frames import FrameReader

# Beside one for each session: opening, closing and the catalog's snapshots.
SPARE_THREADS = 8
# Threads are made as they are needed, so that there may be more of them costs nothing until the limit on sessions is raised.
_MOST_CONNECTIONS = 4
# How long those that were stopped may take to hear so and hang up.
_STOPPING_S = 3.0
WATCH_INTERVAL_S = 1.0
# Sessions that are offered to other workers at the same time.
_OFFERS_AT_ONCE = 32
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class SessionHost:
    """What one process serves.

    Args:
        reactor: Where it runs.
        settings: What it is told at first.
        control_plane: Whom it asks and tells.

    Attributes:
        settings: What it was told last, as far as it could take it.
        tls: The server's side of TLS; None when it has no certificate.
        draining: No new sessions are taken.
        registry: Who may cancel what.
        backends: The sessions, for one another.
    """

    _log = Logger()

    def __init__(self, reactor: Any, settings: WorkerSettings, control_plane: ControlPlane) -> None:
        self.reactor = reactor
        self.settings = settings
        self.control_plane = control_plane
        self.passwords = Passwords(settings.verifiers)
        self.tls = _tls_server(settings)
        self.draining = False
        self._most_connections = _MOST_CONNECTIONS * settings.max_connections
        self.executor = Executor(reactor, NativeThreads(self._most_connections + SPARE_THREADS))
        self.databases = Databases(reactor, self.executor, settings, control_plane)
        self.registry = CancellationRegistry()
        self.backends = Backends(control_plane)
        self._reception = Reception(self.databases, self.backends, self.executor, self.database_invalidated)
        self._connections: set[Client] = set()
        self._conversations: dict[Conversation, DatabaseSlot] = {}
        self._invalidated: set[str] = set()
        self._departures = Departures(reactor)
        # descriptors in flight count towards the user's limit
        self._offers = DeferredSemaphore(_OFFERS_AT_ONCE)
        self._leaving = Leaving(reactor, lambda: [connection.stage for connection in self._connections])
        self._empty: list[Deferred[None]] = []
        self._starts = SessionStarts()
        self._watching = LoopingCall(self._watch)
        self._watching.clock = reactor

    def start(self) -> None:
        """Begin; connections may come from now on.

        Raises:
            OSError: The data directory can't be made or written.
        """
        Path(self.settings.data_dir).mkdir(parents=True, exist_ok=True)
        self.executor.start()
        self._watching.start(WATCH_INTERVAL_S, now=False)

    def reload(self, settings: WorkerSettings) -> tuple[str, ...]:
        """Other settings hold from now on, for whoever comes; sessions keep what they began with.

        Returns:
            Names of those that need a new worker; they stay as they were.

        Raises:
            ValueError: Something in them can't be used, such as a certificate; nothing has changed.
        """
        change = reload(self.settings, settings, self._most_connections)
        passwords, tls = Passwords(change.settings.verifiers), _tls_server(change.settings)
        self.settings, self.passwords, self.tls = change.settings, passwords, tls
        self.databases.reload(change.settings)
        return change.stale

    def accept_connection(self, connection: AcceptedConnection) -> None:
        """Take a connection; its descriptors are owned by the host from now on, whatever happens."""
        if connection.journey is not None:
            tasks.start(resume(self, connection, connection.journey), "go on with another worker's session")
        else:
            self._adopt(connection)

    def _adopt(self, connection: AcceptedConnection) -> ClientConnection | None:
        """Put a connection over a client's socket; None when that is gone."""
        client = socket.socket(fileno=connection.fd)
        try:
            configure_socket(client)
            protocol = ClientConnection(self, connection, Startup)
            factory = Factory.forProtocol(lambda: protocol)
            factory.noisy = False
            self._connections.add(protocol)
            # The transport works on a duplicate.
            adopt(self.reactor, client, factory)
        except Exception:  # noqa: BLE001  such as a peer that is gone already
            self._log.failure("could not take a connection from {host}", host=connection.remote_host)
            self.connection_finished(protocol)
            return None
        finally:
            client.close()
        return protocol

    def cancel_query(self, backend_pid: int, secret_key: bytes) -> bool:
        """Cancel the statement of a session, if the key is right.

        Returns:
            Whether there is such a session with this key.
        """
        return self.registry.cancel(backend_pid, secret_key)

    def signal(self, backend_pid: int, order: str) -> bool:
        """See `Backends.signal`."""
        return self.backends.signal(backend_pid, order)

    def cancel_for_client(self, backend_pid: int, secret_key: bytes) -> None:
        """A client has sent a CancelRequest here; the session may be another worker's."""
        if backend_pid in self.registry:
            self.registry.cancel(backend_pid, secret_key)
        else:
            self.control_plane.cancel_elsewhere(backend_pid, secret_key)

    async def drain(self, timeout_s: float, database: str = "", grace_s: float = 0.0, *, moves: bool = False) -> int:
        """Let go: of the whole host, or of one database. Again: of the whole host, sooner.

        Args:
            timeout_s: How long transactions and statements may go on; then they are stopped.
            database: Close its instance if no session uses it, and nothing else.
            grace_s: How long idle sessions may go on.
            moves: Sessions that can go on in another worker shall; else all end.

        Returns:
            The number of sessions left, of the database or of the host.
        """
        if database:
            return await self.databases.close_unused(database)
        self.draining = True
        self._departures.begin(timeout_s, grace_s, moves=moves)
        self.databases.let_go()
        self._leaving.begin(timeout_s, grace_s)
        await self._wait_until_empty(self._leaving.until_stopped_s() + _STOPPING_S)
        return len(self._connections)

    def health(self) -> Health:
        """Say how it is; touches nothing that could wait."""
        return Health(
            sessions=len(self._connections),
            databases=self.databases.open_names,
            running=sum(conversation.busy for conversation in self._conversations),
            resident_bytes=_resident_bytes(),
            draining=self.draining,
            invalidated=tuple(sorted(self._invalidated)),
        )

    async def shutdown(self, timeout_s: float) -> None:
        """End all sessions, write all databases out, join the native threads.

        Args:
            timeout_s: How long the sessions may take to end.
        """
        self.draining = True
        self._departures.allowed = False
        self._leaving.stop()
        await self._wait_until_empty(timeout_s)
        for connection in list(self._connections):
            connection.abort()
        await self.databases.close_all()
        if self._watching.running:
            self._watching.stop()
        self.executor.stop()

    def database_invalidated(self, name: str) -> None:
        """DuckDB has met a fatal error in a database: every statement fails from now on, so the process is to be replaced."""
        if name not in self._invalidated:
            self._invalidated.add(name)
            self._log.critical("database {name} is beyond use until this worker is replaced", name=name)

    # The connections' side, as in ``client``

    async def open_conversation(self, client: Client, request: LoginRequest, slot: DatabaseSlot | None) -> Conversation:
        """Make the session of a client that has authenticated.

        Args:
            client: The connection.
            request: What it asked for.
            slot: Its database, reserved; the conversation releases it at its end. None when there is no such.

        Raises:
            PgError: FATAL; too many sessions, the database can't be opened, a variable can't be set.
        """
        if slot is None:
            raise does_not_exist(request.database).fatal()
        if len(self._conversations) >= self.settings.max_connections:
            raise TooManyConnections("sorry, too many clients already", severity=Severity.FATAL)
        start = self._starts.start_of(request, self.settings)
        lodging = await self.lodge(request.user, slot, start)
        secret_key = secrets.token_bytes(request.cancel_key_bytes)
        conversation = self._converse(client, request, slot, start, lodging, secret_key)
        self.control_plane.session_opened(client.accepted.backend_pid, request.user, slot.name)
        return conversation

    @property
    def moves_sessions(self) -> bool:
        """See `Host.moves_sessions`."""
        return self._departures.allowed

    def idle(self, conversation: Conversation) -> None:
        """See `Host.idle`."""
        self._departures.look(self._conversations[conversation], self._conversations)

    def depart(self, client: Client, backend_pid: int, belongings: Belongings) -> None:
        """See `Host.depart`."""
        moving = Moving(client, backend_pid, belongings, self._offers)
        client.stage = moving
        self.registry.add(backend_pid, bytes.fromhex(belongings.secret_key), moving)
        tasks.start(moving.go(), "move a session")

    def departed(self, backend_pid: int, moving: Cancelable) -> None:
        """See `Host.departed`."""
        self.registry.remove(backend_pid, moving)

    # Sessions that come from another worker, as in ``resumption``

    def start_of(self, belongings: Belongings) -> SessionStart:
        """See `Inn.start_of`."""
        if len(self._conversations) >= self.settings.max_connections:
            raise TooManyConnections("sorry, too many clients already", severity=Severity.FATAL)
        return self._starts.start_of(belongings.request, self.settings)

    async def lodge(self, user: str, slot: DatabaseSlot, start: SessionStart) -> Lodging:
        """See `Inn.lodge`."""
        return await self._reception.lodge(user, slot, start, self.settings.time_zone)

    def discard(self, lodging: Lodging) -> None:
        """See `Inn.discard`."""
        self._reception.discard(lodging)

    def resume(self, connection: AcceptedConnection, arrival: Arrival) -> None:
        """See `Inn.resume`."""
        belongings = arrival.belongings
        request = belongings.request
        self.control_plane.session_resumed(connection, request.user, belongings.database)
        client = self._adopt(connection)
        if client is None:
            self.discard(arrival.lodging)
            self.databases.release(arrival.slot)
            return
        client.handshake_done()
        secret_key = bytes.fromhex(belongings.secret_key)
        conversation = self._converse(client, request, arrival.slot, arrival.start, arrival.lodging, secret_key)
        for statement in belongings.statements:
            conversation.session.statements.lay_down(statement)
        client.stage = conversation
        frames = FrameReader(self.settings.max_message_bytes, (LEAVE,) if connection.relayed else ())
        frames.feed(bytes.fromhex(belongings.unread))
        conversation.resume(frames, belongings.told, cancelled=arrival.cancelled)
        if client.stage is conversation:
            self.arrived(client)

    def arrived(self, client: Client) -> None:
        """A client has a session now, here or on another worker; it may be told to leave at once."""
        self._leaving.arrived(client.stage, is_to_move=self.moves_sessions and not client.encrypted)

    def connection_finished(self, client: Client) -> None:
        """Nothing is left of a connection."""
        if client not in self._connections:
            return
        self._connections.discard(client)
        self.control_plane.session_closed(client.accepted.backend_pid)
        if not self._connections:
            empty, self._empty = self._empty, []
            for waiting in empty:
                waiting.callback(None)

    # Within

    def _converse(
        self,
        client: Client,
        request: LoginRequest,
        slot: DatabaseSlot,
        start: SessionStart,
        lodging: Lodging,
        secret_key: bytes,
    ) -> Conversation:
        """Make the conversation of a session that has all it needs."""
        session = self._reception.session(client, request, start, lodging)
        conversation = Conversation(client, session, request, secret_key, self._conversation_ended)
        self._conversations[conversation] = slot
        self.registry.add(session.backend_pid, secret_key, conversation)
        self.backends.add(session.backend_pid, conversation.parting)
        return conversation

    def _conversation_ended(self, conversation: Conversation) -> None:
        slot = self._conversations.pop(conversation)
        self.registry.remove(conversation.session.backend_pid, conversation)
        self.backends.remove(conversation.session.backend_pid)
        self.databases.release(slot)

    async def _wait_until_empty(self, timeout_s: float) -> None:
        if not self._connections:
            return
        empty: Deferred[None] = Deferred()
        self._empty.append(empty)
        empty.addTimeout(timeout_s, self.reactor)
        try:
            await empty
        except DeferredTimeoutError:
            self._log.info("{count} connections are left", count=len(self._connections))
        finally:
            if empty in self._empty:
                self._empty.remove(empty)

    def _watch(self) -> None:
        now = self.reactor.seconds()
        for conversation in list(self._conversations):
            watch(conversation, now)


def _tls_server(settings: WorkerSettings) -> TlsServer | None:
    if settings.tls == "off":
        return None
    if settings.certificate_pem is None or settings.private_key_pem is None:
        raise ValueError(f"tls: {settings.tls} needs a certificate and its key")
    return TlsServer(settings.certificate_pem, settings.private_key_pem, settings.client_ca_pem)


def _resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * _PAGE_BYTES
