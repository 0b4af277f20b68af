r"""Where connections wait while another control plane may be about to take over.

Usually it is open: whoever wants to hand a connection over walks through. While it is *held* nobody does: they wait inside, and can be
asked for by name, so that another control plane can be given what they hold. When that one serves, everything has *moved*: who waits, or
comes later, is passed on. Should the other one fail, the room is open again, and they walk on as if nothing had happened.

::

    open --hold--> held --move--> moved
      \____reopen____/_____reopen___/     abandon: from any of them to moved, for good
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred

Guest = TypeVar("Guest")


class Moved(Exception):
    """The connection is another control plane's now; whoever gets this closes its copy without a word."""


class RoomState(enum.Enum):
    """See the module."""

    OPEN = "open"
    HELD = "held"
    MOVED = "moved"


@define(eq=False)
class Waiting(Generic[Guest]):
    """One that waits inside.

    Attributes:
        guest: What it holds.
        taken: Whether the other control plane has been given it.
        released: Fires when it may look where it is.
    """

    guest: Guest
    taken: bool = False
    released: Deferred[None] = field(factory=Deferred)

    def take(self) -> None:
        """The other control plane has been given it."""
        self.taken = True


@define(eq=False)
class WaitingRoom(Generic[Guest]):
    """One for all connections of a control plane.

    Attributes:
        state: Where it is.
    """

    state: RoomState = RoomState.OPEN
    _inside: list[Waiting[Guest]] = field(factory=list)
    _pass_on: Callable[[Guest], Awaitable[bool]] | None = None

    async def walk_through(self, guest: Guest) -> None:
        """Go on, now or when it is open again.

        Raises:
            Moved: What this guest holds has been given to another control plane.
        """
        while self.state is not RoomState.OPEN:
            if self._pass_on is not None and await self._pass_on(guest):
                raise Moved
            waiting = Waiting(guest)
            self._inside.append(waiting)
            await waiting.released
            if waiting.taken and self.state is RoomState.MOVED:
                raise Moved

    def hold(self) -> None:
        """Nobody goes on from now on."""
        if self.state is not RoomState.OPEN:
            raise ValueError(f"the waiting room is {self.state.value}")
        self.state = RoomState.HELD

    def inside(self) -> list[Waiting[Guest]]:
        """Who waits now, and has not been taken."""
        return [waiting for waiting in self._inside if not waiting.taken]

    def move(self, pass_on: Callable[[Guest], Awaitable[bool]]) -> None:
        """Another control plane serves: who was taken is told so, and the others, now and later, are passed on.

        Args:
            pass_on: Gives what a guest holds to that control plane; the descriptor stays the guest's to close. False: that control
                plane can't be reached, so the guest waits on.
        """
        if self.state is not RoomState.HELD:
            raise ValueError(f"the waiting room is {self.state.value}")
        self.state = RoomState.MOVED
        self._pass_on = pass_on
        self._release()

    def reopen(self) -> None:
        """Nobody else serves after all. Nothing happens if it is open."""
        self.state = RoomState.OPEN
        self._pass_on = None
        self._release()

    def abandon(self) -> None:
        """Another control plane serves, and this process ends: whoever is inside, or still comes, closes its copy without a word."""
        self.state = RoomState.MOVED
        self._pass_on = _nobody_cares
        self._release()

    def _release(self) -> None:
        inside, self._inside = self._inside, []
        for waiting in inside:
            waiting.released.callback(None)


async def _nobody_cares(guest: object) -> bool:
    return True
