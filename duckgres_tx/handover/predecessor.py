"""The incumbent, as the server sees it that takes over: what is asked of it, and whether it lives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.error import ConnectError
from twisted.logger import Logger
from twisted.protocols import amp

from duckgres_tx.handover import descriptors
from duckgres_tx.handover.commands import (
    OLDEST_VERSION,
    VERSION,
    AlreadyInProgress,
    CannotBeTakenOver,
    Commit,
    Dismiss,
    GiveBack,
    GiveUp,
    Greet,
    IncompatibleVersion,
    NotServing,
    OtherDirectories,
    OutOfTurn,
    Prepare,
    Serving,
)
from duckgres_tx.handover.descriptors import OwnedDescriptor
from duckgres_tx.handover.newcomer_end import NewcomerEnd
from duckgres_tx.handover.process_watch import ProcessWatch
from duckgres_tx.pool.commands import WorkerFault
from duckgres_tx.pool.link import LinkLost
from duckgres_tx.pool.spawning import connect_to_worker as connect
from duckgres_tx.tasks import wait_for

DOCUMENT_LIMIT_BYTES = 64 << 20
CONNECT_DEADLINE_S = 5.0
# a process whose link is lost is known to be dead this soon, if it is
DEATH_DEADLINE_S = 1.0
# for the answer to Serving; it has been heard long before the connections that depend on it are touched
RELIEF_DEADLINE_S = 5.0
# for one that doesn't answer any more to hear that it is needed no more, or needed again
_LAST_WORD_DEADLINE_S = 2.0
_REFUSALS = (IncompatibleVersion, OtherDirectories, AlreadyInProgress, NotServing, CannotBeTakenOver)


class StepFailed(Exception):
    """It doesn't do what it was asked; one line of text says why."""


class PredecessorGone(Exception):
    """There is nobody to take over from any more."""


class CalledOff(Exception):
    """It has taken everything back; one line of text says why."""


@define(eq=False)
class Predecessor:
    """One incumbent, and the link to it. Where nothing else is said, `LinkLost` is raised when the link is lost.

    Attributes:
        link: To it; it needn't be connected yet.
        pid: Its pid; 0 before there is a link, and for a process of another PID namespace.
    """

    _reactor: Any
    _path: Path
    link: NewcomerEnd
    pid: int = 0
    _watch: ProcessWatch | None = None
    _document: OwnedDescriptor = field(factory=lambda: OwnedDescriptor(-1))
    _awaiting_death: list[Deferred[None]] = field(factory=list)
    _log: Logger = field(factory=Logger)

    def __str__(self) -> str:
        return f"the running server (process {self.pid})" if self.pid else "the running server"

    async def meet(self) -> None:
        """Connect.

        Raises:
            PredecessorGone: Nobody listens.
            StepFailed: It doesn't answer.
        """
        try:
            await connect(self._reactor, self._path, self.link, CONNECT_DEADLINE_S)
        except ConnectError as error:
            raise PredecessorGone from error
        except DeferredTimeoutError as error:
            raise StepFailed(f"{self} does not answer") from error
        transport: Any = self.link.transport
        self.pid = descriptors.peer_credentials(transport.getHandle().fileno()).pid
        try:
            self._watch = ProcessWatch.on(self._reactor, self.pid, self._tell_of_death)
        except OSError as error:
            self._log.info("{whom} can't be watched: {error}", whom=str(self), error=str(error))

    async def greet(self, directories: tuple[str, str]) -> int:
        """Introduce this process; returns the predecessor's epoch. Raises `StepFailed`."""
        data_dir, runtime_dir = directories
        answer = await self._ask(
            Greet,
            version=VERSION,
            oldest_version=OLDEST_VERSION,
            pid=os.getpid(),
            data_dir=data_dir,
            runtime_dir=runtime_dir,
        )
        epoch: int = answer["epoch"]
        return epoch

    async def prepare(self) -> None:
        """Have it send what it has. Raises `StepFailed`."""
        await self._ask(Prepare)

    async def commit(self) -> bytes:
        """Have it give up everything; returns a `Handover`, as JSON. Raises `StepFailed`."""
        # queued in the link until it has been sent, so it lives as long as the link
        self._document = OwnedDescriptor(descriptors.memory_file(b"", "handover"))
        await self._ask(Commit, document=self._document.fd)
        return descriptors.read_memory_file(self._document.fd, DOCUMENT_LIMIT_BYTES)

    async def relieve(self) -> None:
        """Tell it that this process serves. It hears that before it hears of anything else that may become of us.

        Raises:
            CalledOff: It goes on by itself.
        """
        try:
            await self.link.ask(Serving).addTimeout(RELIEF_DEADLINE_S, self._reactor)
        except OutOfTurn as error:
            raise CalledOff(f"{self} has taken everything back: {error}") from error
        except LinkLost:
            if not await self.has_died():
                raise CalledOff(f"{self} has dropped the connection") from None
        except (WorkerFault, DeferredTimeoutError) as error:
            self._log.warn("{whom} did not say whether it is relieved: {error}", whom=str(self), error=repr(error))

    async def give_back(self, reason: str) -> None:
        """Have it go on, if it can. Never raises."""
        await self._say(GiveBack, reason=reason)

    async def dismiss(self) -> None:
        """It needn't stand by any more. Never raises."""
        await self._say(Dismiss)

    def give_up(self, reason: str) -> None:
        """Have it forget this process, and hang up."""
        if self.link.tell(GiveUp, reason=reason):
            transport: Any = self.link.transport
            transport.loseConnection()

    async def has_died(self) -> bool:
        """Whether it is dead, when the link is lost: a process that dies drops its links. Waits a moment."""
        if self._watch is None:
            # there is no telling; if it lives, the epochs of the workers will decide
            return True
        if not self._watch.has_ended:
            waiter: Deferred[None] = Deferred()
            self._awaiting_death.append(waiter)
            await wait_for(waiter, DEATH_DEADLINE_S, self._reactor)
        return self._watch.has_ended

    def link_lost(self) -> None:
        """The link is gone, with what was queued in it."""
        self._document.close()

    def forget(self) -> None:
        """Watch it no more."""
        if self._watch is not None:
            self._watch.end()

    def _tell_of_death(self) -> None:
        waiting, self._awaiting_death = self._awaiting_death, []
        for waiter in waiting:
            waiter.callback(None)

    async def _ask(self, command: type[amp.Command], **arguments: Any) -> dict[str, Any]:
        try:
            return await self.link.ask(command, **arguments)
        except _REFUSALS as error:
            raise StepFailed(str(error)) from error
        except OutOfTurn as error:
            raise StepFailed(f"{self} goes on: {error}") from error
        except WorkerFault as error:
            raise StepFailed(f"{self} failed: {error}") from error

    async def _say(self, command: type[amp.Command], **arguments: Any) -> None:
        try:
            await self.link.ask(command, **arguments).addTimeout(_LAST_WORD_DEADLINE_S, self._reactor)
        except (LinkLost, OutOfTurn, WorkerFault, DeferredTimeoutError) as error:
            self._log.warn(
                "{command} was not answered by {whom}: {error}",
                command=command.__name__,
                whom=str(self),
                error=repr(error),
            )
