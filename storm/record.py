"""What a run has seen, for those who judge it and those who print it."""

from __future__ import annotations

import enum

from attrs import define, field, frozen

from storm.journal import Event
from storm.plan import Plan
from storm.samples import Samples


class Kind(enum.Enum):
    """What was done to the server."""

    TAKEOVER = "takeover"
    ROLL = "roll"


@frozen
class Window:
    """A stretch of time in which something was done to the server.

    A takeover lasts from its command to its ready line, a roll from its signal to its last line.
    """

    kind: Kind
    began: float
    ended: float

    def holds(self, moment: float) -> bool:
        """Whether a moment lies in it."""
        return self.began <= moment <= self.ended

    def meets(self, began: float, ended: float) -> bool:
        """Whether a stretch of time has a moment in common with it."""
        return began <= self.ended and ended >= self.began


@define
class Record:
    """One run.

    Attributes:
        faults: What the director itself saw and must not be; one line each.
        events: What the clients wrote down.
        samples: Of the server's processes under load; ``quiet`` of those without load, before and after.
        standby_s: How long each incumbent was still there after its successor was ready.
        commits: How many were acknowledged.
        abilities: What the clients could use of what not every version has.
    """

    plan: Plan
    windows: list[Window] = field(factory=list)
    faults: list[str] = field(factory=list)
    events: list[Event] = field(factory=list)
    samples: Samples = field(factory=Samples)
    quiet: Samples = field(factory=Samples)
    standby_s: list[float] = field(factory=list)
    commits: int = 0
    abilities: str = ""

    def within(self, kind: Kind, moment: float) -> bool:
        """Whether something of that kind was under way."""
        return any(window.kind is kind and window.holds(moment) for window in self.windows)

    def of(self, kind: str) -> list[Event]:
        """The events of a kind."""
        return [event for event in self.events if event["kind"] == kind]
