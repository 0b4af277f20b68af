"""A session whose database another worker owns: bytes go between the client and a socketpair whose far end is there.

TLS ends here; the owner sees the client's StartupMessage first, then what the client sends.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from duckgres_tx.session.client import Client
from duckgres_tx.session.eager_writes import adopt
from duckgres_tx.wire.startup import StartupMessage


class NearEnd(Protocol):
    """Our end of the socketpair: what the owner says goes to the client.

    Args:
        client: The client's connection.
    """

    transport: Any

    def __init__(self, client: Client) -> None:
        self._client = client

    def dataReceived(self, data: bytes) -> None:
        """The owner's bytes are the client's."""
        self._client.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The owner has hung up: so do we, once the client has read everything."""
        if not self._client.closing:
            self._client.transport.unregisterProducer()
            self._client.close()


class Relay:
    """The stage of a relayed connection; each side is the other's producer, so that a slow reader slows the writer.

    Args:
        client: The client's connection.
        near_end: Our end of the pair, connected.
    """

    def __init__(self, client: Client, near_end: NearEnd) -> None:
        self._client = client
        self._near_end = near_end
        client.transport.registerProducer(near_end.transport, True)
        near_end.transport.registerProducer(client.transport, True)

    def receive(self, data: bytes) -> None:
        """The client's bytes are the owner's."""
        self._near_end.transport.write(data)

    def lost(self) -> None:
        """The client is gone: the owner sees the end of the stream."""
        self._near_end.transport.unregisterProducer()
        self._near_end.transport.loseConnection()
        self._client.finished()


async def relay(client: Client, message: StartupMessage, early: bytes) -> None:
    """Pass a session on to the worker that owns its database.

    Args:
        client: The connection, before authentication; the owner authenticates it.
        message: What it asked for.
        early: Bytes that came after the message.

    Raises:
        PgError: The owner can't be reached (57P03, as the control plane says it).
    """
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        near.setblocking(False)
        far.setblocking(False)
        await client.host.control_plane.relay_connection(
            far.detach(), message.encode(), client.accepted.remote_host, client.accepted.remote_port
        )
        if client.closing:
            return
        near_end = NearEnd(client)
        factory = Factory.forProtocol(lambda: near_end)
        factory.noisy = False
        adopt(client.host.reactor, near, factory)
    finally:
        near.close()
        # Only still open when the control plane never got it.
        far.close()
    client.handshake_done()
    client.stage = Relay(client, near_end)
    if early:
        client.stage.receive(early)
