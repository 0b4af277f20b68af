"""A worker process, as its control plane works with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from duckgres_tx.handover import descriptors
from duckgres_tx.pool.commands import (
    AcceptConnection,
    CancelQuery,
    Configure,
    Drain,
    Draining,
    Health,
    InvalidConfiguration,
    Shutdown,
    WorkerFault,
)
from duckgres_tx.pool.control_end import ControlEnd, Desk
from duckgres_tx.pool.lifecycle import LifeRecord, Phase, WorkerLife, begin_life
from duckgres_tx.pool.link import Link, LinkLost
from duckgres_tx.pool.servers import ServerHealth
from duckgres_tx.pool.worker import unpack_backend_pids
from duckgres_tx.session.control_plane import AcceptedConnection
from duckgres_tx.tasks import start

CONNECT_DEADLINE_S = 10.0
CONFIGURE_DEADLINE_S = 60.0
HEARTBEAT_INTERVAL_S = 2.0
# an answer that is later than this is a miss; the next question comes right after
HEARTBEAT_DEADLINE_S = 1.9
HEARTBEAT_MISSES = 5
CANCEL_DEADLINE_S = 5.0
# what a command may take beyond the timeout that it carries
_GRACE_S = 5.0


class Process(Protocol):
    """The part of a worker process that is about the process: `SpawnedProcess`, or one that was adopted."""

    @property
    def pid(self) -> int | None:
        """None when it has ended."""

    def kill(self) -> None:
        """SIGKILL, and remove its socket."""

    def when_ended(self, ended: Callable[[str], None]) -> None:
        """Have somebody told, once, how it ended."""


class Watcher(Protocol):
    """Who wants to know of a worker's life: the roster."""

    def worker_ready(self, worker: RemoteWorker) -> None:
        """It may be sent clients."""

    def worker_gone(self, worker: RemoteWorker, phase: Phase, reason: str) -> None:
        """It has died in that phase. Told once."""


