"""The main program of a worker process.

It is started by `spawning` as ``python -P -m duckgres_tx.pool.child`` with:

- descriptor 3: a listening UNIX socket, bound by the control plane; each control plane connects there;
- descriptors 1 and 2: a file beside that socket, opened for appending, which the control plane that is in charge reads and empties from
  time to time. `logs.WorkerLog` writes one JSON line per event; anything else that lands there (a crash report, a library's complaint)
  is logged as it is.

So nothing ties it to the process that has started it: it goes on when that one dies, and the next one finds it by its socket.

Nothing secret is in the arguments or the environment: the configuration comes over the link (`Configure`).
"""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger, globalLogBeginner

from duckgres_tx.handover import descriptors
from duckgres_tx.logs import WorkerLog
from duckgres_tx.pool.employment import Employment, Host
from duckgres_tx.pool.link import Link
from duckgres_tx.pool.worker import WorkerEnd
from duckgres_tx.session.control_plane import ControlPlane
from duckgres_tx.session.settings import WorkerSettings
from duckgres_tx.tasks import start

LISTENER_FD = 3
# how long sessions may take to hear of the end
_FINISH_TIMEOUT_S = 10.0
_NOT_FOR_WORKERS = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
# for the answer to Shutdown to be read
_FAREWELL_S = 1.0


@define(eq=False, slots=False)
class WorkerProcess(ServerFactory):
    """Everything of a worker process that is not its host: links, signals, the end.

    As a factory it takes connections from processes of the same user only. There may be several at a time, such as while one control
    plane takes over from another; which of them is obeyed is decided by `Employment`.
    """

    noisy = False
    _reactor: Any
    _make_host: Callable[[WorkerSettings, ControlPlane], Host]
    employment: Employment = field(init=False)
    _orphan_watch: IDelayedCall | None = None
    _alone_since: float = 0.0
    _terminations: int = 0
    _ending: bool = False
    _stopped: bool = False
    _log: Logger = field(factory=Logger)

    def __attrs_post_init__(self) -> None:
        self.employment = Employment(self._reactor, self._make_host, self.end)

    def watch(self) -> None:
        """Count the time without a boss anew: one was lost, or somebody has come who may become it."""
        self._alone_since = self._reactor.seconds()
        self._look_again_after(self.employment.orphan_timeout_s)

    def buildProtocol(self, addr: IAddress | None) -> WorkerEnd:
        """A control plane has connected."""
        return _CheckedEnd(self.employment, self._link_lost, self._link_up)

    def end(self) -> None:
        """The host has ended: stop when the boss has heard so and hung up, or doesn't within a moment."""
        if self._ending:
            return
        self._ending = True
        if self._orphan_watch is not None:
            self._orphan_watch.cancel()
            self._orphan_watch = None
        self._reactor.callLater(0 if self.employment.control.boss is None else _FAREWELL_S, self._stop)

    def _stop(self) -> None:
        if not self._stopped:
            self._stopped = True
            self._reactor.stop()

    def terminate(self) -> None:
        """SIGTERM to the worker itself: idle sessions end, transactions may; at the second one everything ends."""
        self._terminations += 1
        if self._ending or self._terminations > 2:
            return
        if self._terminations == 1:
            self._log.info("worker {pid} got SIGTERM: it ends when its transactions have", pid=os.getpid())
            self.employment.draining = True
            start(self._drain_and_finish(), "end a worker")
        else:
            self._log.info("worker {pid} got SIGTERM again: it ends now", pid=os.getpid())
            start(self.employment.finish(_FINISH_TIMEOUT_S), "end a worker")

    async def _drain_and_finish(self) -> None:
        try:
            if self.employment.is_configured:
                await self.employment.host.drain(self.employment.drain_timeout_s)
        finally:
            await self.employment.finish(_FINISH_TIMEOUT_S)

    def _link_up(self, link: Link) -> None:
        self.watch()

    def _link_lost(self, link: Link) -> None:
        was_boss = link is self.employment.control.boss
        self.employment.control.lost(link)
        if not was_boss:
            return
        if self._ending:
            self._stop()
        else:
            self.watch()

    def _look_again_after(self, delay_s: float) -> None:
        if self._orphan_watch is not None:
            self._orphan_watch.cancel()
        self._orphan_watch = self._reactor.callLater(delay_s, self._look_for_boss)

    def _look_for_boss(self) -> None:
        self._orphan_watch = None
        control, timeout_s = self.employment.control, self.employment.orphan_timeout_s
        if control.boss is not None or control.live:
            self._look_again_after(timeout_s)
            return
        left_s = max(self._alone_since, control.empty_since) + timeout_s - self._reactor.seconds()
        if left_s > 0:
            self._look_again_after(left_s)
            return
        self._log.warn("worker {pid} has no control plane and no sessions, and ends", pid=os.getpid())
        start(self.employment.finish(_FINISH_TIMEOUT_S), "end an orphaned worker")


class _CheckedEnd(WorkerEnd):
    """A link that tells who may be believed: SO_PEERCRED must name our own user, or root."""

    def __init__(self, employment: Employment, lost: Callable[[Link], None], up: Callable[[Link], None]) -> None:
        super().__init__(employment, lost)
        self._on_up = up

    def makeConnection(self, transport: Any) -> None:
        """Connected."""
        peer = descriptors.peer_credentials(transport.getHandle().fileno())
        self.peer_pid = peer.pid
        if peer.uid not in (os.geteuid(), 0):
            self.log.error("user {uid} tried to command this worker", uid=peer.uid)
            transport.abortConnection()
            return
        super().makeConnection(transport)
        self._on_up(self)


def main() -> None:
    """Run a worker, with the host that serves clients."""
    # a pool of hosts that are something else doesn't need the engine
    from duckgres_tx.session.host import SessionHost  # noqa: PLC0415

    run(SessionHost)


def run(host: Callable[[Any, WorkerSettings, ControlPlane], Host]) -> None:
    """Run a worker until it is told to end; never returns.

    Args:
        host: Makes its host, from the reactor, the settings, and what it asks and tells.
    """
    _leave_the_parents_group()
    log = WorkerLog(2)
    globalLogBeginner.beginLoggingTo([log], redirectStandardIO=False, discardBuffer=True)

    from twisted.internet import reactor as installed  # noqa: PLC0415  importing it installs it

    reactor: Any = installed
    process = WorkerProcess(reactor, partial(host, reactor))
    # adopting duplicates the descriptor, so the original is closed
    with descriptors.OwnedDescriptor(LISTENER_FD) as listener:
        reactor.adoptStreamPort(listener.fd, socket.AF_UNIX, process)
    reactor.callWhenRunning(_take_signals, reactor, process)
    process.watch()
    reactor.run()
    log.flush()
    # native threads are joined and databases closed by now; a library's exit hooks could only hang or crash
    os._exit(0)


def _leave_the_parents_group() -> None:
    """Own session and process group, so that a Ctrl-C at the terminal reaches the control plane only.

    What else is meant for the control plane may still be sent to all processes of a service (``systemctl kill``).
    """
    for number in _NOT_FOR_WORKERS:
        signal.signal(number, signal.SIG_IGN)
    if os.getsid(0) != os.getpid():
        os.setsid()
    faulthandler.enable(file=2)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    Path("/proc/self/comm").write_text("duckgres-worker", encoding="ascii")


def _take_signals(reactor: Any, process: WorkerProcess) -> None:
    def on_sigterm(number: int, frame: Any) -> None:
        reactor.callFromThread(process.terminate)

    signal.signal(signal.SIGTERM, on_sigterm)
    # the reactor has taken it
    signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    main()
