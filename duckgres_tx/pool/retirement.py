"""Workers on their way out: drained within bounds, then shut down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater
from twisted.logger import Logger

from duckgres_tx.fault_points import FaultPoint, reached
from duckgres_tx.pool.commands import NotConfigured, Superseded, WorkerFault
from duckgres_tx.pool.lifecycle import Phase
from duckgres_tx.pool.link import LinkLost
from duckgres_tx.pool.remote import RemoteWorker
from duckgres_tx.tasks import start

PROGRESS_INTERVAL_S = 5.0
# for a worker without sessions to close its databases and end; it is killed after that
SHUTDOWN_TIMEOUT_S = 10.0
_RETRY_S = 0.5


@frozen(kw_only=True)
class DrainPolicy:
    """How sessions are let go.

    Attributes:
        timeout_s: What runs, or is in a transaction, may go on so long.
        grace_s: Who is idle may stay so long.
    """

    timeout_s: float = 60.0
    grace_s: float = 5.0

    @property
    def longest_s(self) -> float:
        """After this no session is left."""
        return max(self.timeout_s, self.grace_s)


@define(eq=False)
class Retirements:
    """Everyone who is on the way out.

    Attributes:
        policy: For those who begin from now on.
    """

    _clock: Any
    # tells that a control plane with a higher epoch is in charge
    _superseded: Callable[[], None]
    # what it is all for, for the log
    _what: Callable[[], str]
    policy: DrainPolicy = field(factory=DrainPolicy)
    _deadlines: dict[RemoteWorker, float] = field(factory=dict)
    _tasks: dict[RemoteWorker, Deferred[None]] = field(factory=dict)
    _progress: IDelayedCall | None = None
    _log: Logger = field(factory=Logger)

    def within(self, worker: RemoteWorker, left_s: float) -> None:
        """Say how long the sessions of a worker have, other than the policy says; before it begins."""
        self._deadlines[worker] = self._clock.seconds() + left_s

    def begin(self, worker: RemoteWorker) -> None:
        """Have a worker end that takes no new clients any more. Nothing happens when it is on its way already."""
        if worker in self._tasks:
            return
        self._deadlines.setdefault(worker, self._clock.seconds() + self.policy.longest_s)
        self._tasks[worker] = start(self._retire(worker), f"retire {worker.name}")
        if self._progress is None:
            self._progress = self._clock.callLater(PROGRESS_INTERVAL_S, self._tell_progress)

    def forget(self, worker: RemoteWorker) -> None:
        """It is gone."""
        self._deadlines.pop(worker, None)
        self._tasks.pop(worker, None)

    def suspend(self) -> None:
        """Tell no worker anything any more; what it was told it does by itself. `begin` goes on with the same deadline."""
        tasks, self._tasks = self._tasks, {}
        for task in tasks.values():
            task.cancel()
        if self._progress is not None:
            self._progress.cancel()
            self._progress = None

    def left_s(self, worker: RemoteWorker) -> float | None:
        """How long the sessions of a worker that is on its way have; None when it isn't."""
        deadline = self._deadlines.get(worker)
        return None if deadline is None else max(0.0, deadline - self._clock.seconds())

    async def _retire(self, worker: RemoteWorker) -> None:
        reached(FaultPoint.ROLL_DRAINS)
        if not await self._drain(worker):
            return
        reached(FaultPoint.ROLL_DRAINED)
        if worker.phase is Phase.DRAINING:
            await worker.shutdown(SHUTDOWN_TIMEOUT_S)
        reached(FaultPoint.ROLL_SHUT_DOWN)

    async def _drain(self, worker: RemoteWorker) -> bool:
        """Whether it is ours to shut down. A link that breaks is mended meanwhile, and the worker told again."""
        while worker.phase is Phase.DRAINING:
            left_s = self.left_s(worker) or 0.0
            spent_s = self.policy.longest_s - left_s
            try:
                await worker.drain(left_s, grace_s=min(left_s, max(0.0, self.policy.grace_s - spent_s)), moves=True)
            except Superseded:
                self._superseded()
                return False
            except (LinkLost, NotConfigured, WorkerFault, DeferredTimeoutError) as error:
                self._log.info("{name} was not drained: {error}", name=worker.name, error=str(error))
                if not left_s:
                    return True
                await deferLater(self._clock, _RETRY_S)
            else:
                return True
        return True

    def _tell_progress(self) -> None:
        self._progress = self._clock.callLater(PROGRESS_INTERVAL_S, self._tell_progress) if self._tasks else None
        for worker in self._tasks:
            self._log.info(
                "{what}: {count} sessions left on worker {slot}, deadline in {left:.0f} s",
                what=self._what(),
                count=worker.health.sessions,
                slot=worker.slot,
                left=self.left_s(worker),
            )