@define(eq=False)
class RemoteWorker:
    """Implements `SessionServer` for a worker process.

    Attributes:
        health: What it said last.
        live: Backend pids that it said it has, at the last heartbeat.
    """

    _reactor: Any
    slot: int
    name: str
    _process: Process
    _connect: Callable[[Link, float], Deferred[Link]]
    _desk: Desk
    _watcher: Watcher
    health: ServerHealth = field(factory=ServerHealth)
    live: frozenset[int] = frozenset()
    _record: LifeRecord = field(init=False)
    _life: WorkerLife = field(init=False)
    _link: Link | None = None
    _heartbeat: IDelayedCall | None = None
    _misses: int = 0
    _gone_waiters: list[Deferred[None]] = field(factory=list)
    _log: Logger = field(factory=Logger)

    def __attrs_post_init__(self) -> None:
        self._record = LifeRecord(self._on_ready, self._on_gone)
        self._life = begin_life(self._record)

    @property
    def phase(self) -> Phase:
        """Where its life is."""
        return self._record.phase

    @property
    def is_ready(self) -> bool:
        """See `SessionServer.is_ready`. Not while its link is down: it may be dead, and it can't be told anything."""
        return self.phase is Phase.READY and self._link is not None

    @property
    def pid(self) -> int | None:
        """Its process's pid; None when that has ended."""
        return self._process.pid

    async def bring_up(self, configuration: bytes) -> None:
        """Connect and configure; the outcome is told to the watcher, never raised.

        Args:
            configuration: `WorkerSettings` as JSON. It reaches the worker in a memory file.
        """
        self._process.when_ended(self._life.worker_gone)
        try:
            link = await self._new_link()
            self._life.connected()
            with descriptors.OwnedDescriptor(descriptors.memory_file(configuration, "configuration")) as file:
                answer = link.ask(Configure, configuration=file.fd, slot=self.slot)
                await _within(answer, CONFIGURE_DEADLINE_S, self._reactor, link)
        except InvalidConfiguration as error:
            self._life.worker_gone(f"can't serve: {error}")
        except DeferredTimeoutError:
            self._life.worker_gone(f"was not ready within {CONFIGURE_DEADLINE_S:.0f} s")
        except (LinkLost, WorkerFault, OSError) as error:
            # its process is about to tell more, if it has died
            self._reactor.callLater(1.0, self._life.worker_gone, f"could not be configured: {error}")
        except Exception as error:
            self._life.worker_gone(f"could not be configured: {error}")
            raise
        else:
            self._life.configured()

    async def accept(self, connection: AcceptedConnection) -> None:
        """See `SessionServer.accept`.

        It has no deadline of its own: the descriptor is queued in the link until this answers, and the heartbeat bounds that.
        """
        try:
            await self._accept(connection)
        except Draining:
            # it was told so by somebody else, such as by a signal
            if self.phase is Phase.READY:
                self._life.drained()
            raise

    async def _accept(self, connection: AcceptedConnection) -> None:
        await self._up().ask(
            AcceptConnection,
            socket=connection.fd,
            socket_inode=descriptors.inode_of(connection.fd),
            backend_pid=connection.backend_pid,
            remote_host=connection.remote_host,
            remote_port=connection.remote_port,
            prefix=connection.prefix,
            refusal=connection.refusal,
            relayed=connection.relayed,
        )

    async def cancel(self, backend_pid: int, secret_key: bytes) -> bool:
        """See `SessionServer.cancel`."""
        answer = self._up().ask(CancelQuery, backend_pid=backend_pid, secret_key=secret_key)
        response = await answer.addTimeout(CANCEL_DEADLINE_S, self._reactor)
        found: bool = response["found"]
        return found

    async def drain(self, timeout_s: float, database: str = "") -> int:
        """See `SessionServer.drain`."""
        link = self._up()
        if not database:
            self._life.drained()
        answer = link.ask(Drain, timeout_s=timeout_s, database=database)
        response = await answer.addTimeout(timeout_s + _GRACE_S, self._reactor)
        sessions: int = response["sessions"]
        return sessions

    async def shutdown(self, timeout_s: float) -> None:
        """See `SessionServer.shutdown`. One that doesn't end in time is killed."""
        gone = self.when_gone()
        if self.phase is Phase.READY:
            self._life.drained()
        # only its heartbeat would be answered by nobody
        self._stop_heartbeat()
        limit = self._reactor.callLater(timeout_s + _GRACE_S, self._life.worker_gone, "did not end in time")
        try:
            if self._link is not None:
                await self._link.ask(Shutdown, timeout_s=timeout_s)
                self._hang_up()
        except (LinkLost, WorkerFault) as error:
            self._log.info("{name} did not answer to Shutdown: {error}", name=self.name, error=str(error))
        try:
            await gone
        finally:
            if limit.active():
                limit.cancel()

    async def is_dead_within(self, seconds: float) -> bool:
        """See `SessionServer.is_dead_within`."""
        gone = self.when_gone()
        try:
            await gone.addTimeout(seconds, self._reactor)
        except DeferredTimeoutError:
            if gone in self._gone_waiters:
                self._gone_waiters.remove(gone)
            return False
        return True

    def kill(self) -> None:
        """See `SessionServer.kill`."""
        self._life.worker_gone("was killed")

    def when_gone(self) -> Deferred[None]:
        """Fires when its process has ended, however; at once if it has."""
        waiter: Deferred[None] = Deferred()
        if self.phase is Phase.GONE and self.pid is None:
            waiter.callback(None)
        else:
            self._gone_waiters.append(waiter)
        return waiter

    def _hang_up(self) -> None:
        """The worker waits for this after its answer to Shutdown."""
        link, self._link = self._link, None
        if link is not None:
            link.abort()

    def _up(self) -> Link:
        if self._link is None:
            raise LinkLost(f"{self.name} has no link")
        return self._link

    async def _new_link(self) -> Link:
        link = ControlEnd(self._desk, self, self._link_lost)
        await self._connect(link, CONNECT_DEADLINE_S)
        self._link = link
        return link

    def _link_lost(self, link: Link) -> None:
        if link is not self._link:
            return
        self._link = None
        if self.phase in (Phase.READY, Phase.DRAINING) and self.pid is not None:
            start(self._mend(), f"mend the link to {self.name}")

    async def _mend(self) -> None:
        """Connect anew: a link can break without the worker dying, and its sessions shall not die for that."""
        try:
            link = await self._new_link()
            answer = link.ask(Health)
            self._note(await answer.addTimeout(CONNECT_DEADLINE_S, self._reactor))
        except Exception as error:  # noqa: BLE001  however it can't be reached, it is given up
            # a process that has just died is told of as such within a moment
            self._reactor.callLater(0.5, self._life.worker_gone, f"can't be reached: {error}")
            return
        self._life.connected()
        self._log.warn("the link to {name} was lost and is up again", name=self.name)

    def _on_ready(self) -> None:
        self._beat_later()
        self._watcher.worker_ready(self)

    def _on_gone(self, phase: Phase, reason: str) -> None:
        self._stop_heartbeat()
        self._hang_up()
        if self._process.pid is not None:
            self._process.kill()
            self._process.when_ended(self._tell_waiters)
        else:
            self._tell_waiters(reason)
        self._watcher.worker_gone(self, phase, reason)

    def _tell_waiters(self, status: str) -> None:
        waiters, self._gone_waiters = self._gone_waiters, []
        for waiter in waiters:
            waiter.callback(None)

    def _beat_later(self) -> None:
        self._heartbeat = self._reactor.callLater(HEARTBEAT_INTERVAL_S, self._beat)

    def _stop_heartbeat(self) -> None:
        if self._heartbeat is not None and self._heartbeat.active():
            self._heartbeat.cancel()
        self._heartbeat = None

    def _beat(self) -> None:
        self._beat_later()
        start(self._listen_to_heart(), f"hear from {self.name}")

    async def _listen_to_heart(self) -> None:
        try:
            answer = self._up().ask(Health)
            self._note(await answer.addTimeout(HEARTBEAT_DEADLINE_S, self._reactor))
        except (DeferredTimeoutError, LinkLost, WorkerFault):
            self._misses += 1
            if self._misses >= HEARTBEAT_MISSES:
                self._life.worker_gone(f"did not answer {HEARTBEAT_MISSES} heartbeats in a row")
        else:
            self._misses = 0

    def _note(self, response: dict[str, Any]) -> None:
        self.health = ServerHealth(
            sessions=response["sessions"],
            running=response["running"],
            resident_bytes=response["resident_bytes"],
            databases=tuple(json.loads(response["databases"])),
        )
        self.live = frozenset(unpack_backend_pids(response["backend_pids"]))
        invalidated = json.loads(response["invalidated"])
        self._desk.heard_from(self)
        if invalidated and self.is_ready:
            self._log.error(
                "{name}: DuckDB gave up on {databases}; the worker is replaced",
                name=self.name,
                databases=", ".join(invalidated),
            )
            start(self._retire(), f"retire {self.name}")

    async def _retire(self) -> None:
        await self.drain(HEARTBEAT_INTERVAL_S)
        await self.shutdown(_GRACE_S)


async def _within(answer: Deferred[dict[str, Any]], seconds: float, clock: Any, link: Link) -> dict[str, Any]:
    """Wait for an answer to a command that carries a descriptor; the link is dropped when it is late.

    The descriptor is queued in the link, so its owner may close it only when the queue is gone too.
    """
    try:
        return await answer.addTimeout(seconds, clock)
    except DeferredTimeoutError:
        link.abort()
        raise
