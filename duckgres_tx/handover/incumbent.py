r"""The part of a takeover that the serving control plane plays.

::

    starting --opened--> serving --greeted--> greeted --prepared--> prepared --commit_asked--> committing --committed--> committed
                           ^ ^                   |                     |                           |                        |
                           | \____ broken _______/_____________________/___________________________/                    serving
                           |                                                                                                |
                           \___ reclaimed ___ reclaiming <------------- broken -------------- committed, standing_by <------/
                                                                                                     |
                                                                      standby_over, dismissed        v
                                                                                                   left

Before it has committed it has given up nothing, so whatever breaks, it goes on. After that the newcomer is in charge, and this one stands
by; if the newcomer fails, it takes everything back. A server that is told to stop calls a takeover off, unless it has committed: then it
only leaves.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Protocol

from attrs import define
from automat import TypeMachineBuilder


class Phase(enum.Enum):
    """The states, for those who ask."""

    STARTING = "starting"
    SERVING = "serving"
    GREETED = "greeted"
    PREPARED = "prepared"
    COMMITTING = "committing"
    COMMITTED = "committed"
    STANDING_BY = "standing by"
    RECLAIMING = "reclaiming"
    STOPPING = "stopping"
    LEFT = "left"


# another takeover can't begin in these
UNDER_WAY = frozenset({Phase.GREETED, Phase.PREPARED, Phase.COMMITTING})
# another process is in charge, or about to be
GIVEN_AWAY = frozenset({Phase.COMMITTED, Phase.STANDING_BY, Phase.LEFT})


def in_words(phase: Phase) -> str:
    """What a server in that state is doing, for who asks something else of it."""
    if phase in UNDER_WAY:
        return "being taken over at this moment"
    if phase in GIVEN_AWAY:
        return "taken over"
    return "taking back what it had handed over" if phase is Phase.RECLAIMING else phase.value


class IncumbentLife(Protocol):
    """The inputs."""

    def opened(self) -> None:
        """The server accepts connections."""

    def greeted(self) -> None:
        """A newcomer may try."""

    def prepared(self) -> None:
        """The newcomer has all descriptors."""

    def commit_asked(self) -> None:
        """The newcomer wants the rest."""

    def committed(self) -> None:
        """The newcomer is about to get the answer that puts it in charge."""

    def serving(self) -> None:
        """The newcomer accepts connections."""

    def broken(self, reason: str) -> None:
        """The newcomer is gone, late, or gives it back."""

    def reclaimed(self) -> None:
        """The workers obey us again."""

    def standby_over(self) -> None:
        """The newcomer has proved itself."""

    def dismissed(self) -> None:
        """The newcomer needs us no more."""

    def superseded(self) -> None:
        """The workers obey a control plane that has come after ours, in whatever way."""

    def stopped(self) -> None:
        """The server is told to stop."""


@define
class IncumbentRecord:
    """What a step does to the world, and where it is now.

    Attributes:
        on_hold: Accept nothing and hand nothing over.
        on_abort: Go on as if nothing had happened; gets the reason.
        on_committed: Command the workers no more.
        on_relieved: What was held is the newcomer's.
        on_reclaim: Take everything back; gets the reason.
        on_leave: End this process, touching nothing that is the newcomer's.
        phase: The state.
    """

    on_hold: Callable[[], None]
    on_abort: Callable[[str], None]
    on_committed: Callable[[], None]
    on_relieved: Callable[[], None]
    on_reclaim: Callable[[str], None]
    on_leave: Callable[[], None]
    phase: Phase = Phase.STARTING


STOP_REASON = "the server is stopping"
OUTRANKED = "another server is in charge of the workers"


def make_machine() -> Callable[[IncumbentRecord], IncumbentLife]:
    """Build the machine; the result makes one life from its record."""
    builder = TypeMachineBuilder(IncumbentLife, IncumbentRecord)
    starting = builder.state("starting")
    serving = builder.state("serving")
    greeted = builder.state("greeted")
    prepared = builder.state("prepared")
    committing = builder.state("committing")
    committed = builder.state("committed")
    standing_by = builder.state("standing_by")
    reclaiming = builder.state("reclaiming")
    stopping = builder.state("stopping")
    left = builder.state("left")

    @starting.upon(IncumbentLife.opened).to(serving)
    def opens(life: IncumbentLife, record: IncumbentRecord) -> None:
        record.phase = Phase.SERVING

    @serving.upon(IncumbentLife.greeted).to(greeted)
    def is_greeted(life: IncumbentLife, record: IncumbentRecord) -> None:
        record.phase = Phase.GREETED

    @greeted.upon(IncumbentLife.prepared).to(prepared)
    def has_prepared(life: IncumbentLife, record: IncumbentRecord) -> None:
        record.phase = Phase.PREPARED

    @prepared.upon(IncumbentLife.commit_asked).to(committing)
    def holds(life: IncumbentLife, record: IncumbentRecord) -> None:
        record.phase = Phase.COMMITTING
        record.on_hold()

    @committing.upon(IncumbentLife.committed).to(committed)
    def has_committed(life: IncumbentLife, record: IncumbentRecord) -> None:
        record.phase = Phase.COMMITTED
        record.on_committed()

    @committed.upon(IncumbentLife.serving).to(standing_by)
    def is_relieved(life: IncumbentLife, record: IncumbentRecord) -> None:
        record.phase = Phase.STANDING_BY
        record.on_relieved()

    for under_way in (greeted, prepared, committing):

        @under_way.upon(IncumbentLife.broken).to(serving)
        def aborts(life: IncumbentLife, record: IncumbentRecord, reason: str) -> None:
            record.phase = Phase.SERVING
            record.on_abort(reason)

        @under_way.upon(IncumbentLife.stopped).to(stopping)
        def calls_it_off(life: IncumbentLife, record: IncumbentRecord) -> None:
            record.phase = Phase.STOPPING
            record.on_abort(STOP_REASON)

        @under_way.upon(IncumbentLife.superseded).to(left)
        def is_outranked_meanwhile(life: IncumbentLife, record: IncumbentRecord) -> None:
            record.phase = Phase.LEFT
            record.on_abort(OUTRANKED)
            record.on_leave()

    for given_away in (committed, standing_by):

        @given_away.upon(IncumbentLife.broken).to(reclaiming)
        def takes_back(life: IncumbentLife, record: IncumbentRecord, reason: str) -> None:
            record.phase = Phase.RECLAIMING
            record.on_reclaim(reason)

    @reclaiming.upon(IncumbentLife.reclaimed).to(serving)
    def has_reclaimed(life: IncumbentLife, record: IncumbentRecord) -> None:
        record.phase = Phase.SERVING

    leaving = [
        (committed, IncumbentLife.stopped),
        (committed, IncumbentLife.dismissed),
        (committed, IncumbentLife.superseded),
        (standing_by, IncumbentLife.stopped),
        (standing_by, IncumbentLife.dismissed),
        (standing_by, IncumbentLife.superseded),
        (standing_by, IncumbentLife.standby_over),
        (starting, IncumbentLife.superseded),
        (serving, IncumbentLife.superseded),
        (reclaiming, IncumbentLife.superseded),
    ]
    for state, event in leaving:

        @state.upon(event).to(left)
        def leaves(life: IncumbentLife, record: IncumbentRecord) -> None:
            record.phase = Phase.LEFT
            record.on_leave()

    for alone in (starting, serving, reclaiming):

        @alone.upon(IncumbentLife.stopped).to(stopping)
        def stops(life: IncumbentLife, record: IncumbentRecord) -> None:
            record.phase = Phase.STOPPING

    @stopping.upon(IncumbentLife.superseded).to(left)
    def is_outranked_at_the_end(life: IncumbentLife, record: IncumbentRecord) -> None:
        # it ends anyway, but touches nothing any more
        record.phase = Phase.LEFT

    # late news of something that is over change nothing
    for event in (IncumbentLife.opened, IncumbentLife.reclaimed, IncumbentLife.standby_over, IncumbentLife.stopped):
        stopping.upon(event).loop().returns(None)
        left.upon(event).loop().returns(None)
    for quiet in (starting, serving, reclaiming, stopping, left):
        quiet.upon(IncumbentLife.broken).loop().returns(None)
        quiet.upon(IncumbentLife.dismissed).loop().returns(None)
    left.upon(IncumbentLife.superseded).loop().returns(None)
    return builder.build()


begin_incumbency = make_machine()
