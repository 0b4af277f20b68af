r"""Whether a control plane is the one that commands the workers.

::

    looking --promoted--> in_charge --ended--> ending
       |                   |     ^               |
       |         stood_down|     |promoted       |
       |                   v     |               |
       |                 standing_by             |
       \____ superseded, or ended without charge \____ superseded ____> left

There may be two control planes for a moment, but a worker obeys one: the one of the highest epoch that it has heard of. Whoever learns of
a higher epoch than its own leaves, and touches nothing any more.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Protocol

from attrs import define, field
from automat import TypeMachineBuilder


class Standing(enum.Enum):
    """The states, for those who ask."""

    LOOKING = "looking"
    IN_CHARGE = "in charge"
    STANDING_BY = "standing by"
    ENDING = "ending"
    LEFT = "left"


class StandingLife(Protocol):
    """The inputs."""

    def promoted(self) -> None:
        """The workers obey us from now on."""

    def stood_down(self) -> None:
        """Another control plane is about to be promoted; it may yet be taken back."""

    def superseded(self) -> None:
        """There is a higher epoch than ours: for good."""

    def ended(self) -> None:
        """The server ends."""


@define
class StandingRecord:
    """What a change does to the world, and where it is now.

    Attributes:
        on_superseded: Let go of the workers as they are. Told at most once.
        standing: The state.
    """

    on_superseded: Callable[[], None]
    standing: Standing = Standing.LOOKING


def make_machine() -> Callable[[StandingRecord], StandingLife]:
    """Build the machine; the result makes one life from its record."""
    builder = TypeMachineBuilder(StandingLife, StandingRecord)
    looking = builder.state("looking")
    in_charge = builder.state("in_charge")
    standing_by = builder.state("standing_by")
    ending = builder.state("ending")
    left = builder.state("left")

    for outside in (looking, standing_by, in_charge):

        @outside.upon(StandingLife.promoted).to(in_charge)
        def takes_charge(life: StandingLife, record: StandingRecord) -> None:
            record.standing = Standing.IN_CHARGE

    for able in (looking, in_charge, standing_by):

        @able.upon(StandingLife.stood_down).to(standing_by)
        def stands_by(life: StandingLife, record: StandingRecord) -> None:
            record.standing = Standing.STANDING_BY

    @in_charge.upon(StandingLife.ended).to(ending)
    def ends(life: StandingLife, record: StandingRecord) -> None:
        record.standing = Standing.ENDING

    for without_charge in (looking, standing_by):

        @without_charge.upon(StandingLife.ended).to(left)
        def leaves(life: StandingLife, record: StandingRecord) -> None:
            record.standing = Standing.LEFT

    for outranked in (looking, in_charge, standing_by, ending):

        @outranked.upon(StandingLife.superseded).to(left)
        def leaves_for_good(life: StandingLife, record: StandingRecord) -> None:
            record.standing = Standing.LEFT
            record.on_superseded()

    # whatever was under way when it ended comes too late
    for late in (StandingLife.promoted, StandingLife.stood_down, StandingLife.ended):
        ending.upon(late).loop().returns(None)
        left.upon(late).loop().returns(None)
    left.upon(StandingLife.superseded).loop().returns(None)
    return builder.build()


begin_standing = make_machine()


@define(eq=False)
class Charge:
    """A control plane's charge of its workers: where it stands, and with which epoch.

    Attributes:
        epoch: That of this control plane; 0 before it was promoted.
    """

    _on_superseded: Callable[[], None]
    epoch: int = 0
    _record: StandingRecord = field(init=False)
    _life: StandingLife = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._record = StandingRecord(self._on_superseded)
        self._life = begin_standing(self._record)

    @property
    def standing(self) -> Standing:
        """Where it stands."""
        return self._record.standing

    @property
    def is_ours(self) -> bool:
        """Whether the workers are ours to command, or to kill."""
        return self.standing in (Standing.IN_CHARGE, Standing.ENDING)

    def promoted(self, epoch: int) -> None:
        """See `StandingLife.promoted`."""
        self.epoch = epoch
        self._life.promoted()

    def stood_down(self) -> None:
        """See `StandingLife.stood_down`."""
        self._life.stood_down()

    def superseded(self) -> None:
        """See `StandingLife.superseded`."""
        self._life.superseded()

    def ended(self) -> None:
        """See `StandingLife.ended`."""
        self._life.ended()
