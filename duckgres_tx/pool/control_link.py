"""A worker's way to its control plane: the `ControlPlane` of its `SessionHost`, spoken over AMP.

Control planes come and go while the sessions stay. News are told to the one that is the boss now and dropped when there is none: the next
one gets an inventory. Questions wait a moment for a boss, and are asked again when it was replaced before it has answered: only the word
of the one who is in charge counts.
"""

from __future__ import annotations

import json
import os
from typing import Any

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.protocols.amp import Command, UnhandledCommand

from duckgres_tx.errors import PgError
from duckgres_tx.handover import descriptors
from duckgres_tx.pool.commands import (
    CancelElsewhere,
    ClaimDatabase,
    DatabaseClosed,
    DescriptorMismatch,
    ListSessions,
    LoginFailed,
    LoginSucceeded,
    MoveSession,
    NoOwner,
    RelayConnection,
    ReleaseDatabase,
    SessionClosed,
    SessionOpened,
    SignalSession,
    WorkerFault,
)
from duckgres_tx.pool.inventory import InventorySession
from duckgres_tx.pool.link import Link, LinkLost
from duckgres_tx.session.control_plane import AcceptedConnection, AskAgain, Departure
from duckgres_tx.tasks import start

# how long a question waits for a boss: a control plane is being replaced
BOSS_TIMEOUT_S = 5.0
# what is decided at once may take this long to be answered
ANSWER_TIMEOUT_S = 30.0
_UNREACHABLE = "57P03"
# what is asked only if it can be: an earlier release doesn't know the question
_NO_ANSWER = (AskAgain, LinkLost, WorkerFault, DeferredTimeoutError, UnhandledCommand)


@define(eq=False)
class LiveSession:
    """One connection that this worker has.

    Attributes:
        remote_host: The client's address.
        admitted: Whether it counts towards the limits on connections.
        known_to: The link to the control plane that knows of it; None when none does yet.
        user: Once it has authenticated.
        database: Once it is open.
    """

    remote_host: str
    admitted: bool
    known_to: Link | None
    user: str = ""
    database: str = ""


