"""The control plane's end of a link: what it answers to a worker, and what news it takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from twisted.logger import Logger

from duckgres_tx.handover import descriptors
from duckgres_tx.pool.commands import (
    CancelElsewhere,
    ClaimDatabase,
    DatabaseClosed,
    ListSessions,
    LoginFailed,
    LoginSucceeded,
    MoveSession,
    RelayConnection,
    ReleaseDatabase,
    SessionClosed,
    SessionOpened,
    SignalSession,
)
from duckgres_tx.pool.counts import Session
from duckgres_tx.pool.inventory import Inventory
from duckgres_tx.pool.link import Link, answering
from duckgres_tx.pool.servers import SessionServer
from duckgres_tx.session.control_plane import Departure

SESSION_LIMIT_BYTES = 16 << 20
# AMP's limit, and something to spare
MAX_VALUE_BYTES = 60_000


class Desk(Protocol):
    """Who decides in the control plane: the switchboard. The worker that asks is an argument of everything."""

    async def claim_database(self, worker: SessionServer, name: str) -> bool:
        """See `ControlPlane.claim_database`."""

    async def relay_connection(
        self, worker: SessionServer, fd: int, prefix: bytes, remote_host: str, remote_port: int
    ) -> None:
        """See `ControlPlane.relay_connection`; owns the descriptor. Raises NoOwner."""

    async def move_session(self, worker: SessionServer, departure: Departure) -> None:
        """See `ControlPlane.move_session`; owns the descriptors. Raises NoOwner."""

    async def release_database(self, worker: SessionServer, name: str) -> int:
        """See `ControlPlane.release_database`."""

    def sessions_of_others(self, worker: SessionServer) -> Iterable[Session]:
        """See `ControlPlane.sessions_elsewhere`."""

    async def signal(self, backend_pid: int, order: str) -> None:
        """See `ControlPlane.signal_elsewhere`."""

    def database_closed(self, worker: SessionServer, name: str) -> None:
        """See `ControlPlane.database_closed`."""

    def session_opened(
        self,
        worker: SessionServer,
        backend_pid: int,
        user: str,
        database: str,
        remote_host: str | None = None,
        admitted: bool | None = None,
    ) -> None:
        """See `ControlPlane.session_opened`; and `SessionOpened` for what is None."""

    def session_closed(self, worker: SessionServer, backend_pid: int) -> None:
        """See `ControlPlane.session_closed`."""

    def login_failed(self, remote_host: str) -> None:
        """See `ControlPlane.login_failed`."""

    def login_succeeded(self, remote_host: str) -> None:
        """See `ControlPlane.login_succeeded`."""

    def cancel_elsewhere(self, backend_pid: int, secret_key: bytes) -> None:
        """See `ControlPlane.cancel_elsewhere`."""

    def entered(self, worker: SessionServer, inventory: Inventory) -> None:
        """A worker has said what it has, and is known from now on."""

    def heard_from(self, worker: Any) -> None:
        """A worker has said which sessions it has."""


class ControlEnd(Link):
    """One link to a worker, seen from the control plane."""

    log = Logger()

    def __init__(self, desk: Desk, worker: SessionServer, lost: Callable[[Link], None]) -> None:
        """Make an end for one connection to that worker."""
        super().__init__(lost)
        self._desk = desk
        self._worker = worker

    @answering(ClaimDatabase)
    async def claim_database(self, name: str) -> dict[str, Any]:
        """Whether this worker may open it."""
        return {"granted": await self._desk.claim_database(self._worker, name)}

    @answering(RelayConnection)
    async def relay_connection(
        self, socket: int, socket_inode: int, prefix: bytes, remote_host: str, remote_port: int
    ) -> None:
        """Owns the descriptor."""
        with descriptors.OwnedDescriptor(socket) as end:
            self.check_descriptor(end.fd, socket_inode)
            fd = end.release()
        await self._desk.relay_connection(self._worker, fd, prefix, remote_host, remote_port)

    @answering(MoveSession)
    async def move_session(self, socket: int, socket_inode: int, leash: int, document: int, **about: Any) -> None:
        """Owns the descriptors."""
        with (
            descriptors.OwnedDescriptor(socket) as client,
            descriptors.OwnedDescriptor(leash) as far_end,
            descriptors.OwnedDescriptor(document) as file,
        ):
            self.check_descriptor(client.fd, socket_inode)
            belongings = descriptors.read_memory_file(file.fd, SESSION_LIMIT_BYTES)
            departure = Departure(fd=client.release(), leash=far_end.release(), document=belongings, **about)
        await self._desk.move_session(self._worker, departure)

    @answering(ReleaseDatabase)
    async def release_database(self, name: str) -> dict[str, Any]:
        """Have its owner let it go."""
        return {"sessions": await self._desk.release_database(self._worker, name)}

    @answering(ListSessions)
    def list_sessions(self) -> dict[str, Any]:
        """As many as one value holds."""
        by_user: dict[str, list[int]] = {}
        room = MAX_VALUE_BYTES
        for session in self._desk.sessions_of_others(self._worker):
            # digits, comma and blank; the user's name with its quotes and brackets, escaped at most
            room -= 12 if session.user in by_user else 24 + 6 * len(session.user)
            if room < 0:
                break
            by_user.setdefault(session.user, []).append(session.backend_pid)
        return {"sessions": json.dumps(by_user).encode()}

    @answering(SignalSession)
    async def signal_session(self, backend_pid: int, order: str) -> None:
        """Have its worker stop it."""
        await self._desk.signal(backend_pid, order)

    @answering(DatabaseClosed)
    def database_closed(self, name: str) -> None:
        """News."""
        self._desk.database_closed(self._worker, name)

    @answering(SessionOpened)
    def session_opened(
        self,
        backend_pid: int,
        user: str,
        database: str,
        remote_host: str | None = None,
        admitted: bool | None = None,
    ) -> None:
        """News."""
        self._desk.session_opened(self._worker, backend_pid, user, database, remote_host, admitted)

    @answering(SessionClosed)
    def session_closed(self, backend_pid: int) -> None:
        """News."""
        self._desk.session_closed(self._worker, backend_pid)

    @answering(LoginFailed)
    def login_failed(self, remote_host: str) -> None:
        """News."""
        self._desk.login_failed(remote_host)

    @answering(LoginSucceeded)
    def login_succeeded(self, remote_host: str) -> None:
        """News."""
        self._desk.login_succeeded(remote_host)

    @answering(CancelElsewhere)
    def cancel_elsewhere(self, backend_pid: int, secret_key: bytes) -> None:
        """News."""
        self._desk.cancel_elsewhere(backend_pid, secret_key)
