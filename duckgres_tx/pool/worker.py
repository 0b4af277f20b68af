"""The worker's end of the link: what it answers to its control plane.

`WorkerEnd` is one link; `Employment` is what outlasts links: the configuration, and the `SessionHost` made from it.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from typing import Any, Protocol

import cattrs
from attrs import define, field
from twisted.logger import Logger

from duckgres_tx.errors import PgError
from duckgres_tx.handover import descriptors
from duckgres_tx.pool.commands import (
    AcceptConnection,
    CancelQuery,
    Configure,
    Drain,
    Draining,
    Health,
    InvalidConfiguration,
    NotConfigured,
    Shutdown,
)
from duckgres_tx.pool.control_link import ControlLink
from duckgres_tx.pool.inventory import Inventory, InventorySession
from duckgres_tx.pool.link import Link, answering
from duckgres_tx.release import running_release
from duckgres_tx.session.control_plane import AcceptedConnection, ControlPlane
from duckgres_tx.session.control_plane import Health as HostHealth
from duckgres_tx.session.settings import WorkerSettings

CONFIGURATION_LIMIT_BYTES = 64 << 20
# an AMP value holds 65,535 bytes
_MAX_PIDS = 16_000
_MAX_JSON_BYTES = 60_000


class Host(Protocol):
    """The part of `SessionHost` that a worker uses."""

    def start(self) -> None:
        """Begin."""

    def accept_connection(self, connection: AcceptedConnection) -> None:
        """Take a connection; owns its descriptor."""

    def cancel_query(self, backend_pid: int, secret_key: bytes) -> bool:
        """Interrupt a session's statement."""

    async def drain(self, timeout_s: float, database: str = "") -> int:
        """Let sessions go."""

    def health(self) -> HostHealth:
        """Say how it is."""

    async def shutdown(self, timeout_s: float) -> None:
        """End all sessions and close all databases."""


MakeHost = Callable[[WorkerSettings, ControlPlane], Host]


@define(eq=False)
class Employment:
    """A worker process's one life."""

    _make_host: MakeHost
    _finished: Callable[[], None]
    control: ControlLink = field(factory=ControlLink)
    slot: int = 0
    generation: int = 0
    epoch: int = 0
    draining: bool = False
    _host: Host | None = None
    _log: Logger = field(factory=Logger)

    @property
    def host(self) -> Host:
        """The host.

        Raises:
            NotConfigured: There is none yet.
        """
        if self._host is None:
            raise NotConfigured("this worker has not been configured yet")
        return self._host

    @property
    def is_configured(self) -> bool:
        """Whether there is a host."""
        return self._host is not None

    def configure(self, document: bytes, slot: int, generation: int = 0, epoch: int = 0) -> None:
        """Make and start the host.

        Raises:
            InvalidConfiguration: The document is malformed, there is a host already, or it can't start; one line of text.
        """
        if self._host is not None:
            raise InvalidConfiguration("this worker is configured already")
        try:
            settings = cattrs.structure(json.loads(document), WorkerSettings)
            host = self._make_host(settings, self.control)
            host.start()
        except Exception as error:
            self._log.failure("can't serve with this configuration")
            raise InvalidConfiguration(one_line(error)) from error
        self.slot, self.generation, self.epoch = slot, generation, epoch
        self._host = host

    def inventory(self) -> Inventory:
        """What there is now."""
        return Inventory(
            pid=os.getpid(),
            slot=self.slot,
            generation=self.generation,
            epoch=self.epoch,
            release=running_release(),
            draining=self.draining,
            sessions=tuple(InventorySession(backend_pid=pid) for pid in sorted(self.control.live)),
            databases=self.host.health().databases,
        )

    async def finish(self, timeout_s: float) -> None:
        """End the host, then the process."""
        try:
            if self._host is not None:
                await self._host.shutdown(timeout_s)
        finally:
            self._finished()


class WorkerEnd(Link):
    """One link to a control plane, seen from the worker."""

    log = Logger()

    def __init__(self, employment: Employment, lost: Callable[[Link], None]) -> None:
        """Make an end for one connection."""
        super().__init__(lost)
        self._employment = employment

    @answering(Configure)
    def configure(
        self,
        configuration: int,
        slot: int,
        inventory: int | None = None,
        generation: int | None = None,
        epoch: int | None = None,
    ) -> dict[str, Any]:
        """Owns the descriptors."""
        with (
            descriptors.OwnedDescriptor(configuration) as file,
            descriptors.OwnedDescriptor(-1 if inventory is None else inventory) as sheet,
        ):
            document = descriptors.read_memory_file(file.fd, CONFIGURATION_LIMIT_BYTES)
            self._employment.configure(document, slot, generation or 0, epoch or 0)
            if inventory is not None:
                os.pwrite(sheet.fd, self._employment.inventory().to_json(), 0)
        return {"pid": os.getpid(), "stale": ""}

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
    ) -> None:
        """Owns the descriptor: the host gets it, or it is closed before the error goes back."""
        with descriptors.OwnedDescriptor(socket) as client:
            self.check_descriptor(client.fd, socket_inode)
            host = self._employment.host
            if self._employment.draining and refusal is None:
                raise Draining("this worker is draining")
            connection = AcceptedConnection(
                fd=client.fd,
                backend_pid=backend_pid,
                remote_host=remote_host,
                remote_port=remote_port,
                prefix=prefix,
                refusal=refusal,
                relayed=relayed,
            )
            client.release()
            self._employment.control.live.add(backend_pid)
            host.accept_connection(connection)

    @answering(CancelQuery)
    def cancel_query(self, backend_pid: int, secret_key: bytes) -> dict[str, Any]:
        """A wrong key finds nothing, and nobody is told so."""
        return {"found": self._employment.host.cancel_query(backend_pid, secret_key)}

    @answering(Drain)
    async def drain(self, timeout_s: float, database: str, grace_s: float | None = None) -> dict[str, Any]:
        """From now on the whole worker takes no sessions, or one database is let go."""
        host = self._employment.host
        if not database:
            self._employment.draining = True
        return {"sessions": await host.drain(timeout_s, database)}

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
        await self._employment.finish(timeout_s)


def one_line(error: BaseException) -> str:
    """An exception's text on one line, for a log line or an operator's terminal."""
    text = " ".join(str(error).split())
    return text or type(error).__name__


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
