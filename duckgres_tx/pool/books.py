"""What a control plane knows of sessions: written down as workers tell it, and made good when they were taken over or news were lost."""

from __future__ import annotations

from typing import Any, Protocol

from attrs import define, field
from twisted.logger import Logger

from duckgres_tx.errors import PgError
from duckgres_tx.pool.counts import Session, Sessions
from duckgres_tx.pool.inventory import Inventory
from duckgres_tx.pool.placement import Placement
from duckgres_tx.pool.servers import SessionServer


class Gate(Protocol):
    """Who decides whether a client may come in: `Admission`."""

    def admit(self, remote_host: str) -> PgError | None:
        """Count a client in, or say why not."""

    def enter(self, remote_host: str) -> None:
        """Count a client in that another control plane has let in."""

    def closed(self, remote_host: str) -> None:
        """Count a client out."""

    def login_failed(self, remote_host: str) -> None:
        """Hold a failed login against an address."""

    def login_succeeded(self, remote_host: str) -> None:
        """Forgive an address."""


@define(eq=False)
class Books:
    """Sessions, and what follows from them for admission and placement.

    Attributes:
        sessions: All sessions.
    """

    _admission: Gate
    _placement: Placement
    sessions: Sessions = field(factory=Sessions)
    _log: Logger = field(factory=Logger)

    def promoted(self, epoch: int) -> None:
        """All workers are about to say what they have: who owned which database before doesn't count any more."""
        self.sessions.epoch = epoch
        self._placement.forget_all()

    def entered(self, worker: SessionServer, inventory: Inventory) -> None:
        """A worker has said what it has.

        What isn't there may have been handed over while it answered, so it ends only when it is missing in what the worker says next.
        """
        for told in inventory.sessions:
            session = self.sessions.get(told.backend_pid)
            if session is None or session.worker is not worker:
                self._enter(worker, told.backend_pid, told.remote_host, told.admitted, told.user, told.database)
        present = frozenset(told.backend_pid for told in inventory.sessions)
        for session in self.sessions.missing(worker, present):
            session.missed = True
        for name in inventory.databases:
            owner = self._placement.owner(name)
            if owner is None:
                self._placement.give(name, worker)
            elif owner is not worker:
                self._log.error(
                    "{worker} has database {name!r}, which is {owner}'s",
                    worker=worker.name,
                    name=name,
                    owner=owner.name,
                )

    def opened(
        self,
        worker: SessionServer,
        backend_pid: int,
        user: str,
        database: str,
        remote_host: str | None,
        admitted: bool | None,
    ) -> None:
        """A session is open. Where it comes from is said only if another control plane has handed it over."""
        session = self.sessions.get(backend_pid)
        if session is None and remote_host is not None:
            session = self._enter(worker, backend_pid, remote_host, bool(admitted), user, database)
        if session is not None:
            session.worker, session.heading_for, session.missed = worker, None, False
            session.user, session.database = user, database
            self._placement.learn(session.remote_host, database)
            self._admission.login_succeeded(session.remote_host)

    def heads_for(self, backend_pid: int, worker: SessionServer) -> None:
        """A session may soon be another worker's, which tells so by `opened`."""
        session = self.sessions.get(backend_pid)
        if session is not None:
            session.heading_for = worker

    def closed_by(self, worker: SessionServer, backend_pid: int) -> None:
        """A worker says that a session has ended; it may be another one's by now."""
        session = self.sessions.get(backend_pid)
        if session is not None and session.worker is worker:
            self.closed(backend_pid)

    def closed(self, backend_pid: int) -> None:
        """A session has ended. One that isn't known never counted."""
        session = self.sessions.end(backend_pid)
        if session is not None and session.admitted:
            self._admission.closed(session.remote_host)

    def heard_from(self, worker: Any) -> None:
        """A worker has said which sessions it has: news that were lost with a link are made up for.

        A session that was handed over a moment ago may be missing in what the worker said before; so one must be missing twice.
        """
        for session in self.sessions.missing(worker, worker.live):
            heir = session.heading_for
            if heir is not None and session.backend_pid in getattr(heir, "live", ()):
                session.worker, session.heading_for = heir, None
                continue
            if session.missed:
                self.closed(session.backend_pid)
            session.missed = True

    def worker_died(self, worker: SessionServer) -> tuple[list[Session], tuple[str, ...]]:
        """Forget a worker. Returns the sessions that died with it, and the databases that are free now."""
        lost = []
        for session in self.sessions.of(worker):
            if session.heading_for is None:
                lost.append(session)
                self.closed(session.backend_pid)
            else:
                # the other one's word that it has it may be on its way; if it hasn't, its heartbeats tell
                session.worker, session.heading_for = session.heading_for, None
        self.sessions.forget_heir(worker)
        return lost, self._placement.forget(worker)

    def _enter(
        self, worker: SessionServer, backend_pid: int, remote_host: str, admitted: bool, user: str, database: str
    ) -> Session:
        self.closed(backend_pid)
        session = Session(backend_pid, worker, remote_host, admitted, user, database)
        self.sessions.enter(session)
        if admitted:
            self._admission.enter(remote_host)
        if database:
            self._placement.learn(remote_host, database)
        return session
