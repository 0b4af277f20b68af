r"""The part of a takeover that the newcomer plays.

::

    asking --committed--> in_charge --opened--> serving --farewell--> alone
      |  \                   |                     |
      |   incumbent_died     |                     |
      |     \__> surviving --opened--> alone       |
      |                      |                     |
      v                      v                     v
    failed, called_off:    failed: given_back    called_off: outranked
      told_off             called_off: outranked

Until it has been told `committed` it has touched nothing, so whatever breaks, it just goes: *told off*. After that it is responsible: it
serves, or gives everything back. When the incumbent dies before it has committed, the newcomer is the only one who is left, and goes on
as a server does that starts where another one has died: *surviving*.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Protocol

from attrs import define
from automat import TypeMachineBuilder


class Stage(enum.Enum):
    """The states, for those who ask."""

    ASKING = "asking"
    IN_CHARGE = "in charge"
    SURVIVING = "surviving"
    SERVING = "serving"
    ALONE = "alone"
    TOLD_OFF = "told off"
    GIVEN_BACK = "given back"
    OUTRANKED = "outranked"


class NewcomerLife(Protocol):
    """The inputs."""

    def committed(self) -> None:
        """`Commit` was answered."""

    def opened(self) -> None:
        """We accept connections."""

    def failed(self, reason: str) -> None:
        """A step failed, took too long, or is not to be done any more."""

    def incumbent_died(self) -> None:
        """Its process has ended without a word."""

    def called_off(self, reason: str) -> None:
        """The incumbent goes on by itself, or is about to: it has said so, or lives and has dropped the link."""

    def farewell(self) -> None:
        """The incumbent leaves for good."""

    def stopped(self) -> None:
        """The operator wants this process to end."""


@define
class NewcomerRecord:
    """What a step does to the world, and where it is now.

    Attributes:
        on_told_off: Undo everything; gets the reason.
        on_survive: Start as one who finds what a dead server has left.
        on_give_back: Have the incumbent go on; gets the reason.
        on_outranked: Accept no more, and go, touching nothing; gets the reason.
        on_alone: There is no incumbent any more.
        stage: The state.
    """

    on_told_off: Callable[[str], None]
    on_survive: Callable[[], None]
    on_give_back: Callable[[str], None]
    on_outranked: Callable[[str], None]
    on_alone: Callable[[], None]
    stage: Stage = Stage.ASKING


STOPPED = "was told to stop while it was starting"


def make_machine() -> Callable[[NewcomerRecord], NewcomerLife]:
    """Build the machine; the result makes one life from its record."""
    builder = TypeMachineBuilder(NewcomerLife, NewcomerRecord)
    asking = builder.state("asking")
    in_charge = builder.state("in_charge")
    in_charge_alone = builder.state("in_charge_alone")
    surviving = builder.state("surviving")
    serving = builder.state("serving")
    alone = builder.state("alone")
    told_off = builder.state("told_off")
    given_back = builder.state("given_back")
    outranked = builder.state("outranked")

    @asking.upon(NewcomerLife.committed).to(in_charge)
    def takes_charge(life: NewcomerLife, record: NewcomerRecord) -> None:
        record.stage = Stage.IN_CHARGE

    @in_charge.upon(NewcomerLife.opened).to(serving)
    def serves(life: NewcomerLife, record: NewcomerRecord) -> None:
        record.stage = Stage.SERVING

    @asking.upon(NewcomerLife.incumbent_died).to(surviving)
    def survives(life: NewcomerLife, record: NewcomerRecord) -> None:
        record.stage = Stage.SURVIVING
        record.on_survive()

    for survivor in (surviving, in_charge_alone):

        @survivor.upon(NewcomerLife.opened).to(alone)
        def serves_alone(life: NewcomerLife, record: NewcomerRecord) -> None:
            record.stage = Stage.ALONE
            record.on_alone()

        @survivor.upon(NewcomerLife.failed).to(told_off)
        def can_t_survive(life: NewcomerLife, record: NewcomerRecord, reason: str) -> None:
            record.stage = Stage.TOLD_OFF
            record.on_told_off(reason)

    for event in (NewcomerLife.failed, NewcomerLife.called_off):

        @asking.upon(event).to(told_off)
        def is_told_off(life: NewcomerLife, record: NewcomerRecord, reason: str) -> None:
            record.stage = Stage.TOLD_OFF
            record.on_told_off(reason)

    for undecided in (asking, surviving, in_charge_alone):

        @undecided.upon(NewcomerLife.stopped).to(told_off)
        def gives_up(life: NewcomerLife, record: NewcomerRecord) -> None:
            record.stage = Stage.TOLD_OFF
            record.on_told_off(STOPPED)

    @in_charge.upon(NewcomerLife.failed).to(given_back)
    def gives_back(life: NewcomerLife, record: NewcomerRecord, reason: str) -> None:
        record.stage = Stage.GIVEN_BACK
        record.on_give_back(reason)

    @in_charge.upon(NewcomerLife.stopped).to(given_back)
    def gives_back_at_the_end(life: NewcomerLife, record: NewcomerRecord) -> None:
        record.stage = Stage.GIVEN_BACK
        record.on_give_back(STOPPED)

    for responsible in (in_charge, serving):

        @responsible.upon(NewcomerLife.called_off).to(outranked)
        def is_outranked(life: NewcomerLife, record: NewcomerRecord, reason: str) -> None:
            record.stage = Stage.OUTRANKED
            record.on_outranked(reason)

    # it goes on without: nobody will take anything back, nor can be given it
    in_charge.upon(NewcomerLife.incumbent_died).to(in_charge_alone).returns(None)
    in_charge.upon(NewcomerLife.farewell).to(in_charge_alone).returns(None)

    for event_of_end in (NewcomerLife.farewell, NewcomerLife.incumbent_died):

        @serving.upon(event_of_end).to(alone)
        def is_alone(life: NewcomerLife, record: NewcomerRecord) -> None:
            record.stage = Stage.ALONE
            record.on_alone()

    # what comes of a link that is of no use any more
    for late in (surviving, in_charge_alone, alone, told_off, given_back, outranked):
        late.upon(NewcomerLife.incumbent_died).loop().returns(None)
        late.upon(NewcomerLife.called_off).loop().returns(None)
        late.upon(NewcomerLife.farewell).loop().returns(None)
    for over in (told_off, given_back, outranked):
        over.upon(NewcomerLife.failed).loop().returns(None)
        over.upon(NewcomerLife.stopped).loop().returns(None)
        over.upon(NewcomerLife.opened).loop().returns(None)
        over.upon(NewcomerLife.committed).loop().returns(None)
    # a server that serves stops in its own way
    serving.upon(NewcomerLife.stopped).loop().returns(None)
    alone.upon(NewcomerLife.stopped).loop().returns(None)
    return builder.build()


begin_candidacy = make_machine()
