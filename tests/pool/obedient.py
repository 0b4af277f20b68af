"""A worker's end of its links as a control plane sees it: it obeys whoever it should, and does nothing else."""

from __future__ import annotations

import os

from attrs import define, field
from pairs import Pair
from twisted.internet.defer import Deferred, fail

from duckgres_tx.handover import descriptors
from duckgres_tx.pool.commands import (
    AcceptConnection,
    CancelQuery,
    Configure,
    Drain,
    Health,
    InvalidConfiguration,
    Shutdown,
    Superseded,
)
from duckgres_tx.pool.inventory import Inventory
from duckgres_tx.pool.link import Link, answering
from duckgres_tx.pool.worker import pack_backend_pids
from duckgres_tx.release import running_release


@define(eq=False)
class ObedientWorker:
    """What outlasts links.

    Attributes:
        refuses: Why it can't take a configuration; "" when it can.
        stale: What it answers to `Configure`.
        told: Commands that it carried out, with their arguments.
        drained: Fires when it is empty.
    """

    slot: int = 0
    generation: int = 0
    epoch: int = 0
    pid: int = 4711
    release: str = field(factory=running_release)
    draining: bool = False
    sessions: tuple = ()
    databases: tuple = ()
    invalidated: bytes = b"[]"
    refuses: str = ""
    stale: str = ""
    told: list = field(factory=list)
    drained: Deferred = field(factory=Deferred)
    boss: object = None
    reachable: bool = True
    pairs: list = field(factory=list)

    def connect(self, link, deadline_s):
        """A control plane connects."""
        if not self.reachable:
            return fail(OSError("nobody listens"))
        self.pairs.append(Pair(link, ObedientEnd(self)))
        connected: Deferred = Deferred()
        connected.callback(link)
        return connected

    @property
    def pair(self):
        """The newest link."""
        return self.pairs[-1]

    def carry(self):
        """Carry everything over."""
        self.pair.carry()

    def inventory(self):
        """What it has."""
        return Inventory(
            pid=self.pid,
            slot=self.slot,
            generation=self.generation,
            epoch=self.epoch,
            release=self.release,
            draining=self.draining,
            sessions=self.sessions,
            databases=self.databases,
        )


class ObedientEnd(Link):
    """One link."""

    def __init__(self, worker) -> None:
        super().__init__(self._gone)
        self.worker = worker

    def _gone(self, link):
        if self.worker.boss is self:
            self.worker.boss = None

    def _check(self):
        if self.worker.boss is not self:
            raise Superseded("another one is in charge")

    @answering(Configure)
    def configure(self, configuration, slot, inventory, generation, epoch):
        """Obey."""
        with descriptors.OwnedDescriptor(configuration) as file, descriptors.OwnedDescriptor(inventory) as sheet:
            worker = self.worker
            if (
                self is not worker.boss
                and epoch <= worker.epoch
                and not (epoch == worker.epoch and worker.boss is None)
            ):
                raise Superseded(f"epoch {worker.epoch}")
            if worker.refuses:
                raise InvalidConfiguration(worker.refuses)
            worker.told.append(("configure", descriptors.read_memory_file(file.fd, 1000), slot, generation, epoch))
            worker.slot, worker.generation, worker.epoch, worker.boss = slot, generation, epoch, self
            os.pwrite(sheet.fd, worker.inventory().to_json(), 0)
        return {"pid": worker.pid, "stale": worker.stale}

    @answering(Health)
    def health(self):
        """Say how it is."""
        worker = self.worker
        return {
            "configured": bool(worker.slot),
            "pid": worker.pid,
            "slot": worker.slot,
            "generation": worker.generation,
            "epoch": worker.epoch,
            "release": worker.release,
            "sessions": len(worker.sessions),
            "running": 1,
            "resident_bytes": 1000,
            "draining": worker.draining,
            "databases": b'["a", "b"]',
            "invalidated": worker.invalidated,
            "backend_pids": pack_backend_pids([session.backend_pid for session in worker.sessions]),
        }

    @answering(AcceptConnection)
    def accept_connection(self, socket, backend_pid, **rest):
        """Take it."""
        os.close(socket)
        self.worker.told.append(("accept", backend_pid))

    @answering(CancelQuery)
    def cancel_query(self, backend_pid, secret_key, order=None):
        """Remember."""
        self.worker.told.append(("cancel", backend_pid))
        return {"found": True}

    @answering(Drain)
    async def drain(self, timeout_s, database, grace_s=None, moves=None):
        """Wait until empty."""
        self._check()
        if not database:
            self.worker.draining = True
        self.worker.told.append(("drain", timeout_s, grace_s, database))
        await self.worker.drained
        return {"sessions": len(self.worker.sessions)}

    @answering(Shutdown)
    def shutdown(self, timeout_s):
        """Say so."""
        self._check()
        self.worker.told.append(("shutdown", timeout_s))