@define(eq=False)
class ControlLink:
    """Implements `ControlPlane`.

    Attributes:
        boss: The link to the control plane that is in charge; None while there is none.
        live: The connections that this worker has, by backend pid.
        empty_since: Reactor time at which the last of them has ended.
        moves_sessions: Whether the boss carries sessions to other workers; None as long as it hasn't said so.
    """

    _clock: IReactorTime
    boss: Link | None = None
    live: dict[int, LiveSession] = field(factory=dict)
    empty_since: float = 0.0
    moves_sessions: bool | None = None
    _claimed: set[str] = field(factory=set)
    # sessions that end elsewhere; each until its connection here is done with
    _moved: set[int] = field(factory=set)
    # fired when there is another boss, or none any more
    _changes: list[Deferred[None]] = field(factory=list)
    _log: Logger = field(factory=Logger)

    def obey(self, link: Link) -> None:
        """Have another boss, or the same; it has just been told what there is."""
        for session in self.live.values():
            session.known_to = link
        if link is not self.boss:
            self.boss = link
            self.moves_sessions = None
            self._changed()

    def lost(self, link: Link) -> None:
        """A link is gone."""
        if link is self.boss:
            self.boss = None
            self._changed()

    def begin(self, connection: AcceptedConnection, link: Link) -> None:
        """A connection has come over that link."""
        admitted = connection.refusal is None and not connection.relayed
        self.live[connection.backend_pid] = LiveSession(connection.remote_host, admitted, link)

    def sessions(self) -> tuple[InventorySession, ...]:
        """All that this worker has."""
        return tuple(
            InventorySession(
                backend_pid=pid,
                remote_host=session.remote_host,
                admitted=session.admitted,
                user=session.user,
                database=session.database,
            )
            for pid, session in sorted(self.live.items())
        )

    def databases(self) -> tuple[str, ...]:
        """The databases that are this worker's."""
        return tuple(sorted(self._claimed))

    # ---- questions

    async def claim_database(self, name: str) -> bool:
        """See `ControlPlane.claim_database`. What this worker owns already it may open without asking."""
        while name not in self._claimed:
            try:
                granted: bool = (await self._ask("open a database", ClaimDatabase, name=name))["granted"]
            except AskAgain:
                continue
            except (LinkLost, WorkerFault, DeferredTimeoutError) as error:
                raise _unreachable(name) from error
            if not granted:
                return False
            self._claimed.add(name)
        return True

    async def relay_connection(self, fd: int, prefix: bytes, remote_host: str, remote_port: int) -> None:
        """See `ControlPlane.relay_connection`."""
        with descriptors.OwnedDescriptor(fd) as owned:
            try:
                await self._ask(
                    "relay a session",
                    RelayConnection,
                    # the database may have to move first, and the control plane says for how long that is waited for
                    timeout_s=0.0,
                    socket=owned.fd,
                    socket_inode=descriptors.inode_of(owned.fd),
                    prefix=prefix,
                    remote_host=remote_host,
                    remote_port=remote_port,
                )
            except (LinkLost, NoOwner, DescriptorMismatch, WorkerFault) as error:
                self._log.warn("could not relay a session: {error}", error=str(error))
                raise PgError(_UNREACHABLE, "the worker that owns the database can't be reached") from error

    async def move_session(self, departure: Departure) -> None:
        """See `ControlPlane.move_session`."""
        with (
            descriptors.OwnedDescriptor(departure.fd) as client,
            descriptors.OwnedDescriptor(departure.leash) as leash,
            descriptors.OwnedDescriptor(descriptors.memory_file(departure.document, "session")) as document,
        ):
            if self.moves_sessions is None:
                raise AskAgain("move a session")
            if not self.moves_sessions:
                raise PgError(_UNREACHABLE, "the control plane moves no sessions")
            try:
                await self._ask(
                    "move a session",
                    MoveSession,
                    # as long as relaying one
                    timeout_s=0.0,
                    socket=client.fd,
                    socket_inode=descriptors.inode_of(client.fd),
                    leash=leash.fd,
                    document=document.fd,
                    backend_pid=departure.backend_pid,
                    database=departure.database,
                    remote_host=departure.remote_host,
                    remote_port=departure.remote_port,
                    relayed=departure.relayed,
                )
            except (LinkLost, DescriptorMismatch) as error:
                raise AskAgain("move a session") from error
            except (NoOwner, WorkerFault) as error:
                raise PgError(_UNREACHABLE, str(error)) from error

    async def release_database(self, name: str) -> int:
        """See `ControlPlane.release_database`."""
        while True:
            try:
                response = await self._ask("release a database", ReleaseDatabase, name=name)
            except AskAgain:
                continue
            except (LinkLost, WorkerFault, DeferredTimeoutError) as error:
                raise _unreachable(name) from error
            sessions: int = response["sessions"]
            return sessions

    async def sessions_elsewhere(self) -> dict[int, str]:
        """See `ControlPlane.sessions_elsewhere`."""
        try:
            told = json.loads((await self._ask("list sessions", ListSessions))["sessions"])
        except _NO_ANSWER as error:
            self._log.info("can't tell the sessions of other workers: {error}", error=str(error))
            return {}
        return {pid: user for user, pids in told.items() for pid in pids}

    def signal_elsewhere(self, backend_pid: int, word: str) -> None:
        """See `ControlPlane.signal_elsewhere`."""
        start(self._signal(backend_pid, word), "stop a session of another worker")

    async def _signal(self, backend_pid: int, word: str) -> None:
        try:
            await self._ask("stop a session", SignalSession, backend_pid=backend_pid, order=word)
        except _NO_ANSWER as error:
            self._log.warn("can't {word} session {pid}: {error}", word=word, pid=backend_pid, error=str(error))

    # ---- news

    def database_closed(self, name: str) -> None:
        """See `ControlPlane.database_closed`."""
        self._claimed.discard(name)
        self._tell(DatabaseClosed, name=name)

    def session_opened(self, backend_pid: int, user: str, database: str) -> None:
        """See `ControlPlane.session_opened`."""
        session = self.live.get(backend_pid)
        more: dict[str, Any] = {}
        if session is not None:
            session.user, session.database = user, database
            if self.boss is not None and session.known_to is not self.boss:
                more = {"remote_host": session.remote_host, "admitted": session.admitted}
                session.known_to = self.boss
        self._tell(SessionOpened, backend_pid=backend_pid, user=user, database=database, **more)

    def session_closed(self, backend_pid: int) -> None:
        """See `ControlPlane.session_closed`."""
        self._forget_session(backend_pid)
        if backend_pid in self._moved:
            self._moved.discard(backend_pid)
        else:
            self._tell(SessionClosed, backend_pid=backend_pid)

    def session_moved(self, backend_pid: int) -> None:
        """See `ControlPlane.session_moved`: its new worker tells the control plane."""
        self._forget_session(backend_pid)
        self._moved.add(backend_pid)

    def session_resumed(self, connection: AcceptedConnection, user: str, database: str) -> None:
        """See `ControlPlane.session_resumed`."""
        self.live[connection.backend_pid] = LiveSession(connection.remote_host, not connection.relayed, None)
        self.session_opened(connection.backend_pid, user, database)

    def login_failed(self, remote_host: str) -> None:
        """See `ControlPlane.login_failed`."""
        self._tell(LoginFailed, remote_host=remote_host)

    def login_succeeded(self, remote_host: str) -> None:
        """See `ControlPlane.login_succeeded`."""
        self._tell(LoginSucceeded, remote_host=remote_host)

    def cancel_elsewhere(self, backend_pid: int, secret_key: bytes) -> None:
        """See `ControlPlane.cancel_elsewhere`."""
        self._tell(CancelElsewhere, backend_pid=backend_pid, secret_key=secret_key)

    # ---- within

    def _forget_session(self, backend_pid: int) -> None:
        self.live.pop(backend_pid, None)
        if not self.live:
            self.empty_since = self._clock.seconds()

    def _tell(self, news: type[Command], **arguments: Any) -> None:
        if self.boss is not None:
            self.boss.tell(news, **arguments)

    async def _ask(
        self, purpose: str, question: type[Command], timeout_s: float = ANSWER_TIMEOUT_S, **arguments: Any
    ) -> dict[str, Any]:
        """Ask the boss.

        Raises:
            AskAgain: It was lost or replaced before it has answered.
            LinkLost: There is none, and none has come.
        """
        boss = await self._present_boss(purpose)
        answer = boss.ask(question, **arguments)
        if timeout_s:
            answer.addTimeout(timeout_s, self._clock)
        change = self._next_change()
        change.addCallback(lambda _: answer.cancel())
        try:
            response = await answer
        except CancelledError as error:
            raise AskAgain(purpose) from error
        except LinkLost as error:
            if boss.is_up:
                raise
            raise AskAgain(purpose) from error
        finally:
            self._forget(change)
        return response

    async def _present_boss(self, purpose: str) -> Link:
        deadline = self._clock.seconds() + BOSS_TIMEOUT_S
        while self.boss is None or not self.boss.is_up:
            change = self._next_change()
            change.addTimeout(max(0.0, deadline - self._clock.seconds()), self._clock)
            try:
                await change
            except DeferredTimeoutError as error:
                self._log.warn("can't {purpose}: worker {pid} has no control plane", purpose=purpose, pid=os.getpid())
                raise LinkLost(purpose) from error
            finally:
                self._forget(change)
        return self.boss

    def _next_change(self) -> Deferred[None]:
        change: Deferred[None] = Deferred()
        self._changes.append(change)
        return change

    def _forget(self, change: Deferred[None]) -> None:
        if change in self._changes:
            self._changes.remove(change)

    def _changed(self) -> None:
        changes, self._changes = self._changes, []
        for change in changes:
            change.callback(None)


def _unreachable(name: str) -> PgError:
    return PgError(_UNREACHABLE, f'database "{name}" can\'t be opened now', hint="Try again in a moment.")
