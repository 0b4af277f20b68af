"""The worker's end of a link: what it answers to a control plane, and to which one.

`WorkerEnd` is one link, of which there may be several; `Employment` is what outlasts links.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from duckgres_tx.errors import PgError
from duckgres_tx.fault_points import FaultPoint, reached
from duckgres_tx.handover import descriptors
from duckgres_tx.pool.commands import (
    AcceptConnection,
    CancelQuery,
    Configure,
    Drain,
    Draining,
    Health,
    Shutdown,
    WorkerFault,
)
from duckgres_tx.pool.employment import Employment, Order
from duckgres_tx.pool.link import Link, answering
from duckgres_tx.release import running_release
from duckgres_tx.session.control_plane import AcceptedConnection, Journey
from duckgres_tx.session.control_plane import Health as HostHealth

CONFIGURATION_LIMIT_BYTES = 64 << 20
SESSION_LIMIT_BYTES = 16 << 20
# an AMP value holds 65,535 bytes
_MAX_PIDS = 16_000
_MAX_JSON_BYTES = 60_000


class WorkerEnd(Link):
    """One link to a control plane, seen from the worker."""

    log = Logger()

    def __init__(self, employment: Employment, lost: Callable[[Link], None]) -> None:
        """Make an end for one connection."""
        super().__init__(lost)
        self._employment = employment

    @answering(Configure)
    def configure(self, configuration: int, inventory: int, slot: int, generation: int, epoch: int) -> dict[str, Any]:
        """Owns the descriptors."""
        with descriptors.OwnedDescriptor(configuration) as file, descriptors.OwnedDescriptor(inventory) as sheet:
            reached(FaultPoint.WORKER_CONFIGURES)
            document = descriptors.read_memory_file(file.fd, CONFIGURATION_LIMIT_BYTES)
            reached(FaultPoint.WORKER_CONFIGURES)
            stale = self._employment.configure(self, Order(document, slot, generation, epoch), sheet.fd)
        reached(FaultPoint.WORKER_CONFIGURED)
        return {"pid": os.getpid(), "stale": ",".join(stale), "takes_sessions": True}

    @answering(AcceptConnection)
    def accept_connection(
        self,
        socket: int,
        socket_inode: int,
        backend_pid: int,
        remote_host: str,
        remote_port: int,
        prefix: bytes,
        refusal: PgError | None = None,
        relayed: bool = False,
        leash: int | None = None,
        document: int | None = None,
    ) -> None:
        """Owns the descriptor: the host gets it, or it is closed before the error goes back."""
        with (
            descriptors.OwnedDescriptor(socket) as client,
            descriptors.OwnedDescriptor(-1 if leash is None else leash) as far_end,
            descriptors.OwnedDescriptor(-1 if document is None else document) as file,
        ):
            self.check_descriptor(client.fd, socket_inode)
            host = self._employment.host
            if self._employment.draining and refusal is None:
                raise Draining("this worker is draining")
            if backend_pid in self._employment.control.live:
                self.log.error("there is a session {pid} already", pid=backend_pid)
                raise WorkerFault(f"there is a session {backend_pid} already")
            connection = AcceptedConnection(
                fd=client.fd,
                backend_pid=backend_pid,
                remote_host=remote_host,
                remote_port=remote_port,
                prefix=prefix,
                refusal=refusal,
                relayed=relayed,
                journey=_journey(far_end, file),
            )
            client.release()
            if connection.journey is None:
                self._employment.control.begin(connection, self)
            host.accept_connection(connection)

    @answering(CancelQuery)
    def cancel_query(self, backend_pid: int, secret_key: bytes, order: str | None = None) -> dict[str, Any]:
        """A wrong key finds nothing, and nobody is told so."""
        if order is not None:
            return {"found": self._employment.host.signal(backend_pid, order)}
        return {"found": self._employment.host.cancel_query(backend_pid, secret_key)}

    @answering(Drain)
    async def drain(self, timeout_s: float, grace_s: float, database: str, moves: bool | None = None) -> dict[str, Any]:
        """From now on the whole worker takes no sessions, or one database is let go."""
        host = self._employment.host
        self._employment.check_boss(self)
        if not database:
            reached(FaultPoint.WORKER_DRAINS)
            self._employment.draining = True
            self._employment.control.moves_sessions = bool(moves)
        return {"sessions": await host.drain(timeout_s, database, grace_s, moves=bool(moves))}

    @answering(Health)
    def health(self) -> dict[str, Any]:
        """Made of what the reactor knows; never waits."""
        employment = self._employment
        configured = employment.is_configured
        health = employment.host.health() if configured else HostHealth(0, (), 0, 0)
        return {
            "configured": configured,
            "pid": os.getpid(),
            "slot": employment.slot,
            "generation": employment.generation,
            "epoch": employment.epoch,
            "release": running_release(),
            "sessions": health.sessions,
            "running": health.running,
            "resident_bytes": health.resident_bytes,
            "draining": health.draining,
            "databases": _json_that_fits(health.databases),
            "invalidated": _json_that_fits(health.invalidated),
            "backend_pids": pack_backend_pids(sorted(self._employment.control.live)[:_MAX_PIDS]),
        }

    @answering(Shutdown)
    async def shutdown(self, timeout_s: float) -> None:
        """The process ends right after the answer."""
        self._employment.check_boss(self)
        reached(FaultPoint.WORKER_SHUTS_DOWN)
        await self._employment.finish(timeout_s)


def _journey(leash: descriptors.OwnedDescriptor, document: descriptors.OwnedDescriptor) -> Journey | None:
    """What a session of another worker's brings; the leash is the result's."""
    if leash.fd < 0 or document.fd < 0:
        return None
    return Journey(document=descriptors.read_memory_file(document.fd, SESSION_LIMIT_BYTES), leash=leash.release())


def pack_backend_pids(pids: list[int]) -> bytes:
    """Pids as big-endian Int32, one after the other."""
    return struct.pack(f"!{len(pids)}i", *pids)


def unpack_backend_pids(packed: bytes) -> list[int]:
    """The reverse of `pack_backend_pids`."""
    return list(struct.unpack(f"!{len(packed) // 4}i", packed))


def _json_that_fits(names: tuple[str, ...]) -> bytes:
    kept = list(names)
    while len(document := json.dumps(kept).encode()) > _MAX_JSON_BYTES:
        del kept[len(kept) // 2 :]
    return document
