"""Which worker a client goes to, waited for if need be.

A client waits for a worker that is ready, for the owner of its database to let it go, or for workers that were just found to say what they
have. Whoever waits looks again whenever something changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError

from duckgres_tx.errors import PgError, Severity
from duckgres_tx.pool.arrival import Arrival
from duckgres_tx.pool.placement import Placement
from duckgres_tx.pool.servers import SessionServer
from duckgres_tx.pool.waiting_room import WaitingRoom

# how long a client waits for a worker to come
ROUTE_DEADLINE_S = 10.0
# how long a worker waits for the answer to its claim; it sends the session around then, which may wait longer
CLAIM_DEADLINE_S = 20.0
# clients that wait at once
MAX_WAITING = 1024
_CANNOT_CONNECT_NOW = "57P03"


class Crew(Protocol):
    """The workers: the roster, or the one of a standalone server."""

    def ready(self) -> Sequence[SessionServer]:
        """Those that take new sessions now."""

    def in_slot(self, slot: int) -> Sequence[SessionServer]:
        """Those with that number, whatever they do: one mostly, and more when two control planes have given the same number."""

    @property
    def is_known(self) -> bool:
        """Whether all have said what they have. As long as not, any database may be somebody's."""

    @property
    def is_in_charge(self) -> bool:
        """Whether what we know is true: it isn't when another control plane commands the workers."""


class Nobody:
    """The crew before there is one."""

    is_known = True
    is_in_charge = True

    def ready(self) -> Sequence[SessionServer]:
        """See `Crew.ready`."""
        return ()

    def in_slot(self, slot: int) -> Sequence[SessionServer]:
        """See `Crew.in_slot`."""
        return ()


@define(eq=False)
class Assignment:
    """Finds workers for clients, and databases for workers.

    Attributes:
        crew: The workers; given after this is made, because they need it.
        owner_patience_s: How long a client waits for a database whose owner drains, in seconds.
    """

    _clock: Any
    _placement: Placement
    # connections wait there during a takeover
    _room: WaitingRoom[Arrival]
    crew: Crew = field(factory=Nobody)
    owner_patience_s: float = 75.0
    _waiting: list[Deferred[None]] = field(factory=list)
    _closed: bool = False

    @property
    def waiting(self) -> int:
        """Clients that wait."""
        return len(self._waiting)

    async def find(self, arrival: Arrival) -> SessionServer:
        """The worker for a client; waits for it within a deadline.

        Raises:
            PgError: 57P03.
            Moved: Another control plane looks for one.
        """
        came = self._clock.seconds() - arrival.waited_s
        deadline, waits_for_owner = came + ROUTE_DEADLINE_S, False
        while True:
            await self._room.walk_through(arrival)
            database = arrival.database or self._placement.guess(arrival.remote_host)
            owner = self._placement.owner(database)
            worker = self._choose(database, owner, guessed=arrival.database is None)
            if worker is not None and worker.is_ready:
                return worker
            now = self._clock.seconds()
            if owner is not None and owner.is_draining:
                deadline, waits_for_owner = came + max(self.owner_patience_s, ROUTE_DEADLINE_S), True
            elif waits_for_owner:
                # it is gone, and the next one has as long as any
                deadline, waits_for_owner = max(deadline, now + ROUTE_DEADLINE_S), False
            if now >= deadline or not self.is_open:
                raise no_worker()
            await self.change(deadline - now)

    async def settle(self, arrival: Arrival, database: str) -> None:
        """Decide now who owns a database, so that the worker that a session is relayed to doesn't relay it again. See `find`."""
        worker = await self.find(arrival)
        if self._placement.owner(database) is None:
            self._placement.give(database, worker)

    async def claim(self, worker: SessionServer, database: str) -> bool:
        """Whether a database is a worker's.

        The worker that is to be the next owner waits while the present one drains, instead of sending its session around.
        """
        deadline = self._clock.seconds() + CLAIM_DEADLINE_S
        while True:
            left_s = deadline - self._clock.seconds()
            if not self.crew.is_in_charge:
                # another control plane knows, and is asked; unless we are in charge again
                await self.change(CLAIM_DEADLINE_S)
            elif left_s > 0 and self._has_to_wait(worker, database):
                await self.change(left_s)
            else:
                break
        return self._placement.claim(database, worker, self.crew.ready())

    @property
    def is_open(self) -> bool:
        """Whether it is worth while to wait: neither does the server end, nor are there too many that do."""
        return not self._closed and len(self._waiting) < MAX_WAITING

    def something_changed(self) -> None:
        """A worker has become ready or died, or a database is free: whoever waits looks again."""
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(None)

    async def change(self, deadline_s: float) -> None:
        """Wait for `something_changed`, or for the deadline."""
        waiter: Deferred[None] = Deferred()
        self._waiting.append(waiter)
        try:
            await waiter.addTimeout(deadline_s, self._clock)
        except DeferredTimeoutError:
            self._waiting.remove(waiter)

    def close(self) -> None:
        """The server ends: no client waits any more."""
        self._closed = True
        self.something_changed()

    def _choose(self, database: str, owner: SessionServer | None, *, guessed: bool) -> SessionServer | None:
        if owner is None and not self.crew.is_known:
            return None
        if owner is not None and owner.is_draining and guessed:
            # it may want another database, so it finds out while it waits
            return self._placement.successor(database, self.crew.ready())
        return self._placement.choose(database, self.crew.ready())

    def _has_to_wait(self, worker: SessionServer, database: str) -> bool:
        if not self.is_open:
            return False
        owner = self._placement.owner(database)
        if owner is None:
            return not self.crew.is_known
        successor = self._placement.successor(database, self.crew.ready())
        return owner is not worker and owner.is_draining and worker is successor


def no_worker() -> PgError:
    """What is said to a client when there is none."""
    return PgError(
        _CANNOT_CONNECT_NOW,
        "the database system is not accepting connections",
        hint="Its workers are being restarted; try again in a moment.",
        severity=Severity.FATAL,
    )
