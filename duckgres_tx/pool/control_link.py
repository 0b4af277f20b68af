"""A worker's way to its control plane: the `ControlPlane` of its `SessionHost`, spoken over AMP."""

from __future__ import annotations

import os

from attrs import define, field
from twisted.logger import Logger

from duckgres_tx.errors import PgError
from duckgres_tx.handover import descriptors
from duckgres_tx.pool.commands import (
    CancelElsewhere,
    ClaimDatabase,
    DatabaseClosed,
    DescriptorMismatch,
    LoginFailed,
    LoginSucceeded,
    NoOwner,
    RelayConnection,
    ReleaseDatabase,
    SessionClosed,
    SessionOpened,
    WorkerFault,
)
from duckgres_tx.pool.link import Link, LinkLost

_UNREACHABLE = "57P03"


@define(eq=False)
class ControlLink:
    """Implements `ControlPlane`.

    Control planes come and go while the sessions stay, so the link may be missing for a while. News are dropped then: the next
    control plane asks for the sessions that there are (`Health`). Questions fail with 57P03.

    Attributes:
        link: The link to the present control plane.
        live: Backend pids of the connections that this worker has.
    """

    link: Link | None = None
    live: set[int] = field(factory=set)
    _claimed: set[str] = field(factory=set)
    _log: Logger = field(factory=Logger)

    async def claim_database(self, name: str) -> bool:
        """See `ControlPlane.claim_database`. What this worker owns already it may open without asking."""
        if name in self._claimed:
            return True
        try:
            response = await self._present("open a database").ask(ClaimDatabase, name=name)
        except (LinkLost, WorkerFault) as error:
            raise _unreachable(name) from error
        granted: bool = response["granted"]
        if granted:
            self._claimed.add(name)
        return granted

    async def relay_connection(self, fd: int, prefix: bytes, remote_host: str, remote_port: int) -> None:
        """See `ControlPlane.relay_connection`."""
        with descriptors.OwnedDescriptor(fd) as owned:
            try:
                await self._present("relay a session").ask(
                    RelayConnection,
                    socket=owned.fd,
                    socket_inode=descriptors.inode_of(owned.fd),
                    prefix=prefix,
                    remote_host=remote_host,
                    remote_port=remote_port,
                )
            except (LinkLost, NoOwner, DescriptorMismatch, WorkerFault) as error:
                self._log.warn("could not relay a session: {error}", error=str(error))
                raise PgError(_UNREACHABLE, "the worker that owns the database can't be reached") from error

    async def release_database(self, name: str) -> int:
        """See `ControlPlane.release_database`."""
        try:
            response = await self._present("release a database").ask(ReleaseDatabase, name=name)
        except (LinkLost, WorkerFault) as error:
            raise _unreachable(name) from error
        sessions: int = response["sessions"]
        return sessions

    def database_closed(self, name: str) -> None:
        """See `ControlPlane.database_closed`."""
        self._claimed.discard(name)
        if self.link is not None:
            self.link.tell(DatabaseClosed, name=name)

    def session_opened(self, backend_pid: int, user: str, database: str) -> None:
        """See `ControlPlane.session_opened`."""
        if self.link is not None:
            self.link.tell(SessionOpened, backend_pid=backend_pid, user=user, database=database)

    def session_closed(self, backend_pid: int) -> None:
        """See `ControlPlane.session_closed`."""
        self.live.discard(backend_pid)
        if self.link is not None:
            self.link.tell(SessionClosed, backend_pid=backend_pid)

    def login_failed(self, remote_host: str) -> None:
        """See `ControlPlane.login_failed`."""
        if self.link is not None:
            self.link.tell(LoginFailed, remote_host=remote_host)

    def login_succeeded(self, remote_host: str) -> None:
        """See `ControlPlane.login_succeeded`."""
        if self.link is not None:
            self.link.tell(LoginSucceeded, remote_host=remote_host)

    def cancel_elsewhere(self, backend_pid: int, secret_key: bytes) -> None:
        """See `ControlPlane.cancel_elsewhere`."""
        if self.link is not None:
            self.link.tell(CancelElsewhere, backend_pid=backend_pid, secret_key=secret_key)

    def _present(self, purpose: str) -> Link:
        if self.link is None:
            self._log.warn("can't {purpose}: worker {pid} has no control plane", purpose=purpose, pid=os.getpid())
            raise LinkLost(purpose)
        return self.link


def _unreachable(name: str) -> PgError:
    return PgError(_UNREACHABLE, f'database "{name}" can\'t be opened now', hint="Try again in a moment.")
