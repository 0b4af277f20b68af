"""A connection between the front door and its worker."""

from __future__ import annotations

from attrs import frozen

from duckgres_tx.errors import PgError, ProtocolViolation
from duckgres_tx.handover import descriptors
from duckgres_tx.pool.servers import SessionServer
from duckgres_tx.session.control_plane import AcceptedConnection
from duckgres_tx.wire.startup import StartupMessage, StartupReader

# the process of a worker whose link has just broken is known to be dead this soon, if it is
DEATH_DEADLINE_S = 2.0


@frozen
class Arrival:
    """A client that the front door has let in so far.

    Attributes:
        fd: Its socket; whoever has the `Arrival` owns it.
        remote_host: Its address; "" for a UNIX socket.
        remote_port: Its port.
        prefix: What was read from it.
        database: What it asked for, if it has said so in plain text.
        admitted: Whether it counts already: another control plane has let it in.
        relayed: It is a worker's end of a pair.
        waited_s: How long it had waited for a worker when it came here.
    """

    fd: int
    remote_host: str
    remote_port: int
    prefix: bytes
    database: str | None
    admitted: bool = False
    relayed: bool = False
    waited_s: float = 0.0


def asked_for(prefix: bytes) -> str | None:
    """The database that a StartupMessage asks for; None when it is something else, or names nobody."""
    reader = StartupReader()
    reader.feed(prefix)
    try:
        packet = reader.read()
        return packet.database if isinstance(packet, StartupMessage) else None
    except (ProtocolViolation, PgError):
        return None


async def may_try_again(worker: SessionServer, arrival: Arrival) -> bool:
    """Whether a connection that got no answer can go to another worker: its own is dead, and has not touched it."""
    if not await worker.is_dead_within(DEATH_DEADLINE_S):
        return False
    if arrival.relayed:
        # the relaying worker neither reads nor writes its end of the pair before it has our answer
        return not descriptors.has_unread_output(arrival.fd)
    return descriptors.is_untouched(arrival.fd, len(arrival.prefix))


def as_accepted(arrival: Arrival, backend_pid: int, refusal: PgError | None = None) -> AcceptedConnection:
    """What its worker gets; the descriptor stays with the `Arrival`."""
    return AcceptedConnection(
        fd=arrival.fd,
        backend_pid=backend_pid,
        remote_host=arrival.remote_host,
        remote_port=arrival.remote_port,
        prefix=arrival.prefix,
        refusal=refusal,
        relayed=arrival.relayed,
    )
