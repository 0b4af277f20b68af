"""The workers, as the rest of the control plane sees them: taken charge of, handed on, rolled, ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.logger import Logger

from duckgres_tx.fault_points import FaultPoint, reached
from duckgres_tx.pool.adopted_process import NoSuchWorker
from duckgres_tx.pool.commands import InvalidConfiguration, Superseded
from duckgres_tx.pool.description import describe_last_roll, describe_roll, describe_worker
from duckgres_tx.pool.legacy import Legacy
from duckgres_tx.pool.lifecycle import COMING, Phase
from duckgres_tx.pool.link import LinkLost
from duckgres_tx.pool.remote import RemoteWorker
from duckgres_tx.pool.retirement import DrainPolicy, Retirements
from duckgres_tx.pool.servers import WorkerStartFailed
from duckgres_tx.pool.staff import Board, Source, Staff
from duckgres_tx.pool.standing import Charge, Standing
from duckgres_tx.pool.workplace import Found, SurveyFailed
from duckgres_tx.tasks import start, wait_for

SHUTDOWN_TIMEOUT_S = 10.0
# for workers to answer when somebody else takes charge of them; whoever is later has its heart listened to
PROMOTE_DEADLINE_S = 2.0


@define
class _Refusals:
    """What workers answered that would not be adopted.

    Attributes:
        heard: Their errors.
        is_over: Nobody waits for more.
    """

    heard: list[Exception] = field(factory=list)
    is_over: bool = False


@define(eq=False)
class Roster:
    """Keeps as many workers as wanted. Implements `Crew`.

    A control plane that starts calls `start`. One that takes over calls `survey`, and `promote` when the other one has stood down. One
    that is taken over calls `stand_down`, and `reclaim` when it has to go on after all. While it is not in charge, `drain`, `shutdown` and
    `kill` touch no worker.

    Attributes:
        on_superseded: Called once, when it turns out that the workers obey a control plane with a higher epoch.
    """

    _clock: Any
    _size: int
    _source: Source
    _configuration: Callable[[], bytes]
    _board: Board
    _policy: DrainPolicy = field(factory=DrainPolicy)
    on_superseded: Callable[[], None] = lambda: None
    _charge: Charge = field(init=False)
    _retirements: Retirements = field(init=False)
    _staff: Staff = field(init=False)
    _found: list[Found] = field(factory=list)
    _legacy: Legacy = field(factory=Legacy)
    _log: Logger = field(factory=Logger)

    def __attrs_post_init__(self) -> None:
        self._charge = Charge(self._outranked)
        self._retirements = Retirements(self._clock, self._charge.superseded, self._why, self._policy)
        self._staff = Staff(
            self._clock,
            self._size,
            self._charge,
            self._retirements,
            self._source,
            self._configuration,
            self._board,
        )

    # ---- taking charge, and giving it away

    async def start(self) -> None:
        """Take charge of the workers that an earlier control plane has left, start those that are missing; returns when all are ready.

        Raises:
            WorkerStartFailed: One that was found can't be adopted, or one that was started can't serve. Those that were found go on as
                they are; the others are still there, for `shutdown`.
        """
        starting = self._staff.begin_start()
        try:
            self._found = await self._source.survey((), strict=False)
            reached(FaultPoint.ADOPTION_SURVEYED)
            await self._take_over(max((one.epoch for one in self._found), default=0) + 1, Legacy())
            self._staff.converge()
            await starting
        except (InvalidConfiguration, Superseded) as error:
            self._abandon(starting)
            raise WorkerStartFailed(f"the workers that are there can't be adopted: {error}") from error
        except WorkerStartFailed:
            self._abandon(starting)
            raise
        reached(FaultPoint.ADOPTION_PROMOTED)

    async def survey(self) -> Sequence[Found]:
        """See which workers there are, without changing anything in them; `promote` takes charge of those.

        Raises:
            SurveyFailed: One doesn't answer.
        """
        self._found = await self._source.survey((), strict=True)
        reached(FaultPoint.ADOPTION_SURVEYED)
        return self._found

    async def promote(self, epoch: int, legacy: Legacy | None = None) -> None:
        """Take charge of all workers that there are, then see that there are as many as wanted.

        Returns when they have said what they have, and doesn't wait for those that are started. Who takes long to answer isn't waited for
        either, but no database is given away before.

        Args:
            epoch: Higher than that of whoever was in charge.
            legacy: What that one has told of them.

        Raises:
            InvalidConfiguration: One can't serve with the present configuration; it goes on as it was. We stand by from then on, so that
                whoever was in charge can reclaim all.
            Superseded: One obeys a control plane with a higher epoch. The same.
        """
        try:
            await self._take_over(epoch, legacy or Legacy())
        except (InvalidConfiguration, Superseded):
            self.stand_down()
            raise
        self._staff.converge()
        reached(FaultPoint.ADOPTION_PROMOTED)

    def stand_down(self) -> Legacy:
        """Command the workers no more: another control plane is about to be promoted. What is in flight goes on.

        Returns:
            What it should know.
        """
        self._legacy = self._make_legacy()
        self._charge.stood_down()
        self._staff.suspend()
        for worker in self._staff.workers:
            worker.stand_by()
        return self._legacy

    async def reclaim(self, epoch: int) -> None:
        """Take charge again, of those that the other control plane has started meanwhile too. See `promote`."""
        for worker in self._staff.workers:
            worker.take_back()
        await self.promote(epoch, self._legacy)

    # ---- what is asked of it

    @property
    def epoch(self) -> int:
        """That of this control plane; 0 before it has taken charge."""
        return self._charge.epoch

    @property
    def is_stale(self) -> bool:
        """Whether there are workers that only a roll can bring up to date."""
        return any(worker.stale for worker in self._staff.workers if not worker.is_draining)

    @property
    def is_in_charge(self) -> bool:
        """See `Crew.is_in_charge`."""
        return self._charge.is_ours

    @property
    def is_known(self) -> bool:
        """See `Crew.is_known`."""
        return all(worker.is_known for worker in self._staff.workers)

    def ready(self) -> Sequence[RemoteWorker]:
        """See `Crew.ready`."""
        return [worker for worker in self._staff.workers if worker.is_ready]

    def in_slot(self, slot: int) -> Sequence[RemoteWorker]:
        """See `Crew.in_slot`."""
        return [worker for worker in self._staff.workers if worker.slot == slot]

    def roll(self, reason: str) -> str:
        """Replace all workers by new ones, one after the other. Returns what becomes of that, in words, at once.

        Args:
            reason: Why, for the log.
        """
        if self._charge.standing is not Standing.IN_CHARGE:
            return f"not rolled: this control plane is {self._charge.standing.value}"
        answer = self._staff.roll.asked(reason)
        self._staff.converge()
        return answer

    def retire(self, slot: int) -> bool:
        """Drain and replace one worker. Returns whether there is one of that slot that takes sessions."""
        workers = [worker for worker in self.in_slot(slot) if worker.phase is Phase.READY]
        if self._charge.standing is not Standing.IN_CHARGE:
            return False
        for worker in workers:
            worker.begin_drain()
        return bool(workers)

    def resize(self, size: int) -> None:
        """Have so many workers from now on."""
        self._staff.size = size
        self._staff.converge()

    def drain_by(self, policy: DrainPolicy) -> None:
        """Let sessions go by other rules from now on."""
        self._retirements.policy = policy

    async def reconfigure(self) -> dict[str, tuple[str, ...]]:
        """Tell all workers the configuration of now.

        Returns:
            For each that can't take all of it, by its name: what only a new worker in its place brings into force.
        """
        workers = [worker for worker in self._staff.workers if worker.is_linked and worker.phase not in COMING]
        await gatherResults([start(self._configure(worker), f"configure {worker.name} again") for worker in workers])
        return {worker.name: worker.stale for worker in workers if worker.stale}

    def describe(self) -> dict[str, Any]:
        """What there is, as plain data."""
        return {
            "standing": self._charge.standing.value,
            "epoch": self._charge.epoch,
            "generation": self._staff.generation,
            "workers": [
                describe_worker(worker, self._board.count(worker), self._retirements.left_s(worker))
                for worker in sorted(self._staff.workers, key=lambda worker: worker.slot)
            ],
            "roll": describe_roll(self._staff),
            "last_roll": describe_last_roll(self._staff),
        }

    # ---- the end

    async def drain(self, timeout_s: float) -> int:
        """Drain all at once; returns the number of sessions left. Nobody is replaced from now on."""
        self._end()
        if not self._charge.is_ours:
            return 0
        drained = [
            start(worker.drain(timeout_s), f"drain {worker.name}")
            for worker in self._staff.workers
            if worker.is_linked and worker.phase not in COMING
        ]
        return sum(count or 0 for count in await gatherResults(drained))

    async def shutdown(self, timeout_s: float = SHUTDOWN_TIMEOUT_S) -> None:
        """End all; returns when no process is left. Of those that aren't ours, only the links end."""
        self._end()
        workers = list(self._staff.workers)
        if not self._charge.is_ours:
            for worker in workers:
                worker.let_go()
            return
        await gatherResults([start(worker.shutdown(timeout_s), f"shut down {worker.name}") for worker in workers])

    def kill(self) -> None:
        """End all now."""
        self._end()
        for worker in list(self._staff.workers):
            worker.kill()

    # ---- how

    async def _take_over(self, epoch: int, legacy: Legacy) -> None:
        reached(FaultPoint.ADOPTION_PROMOTES)
        self._charge.promoted(epoch)
        self._board.promoted(epoch)
        await self._look_for_more()
        found, self._found = self._found, []
        staff = self._staff
        generations = [*(one.generation for one in found), *(worker.generation for worker in staff.workers)]
        staff.generation = max(1, staff.generation, legacy.generation, *generations)
        staff.workers += self._watch_over(found, legacy)
        self._go_on_rolling(legacy)
        refusals = _Refusals()
        asked = []
        for worker in list(staff.workers):
            if worker.is_fresh:
                # as one of our own, and nobody waits for it
                start(worker.bring_up(), f"bring up {worker.name}")
            else:
                asked.append(start(self._adopt(worker, refusals), f"adopt {worker.name}"))
        await wait_for(gatherResults(asked), PROMOTE_DEADLINE_S, self._clock)
        refusals.is_over = True
        for error in refusals.heard:
            raise error

    async def _look_for_more(self) -> None:
        """Find those that were started since the survey, too."""
        known = {one.files.socket for one in self._found} | {one.process.files.socket for one in self._staff.workers}
        try:
            self._found += await self._source.survey(known, strict=False)
        except SurveyFailed as error:
            # it has never served, and ends by itself if nobody comes for it
            self._log.error("a worker is left alone: {error}", error=str(error))

    def _watch_over(self, found: Sequence[Found], legacy: Legacy) -> list[RemoteWorker]:
        workers = []
        for one in found:
            name = one.files.socket.name
            try:
                worker = self._source.adopt(one, self._staff.generation, legacy.log_offsets.get(name), self._staff)
            except NoSuchWorker:
                continue
            if name in legacy.drains:
                self._retirements.within(worker, legacy.drains[name])
            workers.append(worker)
        return workers

    def _go_on_rolling(self, legacy: Legacy) -> None:
        """A roll that is under way shows in the generations, also when whoever began it was killed."""
        staff = self._staff
        staff.rolling.last = legacy.last_roll
        old = sum(worker.generation < staff.generation for worker in staff.workers)
        if not old and not legacy.roll:
            return
        staff.roll.resumed(legacy.roll or "it was left unfinished", max(old, legacy.roll_total))
        if legacy.next_roll:
            staff.roll.asked(legacy.next_roll)

    async def _adopt(self, worker: RemoteWorker, refusals: _Refusals) -> None:
        try:
            await worker.adopt()
        except Superseded as error:
            refusals.heard.append(error)
            if refusals.is_over:
                self._charge.superseded()
        except InvalidConfiguration as error:
            refusals.heard.append(InvalidConfiguration(f"{worker.name}: {error}"))
            if refusals.is_over:
                self._log.error("{name} can't be adopted and is replaced: {error}", name=worker.name, error=str(error))
                worker.kill()
        else:
            if worker.phase in (Phase.READY, Phase.DRAINING):
                count = self._board.count(worker)
                self._log.info("{name} was adopted, with {count} sessions", name=worker.name, count=count)

    async def _configure(self, worker: RemoteWorker) -> None:
        try:
            await worker.configure_again()
        except Superseded:
            self._charge.superseded()
        except InvalidConfiguration as error:
            worker.stale = ("its whole configuration",)
            self._log.error("{name} keeps its configuration: {error}", name=worker.name, error=str(error))
        except (LinkLost, DeferredTimeoutError) as error:
            self._log.warn("{name} is told when its link is up again: {error}", name=worker.name, error=str(error))

    def _make_legacy(self) -> Legacy:
        staff, rolling = self._staff, self._staff.rolling
        lefts = {worker: self._retirements.left_s(worker) for worker in staff.workers}
        return Legacy(
            generation=staff.generation,
            roll=rolling.reason,
            roll_total=rolling.total,
            last_roll=rolling.last,
            next_roll=rolling.next_reason,
            drains={worker.process.files.socket.name: left for worker, left in lefts.items() if left is not None},
            log_offsets={worker.process.files.socket.name: worker.process.files.log_offset for worker in staff.workers},
        )

    def _outranked(self) -> None:
        self._log.warn("another control plane is in charge of the workers: this one leaves")
        self._staff.suspend()
        for worker in self._staff.workers:
            worker.stand_by()
        self.on_superseded()

    def _abandon(self, starting: Deferred[None]) -> None:
        """The start has failed: whoever was there before stays, whoever was started ends with us."""
        # it is said once
        starting.addErrback(lambda failure: None)
        self._end()
        for worker in [worker for worker in self._staff.workers if worker.is_adopted]:
            worker.let_go()
            self._staff.workers.remove(worker)

    def _end(self) -> None:
        self._charge.ended()
        self._staff.suspend()

    def _why(self) -> str:
        return "roll" if self._staff.rolling.is_rolling else "drain"
