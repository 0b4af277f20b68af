r"""The rolling update: every worker of an older generation is replaced by a new one, one after the other, the new one first.

Two things decide what happens. The life of a roll is a machine::

    resting --asked, resumed--> rolling --asked--> another_follows --asked: it follows already
      ^__ finished, failed _____/  ^___ finished, failed ___/
       \_ suspended ___________/____________________________/

What is to be done next is not remembered but seen in the workers that there are (`next_step`), whenever something about them changes. So a
worker that dies meanwhile, a control plane that takes over in the middle, and a changed number of workers are no special cases.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from attrs import define, field, frozen
from automat import TypeMachineBuilder
from twisted.logger import Logger

from duckgres_tx.fault_points import FaultPoint, reached
from duckgres_tx.handover.status import EventStatus
from duckgres_tx.pool.lifecycle import COMING, Phase


class Member(Protocol):
    """What counts of a worker here."""

    @property
    def slot(self) -> int:
        """Its number."""

    @property
    def generation(self) -> int:
        """Which rolling update it belongs to."""

    @property
    def phase(self) -> Phase:
        """Where its life is."""

    def begin_drain(self) -> None:
        """It takes no new clients from now on."""


class Action(enum.Enum):
    """What can be done next."""

    NOTHING = "nothing"
    REPLACE_THE_DEAD = "replace the dead"
    HIRE_A_SUCCESSOR = "hire a successor"
    RETIRE = "retire"
    FINISH = "finish"


@frozen
class Step:
    """What is to be done next.

    Attributes:
        action: What.
        worker: Whom it is about, if it is about one that is there.
    """

    action: Action
    worker: Member | None = None


def next_step(workers: Iterable[Member], size: int, generation: int | None) -> Step:
    """See what is to be done next.

    Args:
        workers: All that are alive.
        size: How many shall serve.
        generation: That of the roll under way; older workers are replaced. None when there is none.
    """
    crew = list(workers)
    serving = [worker for worker in crew if worker.phase is Phase.READY]
    coming = [worker for worker in crew if worker.phase in COMING]
    leaving = any(worker.phase is Phase.DRAINING for worker in crew)
    if len(serving) + len(coming) < size:
        return Step(Action.REPLACE_THE_DEAD)
    if len(serving) + len(coming) > size:
        # one at a time while rolling, so that never more than one more than wanted is there
        if coming or (generation is not None and leaving):
            return Step(Action.NOTHING)
        return Step(Action.RETIRE, min(serving, key=lambda worker: (worker.generation, -worker.slot)))
    if generation is None or coming or leaving:
        return Step(Action.NOTHING)
    if any(worker.generation < generation for worker in serving):
        return Step(Action.HIRE_A_SUCCESSOR)
    return Step(Action.FINISH)


class RollLife(Protocol):
    """The inputs."""

    def asked(self, reason: str) -> str:
        """Somebody wants all workers replaced. Returns what becomes of that, in words."""

    def resumed(self, reason: str, total: int) -> None:
        """Another control plane has begun one; it replaces so many in all."""

    def finished(self) -> None:
        """All have been."""

    def failed(self, reason: str) -> None:
        """A successor didn't come up: those that are there stay."""

    def suspended(self) -> None:
        """Another control plane goes on with it."""


@define
class RollRecord:
    """Where a roll is.

    Attributes:
        on_begin: Take the next generation; returns how many workers of older ones there are.
        on_rest: Nobody is to be replaced any more.
        reason: Why; "" while there is no roll.
        next_reason: Why another one follows; "" when none does.
        total: How many are to be replaced.
        last: How the last one ended, and when; None before there was one.
    """

    on_begin: Callable[[], int]
    on_rest: Callable[[], None]
    reason: str = ""
    next_reason: str = ""
    total: int = 0
    last: EventStatus | None = None
    log: Logger = field(factory=Logger)

    @property
    def is_rolling(self) -> bool:
        """Whether there is one."""
        return self.reason != ""

    def begin(self, reason: str) -> None:
        """Start to replace."""
        self.reason, self.next_reason = reason, ""
        self.total = self.on_begin()
        self.log.info("roll: {count} workers are to be replaced ({reason})", count=self.total, reason=reason)
        reached(FaultPoint.ROLL_BEGINS)

    def rest(self, outcome: str = "") -> None:
        """It is over; what stopped it, or "" when it is done."""
        self.ended(outcome)
        self.reason, self.next_reason, self.total = "", "", 0
        self.on_rest()

    def ended(self, outcome: str) -> None:
        """Note how one has ended."""
        self.last = EventStatus(at=time.time(), outcome=outcome, detail=self.reason)


def make_machine() -> Callable[[RollRecord], RollLife]:
    """Build the machine; the result makes one life from its record."""
    builder = TypeMachineBuilder(RollLife, RollRecord)
    resting = builder.state("resting")
    rolling = builder.state("rolling")
    another_follows = builder.state("another_follows")

    @resting.upon(RollLife.asked).to(rolling)
    def begins(life: RollLife, record: RollRecord, reason: str) -> str:
        record.begin(reason)
        return "rolling"

    @rolling.upon(RollLife.asked).to(another_follows)
    def is_queued(life: RollLife, record: RollRecord, reason: str) -> str:
        record.next_reason = reason
        record.log.info("roll: another one follows this one ({reason})", reason=reason)
        return "another roll follows the one that is under way"

    @another_follows.upon(RollLife.asked).loop()
    def is_queued_already(life: RollLife, record: RollRecord, reason: str) -> str:
        record.log.info("roll: another one follows this one already")
        return "another roll follows the one that is under way already"

    @rolling.upon(RollLife.finished).to(resting)
    def is_done(life: RollLife, record: RollRecord) -> None:
        record.log.info("roll: done")
        record.rest()
        reached(FaultPoint.ROLL_DONE)

    @rolling.upon(RollLife.failed).to(resting)
    def stops(life: RollLife, record: RollRecord, reason: str) -> None:
        record.log.error("roll: stopped, the workers that are there stay: {reason}", reason=reason)
        record.rest(reason)

    @another_follows.upon(RollLife.finished).to(rolling)
    def is_done_and_begins(life: RollLife, record: RollRecord) -> None:
        record.log.info("roll: done")
        record.ended("")
        record.begin(record.next_reason)

    @another_follows.upon(RollLife.failed).to(rolling)
    def stops_and_begins(life: RollLife, record: RollRecord, reason: str) -> None:
        record.log.error("roll: stopped: {reason}", reason=reason)
        record.ended(reason)
        record.begin(record.next_reason)

    @resting.upon(RollLife.resumed).to(rolling)
    def goes_on(life: RollLife, record: RollRecord, reason: str, total: int) -> None:
        record.reason, record.total = reason, total
        record.log.info("roll: going on ({reason})", reason=reason)

    for under_way in (rolling, another_follows):

        @under_way.upon(RollLife.suspended).to(resting)
        def is_left_to_another(life: RollLife, record: RollRecord) -> None:
            record.reason, record.next_reason, record.total = "", "", 0

    resting.upon(RollLife.suspended).loop().returns(None)
    return builder.build()


begin_rolls = make_machine()
