"""A running control plane, as a takeover sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from attrs import frozen


class Outranked(Exception):
    """The workers obey a control plane of a higher epoch: this one has nothing to say any more."""


@frozen
class HeldConnection:
    """A client that waits in a control plane.

    Attributes:
        fd: Its socket; who owns it depends on where this comes from.
        prefix: What was read from it.
        remote_host: Its address; "" for a UNIX socket.
        remote_port: Its port.
        age_s: How long it has waited, for its first packet to be whole or for a worker.
        admitted: Whether its first packet is whole and it was let in.
    """

    fd: int
    prefix: bytes
    remote_host: str
    remote_port: int
    age_s: float
    admitted: bool


@frozen
class NamedDescriptor:
    """Something that a newcomer gets; see `commands.TakeDescriptor`. The descriptor stays its owner's."""

    name: str
    fd: int


PassOn = Callable[[HeldConnection], Awaitable[bool]]


class Serving(Protocol):
    """Implemented by `server.Server`."""

    @property
    def epoch(self) -> int:
        """That of this control plane; 0 when it has no workers of its own."""

    @property
    def has_workers(self) -> bool:
        """Whether sessions are in other processes; otherwise it can't be taken over."""

    # ---- for one that is taken over

    def descriptors(self) -> Sequence[NamedDescriptor]:
        """Listening sockets and locks."""

    def hold(self) -> None:
        """Accept nobody, read nothing, hand nothing over."""

    async def settle(self, timeout_s: float) -> bool:
        """Wait until what is being handed over has arrived; False when something has not."""

    def held(self) -> Sequence[tuple[HeldConnection, Callable[[], None]]]:
        """Who waits here, and for each what to call when the newcomer has it; the sockets stay here."""

    def stand_down(self) -> bytes:
        """Command the workers no more. Returns a `Handover`, as JSON."""

    def resume(self) -> None:
        """Accept and hand over as before."""

    def relieve(self, pass_on: PassOn) -> None:
        """Another control plane serves: close the copies of what it has; whoever waits still, or comes, is passed on to it."""

    async def reclaim(self, epoch: int) -> None:
        """Command the workers again.

        Raises:
            Outranked: They obey one of a higher epoch.
        """

    # ---- for one that takes over

    async def survey(self) -> None:
        """See which workers there are, without changing anything. Raises `WorkerStartFailed`."""

    async def take_charge(self, epoch: int, handover: bytes) -> None:
        """Command the workers, knowing what the control plane before has written down.

        Raises:
            WorkerStartFailed: They can't be commanded; one line of text.
            Outranked: They obey one of a higher epoch.
        """

    async def start(self) -> None:
        """Command the workers that there are, and start those that are missing, knowing nothing. Raises `WorkerStartFailed`."""

    def open(self) -> None:
        """Accept connections."""

    def take(self, connection: HeldConnection) -> None:
        """Go on with a client that waited elsewhere; owns its socket."""

    async def undo(self) -> None:
        """There will be no server: remove what was made for it, and touch nothing of anybody else's."""

    # ---- for both

    async def leave(self) -> None:
        """Another process goes on with everything: finish what is in flight, within a few seconds, and let go without a trace."""
