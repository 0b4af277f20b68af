"""CancelRequests, and what sessions order of one another, on their way to the worker that has the session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from attrs import define, field
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.logger import Logger

from duckgres_tx.pool.assignment import Assignment
from duckgres_tx.pool.commands import NotConfigured, WorkerFault
from duckgres_tx.pool.counts import Session, Sessions
from duckgres_tx.pool.link import LinkDown, LinkLost
from duckgres_tx.pool.servers import SessionServer

# how long a request waits for a link that is down; by then it is mended, or its worker is gone
LINK_PATIENCE_S = 5.0


@define(eq=False)
class Cancels:
    """Carries them; one with a wrong key goes nowhere."""

    _clock: Any
    _assignment: Assignment
    _sessions: Sessions
    _log: Logger = field(factory=Logger)

    async def carry(self, backend_pid: int, secret_key: bytes) -> None:
        """Bring a CancelRequest to its session. Bounded by `LINK_PATIENCE_S` and the worker's own deadline."""
        await self._have_stopped(
            lambda: self._whereabouts(backend_pid), lambda worker: worker.cancel(backend_pid, secret_key)
        )

    async def signal(self, backend_pid: int, order: str) -> None:
        """See `Desk.signal`; the same for what another session has ordered."""
        await self._have_stopped(
            lambda: self._whereabouts(backend_pid) if backend_pid in self._sessions else [],
            lambda worker: worker.signal(backend_pid, order),
        )

    async def _have_stopped(
        self, whereabouts: Callable[[], list[SessionServer]], stop: Callable[[SessionServer], Awaitable[bool]]
    ) -> None:
        """Ask those who may have the session, one after the other.

        It is said again only where it was never sent: a second one might meet the session's next statement.
        """
        deadline = self._clock.seconds() + LINK_PATIENCE_S
        while down := await self._ask_all(whereabouts(), stop):
            left_s = deadline - self._clock.seconds()
            if left_s <= 0 or not self._assignment.is_open:
                self._log.warn(
                    "a request to cancel did not reach {workers}", workers=", ".join(worker.name for worker in down)
                )
                return
            await self._assignment.change(left_s)

    async def _ask_all(
        self, workers: list[SessionServer], stop: Callable[[SessionServer], Awaitable[bool]]
    ) -> list[SessionServer]:
        """Ask whoever may have the session; returns those that can't be asked now, unless another one had it."""
        down = []
        for worker in workers:
            try:
                if await stop(worker):
                    return []
            except LinkDown:
                down.append(worker)
            except (LinkLost, NotConfigured, WorkerFault, DeferredTimeoutError) as error:
                self._log.warn("{worker} can't stop a session: {error}", worker=worker.name, error=str(error))
        return down

    def _whereabouts(self, backend_pid: int) -> list[SessionServer]:
        """Who may have a session, the one first that may give it to the other."""
        session: Session | None = self._sessions.get(backend_pid)
        if session is None:
            # one that another control plane has handed over may not have been told of yet
            return list(self._assignment.crew.in_slot(Sessions.slot_of(backend_pid)))
        return [worker for worker in (session.worker, session.heading_for) if worker is not None]
