"""The newcomer, as the server sees it that is taken over: what is sent to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.logger import Logger
from twisted.protocols import amp

from duckgres_tx.handover import descriptors
from duckgres_tx.handover.commands import Farewell, OutOfTurn, TakeBack, TakeConnection, TakeDescriptor
from duckgres_tx.handover.serving import HeldConnection, NamedDescriptor
from duckgres_tx.pool.commands import DescriptorMismatch, WorkerFault
from duckgres_tx.pool.link import Link, LinkLost

# connections on their way at once: descriptors in flight count towards the user's limit
_BATCH = 64
# for a newcomer that fails to say that it accepts no more
_CALL_OFF_DEADLINE_S = 0.5


class GuestLost(Exception):
    """It can't be sent anything; one line of text says why."""


@define(eq=False)
class Guest:
    """One newcomer.

    Attributes:
        link: To it.
        pid: Its pid.
    """

    link: Link
    pid: int
    _log: Logger = field(factory=Logger)

    async def give_descriptors(self, named: Sequence[NamedDescriptor]) -> None:
        """Send them; they stay ours. Raises `GuestLost`."""
        for one in named:
            await self._send(TakeDescriptor, name=one.name, descriptor=one.fd, inode=descriptors.inode_of(one.fd))

    async def give_connections(self, held: Sequence[tuple[HeldConnection, Callable[[], None]]]) -> None:
        """Send them, and say for each when it has arrived; the sockets stay ours. Raises `GuestLost`."""

        async def give(connection: HeldConnection, taken: Callable[[], None]) -> None:
            await self._send(TakeConnection, **_as_arguments(connection))
            taken()

        for at in range(0, len(held), _BATCH):
            sending = [Deferred.fromCoroutine(give(*one)) for one in held[at : at + _BATCH]]
            outcomes: list[tuple[bool, Any]] = await DeferredList(sending, consumeErrors=True)
            for succeeded, failure in outcomes:
                if not succeeded:
                    failure.raiseException()

    async def pass_on(self, connection: HeldConnection) -> bool:
        """Send a connection that comes too late for `give_connections`; False when it can't be."""
        try:
            await self._send(TakeConnection, **_as_arguments(connection))
        except GuestLost as error:
            self._log.warn("a connection can't be passed on: {error}", error=str(error))
            return False
        return True

    async def call_off(self, reason: str, clock: Any) -> None:
        """Have it stop, if it listens; this takes a moment at the most."""
        try:
            await self.link.ask(TakeBack, reason=reason).addTimeout(_CALL_OFF_DEADLINE_S, clock)
        except (LinkLost, WorkerFault, DeferredTimeoutError) as error:
            self._log.info("process {pid} was not told so: {error}", pid=self.pid, error=str(error))

    async def say_farewell(self, clock: Any) -> None:
        """We leave for good; this takes a moment at the most."""
        try:
            await self.link.ask(Farewell).addTimeout(_CALL_OFF_DEADLINE_S, clock)
        except (LinkLost, WorkerFault, DeferredTimeoutError) as error:
            self._log.info("process {pid} did not hear our farewell: {error}", pid=self.pid, error=str(error))

    async def _send(self, command: type[amp.Command], **arguments: Any) -> None:
        try:
            await self.link.ask(command, **arguments)
        except (LinkLost, DescriptorMismatch, OutOfTurn, WorkerFault) as error:
            raise GuestLost(f"{command.__name__} failed: {error}") from error


def _as_arguments(connection: HeldConnection) -> dict[str, Any]:
    return {
        "socket": connection.fd,
        "inode": descriptors.inode_of(connection.fd),
        "prefix": connection.prefix,
        "remote_host": connection.remote_host,
        "remote_port": connection.remote_port,
        "age_s": connection.age_s,
        "admitted": connection.admitted,
    }
