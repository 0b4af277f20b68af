"""Workers that only remember what they got."""

from __future__ import annotations

import os

from attrs import define, field

from duckgres_tx.handover import descriptors


@define(eq=False)
class FakeWorker:
    """A `SessionServer`."""

    slot: int
    is_ready: bool = True
    is_draining: bool = False
    is_to_go: bool = False
    takes_sessions: bool = True
    failures: list = field(factory=list)
    accepted: list = field(factory=list)
    cancelled: list = field(factory=list)
    drained: list = field(factory=list)
    sessions_left: int = 0
    live: frozenset = frozenset()
    is_dead: bool = False

    @property
    def name(self) -> str:
        return f"worker {self.slot}"

    async def accept(self, connection):
        if self.failures:
            raise self.failures.pop(0)
        assert os.fstat(connection.fd)
        self.accepted.append((connection, descriptors.inode_of(connection.fd)))

    async def cancel(self, backend_pid, secret_key):
        if self.failures:
            raise self.failures.pop(0)
        self.cancelled.append((backend_pid, secret_key))
        return True

    async def signal(self, backend_pid, order):
        self.cancelled.append((backend_pid, order))
        return True

    async def drain(self, timeout_s, database="", grace_s=0.0, moves=False):
        if self.failures:
            raise self.failures.pop(0)
        self.drained.append((timeout_s, database))
        return self.sessions_left

    async def shutdown(self, timeout_s):
        self.is_ready = False

    def kill(self):
        self.is_ready = False

    async def is_dead_within(self, seconds):
        return self.is_dead


@define(eq=False)
class FakeCrew:
    """A `Crew`."""

    workers: list = field(factory=list)
    is_known: bool = True
    is_in_charge: bool = True

    def ready(self):
        return [worker for worker in self.workers if worker.is_ready]

    def in_slot(self, slot):
        return [worker for worker in self.workers if worker.slot == slot]
