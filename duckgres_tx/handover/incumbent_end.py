"""A link on the handover socket, seen from the server: what it answers to newcomers and to people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.logger import Logger

from duckgres_tx.handover.commands import (
    Commit,
    Dismiss,
    DrainWorker,
    GiveBack,
    GiveUp,
    Greet,
    Prepare,
    Roll,
    Serving,
    Status,
    Succeed,
)
from duckgres_tx.handover.descriptors import OwnedDescriptor, fill_memory_file
from duckgres_tx.handover.incumbency import Incumbency
from duckgres_tx.pool.link import Link, answering


class Office(Protocol):
    """What people ask of a server. Each may raise `commands.Refused`."""

    def status(self) -> bytes:
        """A `ServerStatus`, as JSON."""

    def roll(self) -> str:
        """Replace the workers; what becomes of that, in one line."""

    def drain_worker(self, slot: int) -> str:
        """Replace one worker; what becomes of that, in one line."""

    async def succeed(self) -> int:
        """Start a successor; its pid, when it serves."""


class IncumbentEnd(Link):
    """One link."""

    log = Logger()

    def __init__(self, incumbency: Incumbency, office: Office, lost: Callable[[Link], None]) -> None:
        """Make an end for one connection."""
        super().__init__(lost)
        self._incumbency = incumbency
        self._office = office

    def connectionLost(self, *reason: Any) -> None:
        """It may have been a newcomer's."""
        super().connectionLost(*reason)
        self._incumbency.link_lost(self)

    @answering(Greet)
    def greet(self, version: int, oldest_version: int, pid: int, data_dir: str, runtime_dir: str) -> dict[str, Any]:
        """A newcomer."""
        return self._incumbency.greet(self, version, oldest_version, pid, (data_dir, runtime_dir))

    @answering(Prepare)
    async def prepare(self) -> None:
        """It wants the descriptors."""
        await self._incumbency.prepare(self)

    @answering(Commit)
    async def commit(self, document: int) -> None:
        """It wants everything. Owns the descriptor."""
        with OwnedDescriptor(document) as file:
            await self._incumbency.commit(self, file.fd)

    @answering(Serving)
    def serving(self) -> None:
        """It serves."""
        self._incumbency.serving(self)

    @answering(GiveUp)
    def give_up(self, reason: str) -> None:
        """It doesn't want anything any more."""
        self._incumbency.give_up(self, reason)

    @answering(GiveBack)
    def give_back(self, reason: str) -> None:
        """It has everything, and can't use it."""
        self._incumbency.give_back(self, reason)

    @answering(Dismiss)
    def dismiss(self) -> None:
        """It needs nobody to stand by."""
        self._incumbency.dismiss(self)

    @answering(Status)
    def status(self, document: int) -> None:
        """Somebody wants to know. Owns the descriptor."""
        with OwnedDescriptor(document) as file:
            fill_memory_file(file.fd, self._office.status())

    @answering(Roll)
    def roll(self) -> dict[str, Any]:
        """Somebody wants new workers."""
        return {"answer": self._office.roll()}

    @answering(DrainWorker)
    def drain_worker(self, slot: int) -> dict[str, Any]:
        """Somebody wants a new worker."""
        return {"answer": self._office.drain_worker(slot)}

    @answering(Succeed)
    async def succeed(self) -> dict[str, Any]:
        """Somebody wants a new control plane."""
        return {"pid": await self._office.succeed()}
