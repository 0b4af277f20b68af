"""Being taken over: what the serving control plane does at each step of `incumbent`."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from duckgres_tx.fault_points import FaultPoint, reached
from duckgres_tx.handover.commands import (
    OLDEST_VERSION,
    VERSION,
    AlreadyInProgress,
    CannotBeTakenOver,
    IncompatibleVersion,
    NotServing,
    OtherDirectories,
    OutOfTurn,
)
from duckgres_tx.handover.descriptors import fill_memory_file
from duckgres_tx.handover.guest import Guest, GuestLost
from duckgres_tx.handover.incumbent import (
    GIVEN_AWAY,
    UNDER_WAY,
    IncumbentLife,
    IncumbentRecord,
    Phase,
    begin_incumbency,
    in_words,
)
from duckgres_tx.handover.patience import Patience
from duckgres_tx.handover.pulse import Pulse
from duckgres_tx.handover.serving import Outranked, Serving
from duckgres_tx.pool.link import Link
from duckgres_tx.release import running_release
from duckgres_tx.tasks import start

# from Greet to the answer to Commit
TAKEOVER_DEADLINE_S = 15.0
# for hand-overs to workers to arrive
SETTLE_DEADLINE_S = 2.0
# from the answer to Commit to Serving
SERVING_DEADLINE_S = 5.0
_RECLAIM_INTERVAL_S = 1.0


class Signposts(Protocol):
    """What tells the world which process serves: the handover socket, the PID files, the service manager."""

    def put_up(self) -> None:
        """Name this process, whoever was named before. Raises OSError."""

    def abandon(self, successor: int) -> None:
        """Another process has put up its own."""


async def _always_ready() -> None:
    """See `Incumbency.get_ready`."""


@define(eq=False)
class Incumbency:
    """One for a process's whole life.

    Attributes:
        server: The running control plane; None before it runs.
        get_ready: What is to be done before another process takes over.
    """

    _reactor: Any
    # data and runtime directory, without symbolic links
    _directories: tuple[str, str]
    _signposts: Signposts
    _standby_s: float
    # ends the process
    _leave: Callable[[], None]
    server: Serving | None = None
    get_ready: Callable[[], Awaitable[None]] = _always_ready
    _record: IncumbentRecord = field(init=False)
    _life: IncumbentLife = field(init=False)
    _guest: Guest | None = None
    _patience: Patience = field(init=False)
    _standby: Patience = field(init=False)
    _pulse: Pulse | None = None
    _deciding: list[Deferred[int]] = field(factory=list)
    _reclaiming: Deferred[None] = field(factory=Deferred)
    _log: Logger = field(factory=Logger)

    def __attrs_post_init__(self) -> None:
        self._record = IncumbentRecord(
            self._hold, self._abort, self._has_committed, self._is_relieved, self._begin_to_reclaim, self._leaves
        )
        self._life = begin_incumbency(self._record)
        self._patience = Patience(self._reactor, 0.0, self._too_late)
        self._standby = Patience(self._reactor, self._standby_s, self._standby_is_over)

    @property
    def phase(self) -> Phase:
        """Where it is."""
        return self._record.phase

    def stand_by_for(self, seconds: float) -> None:
        """So long will this process wait for its successor's failure, once it has one. Too late while it waits."""
        if self.phase is not Phase.STANDING_BY:
            self._standby_s = seconds
            self._standby = Patience(self._reactor, seconds, self._standby_is_over)

    def is_needed(self, link: Link) -> bool:
        """Whether a takeover goes on over this link."""
        return self._guest is not None and link is self._guest.link

    def opened(self, server: Serving) -> None:
        """The server accepts connections, and may be taken over."""
        self.server = server
        self._life.opened()

    def stopped(self) -> None:
        """The server is told to stop; a takeover is called off unless it has been committed."""
        self._life.stopped()

    def superseded(self) -> None:
        """The workers obey a control plane of a higher epoch."""
        self._life.superseded()

    def when_decided(self) -> Deferred[int]:
        """Fires when the takeover under way, or the next one, is decided: with the newcomer's pid, or with 0 when it has failed."""
        decided: Deferred[int] = Deferred()
        self._deciding.append(decided)
        return decided

    def when_reclaimed(self) -> Deferred[None]:
        """Fires when the reclaiming that is under way has ended."""
        return self._reclaiming

    # ---- what a newcomer asks

    def greet(
        self, link: Link, version: int, oldest_version: int, pid: int, directories: tuple[str, str]
    ) -> dict[str, Any]:
        """See `Greet`."""
        server = self._server_that_may_go(pid)
        if oldest_version > VERSION or version < OLDEST_VERSION:
            raise IncompatibleVersion(
                f"the running server speaks version {OLDEST_VERSION} to {VERSION} of the handover protocol, "
                f"and this one {oldest_version} to {version}: stop the running one first"
            )
        for name, ours, theirs in zip(("data_dir", "runtime_dir"), self._directories, directories, strict=True):
            if ours != theirs:
                raise OtherDirectories(f"the running server's {name} is {ours}, not {theirs}")
        self._guest = Guest(link, pid)
        self._life.greeted()
        self._wait_for_newcomer(TAKEOVER_DEADLINE_S)
        self._log.info("process {pid} wants to take over", pid=pid)
        reached(FaultPoint.INCUMBENT_GREETED)
        return {
            "version": min(version, VERSION),
            "pid": os.getpid(),
            "epoch": server.epoch,
            "release": running_release(),
        }

    def _server_that_may_go(self, newcomer: int) -> Serving:
        if self.phase in UNDER_WAY and self._guest is not None:
            raise AlreadyInProgress(f"process {self._guest.pid} is taking over at this moment, not process {newcomer}")
        if self.phase in GIVEN_AWAY:
            raise NotServing("another server has just taken over: try again")
        if self.server is None or self.phase is not Phase.SERVING:
            raise NotServing(f"the running server is {in_words(self.phase)}: try again later")
        if not self.server.has_workers:
            raise CannotBeTakenOver("a server without worker processes (workers: 0) can't be taken over: stop it first")
        return self.server

    async def prepare(self, link: Link) -> None:
        """See `Prepare`."""
        server = self._step(link, Phase.GREETED)
        await self.get_ready()
        self._step(link, Phase.GREETED)
        reached(FaultPoint.INCUMBENT_SENDS_DESCRIPTORS)
        await self._give(link, lambda guest: guest.give_descriptors(server.descriptors()))
        self._step(link, Phase.GREETED)
        self._life.prepared()
        reached(FaultPoint.INCUMBENT_PREPARED)

    async def commit(self, link: Link, document: int) -> None:
        """See `Commit`. Doesn't own the memory file."""
        server = self._step(link, Phase.PREPARED)
        self._life.commit_asked()
        reached(FaultPoint.INCUMBENT_HOLDS)
        if not await server.settle(SETTLE_DEADLINE_S):
            self._log.warn("a connection is still on its way to a worker; it will be passed on if need be")
        reached(FaultPoint.INCUMBENT_SENDS_CONNECTIONS)
        self._step(link, Phase.COMMITTING)
        await self._give(link, lambda guest: guest.give_connections(server.held()))
        self._step(link, Phase.COMMITTING)
        reached(FaultPoint.INCUMBENT_COMMITS)
        self._life.committed()
        fill_memory_file(document, server.stand_down())

    def serving(self, link: Link) -> None:
        """See `Serving`."""
        self._step(link, Phase.COMMITTED)
        self._life.serving()
        reached(FaultPoint.INCUMBENT_IS_RELIEVED)

    def give_back(self, link: Link, reason: str) -> None:
        """See `GiveBack`."""
        self._step(link, Phase.COMMITTED)
        self._life.broken(f"it gives everything back: {reason}")

    def give_up(self, link: Link, reason: str) -> None:
        """See `GiveUp`."""
        if self.is_needed(link):
            self._life.broken(reason)

    def dismiss(self, link: Link) -> None:
        """See `Dismiss`."""
        if self.is_needed(link):
            self._life.dismissed()

    def link_lost(self, link: Link) -> None:
        """A link is gone."""
        if self.is_needed(link):
            self._life.broken("it has gone")

    def _step(self, link: Link, phase: Phase) -> Serving:
        """The server, if this link's newcomer may take that step."""
        if not self.is_needed(link) or self.phase is not phase or self.server is None:
            raise OutOfTurn(f"this takeover has been given up (the running server is {in_words(self.phase)})")
        return self.server

    async def _give(self, link: Link, give: Callable[[Guest], Awaitable[None]]) -> None:
        """Send something to the newcomer; if that fails, it was the end of the takeover."""
        if self._guest is None:
            return
        try:
            await give(self._guest)
        except GuestLost as error:
            if self.is_needed(link):
                self._life.broken(str(error))

    # ---- what follows from it

    def _wait_for_newcomer(self, seconds: float) -> None:
        self._patience.end()
        self._patience = Patience(self._reactor, seconds, self._too_late)
        self._patience.begin()

    def _too_late(self) -> None:
        self._life.broken("it takes too long")

    def _hold(self) -> None:
        if self.server is not None:
            self.server.hold()

    def _abort(self, reason: str) -> None:
        self._patience.end()
        guest, self._guest = self._guest, None
        if guest is not None:
            self._log.warn("the takeover by process {pid} is given up: {reason}", pid=guest.pid, reason=reason)
            start(guest.call_off(reason, self._reactor), "call a takeover off")
        if self.server is not None:
            self.server.resume()
        self._decide(0)

    def _has_committed(self) -> None:
        self._wait_for_newcomer(SERVING_DEADLINE_S)
        if self._guest is not None:
            self._pulse = Pulse(self._reactor, self._guest.link, lambda: self._life.broken("it does not answer"))
            self._pulse.begin()

    def _is_relieved(self) -> None:
        self._patience.end()
        if self.server is not None and self._guest is not None:
            self.server.relieve(self._guest.pass_on)
            self._signposts.abandon(self._guest.pid)
            self._log.info("process {pid} has taken over", pid=self._guest.pid)
            self._standby.begin()
            self._decide(self._guest.pid)

    def _standby_is_over(self) -> None:
        if self._pulse is not None:
            self._pulse.confirm(self._life.standby_over)

    def _begin_to_reclaim(self, reason: str) -> None:
        self._watch_no_more()
        self._reclaiming = start(self._reclaim(reason), "take everything back")

    async def _reclaim(self, reason: str) -> None:
        """Serve first; that the workers obey follows."""
        guest, self._guest = self._guest, None
        server = self.server
        if guest is None or server is None:
            return
        self._log.error("process {pid} had taken over, and is relieved: {reason}", pid=guest.pid, reason=reason)
        reached(FaultPoint.INCUMBENT_RECLAIMS)
        server.resume()
        self._decide(0)
        await guest.call_off(reason, self._reactor)
        guest.link.abort()
        # the newcomer's is ours plus one
        epoch = server.epoch + 2
        while self.phase is Phase.RECLAIMING:
            try:
                self._signposts.put_up()
                await server.reclaim(epoch)
            except Outranked:
                self._life.superseded()
                return
            except Exception as error:  # noqa: BLE001  there is nobody else who could serve
                self._log.failure("can't take everything back yet: {error}", error=str(error))
                await deferLater(self._reactor, _RECLAIM_INTERVAL_S)
            else:
                self._life.reclaimed()
                self._log.info("everything is taken back")
                reached(FaultPoint.INCUMBENT_HAS_RECLAIMED)
                return

    def _leaves(self) -> None:
        self._watch_no_more()
        reached(FaultPoint.INCUMBENT_LEAVES)
        start(self._say_farewell(), "leave")

    async def _say_farewell(self) -> None:
        if self._guest is not None:
            await self._guest.say_farewell(self._reactor)
        self._leave()

    def _watch_no_more(self) -> None:
        self._patience.end()
        self._standby.end()
        if self._pulse is not None:
            self._pulse.end()
            self._pulse = None

    def _decide(self, newcomer: int) -> None:
        deciding, self._deciding = self._deciding, []
        for decided in deciding:
            decided.callback(newcomer)
