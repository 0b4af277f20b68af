"""A worker process whose host greets instead of speaking PostgreSQL: what the pool does with sockets, without an engine.

A connection gets one line: the worker's pid, the backend pid, the prefix and the refusal. Then what it sends is echoed, until it hangs up.
``fail`` as the default database makes the configuration invalid; the database named in a claim is claimed and reported.
"""

from __future__ import annotations

import os
import socket

from attrs import define, field
from twisted.internet.protocol import Factory, Protocol

from duckgres_tx.pool.child import run
from duckgres_tx.session.control_plane import AcceptedConnection, Health


class Greeting(Protocol):
    """One connection."""

    def __init__(self, host: GreetingHost, connection: AcceptedConnection) -> None:
        self.host, self.connection = host, connection

    def connectionMade(self) -> None:
        """Greet."""
        refusal = self.connection.refusal
        words = [os.getpid(), self.connection.backend_pid, self.connection.prefix.hex(), refusal and refusal.sqlstate]
        self.transport.write(" ".join(map(str, words)).encode() + b"\n")
        self.host.control_plane.session_opened(self.connection.backend_pid, "somebody", "greetings")

    def dataReceived(self, data: bytes) -> None:
        """Echo, or do what is asked."""
        if data == b"crash\n":
            os.abort()
        self.transport.write(data)

    def connectionLost(self, reason: object = None) -> None:
        """Tell."""
        self.host.open.discard(self)
        self.host.control_plane.session_closed(self.connection.backend_pid)


@define(eq=False)
class GreetingHost:
    """The host."""

    reactor: object
    settings: object
    control_plane: object
    open: set = field(factory=set)

    def start(self) -> None:
        """Begin."""
        if self.settings.default_database == "fail":
            raise ValueError("this configuration\nis made to fail")

    def accept_connection(self, connection: AcceptedConnection) -> None:
        """Greet."""
        factory = Factory()
        factory.buildProtocol = lambda address: self._build(connection)
        family = socket.AF_INET if connection.remote_host else socket.AF_UNIX
        self.reactor.adoptStreamConnection(connection.fd, family, factory)
        os.close(connection.fd)

    def _build(self, connection: AcceptedConnection) -> Greeting:
        greeting = Greeting(self, connection)
        self.open.add(greeting)
        return greeting

    def signal(self, backend_pid: int, order: str) -> bool:
        """Nobody has asked."""
        return False

    def cancel_query(self, backend_pid: int, secret_key: bytes) -> bool:
        """Say that a cancel came."""
        for greeting in self.open:
            if greeting.connection.backend_pid == backend_pid:
                greeting.transport.write(b"cancel " + secret_key.hex().encode() + b"\n")
                return True
        return False

    async def drain(self, timeout_s: float, database: str = "", grace_s: float = 0.0, *, moves: bool = False) -> int:
        """Nobody is idle here."""
        return len(self.open)

    def health(self) -> Health:
        """Say how it is."""
        return Health(sessions=len(self.open), databases=(), running=0, resident_bytes=0)

    async def shutdown(self, timeout_s: float) -> None:
        """Hang up on all."""
        for greeting in list(self.open):
            greeting.transport.loseConnection()


if __name__ == "__main__":
    run(GreetingHost)
