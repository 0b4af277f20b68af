"""The workers that there are, and what is done so that there are as many as wanted, of the right generation."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Protocol

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from duckgres_tx.fault_points import FaultPoint, reached
from duckgres_tx.pool.counts import MAX_SLOT, Session
from duckgres_tx.pool.heart import INTERVAL_S as HEARTBEAT_INTERVAL_S
from duckgres_tx.pool.lifecycle import COMING, Phase
from duckgres_tx.pool.obituary import tell_of_death, tell_of_end
from duckgres_tx.pool.pace import RespawnPace
from duckgres_tx.pool.remote import RemoteWorker
from duckgres_tx.pool.retirement import Retirements
from duckgres_tx.pool.roll import Action, RollLife, RollRecord, begin_rolls, next_step
from duckgres_tx.pool.servers import SessionServer, WorkerStartFailed
from duckgres_tx.pool.standing import Charge, Standing
from duckgres_tx.pool.terms import Terms
from duckgres_tx.pool.watcher import Watcher
from duckgres_tx.pool.workplace import Found
from duckgres_tx.tasks import start

# before another attempt to start a process, when the system refuses to
_REFUSED_PAUSE_S = 1.0


class Source(Protocol):
    """Where workers come from: `Workplace`."""

    def spawn(self, slot: int, generation: int, watcher: Watcher) -> RemoteWorker:
        """Start one. Raises OSError."""

    def adopt(self, found: Found, generation: int, log_offset: int | None, watcher: Watcher) -> RemoteWorker:
        """Watch over one that is there. Raises NoSuchWorker."""

    async def survey(self, known: Collection[Path], *, strict: bool) -> list[Found]:
        """See who is there. Raises SurveyFailed."""


class Board(Protocol):
    """The rest of the control plane, as far as workers concern it: the switchboard."""

    def promoted(self, epoch: int) -> None:
        """The workers are about to say what they have; what was known of their databases may be out of date."""

    def worker_died(self, worker: SessionServer) -> tuple[list[Session], tuple[str, ...]]:
        """Forget one. Returns what it had: sessions, and databases."""

    def something_changed(self) -> None:
        """One has become ready, or is known."""

    def count(self, worker: SessionServer) -> int:
        """How many sessions one has."""


@define(eq=False)
class Staff:
    """Implements `Watcher`. What is to be done next is seen in the workers that there are, see `roll.next_step`.

    Attributes:
        size: How many shall serve.
        charge: Whether we command them.
        retirements: Those on their way out.
        workers: All that are alive.
        generation: That of those that are started now.
        rolling: The rolling update under way.
    """

    _clock: Any
    size: int
    charge: Charge
    retirements: Retirements
    _source: Source
    _configuration: Callable[[], bytes]
    _board: Board
    workers: list[RemoteWorker] = field(factory=list)
    generation: int = 0
    rolling: RollRecord = field(init=False)
    roll: RollLife = field(init=False)
    _ready_since: dict[RemoteWorker, float] = field(factory=dict)
    _pace: RespawnPace = field(factory=RespawnPace)
    _replace_from: float = 0.0
    _look_again: IDelayedCall | None = None
    _starting: Deferred[None] | None = None
    _document: bytes | None = None
    _log: Logger = field(factory=Logger)

    def __attrs_post_init__(self) -> None:
        self.rolling = RollRecord(self._next_generation, self._roll_is_over)
        self.roll = begin_rolls(self.rolling)

    # ---- from outside

    def begin_start(self) -> Deferred[None]:
        """Until there are as many as wanted for the first time, nobody who was started is replaced.

        Returns:
            Fires when there are; fails with `WorkerStartFailed` when one can't be started.
        """
        self._starting = Deferred()
        return self._starting

    def converge(self) -> None:
        """Do what is to be done, until there is nothing."""
        for worker in self.workers:
            if worker.phase is Phase.DRAINING and self.charge.standing is Standing.IN_CHARGE:
                self.retirements.begin(worker)
        while self.charge.standing is Standing.IN_CHARGE and self._take_a_step():
            pass
        self._tell_if_complete()

    def suspend(self) -> None:
        """Start, replace and tell nobody any more."""
        self.retirements.suspend()
        self.roll.suspended()
        if self._look_again is not None:
            self._look_again.cancel()
            self._look_again = None

    # ---- `Watcher`

    @property
    def epoch(self) -> int:
        """See `Watcher.epoch`."""
        return self.charge.epoch

    @property
    def is_in_charge(self) -> bool:
        """See `Watcher.is_in_charge`."""
        return self.charge.is_ours

    def superseded(self) -> None:
        """See `Watcher.superseded`."""
        self.charge.superseded()

    def terms(self, worker: RemoteWorker) -> Terms:
        """See `Watcher.terms`. If the configuration can't be had, such as for a certificate that can't be read, the last one is good."""
        try:
            self._document = self._configuration()
        except Exception:
            if self._document is None:
                raise
            self._log.failure("can't make the configuration of workers, the last one is used")
        return Terms(self._document, worker.slot, worker.generation, self.charge.epoch)

    def is_to_go(self, worker: RemoteWorker) -> bool:
        """See `Watcher.is_to_go`: while a rolling update is under way."""
        return self.rolling.is_rolling and worker.generation < self.generation

    def worker_ready(self, worker: RemoteWorker) -> None:
        """See `Watcher.worker_ready`."""
        self._ready_since[worker] = self._clock.seconds()
        self._log.info("{name} is ready", name=worker.name)
        if self.rolling.is_rolling and worker.generation == self.generation:
            reached(FaultPoint.ROLL_REPLACEMENT_READY)
        self._board.something_changed()
        self.converge()

    def worker_draining(self, worker: RemoteWorker) -> None:
        """See `Watcher.worker_draining`."""
        self._board.something_changed()
        self.converge()

    def worker_unfit(self, worker: RemoteWorker) -> None:
        """See `Watcher.worker_unfit`."""
        self.retirements.within(worker, HEARTBEAT_INTERVAL_S)
        worker.begin_drain()

    def worker_gone(self, worker: RemoteWorker, phase: Phase, reason: str) -> None:
        """See `Watcher.worker_gone`: tell what died with it, and replace it."""
        self.workers.remove(worker)
        lost, freed = self._board.worker_died(worker)
        since = self._ready_since.pop(worker, None)
        self.retirements.forget(worker)
        if not self.charge.is_ours:
            # whoever commands it says so
            return
        if self.charge.standing is Standing.ENDING or (phase is Phase.DRAINING and not lost):
            tell_of_end(worker.name, reason)
        else:
            tell_of_death(worker.name, reason, lost, freed)
        if self.charge.standing is Standing.ENDING:
            return
        if self._starting is not None and not worker.is_adopted:
            self._fail_to_start(f"{worker.name} {reason}")
            return
        if phase is not Phase.DRAINING:
            self._take_time(worker, 0.0 if since is None else self._clock.seconds() - since)
        if phase in COMING and worker.is_fresh and self.rolling.is_rolling:
            self.roll.failed(f"{worker.name} {reason}")
        self._tell_of_roll(worker)
        self.converge()

    # ---- how

    def _take_a_step(self) -> bool:
        """Do the next thing. Returns whether there may be more."""
        step = next_step(self.workers, self.size, self.generation if self.rolling.is_rolling else None)
        if step.action is Action.REPLACE_THE_DEAD:
            return self._replace()
        if step.action is Action.HIRE_A_SUCCESSOR:
            if self._hire():
                reached(FaultPoint.ROLL_HIRED)
        elif step.action is Action.RETIRE and step.worker is not None:
            step.worker.begin_drain()
            # one that is just telling that it is ready does so only after that, and then there is a next look
            return step.worker.phase is Phase.DRAINING
        elif step.action is Action.FINISH:
            self.roll.finished()
        return step.action is not Action.NOTHING

    def _replace(self) -> bool:
        """Start a worker in the place of a dead one, unless those die too fast."""
        wait_s = self._replace_from - self._clock.seconds()
        if wait_s <= 0:
            return self._hire()
        if self._look_again is None:
            self._look_again = self._clock.callLater(wait_s, self._look)
        return False

    def _look(self) -> None:
        self._look_again = None
        self.converge()

    def _hire(self) -> bool:
        taken = {worker.slot for worker in self.workers}
        slot = next(slot for slot in range(1, MAX_SLOT + 1) if slot not in taken)
        try:
            worker = self._source.spawn(slot, self.generation, self)
        except OSError as error:
            self._not_hired(f"can't start a worker: {error}")
            return False
        self.workers.append(worker)
        start(worker.bring_up(), f"bring up {worker.name}")
        return True

    def _not_hired(self, line: str) -> None:
        self._log.error("{line}", line=line)
        if self._starting is not None:
            self._fail_to_start(line)
            return
        self._replace_from = self._clock.seconds() + (self._pace.after_death(0.0) or _REFUSED_PAUSE_S)
        if self.rolling.is_rolling:
            self.roll.failed(line)
        # whoever is missing is tried again later
        self.converge()

    def _take_time(self, worker: RemoteWorker, lived_s: float) -> None:
        delay_s = self._pace.after_death(lived_s)
        if delay_s:
            self._log.warn("{name} is replaced in {delay:.1f} s", name=worker.name, delay=delay_s)
        self._replace_from = max(self._replace_from, self._clock.seconds() + delay_s)

    def _tell_if_complete(self) -> None:
        if self._starting is not None and sum(worker.is_ready for worker in self.workers) >= self.size:
            starting, self._starting = self._starting, None
            starting.callback(None)

    def _fail_to_start(self, line: str) -> None:
        starting, self._starting = self._starting, None
        # nobody else is started
        self.charge.ended()
        if starting is not None:
            starting.errback(WorkerStartFailed(line))

    def _next_generation(self) -> int:
        self.generation += 1
        return sum(worker.generation < self.generation for worker in self.workers)

    def _roll_is_over(self) -> None:
        """The generation of a roll that came to nothing is nobody's."""
        self.generation = max((worker.generation for worker in self.workers), default=self.generation)

    def _tell_of_roll(self, gone: RemoteWorker) -> None:
        if self.rolling.is_rolling and gone.generation < self.generation:
            left = sum(worker.generation < self.generation for worker in self.workers)
            total = max(self.rolling.total, left + 1)
            self._log.info("roll: {count}/{total} replaced", count=total - left, total=total)
