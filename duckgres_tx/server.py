"""A running control plane: its parts, and what is done with all of them at once.

`service` runs it, and a takeover (`handover`) works on it through `handover.serving.Serving`.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import attrs
import cattrs
from attrs import define, field
from twisted.internet.defer import Deferred, DeferredList, gatherResults
from twisted.logger import Logger

from duckgres_tx.admission import Admission
from duckgres_tx.front_door import FrontDoor, Knock
from duckgres_tx.handover.document import Counters, Handover
from duckgres_tx.handover.serving import HeldConnection, NamedDescriptor, Outranked, PassOn
from duckgres_tx.handover.takings import LENT_LISTENER, LISTENER, UNIX_LOCK
from duckgres_tx.pool.commands import InvalidConfiguration, Superseded
from duckgres_tx.pool.legacy import Legacy
from duckgres_tx.pool.retirement import DrainPolicy
from duckgres_tx.pool.servers import SessionServer, WorkerStartFailed
from duckgres_tx.pool.switchboard import Arrival, Switchboard, asked_for
from duckgres_tx.preparation import Prepared
from duckgres_tx.tasks import start

# for what is in flight when this process leaves to others what it has served
LEAVE_TIMEOUT_S = 2.0
SHUTDOWN_TIMEOUT_S = 10.0
HURRIED_TIMEOUT_S = 2.0


class Crew(Protocol):
    """Who serves: `Roster`, or `OneWorker`."""

    async def start(self) -> None:
        """Have all that are wanted; returns when clients can be served. Raises `WorkerStartFailed`."""

    def ready(self) -> Sequence[SessionServer]:
        """Those that serve."""

    async def reconfigure(self) -> dict[str, tuple[str, ...]]:
        """Have all take the settings of now; under its name, what one can't take without being replaced."""

    async def drain(self, timeout_s: float) -> int:
        """Let transactions finish."""

    async def shutdown(self, timeout_s: float) -> None:
        """End all."""

    def kill(self) -> None:
        """End all now."""

    def describe(self) -> dict[str, Any]:
        """What there is, as plain data: attributes of `ServerStatus`."""


class Workforce(Crew, Protocol):
    """Worker processes, which may obey another control plane one day: `Roster`."""

    @property
    def epoch(self) -> int:
        """That of this control plane."""

    @property
    def is_stale(self) -> bool:
        """Whether there are workers that only a roll can bring up to date."""

    async def survey(self) -> object:
        """See which there are, changing nothing. Raises `WorkerStartFailed`."""

    async def promote(self, epoch: int, legacy: Legacy | None = None) -> None:
        """Command them. Raises `InvalidConfiguration`, `Superseded`."""

    def stand_down(self) -> Legacy:
        """Command them no more; what the next control plane should know of them."""

    async def reclaim(self, epoch: int) -> None:
        """Command them again. Raises `InvalidConfiguration`, `Superseded`."""

    def roll(self, reason: str) -> str:
        """Replace all; what becomes of that, in words."""

    def retire(self, slot: int) -> bool:
        """Replace one; whether there is one."""

    def resize(self, size: int) -> None:
        """Have so many."""

    def drain_by(self, policy: DrainPolicy) -> None:
        """Let sessions go by these rules."""


