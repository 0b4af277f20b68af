"""The live set of workers: started, watched, replaced, ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from duckgres_tx.pool.counts import MAX_SLOT, Session
from duckgres_tx.pool.lifecycle import Phase
from duckgres_tx.pool.pace import RespawnPace
from duckgres_tx.pool.remote import RemoteWorker, Watcher
from duckgres_tx.pool.servers import SessionServer, WorkerStartFailed
from duckgres_tx.tasks import start

SHUTDOWN_TIMEOUT_S = 10.0
# sessions named one by one when their worker dies
_NAMED_SESSIONS = 20

Employ = Callable[[int, Watcher], RemoteWorker]
Bury = Callable[[SessionServer], tuple[list[Session], tuple[str, ...]]]


@define(eq=False)
class Roster:
    """Keeps as many workers as wanted.

    Attributes:
        size: How many.
    """

    _clock: Any
    size: int
    # makes the worker of a slot: spawns its process, which may raise OSError
    _employ: Employ
    _configuration: Callable[[], bytes]
    # what the rest of the control plane forgets of a dead one
    _bury: Bury
    # told of each worker that becomes ready
    _changed: Callable[[], None]
    _workers: list[RemoteWorker] = field(factory=list)
    _ready_since: dict[int, float] = field(factory=dict)
    _pace: RespawnPace = field(factory=RespawnPace)
    _pending: set[IDelayedCall] = field(factory=set)
    _starting: Deferred[None] | None = None
    _ending: bool = False
    _log: Logger = field(factory=Logger)

    async def start(self) -> None:
        """Start all; returns when all are ready.

        Raises:
            WorkerStartFailed: One could not; the others are still there, for `shutdown`.
        """
        starting: Deferred[None] = Deferred()
        self._starting = starting
        for _ in range(self.size):
            if not starting.called:
                self._hire()
        await starting

    def ready(self) -> Sequence[RemoteWorker]:
        """See `Crew.ready`."""
        return [worker for worker in self._workers if worker.is_ready]

    async def drain(self, timeout_s: float) -> int:
        """Drain all at once; returns the number of sessions left. Nobody is replaced from now on."""
        self._end()
        left = await gatherResults([start(worker.drain(timeout_s), f"drain {worker.name}") for worker in self.ready()])
        return sum(count or 0 for count in left)

    async def shutdown(self, timeout_s: float = SHUTDOWN_TIMEOUT_S) -> None:
        """End all; returns when no process is left."""
        self._end()
        await gatherResults(
            [start(worker.shutdown(timeout_s), f"shut down {worker.name}") for worker in list(self._workers)]
        )

    def kill(self) -> None:
        """End all now."""
        self._end()
        for worker in list(self._workers):
            worker.kill()

    def worker_ready(self, worker: RemoteWorker) -> None:
        """See `Watcher.worker_ready`."""
        self._ready_since[worker.slot] = self._clock.seconds()
        self._log.info("{name} is ready", name=worker.name)
        self._changed()
        if self._starting is not None and len(self.ready()) == self.size:
            starting, self._starting = self._starting, None
            starting.callback(None)

    def worker_gone(self, worker: RemoteWorker, phase: Phase, reason: str) -> None:
        """See `Watcher.worker_gone`: tell what died with it, and replace it."""
        self._workers.remove(worker)
        lost, freed = self._bury(worker)
        since = self._ready_since.pop(worker.slot, None)
        if self._ending:
            self._log.info("{name} has ended: it {reason}", name=worker.name, reason=reason)
            return
        self._report(worker, reason, lost, freed)
        if self._starting is not None:
            starting, self._starting = self._starting, None
            starting.errback(WorkerStartFailed(f"{worker.name} {reason}"))
            return
        delay_s = self._pace.after_death(0.0 if since is None else self._clock.seconds() - since)
        if delay_s:
            self._log.warn("{name} is replaced in {delay:.1f} s", name=worker.name, delay=delay_s)
        self._later(delay_s, self._hire)

    def _report(self, worker: RemoteWorker, reason: str, lost: list[Session], freed: tuple[str, ...]) -> None:
        self._log.error(
            "{name} is gone: it {reason}; {count} sessions died with it; databases that move: {databases}",
            name=worker.name,
            reason=reason,
            count=len(lost),
            databases=", ".join(freed) or "none",
        )
        for session in lost[:_NAMED_SESSIONS]:
            self._log.error(
                "session {pid} of user {user!r} on database {database!r} from {host} died with {name}",
                pid=session.backend_pid,
                user=session.user,
                database=session.database,
                host=session.remote_host or "a UNIX socket",
                name=worker.name,
            )

    def _hire(self) -> None:
        if self._ending:
            return
        slot = self._free_slot()
        try:
            worker = self._employ(slot, self)
        except OSError as error:
            self._not_hired(error)
            return
        self._workers.append(worker)
        start(worker.bring_up(self._configuration()), f"bring up {worker.name}")

    def _not_hired(self, error: OSError) -> None:
        self._log.error("can't start a worker: {error}", error=str(error))
        if self._starting is not None:
            starting, self._starting = self._starting, None
            starting.errback(WorkerStartFailed(f"can't start a worker: {error}"))
        else:
            self._later(self._pace.after_death(0.0) or 1.0, self._hire)

    def _free_slot(self) -> int:
        taken = {worker.slot for worker in self._workers}
        return next(slot for slot in range(1, MAX_SLOT + 1) if slot not in taken)

    def _later(self, delay_s: float, what: Callable[[], None]) -> None:
        def now() -> None:
            self._pending.discard(call)
            what()

        call: IDelayedCall = self._clock.callLater(delay_s, now)
        self._pending.add(call)

    def _end(self) -> None:
        self._ending = True
        while self._pending:
            self._pending.pop().cancel()
