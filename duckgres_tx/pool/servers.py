"""What the control plane sees in a worker, wherever it runs: `SessionServer`.

`remote.RemoteWorker` is a process at the other end of a link, `local.LocalWorker` is a `SessionHost` in this process.
"""

from __future__ import annotations

from typing import Protocol

from attrs import frozen

from duckgres_tx.session.control_plane import AcceptedConnection


class WorkerStartFailed(Exception):
    """The first workers did not all come up; one line of text says why."""


@frozen
class ServerHealth:
    """What a worker last said about itself.

    Attributes:
        sessions: Connections that it has.
        running: Statements that run or wait.
        resident_bytes: Its resident memory.
        databases: Databases that it has open.
    """

    sessions: int = 0
    running: int = 0
    resident_bytes: int = 0
    databases: tuple[str, ...] = ()


class SessionServer(Protocol):
    """One of those who serve sessions."""

    @property
    def slot(self) -> int:
        """Its number, 1 to 2047; unique among the living."""

    @property
    def name(self) -> str:
        """How the log calls it."""

    @property
    def is_ready(self) -> bool:
        """Whether new sessions may be sent to it."""

    @property
    def is_draining(self) -> bool:
        """Whether it is letting its sessions and databases go."""

    @property
    def is_to_go(self) -> bool:
        """Whether it is to be replaced soon, so that no database should move there."""

    @property
    def takes_sessions(self) -> bool:
        """Whether it can go on with a session of another worker's."""

    async def accept(self, connection: AcceptedConnection) -> None:
        """Hand a connection over.

        The descriptor stays the caller's until this returns; then the server has its own, and the caller closes it.

        Raises:
            Draining: It takes no new sessions and has not touched the connection.
            NotConfigured: The same.
            LinkLost: It is gone, and may have touched the connection.
        """

    async def cancel(self, backend_pid: int, secret_key: bytes) -> bool:
        """Interrupt a session's statement."""

    async def signal(self, backend_pid: int, order: str) -> bool:
        """Stop a session, or what it runs, as another session has asked; see `Backends.signal`."""

    async def drain(self, timeout_s: float, database: str = "", grace_s: float = 0.0, *, moves: bool = False) -> int:
        """Let everything go, or one database; returns the number of sessions left.

        Args:
            timeout_s: How long transactions may go on.
            database: The one database to close if no session uses it.
            grace_s: How long sessions that are idle may stay.
            moves: Sessions that can go on in another worker come back to be sent there.
        """

    async def shutdown(self, timeout_s: float) -> None:
        """End it; returns when it is gone for good."""

    async def is_dead_within(self, seconds: float) -> bool:
        """Wait a moment for its death; False when it is still alive after that."""

    def kill(self) -> None:
        """End it now, whatever it does."""
