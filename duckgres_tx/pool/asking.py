"""What a control plane asks of a worker over a link, one function for each command; `terms.agree` is the one that takes charge."""

from __future__ import annotations

import json
from typing import Any

from duckgres_tx.handover import descriptors
from duckgres_tx.handover.descriptors import OwnedDescriptor
from duckgres_tx.pool.commands import AcceptConnection, CancelQuery, Drain, Health
from duckgres_tx.pool.link import Link
from duckgres_tx.pool.servers import ServerHealth
from duckgres_tx.session.control_plane import AcceptedConnection

CANCEL_DEADLINE_S = 5.0
HEALTH_DEADLINE_S = 10.0
# what a command may take beyond the time that it carries
GRACE_S = 5.0


async def hand_over(link: Link, connection: AcceptedConnection) -> None:
    """See `SessionServer.accept`; the descriptor stays the caller's.

    It has no deadline of its own: the descriptor is queued in the link until this answers, and the heartbeat bounds that.
    """
    journey = connection.journey
    if journey is None:
        await _accept(link, connection)
        return
    with OwnedDescriptor(descriptors.memory_file(journey.document, "session")) as document:
        await _accept(link, connection, leash=journey.leash, document=document.fd)


async def _accept(link: Link, connection: AcceptedConnection, **journey: int) -> None:
    await link.ask(
        AcceptConnection,
        **journey,
        socket=connection.fd,
        socket_inode=descriptors.inode_of(connection.fd),
        backend_pid=connection.backend_pid,
        remote_host=connection.remote_host,
        remote_port=connection.remote_port,
        prefix=connection.prefix,
        refusal=connection.refusal,
        relayed=connection.relayed,
    )


async def cancel(link: Link, backend_pid: int, secret_key: bytes, clock: Any, order: str | None = None) -> bool:
    """See `SessionServer.cancel`, and `SessionServer.signal` for an order."""
    answer = link.ask(CancelQuery, backend_pid=backend_pid, secret_key=secret_key, order=order)
    response = await answer.addTimeout(CANCEL_DEADLINE_S, clock)
    found: bool = response["found"]
    return found


async def drain(link: Link, timeout_s: float, grace_s: float, database: str, clock: Any, *, moves: bool) -> int:
    """See `SessionServer.drain`."""
    answer = link.ask(Drain, timeout_s=timeout_s, grace_s=grace_s, database=database, moves=moves)
    response = await answer.addTimeout(timeout_s + grace_s + GRACE_S, clock)
    sessions: int = response["sessions"]
    return sessions


async def epoch_of(link: Link, clock: Any) -> int:
    """The epoch of the control plane that a worker obeys."""
    response = await link.ask(Health).addTimeout(HEALTH_DEADLINE_S, clock)
    epoch: int = response["epoch"]
    return epoch


def as_health(response: dict[str, Any]) -> ServerHealth:
    """What a worker has answered to `Health`."""
    return ServerHealth(
        sessions=response["sessions"],
        running=response["running"],
        resident_bytes=response["resident_bytes"],
        databases=tuple(json.loads(response["databases"])),
    )
