"""What a newcomer has been given so far."""

from __future__ import annotations

import os
import socket

from attrs import define, field

from duckgres_tx.handover.offers import Offers
from duckgres_tx.handover.serving import HeldConnection

LISTENER, LENT_LISTENER = "listener", "lent listener"
UNIX_LOCK = "lock unix_socket"
_LOCK = "lock "
# a server holds no more
MAX_CONNECTIONS = 8192


class TooMany(Exception):
    """No server has so many connections that wait."""


@define(eq=False)
class Takings:
    """Owns all of it.

    Attributes:
        offers: Listening sockets; what the configuration wants is taken from there.
        locks: On directories, by the settings' names.
        connections: Clients that wait, in the order in which they came.
    """

    offers: Offers = field(factory=Offers)
    locks: dict[str, int] = field(factory=dict)
    connections: list[HeldConnection] = field(factory=list)

    def put(self, name: str, fd: int) -> None:
        """Keep a descriptor; see `commands.TakeDescriptor` for the names. One that nobody knows is closed: a newer server may have more."""
        if name in (LISTENER, LENT_LISTENER):
            listener = socket.socket(fileno=fd)
            self.offers.sockets.append(listener)
            if name == LENT_LISTENER:
                self.offers.lent |= {listener}
        elif name == UNIX_LOCK:
            self.offers.unix_lock = fd
        elif name.startswith(_LOCK):
            self.locks[name.removeprefix(_LOCK)] = fd
        else:
            os.close(fd)

    def put_connection(self, connection: HeldConnection) -> None:
        """Keep a client. Raises `TooMany`, and closes it."""
        if len(self.connections) >= MAX_CONNECTIONS:
            os.close(connection.fd)
            raise TooMany(f"more than {MAX_CONNECTIONS} connections")
        self.connections.append(connection)

    def pop_connections(self) -> list[HeldConnection]:
        """All clients, which are the caller's from now on."""
        connections, self.connections = self.connections, []
        return connections

    def close_locks(self) -> None:
        """The server has duplicates of its own."""
        while self.locks:
            os.close(self.locks.popitem()[1])

    def close(self) -> None:
        """Let go of everything that is left; nobody else's copies are affected."""
        self.offers.close()
        self.close_locks()
        for connection in self.pop_connections():
            os.close(connection.fd)
