"""A worker process, as its control plane works with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.task import deferLater
from twisted.logger import Logger

from duckgres_tx.pool import asking
from duckgres_tx.pool.commands import Draining, Health, InvalidConfiguration, Shutdown, Superseded, WorkerFault
from duckgres_tx.pool.control_end import ControlEnd, Desk
from duckgres_tx.pool.heart import MISSES, Heart
from duckgres_tx.pool.lifecycle import COMING, LifeRecord, Phase, WorkerLife, begin_life
from duckgres_tx.pool.link import Link, LinkDown, LinkLost
from duckgres_tx.pool.servers import ServerHealth
from duckgres_tx.pool.terms import agree
from duckgres_tx.pool.watcher import Process, Watcher
from duckgres_tx.pool.worker import unpack_backend_pids
from duckgres_tx.session.control_plane import AcceptedConnection
from duckgres_tx.tasks import start

CONNECT_DEADLINE_S = 10.0
CONFIGURE_DEADLINE_S = 60.0
# the end of a process is known this soon after the end of its link
_DEATH_IS_TOLD_S = 1.0
# before a worker is told again that takes a link that has just broken for the one to obey
_AGAIN_S = 0.25


@define(eq=False)
class RemoteWorker:
    """Implements `SessionServer` for a worker process.

    Attributes:
        slot: Its number.
        generation: Which rolling update it belongs to.
        name: How the log calls it.
        process: Its process.
        is_adopted: Whether another control plane has started it.
        is_fresh: Whether it has never been told to serve, so that it has nothing.
        is_known: Whether it has said what it has. A worker that was just started has nothing.
        stale: What only a new worker in its place can bring into force.
        takes_sessions: Whether it can go on with a session of another worker's.
        health: What it said last.
        live: Backend pids that it said it has, at the last heartbeat.
    """

    _reactor: Any
    slot: int
    generation: int
    name: str
    process: Process
    _connect: Callable[[Link, float], Deferred[Link]]
    _desk: Desk
    _watcher: Watcher
    is_adopted: bool = False
    is_fresh: bool = False
    is_known: bool = True
    stale: tuple[str, ...] = ()
    takes_sessions: bool = False
    health: ServerHealth = field(factory=ServerHealth)
    live: frozenset[int] = frozenset()
    _record: LifeRecord = field(init=False)
    _life: WorkerLife = field(init=False)
    _heart: Heart = field(init=False)
    _link: Link | None = None
    _gone_waiters: list[Deferred[None]] = field(factory=list)
    _log: Logger = field(factory=Logger)

    def __attrs_post_init__(self) -> None:
        self._record = LifeRecord(self._on_ready, self._on_draining, self._on_gone)
        self._life = begin_life(self._record)
        self._heart = Heart(self._reactor, lambda: self._up().ask(Health), self._note, self._on_silence)

    @property
    def phase(self) -> Phase:
        """Where its life is."""
        return self._record.phase

    @property
    def is_ready(self) -> bool:
        """See `SessionServer.is_ready`. Not while its link is down: it may be dead, and it can't be told anything."""
        return self.phase is Phase.READY and self._link is not None

    @property
    def is_draining(self) -> bool:
        """See `SessionServer.is_draining`."""
        return self.phase is Phase.DRAINING

    @property
    def is_to_go(self) -> bool:
        """See `SessionServer.is_to_go`."""
        return self._watcher.is_to_go(self)

    @property
    def is_linked(self) -> bool:
        """Whether it can be told anything now."""
        return self._link is not None

    @property
    def is_silent(self) -> bool:
        """Whether it hasn't answered for a while."""
        return self._heart.misses > 1

    @property
    def pid(self) -> int | None:
        """Its process's pid; None when that has ended."""
        return self.process.pid

    # ---- taking charge

    async def bring_up(self) -> None:
        """Connect to a worker that is just being started, and configure it. The outcome is told to the watcher, never raised.

        A control plane that stands by meanwhile leaves that to the next one.
        """
        self.process.when_ended(self._life.worker_gone)
        try:
            link = await self._new_link()
            if not self._watcher.is_in_charge:
                self._hang_up()
                return
            self._life.connected()
            await self._take_charge(link, CONFIGURE_DEADLINE_S)
        except InvalidConfiguration as error:
            self._give_up(f"can't serve: {error}")
        except Superseded:
            self._watcher.superseded()
        except DeferredTimeoutError:
            self._give_up(f"was not ready within {CONFIGURE_DEADLINE_S:.0f} s")
        except (LinkLost, WorkerFault, OSError) as error:
            self._give_up_soon(f"could not be configured: {error}")
        except Exception as error:
            self._give_up(f"could not be configured: {error}")
            raise

    async def adopt(self) -> None:
        """Take charge of a worker that was there before, or that another control plane has had for a while.

        It has sessions, so it gets the time that a heart may be silent, and is killed after that only.

        Raises:
            InvalidConfiguration: It can't serve with the present configuration, and goes on as it was.
            Superseded: Another control plane is in charge, with a higher epoch.
        """
        self.is_known = False
        self.process.when_ended(self._life.worker_gone)
        self._heart.begin()
        try:
            link = self._link if self._link is not None else await self._new_link()
            self._life.connected()
            await self._take_charge(link, None)
        except LinkLost:
            # either it has ended, or the link is mended
            return
        except (DeferredTimeoutError, WorkerFault, OSError) as error:
            self._give_up_soon(f"can't be reached: {error}")

    async def configure_again(self) -> tuple[str, ...]:
        """Tell it the configuration of now.

        Returns:
            What only a new worker can bring into force.

        Raises:
            InvalidConfiguration: It can't serve with that, and goes on as it was.
            Superseded: Another control plane is in charge, with a higher epoch.
            LinkLost: It can't be told anything.
            twisted.internet.defer.TimeoutError: It doesn't answer; its link is made anew.
        """
        await self._take_charge(self._up(), CONFIGURE_DEADLINE_S)
        return self.stale

    async def _take_charge(self, link: Link, deadline_s: float | None) -> None:
        while True:
            try:
                agreement = await agree(link, self._watcher.terms(self), self._reactor, deadline_s)
                break
            except Superseded:
                if await self._is_outranked(link):
                    raise
                await deferLater(self._reactor, _AGAIN_S)
        self.stale, self.takes_sessions = agreement.stale, agreement.takes_sessions
        self._desk.entered(self, agreement.inventory)
        self.is_known, self.is_fresh = True, False
        if agreement.inventory.draining:
            self._life.drained()
        else:
            self._life.configured()

    async def _is_outranked(self, link: Link) -> bool:
        """Who was told `Superseded` asks by whom: it may be a link of ours that has broken, which the worker has yet to notice."""
        return await asking.epoch_of(link, self._reactor) > self._watcher.epoch

    # ---- commands

    async def accept(self, connection: AcceptedConnection) -> None:
        """See `SessionServer.accept`."""
        try:
            await asking.hand_over(self._up(), connection)
        except Draining:
            # it was told so by somebody else, such as by a signal
            self.begin_drain()
            raise

    async def cancel(self, backend_pid: int, secret_key: bytes) -> bool:
        """See `SessionServer.cancel`."""
        return await asking.cancel(self._up(), backend_pid, secret_key, self._reactor)

    async def signal(self, backend_pid: int, order: str) -> bool:
        """See `SessionServer.signal`."""
        return await asking.cancel(self._up(), backend_pid, b"", self._reactor, order=order)

    def begin_drain(self) -> None:
        """No new clients from now on; the worker itself is told by `drain`."""
        if self.phase is Phase.READY:
            self._life.drained()

    async def drain(self, timeout_s: float, database: str = "", grace_s: float = 0.0, *, moves: bool = False) -> int:
        """See `SessionServer.drain`.

        Raises:
            Superseded: Another control plane is in charge.
            LinkLost: It can't be told now.
        """
        if not database:
            self.begin_drain()
        link = self._up()
        try:
            return await asking.drain(link, timeout_s, grace_s, database, self._reactor, moves=moves)
        except Superseded as error:
            if await self._is_outranked(link):
                raise
            raise LinkLost(f"{self.name} does not obey this link yet") from error

    async def shutdown(self, timeout_s: float) -> None:
        """See `SessionServer.shutdown`. One that doesn't end in time is killed; one that obeys another by now is left alone."""
        gone = self.when_gone()
        self.begin_drain()
        if self.phase in COMING and self.is_fresh:
            self._give_up("was not needed any more")
        # only its heartbeat would be answered by nobody
        self._heart.stop()
        limit = self._reactor.callLater(timeout_s + asking.GRACE_S, self._give_up, "did not end in time")
        try:
            if self._link is not None:
                await self._link.ask(Shutdown, timeout_s=timeout_s)
                self._hang_up()
        except Superseded:
            self._watcher.superseded()
            self.let_go()
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
        self._give_up("was killed")

    def stand_by(self) -> None:
        """Another control plane is about to command it: only what is in flight goes on over our link."""
        if self.is_fresh:
            # what it was told it may never have read
            self._hang_up()
        self._heart.stop()
        self.process.files.leave()

    def take_back(self) -> None:
        """We are about to command it again: go on with its log where we were. `adopt` follows."""
        self.process.files.follow(self.process.files.log_offset)

    def let_go(self) -> None:
        """Another control plane commands it, for good. Whoever waits for its end waits no longer."""
        self.stand_by()
        self._hang_up()
        self._tell_waiters("")

    def when_gone(self) -> Deferred[None]:
        """Fires when its process has ended, however; at once if it has."""
        waiter: Deferred[None] = Deferred()
        if self.phase is Phase.GONE and self.pid is None:
            waiter.callback(None)
        else:
            self._gone_waiters.append(waiter)
        return waiter

    # ---- its link

    def _hang_up(self) -> None:
        """The worker waits for this after its answer to Shutdown."""
        link, self._link = self._link, None
        if link is not None:
            link.abort()

    def _up(self) -> Link:
        if self._link is None:
            raise LinkDown(f"{self.name} has no link")
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
        if not self.is_fresh and self.phase is not Phase.GONE and self.pid is not None and self._watcher.is_in_charge:
            start(self._mend(), f"mend the link to {self.name}")

    async def _mend(self) -> None:
        """Connect anew: a link can break without the worker dying, and its sessions shall not die for that."""
        try:
            link = await self._new_link()
            self._life.connected()
            await self._take_charge(link, CONNECT_DEADLINE_S)
        except Superseded:
            self._watcher.superseded()
        except InvalidConfiguration as error:
            self._log.error("{name} keeps its configuration: {error}", name=self.name, error=str(error))
        except Exception as error:  # noqa: BLE001  however it can't be reached, it is given up
            self._give_up_soon(f"can't be reached: {error}")
        else:
            self._log.warn("the link to {name} was lost and is up again", name=self.name)

    # ---- its life

    def _give_up(self, reason: str) -> None:
        if self._watcher.is_in_charge:
            self._life.worker_gone(reason)

    def _give_up_soon(self, reason: str) -> None:
        """A process that has just died is told of as such within a moment, and that says more."""
        self._reactor.callLater(_DEATH_IS_TOLD_S, self._give_up, reason)

    def _on_ready(self) -> None:
        self._heart.begin()
        self._watcher.worker_ready(self)

    def _on_draining(self) -> None:
        self._watcher.worker_draining(self)

    def _on_gone(self, phase: Phase, reason: str) -> None:
        self._heart.stop()
        self._hang_up()
        if self.pid is not None:
            self.process.kill()
            self.process.when_ended(self._tell_waiters)
        else:
            self._tell_waiters(reason)
        self._watcher.worker_gone(self, phase, reason)

    def _tell_waiters(self, status: str) -> None:
        waiters, self._gone_waiters = self._gone_waiters, []
        for waiter in waiters:
            waiter.callback(None)

    def _on_silence(self) -> None:
        self._give_up(f"did not answer {MISSES} heartbeats in a row")

    def _note(self, response: dict[str, Any]) -> None:
        if response["epoch"] > self._watcher.epoch:
            self._watcher.superseded()
            return
        self.health = asking.as_health(response)
        self.live = frozenset(unpack_backend_pids(response["backend_pids"]))
        self._desk.heard_from(self)
        if response["draining"]:
            self.begin_drain()
        invalidated = json.loads(response["invalidated"])
        if invalidated and self.is_ready:
            self._log.error(
                "{name}: DuckDB gave up on {databases}; the worker is replaced",
                name=self.name,
                databases=", ".join(invalidated),
            )
            self._watcher.worker_unfit(self)
