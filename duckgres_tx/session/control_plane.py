"""The seam between a worker and the control plane above it.

A ``SessionHost`` is given connections as ``AcceptedConnection`` and speaks to whoever gave them through ``ControlPlane``:
over AMP in a worker process, or directly when one process does everything.
"""

from __future__ import annotations

from typing import Protocol

from attrs import frozen

from duckgres_tx.errors import PgError


class AskAgain(Exception):
    """The control plane was replaced while it was asked, and what it has done about the question is unknown."""


@frozen
class Journey:
    """A session that comes with its client's socket from another worker.

    Attributes:
        leash: One end of a socketpair, to that worker; see `leash`. Whoever owns the socket owns it too.
        document: What it brings: `Belongings` as JSON.
    """

    leash: int
    document: bytes


@frozen
class Departure:
    """A session that is to go to the next owner of its database.

    Attributes:
        fd: A duplicate of the client's socket.
        leash: The far end of a socketpair; see `leash`. ``move_session`` owns both from the call on.
        document: What it takes along: `Belongings` as JSON.
        backend_pid: As clients see it; it stays the same.
        database: Its database, which this worker doesn't have open any more.
        remote_host: The client's address.
        remote_port: The client's port.
        relayed: See `AcceptedConnection`.
    """

    fd: int
    leash: int
    document: bytes
    backend_pid: int
    database: str
    remote_host: str = ""
    remote_port: int = 0
    relayed: bool = False


@frozen
class AcceptedConnection:
    """One client's socket on its way into a host.

    Attributes:
        fd: The connected, non-blocking stream socket. ``SessionHost.accept_connection`` owns it from the call on.
        backend_pid: The session's pid as clients see it; positive, 31 bits, not in use by another session.
        remote_host: The peer's address; "" for a UNIX socket.
        remote_port: The peer's port; 0 for a UNIX socket.
        prefix: Bytes that were read from the socket already.
        refusal: Finish the handshake, then say this and close.
        relayed: The other end is another worker that has ended TLS already and sends a StartupMessage first.
        journey: The session has been begun in another worker.
    """

    fd: int
    backend_pid: int
    remote_host: str = ""
    remote_port: int = 0
    prefix: bytes = b""
    refusal: PgError | None = None
    relayed: bool = False
    journey: Journey | None = None


@frozen
class Health:
    """What a host says about itself; made without touching DuckDB, so that it never waits.

    Attributes:
        sessions: Connections served, those in the handshake among them.
        databases: Names of the open databases.
        running: Statements that run or wait for a native thread now.
        resident_bytes: The process's resident memory.
        draining: The host takes no new sessions.
        invalidated: Databases whose DuckDB instance has met a fatal error; the process should be replaced.
    """

    sessions: int
    databases: tuple[str, ...]
    running: int
    resident_bytes: int
    draining: bool = False
    invalidated: tuple[str, ...] = ()


class ControlPlane(Protocol):
    """What a host asks of, and tells, the control plane."""

    async def claim_database(self, name: str) -> bool:
        """Ask to be the one who opens a database.

        Returns:
            True when this worker owns it, or does from now on; False when another one does, so relay the session there.
        """

    async def relay_connection(self, fd: int, prefix: bytes, remote_host: str, remote_port: int) -> None:
        """Send a session to the worker that owns its database.

        Args:
            fd: The far end of a socketpair; owned by the control plane from the call on.
            prefix: The client's StartupMessage.
            remote_host: The client's address.
            remote_port: The client's port.

        Raises:
            PgError: 57P03; it can't be reached.
            AskAgain: The same question may be asked again, with another pair.
        """

    async def move_session(self, departure: Departure) -> None:
        """Have the next owner of a database go on with a session. Returns when it has the socket; the leash tells whether it takes it.

        Raises:
            PgError: 57P03; nobody can take it.
            AskAgain: There is no control plane now, or it was replaced while it was asked.
        """

    def session_moved(self, backend_pid: int) -> None:
        """A session is another worker's, which tells so itself."""

    def session_resumed(self, connection: AcceptedConnection, user: str, database: str) -> None:
        """A session is this worker's, which was another one's."""

    async def release_database(self, name: str) -> int:
        """Have the owner of a database close its instance if no session uses it, so that the file may be dropped.

        Returns:
            The number of sessions that still use it.
        """

    def database_closed(self, name: str) -> None:
        """The host has closed its instance of a database and owns it no longer."""

    def session_opened(self, backend_pid: int, user: str, database: str) -> None:
        """A client has authenticated and its database is open; this says all that ``login_succeeded`` does."""

    def session_closed(self, backend_pid: int) -> None:
        """A connection is gone; told exactly once for every accepted one, whatever became of it."""

    def login_failed(self, remote_host: str) -> None:
        """A client gave a wrong password or an unknown user."""

    def login_succeeded(self, remote_host: str) -> None:
        """A client proved to know its password, but no session came of it."""

    async def sessions_elsewhere(self) -> dict[int, str]:
        """The users of other workers' sessions by backend pid; those that can't be asked for are left out."""

    def signal_elsewhere(self, backend_pid: int, word: str) -> None:
        """A statement here has told a session of another worker's to stop; see `Backends.signal`."""

    def cancel_elsewhere(self, backend_pid: int, secret_key: bytes) -> None:
        """A CancelRequest arrived inside TLS for a session that this host doesn't have."""
