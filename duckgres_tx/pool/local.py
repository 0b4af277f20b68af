"""The one worker of a standalone server: a `SessionHost` in this process, behind the same front door."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from attrs import define
from twisted.logger import Logger

from duckgres_tx.errors import PgError
from duckgres_tx.handover import descriptors
from duckgres_tx.pool.commands import Draining, NotConfigured
from duckgres_tx.pool.control_end import Desk
from duckgres_tx.pool.employment import Host, one_line
from duckgres_tx.pool.servers import SessionServer, WorkerStartFailed
from duckgres_tx.session.control_plane import AcceptedConnection, Departure, Health
from duckgres_tx.session.settings import WorkerSettings

_log = Logger()


@define(eq=False)
class LocalControlPlane:
    """Implements `ControlPlane` for a host in the same process: every question goes straight to the desk."""

    _desk: Desk
    _worker: LocalWorker

    async def claim_database(self, name: str) -> bool:
        """See `ControlPlane.claim_database`."""
        return await self._desk.claim_database(self._worker, name)

    async def relay_connection(self, fd: int, prefix: bytes, remote_host: str, remote_port: int) -> None:
        """See `ControlPlane.relay_connection`."""
        await self._desk.relay_connection(self._worker, fd, prefix, remote_host, remote_port)

    async def move_session(self, departure: Departure) -> None:
        """See `ControlPlane.move_session`: there is nobody else."""
        for fd in (departure.fd, departure.leash):
            os.close(fd)
        raise PgError("57P03", "a server without worker processes moves no sessions")

    def session_moved(self, backend_pid: int) -> None:
        """See `ControlPlane.session_moved`."""

    def session_resumed(self, connection: AcceptedConnection, user: str, database: str) -> None:
        """See `ControlPlane.session_resumed`."""

    async def release_database(self, name: str) -> int:
        """See `ControlPlane.release_database`."""
        return await self._desk.release_database(self._worker, name)

    def database_closed(self, name: str) -> None:
        """See `ControlPlane.database_closed`."""
        self._desk.database_closed(self._worker, name)

    def session_opened(self, backend_pid: int, user: str, database: str) -> None:
        """See `ControlPlane.session_opened`."""
        self._desk.session_opened(self._worker, backend_pid, user, database)

    def session_closed(self, backend_pid: int) -> None:
        """See `ControlPlane.session_closed`."""
        self._desk.session_closed(self._worker, backend_pid)

    def login_failed(self, remote_host: str) -> None:
        """See `ControlPlane.login_failed`."""
        self._desk.login_failed(remote_host)

    def login_succeeded(self, remote_host: str) -> None:
        """See `ControlPlane.login_succeeded`."""
        self._desk.login_succeeded(remote_host)

    async def sessions_elsewhere(self) -> dict[int, str]:
        """See `ControlPlane.sessions_elsewhere`: there is no other worker."""
        return {}

    def signal_elsewhere(self, backend_pid: int, word: str) -> None:
        """See `ControlPlane.signal_elsewhere`: as above."""

    def cancel_elsewhere(self, backend_pid: int, secret_key: bytes) -> None:
        """See `ControlPlane.cancel_elsewhere`."""
        self._desk.cancel_elsewhere(backend_pid, secret_key)


@define(eq=False)
class LocalWorker:
    """Implements `SessionServer` by a host in this process."""

    slot: int = 1
    name: str = "this process"
    _host: Host | None = None
    _draining: bool = False

    def serve_with(self, host: Host) -> None:
        """Start the host; sessions may come afterwards. Raises what the host raises."""
        host.start()
        self._host = host

    @property
    def is_ready(self) -> bool:
        """See `SessionServer.is_ready`."""
        return self._host is not None and not self._draining

    async def accept(self, connection: AcceptedConnection) -> None:
        """See `SessionServer.accept`: the host gets a duplicate, as a process would."""
        host = self._present()
        if self._draining and connection.refusal is None:
            raise Draining("the server is shutting down")
        host.accept_connection(
            AcceptedConnection(
                fd=descriptors.duplicate(connection.fd),
                backend_pid=connection.backend_pid,
                remote_host=connection.remote_host,
                remote_port=connection.remote_port,
                prefix=connection.prefix,
                refusal=connection.refusal,
                relayed=connection.relayed,
            )
        )

    async def cancel(self, backend_pid: int, secret_key: bytes) -> bool:
        """See `SessionServer.cancel`."""
        return self._present().cancel_query(backend_pid, secret_key)

    async def signal(self, backend_pid: int, order: str) -> bool:
        """See `SessionServer.signal`."""
        return self._present().signal(backend_pid, order)

    @property
    def takes_sessions(self) -> bool:
        """See `SessionServer.takes_sessions`."""
        return False

    @property
    def is_to_go(self) -> bool:
        """See `SessionServer.is_to_go`."""
        return False

    @property
    def is_draining(self) -> bool:
        """See `SessionServer.is_draining`."""
        return self._draining

    async def drain(self, timeout_s: float, database: str = "", grace_s: float = 0.0, *, moves: bool = False) -> int:
        """See `SessionServer.drain`."""
        if not database:
            self._draining = True
        return await self._present().drain(timeout_s, database, grace_s)

    def reload(self, settings: WorkerSettings) -> tuple[str, ...]:
        """Have the host take other settings; returns the names of those that only a restart brings into force."""
        return self._present().reload(settings)

    async def shutdown(self, timeout_s: float) -> None:
        """See `SessionServer.shutdown`."""
        self._draining = True
        host, self._host = self._host, None
        if host is not None:
            await host.shutdown(timeout_s)

    async def is_dead_within(self, seconds: float) -> bool:
        """See `SessionServer.is_dead_within`: who asks is alive, and so is this."""
        return False

    def kill(self) -> None:
        """See `SessionServer.kill`: there is nothing to kill but this process, which ends anyway."""

    def health(self) -> Health:
        """How the host is."""
        return Health(0, (), 0, 0) if self._host is None else self._host.health()

    def _present(self) -> Host:
        if self._host is None:
            raise NotConfigured("the server is starting up or has ended")
        return self._host


@define(eq=False)
class OneWorker:
    """The crew of a standalone server; the counterpart of `Roster`."""

    _worker: LocalWorker
    _settings: Callable[[], WorkerSettings]
    _make_host: Callable[[WorkerSettings], Host]

    async def start(self) -> None:
        """Make and start the host.

        Raises:
            WorkerStartFailed: It can't serve; one line of text.
        """
        try:
            self._worker.serve_with(self._make_host(self._settings()))
        except Exception as error:
            _log.failure("can't serve with this configuration")
            raise WorkerStartFailed(one_line(error)) from error

    def ready(self) -> Sequence[SessionServer]:
        """See `Crew.ready`."""
        return [self._worker] if self._worker.is_ready else []

    def in_slot(self, slot: int) -> Sequence[SessionServer]:
        """See `Crew.in_slot`."""
        return [self._worker] if slot == self._worker.slot else []

    @property
    def is_known(self) -> bool:
        """See `Crew.is_known`: it has nothing that it wasn't given by us."""
        return True

    @property
    def is_in_charge(self) -> bool:
        """See `Crew.is_in_charge`: it can't be taken over."""
        return True

    async def reconfigure(self) -> dict[str, tuple[str, ...]]:
        """Have the host take the settings of now; what it can't take is answered under its name."""
        stale = self._worker.reload(self._settings())
        return {self._worker.name: stale} if stale else {}

    async def drain(self, timeout_s: float) -> int:
        """Let transactions finish; returns the number of sessions left."""
        return await self._worker.drain(timeout_s)

    async def shutdown(self, timeout_s: float) -> None:
        """End the host."""
        await self._worker.shutdown(timeout_s)

    def describe(self) -> dict[str, Any]:
        """What there is, as plain data: attributes of `ServerStatus`."""
        health = self._worker.health()
        worker = {
            "pid": os.getpid(),
            "state": "ready" if self._worker.is_ready else "starting",
            "sessions": health.sessions,
            "running": health.running,
            "resident_bytes": health.resident_bytes,
            "databases": list(health.databases),
        }
        return {"workers": [worker]}

    def kill(self) -> None:
        """See `SessionServer.kill`."""