@define(eq=False)
class Server:
    """One control plane. Implements `Serving`.

    Attributes:
        prepared: What it was started with.
        crew: Who serves.
        workforce: The same, if it is worker processes.
        admission: Who may come in.
        switchboard: Where connections go.
        counters: What was counted before this control plane.
        serving_since: In seconds since 1970; 0 before it serves.
    """

    prepared: Prepared
    crew: Crew
    workforce: Workforce | None
    admission: Admission
    switchboard: Switchboard
    front_door: FrontDoor
    counters: Counters = field(factory=Counters)
    serving_since: float = 0.0
    _log: Logger = field(factory=Logger)

    @property
    def epoch(self) -> int:
        """See `Serving.epoch`."""
        return 0 if self.workforce is None else self.workforce.epoch

    @property
    def has_workers(self) -> bool:
        """See `Serving.has_workers`."""
        return self.workforce is not None

    @property
    def waiting(self) -> int:
        """Connections that wait for a worker, or haven't said yet what they want."""
        return self.front_door.waiting + self.switchboard.waiting

    # ---- its life

    async def start(self) -> None:
        """See `Serving.start`."""
        await self.crew.start()

    def open(self) -> None:
        """See `Serving.open`."""
        self.front_door.open()
        self.serving_since = time.time()

    async def stop(self, patient: bool, in_a_hurry: Deferred[None]) -> None:
        """Accept no more, let transactions finish, end the workers.

        Args:
            patient: Whether transactions may finish.
            in_a_hurry: Fires when somebody can't wait for that any more.
        """
        self.front_door.close()
        self.switchboard.close()
        if patient and self.crew.ready():
            drained = start(self.crew.drain(self.prepared.config.shutdown_timeout), "drain")
            waits_no_longer: Deferred[Any] = in_a_hurry
            # whichever comes first: all have finished, or somebody can't wait
            await DeferredList([drained, waits_no_longer], fireOnOneCallback=True)
            patient = not in_a_hurry.called
        await self.crew.shutdown(SHUTDOWN_TIMEOUT_S if patient else HURRIED_TIMEOUT_S)

    # ---- for one that is taken over

    def descriptors(self) -> list[NamedDescriptor]:
        """See `Serving.descriptors`."""
        listeners = self.prepared.listeners
        named = []
        for listener in listeners.sockets:
            is_lent = listener.family == socket.AF_UNIX and listeners.lock < 0
            named.append(NamedDescriptor(LENT_LISTENER if is_lent else LISTENER, listener.fileno()))
        if listeners.lock >= 0:
            named.append(NamedDescriptor(UNIX_LOCK, listeners.lock))
        named += [NamedDescriptor(f"lock {name}", lock) for name, lock in self.prepared.locks.items()]
        return named

    def hold(self) -> None:
        """See `Serving.hold`."""
        self.front_door.hold()
        self.switchboard.hold()

    async def settle(self, timeout_s: float) -> bool:
        """See `Serving.settle`."""
        return await self.switchboard.handing.settle(timeout_s)

    def held(self) -> list[tuple[HeldConnection, Callable[[], None]]]:
        """See `Serving.held`. A session that is relayed isn't given away: the worker that relays it asks the next control plane."""
        knocks = [(_as_held(knock), lambda: None) for knock in self.front_door.knocks()]
        arrivals = [
            (_as_held(waiting.guest), waiting.take)
            for waiting in self.switchboard.room.inside()
            if not waiting.guest.relayed
        ]
        return [*knocks, *arrivals]

    def stand_down(self) -> bytes:
        """See `Serving.stand_down`."""
        counters = attrs.evolve(
            self.counters,
            accepted=self.counters.accepted + self.front_door.accepted,
            takeovers=self.counters.takeovers + 1,
        )
        legacy = attrs.asdict(self._workers().stand_down())
        return Handover(
            pid=os.getpid(), grudges=tuple(self.admission.grudges()), counters=counters, legacy=legacy
        ).encode()

    def resume(self) -> None:
        """See `Serving.resume`."""
        self.switchboard.reopen()
        self.front_door.open()

    def relieve(self, pass_on: PassOn) -> None:
        """See `Serving.relieve`."""

        async def give(arrival: Arrival) -> bool:
            return arrival.relayed or await pass_on(_as_held(arrival))

        self.front_door.let_go()
        self.switchboard.room.move(give)

    async def reclaim(self, epoch: int) -> None:
        """See `Serving.reclaim`."""
        await _in_our_words(self._workers().reclaim(epoch))

    # ---- for one that takes over

    async def survey(self) -> None:
        """See `Serving.survey`."""
        await self._workers().survey()

    async def take_charge(self, epoch: int, handover: bytes) -> None:
        """See `Serving.take_charge`."""
        try:
            told = Handover.decode(handover)
            legacy = cattrs.structure(told.legacy, Legacy)
        except (ValueError, cattrs.BaseValidationError) as error:
            raise WorkerStartFailed(f"what the running server has written down can't be read: {error}") from error
        self.admission.bear(told.grudges)
        self.counters = told.counters
        await _in_our_words(self._workers().promote(epoch, legacy))

    def take(self, connection: HeldConnection) -> None:
        """See `Serving.take`."""
        remote = (connection.remote_host, connection.remote_port)
        if not connection.admitted:
            self.front_door.wait_for(Knock(connection.fd, *remote, connection.prefix, connection.age_s))
            return
        arrival = Arrival(
            connection.fd,
            *remote,
            connection.prefix,
            asked_for(connection.prefix),
            admitted=True,
            waited_s=connection.age_s,
        )
        start(self.switchboard.route(arrival), "route a connection")

    async def undo(self) -> None:
        """See `Serving.undo`."""
        await self.crew.shutdown(HURRIED_TIMEOUT_S)
        self.prepared.undo()

    # ---- for both

    async def leave(self) -> None:
        """See `Serving.leave`."""
        self.front_door.leave()
        if self.workforce is not None:
            self.workforce.stand_down()
        flights = [self.switchboard.handing.settle(LEAVE_TIMEOUT_S), self.front_door.settle(LEAVE_TIMEOUT_S)]
        await gatherResults([start(flight, "finish what is in flight") for flight in flights])
        self.switchboard.leave()
        self.prepared.leave()

    def _workers(self) -> Workforce:
        if self.workforce is None:
            raise ValueError("a server without worker processes takes no part in a takeover")
        return self.workforce


def _as_held(client: Knock | Arrival) -> HeldConnection:
    admitted = isinstance(client, Arrival)
    age_s = client.waited_s if isinstance(client, Arrival) else client.age_s
    return HeldConnection(client.fd, client.prefix, client.remote_host, client.remote_port, age_s, admitted)


async def _in_our_words(taking_charge: Awaitable[None]) -> None:
    try:
        await taking_charge
    except Superseded as error:
        raise Outranked(str(error)) from error
    except InvalidConfiguration as error:
        raise WorkerStartFailed(f"a worker can't serve with this configuration: {error}") from error
