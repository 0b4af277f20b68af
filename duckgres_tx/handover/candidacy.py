"""Taking over: what a newcomer does at each step of `newcomer`."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from duckgres_tx.fault_points import FaultPoint, reached
from duckgres_tx.handover.commands import OutOfTurn
from duckgres_tx.handover.incumbency import TAKEOVER_DEADLINE_S, Signposts
from duckgres_tx.handover.newcomer import NewcomerLife, NewcomerRecord, Stage, begin_candidacy
from duckgres_tx.handover.newcomer_end import NewcomerEnd
from duckgres_tx.handover.patience import Patience
from duckgres_tx.handover.predecessor import CalledOff, Predecessor, PredecessorGone, StepFailed
from duckgres_tx.handover.serving import HeldConnection, Outranked, Serving
from duckgres_tx.handover.takings import Takings
from duckgres_tx.pool.link import Link, LinkLost
from duckgres_tx.pool.servers import WorkerStartFailed
from duckgres_tx.preparation import CannotStart
from duckgres_tx.tasks import start


class ToldOff(Exception):
    """There was no takeover, or it was undone; one line of text says why."""


@define(eq=False)
class Candidacy:
    """One attempt to take over, and what follows from it as long as the incumbent lives."""

    _reactor: Any
    _path: Path
    # data and runtime directory, without symbolic links
    _directories: tuple[str, str]
    # makes the server, which doesn't run yet; may raise CannotStart
    _build: Callable[[Takings], Serving]
    _signposts: Signposts
    # called when the incumbent has taken back what this process has served already
    _lose: Callable[[], None]
    _predecessor: Predecessor = field(init=False)
    _server: Serving | None = None
    _takings: Takings = field(factory=Takings)
    _record: NewcomerRecord = field(init=False)
    _life: NewcomerLife = field(init=False)
    _patience: Patience = field(init=False)
    _steps: Deferred[None] | None = None
    _outcome: Deferred[Serving] = field(factory=Deferred)
    _log: Logger = field(factory=Logger)

    def __attrs_post_init__(self) -> None:
        self._predecessor = Predecessor(self._reactor, self._path, NewcomerEnd(self, self._link_lost))
        self._record = NewcomerRecord(self._told_off, self._survive, self._give_back, self._outranked, self._alone)
        self._life = begin_candidacy(self._record)
        self._patience = Patience(self._reactor, TAKEOVER_DEADLINE_S, self._too_late)

    @property
    def stage(self) -> Stage:
        """Where it is."""
        return self._record.stage

    @property
    def incumbent(self) -> int:
        """The pid of the server that is taken over; 0 while it isn't known."""
        return self._predecessor.pid

    def take_over(self) -> Deferred[Serving]:
        """Begin.

        Returns:
            Fires with the server when it serves; fails with `ToldOff` when there won't be one.
        """
        self._patience.begin()
        self._run(self._negotiate(), "take over")
        return self._outcome

    def stop(self) -> None:
        """The operator wants this process to end; `take_over` fails soon, unless it has succeeded already."""
        self._life.stopped()

    async def dismiss(self) -> None:
        """The incumbent needn't stand by any more. Nothing happens if there is none."""
        if self.stage is Stage.SERVING:
            await self._predecessor.dismiss()
            self._life.farewell()

    # ---- what the incumbent sends

    def take_descriptor(self, name: str, fd: int) -> None:
        """See `Taker`."""
        if self.stage is not Stage.ASKING:
            os.close(fd)
            raise OutOfTurn(f"the newcomer is {self.stage.value}")
        self._takings.put(name, fd)

    def take_connection(self, connection: HeldConnection) -> None:
        """See `Taker`."""
        if self.stage in (Stage.ASKING, Stage.IN_CHARGE, Stage.SERVING) and not self._outcome.called:
            self._takings.put_connection(connection)
        elif self.stage in (Stage.SERVING, Stage.ALONE) and self._server is not None:
            self._server.take(connection)
        else:
            os.close(connection.fd)
            raise OutOfTurn(f"the newcomer is {self.stage.value}")

    def called_off(self, reason: str) -> None:
        """See `Taker`."""
        self._life.called_off(f"{self._predecessor} goes on: {reason}")

    def farewell(self) -> None:
        """See `Taker`."""
        self._life.farewell()

    # ---- the steps

    async def _negotiate(self) -> None:
        predecessor = self._predecessor
        await predecessor.meet()
        reached(FaultPoint.NEWCOMER_CONNECTED)
        epoch = await predecessor.greet(self._directories)
        self._log.info("taking over from {whom}", whom=str(predecessor))
        reached(FaultPoint.NEWCOMER_WELCOMED)
        await predecessor.prepare()
        reached(FaultPoint.NEWCOMER_HAS_DESCRIPTORS)
        server = self._made()
        await server.survey()
        self._go_on_as(Stage.ASKING)
        reached(FaultPoint.NEWCOMER_HAS_SURVEYED)
        reached(FaultPoint.NEWCOMER_ASKS_TO_COMMIT)
        document = await predecessor.commit()
        self._patience.end()
        self._life.committed()
        reached(FaultPoint.NEWCOMER_HAS_COMMITTED)
        await server.take_charge(epoch + 1, document)
        self._go_on_as(Stage.IN_CHARGE)
        reached(FaultPoint.NEWCOMER_HAS_PROMOTED)
        self._open(server)
        await predecessor.relieve()
        self._go_on_as(Stage.SERVING, Stage.ALONE)
        reached(FaultPoint.NEWCOMER_IS_RELIEVED)
        self._serve(server)

    async def _go_on_alone(self) -> None:
        self._log.warn("{whom} has died: this server goes on without it", whom=str(self._predecessor))
        server = self._made()
        await server.start()
        self._go_on_as(Stage.SURVIVING)
        self._open(server)
        self._serve(server)

    def _go_on_as(self, *stages: Stage) -> None:
        """What was cancelled while it waited for many things at once may end as if all of them had happened."""
        if self.stage not in stages:
            raise CancelledError

    def _made(self) -> Serving:
        """The server, not running."""
        if self._server is None:
            self._server = self._build(self._takings)
            self._takings.close_locks()
        return self._server

    def _open(self, server: Serving) -> None:
        """In one turn of the reactor: whoever looks for the server finds this one, and it accepts."""
        try:
            self._signposts.put_up()
        except OSError as error:
            raise StepFailed(f"{error.filename}: {error.strerror}") from error
        reached(FaultPoint.NEWCOMER_HAS_BOUND)
        server.open()
        self._life.opened()
        reached(FaultPoint.NEWCOMER_HAS_OPENED)

    def _serve(self, server: Serving) -> None:
        for connection in self._takings.pop_connections():
            server.take(connection)
        reached(FaultPoint.NEWCOMER_SERVES)
        self._outcome.callback(server)

    def _run(self, steps: Coroutine[Any, Any, None], what: str) -> None:
        self._steps = start(self._carefully(steps), what)

    async def _carefully(self, steps: Coroutine[Any, Any, None]) -> None:
        """Turn what becomes of the steps into inputs of the machine; it may end them, so they have to be over by then."""
        try:
            await steps
        except LinkLost:
            # see `_link_lost`
            return
        except PredecessorGone:
            self._steps = None
            self._life.incumbent_died()
        except CalledOff as error:
            self._steps = None
            self._life.called_off(str(error))
        except (StepFailed, CannotStart, WorkerStartFailed, Outranked) as error:
            self._steps = None
            self._life.failed(str(error))
        except CancelledError:
            raise
        except Exception:
            self._steps = None
            self._life.failed("an unexpected error, see the log")
            raise

    def _cancel_steps(self) -> None:
        self._patience.end()
        steps, self._steps = self._steps, None
        if steps is not None:
            steps.cancel()

    # ---- what happens meanwhile

    def _too_late(self) -> None:
        self._life.failed(f"{self._predecessor} did not hand over within {TAKEOVER_DEADLINE_S:g} s")

    def _link_lost(self, link: Link) -> None:
        self._predecessor.link_lost()
        if self.stage in (Stage.ASKING, Stage.IN_CHARGE, Stage.SERVING):
            start(self._look_for_death(), "see whether the other server lives")

    async def _look_for_death(self) -> None:
        """One that lives and has dropped the link goes on by itself."""
        if await self._predecessor.has_died():
            self._life.incumbent_died()
        else:
            self._life.called_off(f"{self._predecessor} has dropped the connection")

    # ---- what follows from it

    def _told_off(self, reason: str) -> None:
        self._cancel_steps()
        self._predecessor.give_up(reason)
        start(self._undo(reason), "undo a start")

    async def _undo(self, reason: str) -> None:
        if self._server is not None:
            await self._server.undo()
        self._let_go()
        self._outcome.errback(ToldOff(reason))

    def _survive(self) -> None:
        self._cancel_steps()
        self._run(self._go_on_alone(), "start where another server has died")

    def _give_back(self, reason: str) -> None:
        self._cancel_steps()
        self._log.error("this server gives everything back: {reason}", reason=reason)
        start(self._leave(reason, give_back=True), "give everything back")

    def _outranked(self, reason: str) -> None:
        self._cancel_steps()
        self._log.error("this server serves no more: {reason}", reason=reason)
        if self._outcome.called:
            self._let_go()
            self._lose()
        else:
            start(self._leave(reason, give_back=False), "leave")

    async def _leave(self, reason: str, *, give_back: bool) -> None:
        # from here on nobody is accepted
        leaving = start(self._made().leave(), "leave")
        if give_back:
            await self._predecessor.give_back(reason)
        await leaving
        self._let_go()
        self._outcome.errback(ToldOff(reason))

    def _alone(self) -> None:
        self._predecessor.forget()
        self._takings.offers.abolish()

    def _let_go(self) -> None:
        self._predecessor.forget()
        self._takings.close()
