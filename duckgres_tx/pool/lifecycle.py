r"""The life of a worker process, as its control plane sees it.

::

    spawning --connected--> configuring --configured--> ready --drained--> draining
        |                        |  \_______ drained _______ | _______________^ |
        \________________________\_____ worker_gone ______\_________________\____> gone

A worker's death shows in many ways: the process ends, the link is lost and can't be made again, it doesn't answer, it can't be
configured. All of them are the one input `WorkerLife.worker_gone`; what follows from it happens once.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Protocol

from attrs import define
from automat import TypeMachineBuilder


class Phase(enum.Enum):
    """The states, for those who ask."""

    SPAWNING = "spawning"
    CONFIGURING = "configuring"
    READY = "ready"
    DRAINING = "draining"
    GONE = "gone"


COMING = (Phase.SPAWNING, Phase.CONFIGURING)


class WorkerLife(Protocol):
    """The inputs."""

    def connected(self) -> None:
        """The link is up. In a later state: it is up again."""

    def configured(self) -> None:
        """`Configure` was answered: clients may come. In a later state: it was told anew."""

    def drained(self) -> None:
        """No new clients: the worker was told to drain, or was draining when it was adopted."""

    def worker_gone(self, reason: str) -> None:
        """It is dead, or as good as: whatever is left of it is killed. Again, or while gone: nothing."""


@define
class LifeRecord:
    """What a life does to the world, and where it is now.

    Attributes:
        on_ready: Clients may be sent.
        on_draining: None may be sent any more.
        on_gone: Kill what is left, forget it, replace it. Gets the phase that it was in and the reason.
        phase: The state.
    """

    on_ready: Callable[[], None]
    on_draining: Callable[[], None]
    on_gone: Callable[[Phase, str], None]
    phase: Phase = Phase.SPAWNING


def make_machine() -> Callable[[LifeRecord], WorkerLife]:
    """Build the machine; the result makes one life from its record."""
    builder = TypeMachineBuilder(WorkerLife, LifeRecord)
    spawning = builder.state("spawning")
    configuring = builder.state("configuring")
    ready = builder.state("ready")
    draining = builder.state("draining")
    gone = builder.state("gone")

    @spawning.upon(WorkerLife.connected).to(configuring)
    def is_linked(life: WorkerLife, record: LifeRecord) -> None:
        record.phase = Phase.CONFIGURING

    @configuring.upon(WorkerLife.configured).to(ready)
    def may_serve(life: WorkerLife, record: LifeRecord) -> None:
        record.phase = Phase.READY
        record.on_ready()

    for serving in (configuring, ready):

        @serving.upon(WorkerLife.drained).to(draining)
        def serves_no_more(life: WorkerLife, record: LifeRecord) -> None:
            record.phase = Phase.DRAINING
            record.on_draining()

    draining.upon(WorkerLife.drained).loop().returns(None)
    ready.upon(WorkerLife.configured).loop().returns(None)
    draining.upon(WorkerLife.configured).loop().returns(None)
    for linked in (configuring, ready, draining):
        linked.upon(WorkerLife.connected).loop().returns(None)

    for alive in (spawning, configuring, ready, draining):

        @alive.upon(WorkerLife.worker_gone).to(gone)
        def died(life: WorkerLife, record: LifeRecord, reason: str) -> None:
            died_in, record.phase = record.phase, Phase.GONE
            record.on_gone(died_in, reason)

    # a late answer of something that was given up, or one more sign of the same death
    gone.upon(WorkerLife.worker_gone).loop().returns(None)
    gone.upon(WorkerLife.connected).loop().returns(None)
    gone.upon(WorkerLife.configured).loop().returns(None)
    gone.upon(WorkerLife.drained).loop().returns(None)
    return builder.build()


begin_life = make_machine()
