"""What people ask of a running server, over the handover socket or by a signal."""

from __future__ import annotations

import importlib.metadata
import os
import time
from collections.abc import Callable
from typing import Any

import attrs
import cattrs
from attrs import define, field
from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger

from duckgres_tx.handover.commands import Refused
from duckgres_tx.handover.incumbency import Incumbency
from duckgres_tx.handover.incumbent import GIVEN_AWAY, Phase, in_words
from duckgres_tx.handover.offers import describe
from duckgres_tx.handover.status import EventStatus, ServerStatus
from duckgres_tx.handover.successor import Successor
from duckgres_tx.server import Server, Workforce
from duckgres_tx.supervision import Supervision
from duckgres_tx.tasks import wait_for

SUCCESSOR_DEADLINE_S = 60.0
_STATES = {Phase.STARTING: "starting", Phase.STOPPING: "stopping", Phase.STANDING_BY: "standing by"}


@define(eq=False)
class ServerOffice:
    """Implements `Office`.

    Attributes:
        last_takeover: The last one that this process took part in.
        last_reload: The last time that the configuration was read again.
    """

    _clock: Any
    _incumbency: Incumbency
    # starts a process that takes over from this one; may raise OSError
    _start_successor: Callable[[], Successor]
    _supervision: Supervision
    last_takeover: EventStatus | None = None
    last_reload: EventStatus | None = None
    _server: Server | None = None
    _successor: Successor | None = None
    _log: Logger = field(factory=Logger)

    def opened(self, server: Server) -> None:
        """There is a server."""
        self._server = server

    def status(self) -> bytes:
        """See `Office.status`."""
        return self.describe().encode()

    def describe(self) -> ServerStatus:
        """The status as an object."""
        phase = self._incumbency.phase
        state = _STATES.get(phase, "taken over" if phase in GIVEN_AWAY else "serving")
        about_process: dict[str, Any] = {
            "pid": os.getpid(),
            "version": importlib.metadata.version("duckgres_tx"),
            "state": state,
            "last_takeover": self.last_takeover,
            "last_reload": self.last_reload,
        }
        server = self._server
        if server is None:
            return ServerStatus(**about_process)
        crew = cattrs.structure(server.crew.describe(), ServerStatus)
        return attrs.evolve(
            crew,
            **about_process,
            epoch=server.epoch,
            started_at=server.serving_since,
            listeners=tuple(describe(listener) for listener in server.prepared.listeners.sockets),
            connections=server.admission.open_connections,
            max_connections=server.prepared.config.max_connections,
            waiting=server.waiting,
        )

    def roll(self, reason: str = "somebody asked for it") -> str:
        """See `Office.roll`."""
        return self._workforce("roll").roll(reason)

    def drain_worker(self, slot: int) -> str:
        """See `Office.drain_worker`."""
        if not self._workforce("drain").retire(slot):
            raise Refused(f"there is no worker {slot} that serves")
        return f"worker {slot} is being replaced"

    async def succeed(self) -> int:
        """See `Office.succeed`."""
        self._workforce("takeover")
        if self._successor is not None:
            raise Refused("a successor is starting already")
        self._supervision.begins("starting a successor")
        outcome = ""
        try:
            return await self._succeed()
        except Refused as error:
            outcome = str(error)
            self.last_takeover = EventStatus(at=time.time(), outcome=outcome)
            raise
        finally:
            self._successor = None
            self._supervision.ended(outcome)

    async def _succeed(self) -> int:
        try:
            self._successor = self._start_successor()
        except OSError as error:
            raise Refused(f"the successor can't be started: {error}") from error
        return await self._outcome(self._successor)

    async def _outcome(self, successor: Successor) -> int:
        """Its pid, when it serves. That it has taken over is known here before it reports; why it hasn't, only it can say."""
        decided = self._incumbency.when_decided()
        deadline = self._clock.seconds() + SUCCESSOR_DEADLINE_S
        outcomes: list[Deferred[Any]] = [decided, successor.reported]
        await wait_for(DeferredList(outcomes, fireOnOneCallback=True), SUCCESSOR_DEADLINE_S, self._clock)
        newcomer = decided.result if decided.called else 0
        if isinstance(newcomer, int) and newcomer:
            return newcomer
        await wait_for(successor.reported, max(0.0, deadline - self._clock.seconds()), self._clock)
        if not successor.reported.called:
            raise Refused(f"the successor did not take over within {SUCCESSOR_DEADLINE_S:g} s")
        report = successor.reported.result
        raise Refused(f"the successor did not take over: {report or 'it serves something else'}")

    def reload_began(self) -> None:
        """The configuration is being read again."""
        self._supervision.begins("reading the configuration again")

    def reload_ended(self, outcome: str) -> None:
        """It has been; or not, for this reason."""
        self.last_reload = EventStatus(at=time.time(), outcome=outcome)
        self._supervision.ended(outcome)

    def _workforce(self, what: str) -> Workforce:
        """The workers, if they are to be commanded."""
        if self._server is None or self._incumbency.phase is not Phase.SERVING:
            raise Refused(f"{what}: the server is {in_words(self._incumbency.phase)}")
        if self._server.workforce is None:
            raise Refused(f"{what}: the server has no worker processes (workers: 0)")
        return self._server.workforce
