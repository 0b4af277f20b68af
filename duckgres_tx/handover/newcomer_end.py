"""The link to the server that is taken over, seen from the newcomer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.logger import Logger

from duckgres_tx.handover.commands import Beat, Farewell, TakeBack, TakeConnection, TakeDescriptor
from duckgres_tx.handover.descriptors import OwnedDescriptor
from duckgres_tx.handover.serving import HeldConnection
from duckgres_tx.pool.link import Link, answering


class Taker(Protocol):
    """Who gets what arrives: `candidacy.Candidacy`."""

    def take_descriptor(self, name: str, fd: int) -> None:
        """A listening socket, or a lock; owns it."""

    def take_connection(self, connection: HeldConnection) -> None:
        """A client; owns its socket."""

    def called_off(self, reason: str) -> None:
        """The other server goes on by itself."""

    def farewell(self) -> None:
        """The other server leaves."""


class NewcomerEnd(Link):
    """The one link."""

    log = Logger()

    def __init__(self, taker: Taker, lost: Callable[[Link], None]) -> None:
        """Make an end that is not connected yet."""
        super().__init__(lost)
        self._taker = taker

    @answering(TakeDescriptor)
    def take_descriptor(self, name: str, descriptor: int, inode: int) -> None:
        """Owns the descriptor."""
        with OwnedDescriptor(descriptor) as taken:
            self.check_descriptor(taken.fd, inode)
            self._taker.take_descriptor(name, taken.release())

    @answering(TakeConnection)
    def take_connection(
        self,
        socket: int,
        inode: int,
        prefix: bytes,
        remote_host: str,
        remote_port: int,
        age_s: float,
        admitted: bool,
    ) -> None:
        """Owns the descriptor."""
        with OwnedDescriptor(socket) as client:
            self.check_descriptor(client.fd, inode)
            connection = HeldConnection(client.release(), prefix, remote_host, remote_port, age_s, admitted)
            self._taker.take_connection(connection)

    @answering(Beat)
    def beat(self) -> None:
        """We live."""

    @answering(TakeBack)
    def take_back(self, reason: str) -> None:
        """It is over. When this answers, we accept nobody any more."""
        self._taker.called_off(reason)

    @answering(Farewell)
    def farewell(self) -> None:
        """We are alone from now on."""
        self._taker.farewell()
