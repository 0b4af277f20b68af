"""The server as a Twisted service: what `twistd` runs.

`makeService` prepares while the operator's terminal is there (`preparation`); the service itself does the rest once the reactor runs:
workers first, then the front door, then the ``ready`` line. Signals: SIGTERM lets transactions finish, SIGINT doesn't, and a second one of
either makes it quick.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import Any, Protocol

from attrs import define, field
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.logger import Logger

from duckgres_tx import config as configuration
from duckgres_tx import control_plane
from duckgres_tx.config import ConfigError
from duckgres_tx.front_door import FrontDoor
from duckgres_tx.options import Options
from duckgres_tx.pool.servers import SessionServer, WorkerStartFailed
from duckgres_tx.pool.switchboard import Switchboard
from duckgres_tx.preparation import CannotStart, Prepared, prepare
from duckgres_tx.starting import StartReport
from duckgres_tx.tasks import start

__all__ = ["DuckgresService", "Options", "makeService"]

SHUTDOWN_TIMEOUT_S = 10.0
_HURRIED_TIMEOUT_S = 2.0
# they take effect after the data directory has been made, which would be the wrong user's, or elsewhere
_NOT_WITH_US = ("uid", "gid", "chroot")


class RunningCrew(Protocol):
    """The workers, as far as the service is concerned."""

    async def start(self) -> None:
        """Start all; returns when clients can be served. Raises `WorkerStartFailed`."""

    def ready(self) -> Sequence[SessionServer]:
        """Those that serve."""

    async def drain(self, timeout_s: float) -> int:
        """Let transactions finish."""

    async def shutdown(self, timeout_s: float) -> None:
        """End all."""

    def kill(self) -> None:
        """End all now."""


@define(eq=False, slots=False)
class DuckgresService(Service):
    """One server, from the moment that the reactor runs to its end."""

    _reactor: Any
    _prepared: Prepared
    _report: StartReport
    _crew: RunningCrew = field(init=False)
    _switchboard: Switchboard = field(init=False)
    _front_door: FrontDoor = field(init=False)
    _starting: Deferred[None] | None = None
    _stopping: Deferred[None] | None = None
    _in_a_hurry: Deferred[None] = field(factory=Deferred)
    _impatience: int = 0
    _patient: bool = True
    _stop_asked: bool = False
    _log: Logger = field(factory=Logger)

    def startService(self) -> None:
        """Called by twistd, after it has become a daemon and before the reactor runs."""
        super().startService()
        self._report.take_over()
        self._crew, self._switchboard = control_plane.build(self._reactor, self._prepared)
        self._front_door = FrontDoor(
            self._reactor, self._prepared.listeners, self._switchboard, self._prepared.config.handshake_timeout
        )
        self._reactor.callWhenRunning(self._begin)

    def stopService(self) -> Deferred[None]:
        """Called when the reactor stops; it goes on until this has fired."""
        super().stopService()
        self._stop_asked = True
        if self._stopping is None:
            self._stopping = Deferred.fromCoroutine(self._stop())
        return self._stopping

    def _begin(self) -> None:
        self._take_signals()
        for name in configuration.unknown_variables(os.environ):
            self._log.warn("the environment variable {name} is not one of this server's", name=name)
        self._starting = start(self._start(), "start the server")

    async def _start(self) -> None:
        try:
            await self._crew.start()
        except WorkerStartFailed as error:
            self._fail(str(error))
            return
        except CancelledError:
            self._fail("was told to stop while it was starting")
            raise
        except Exception:
            self._fail("an unexpected error, see the log")
            raise
        finally:
            self._starting = None
        self._front_door.open()
        if self._prepared.config.handover is not None:
            self._log.warn(
                "handover: this version does not take over from a running server yet; {path} is not used",
                path=str(self._prepared.config.handover),
            )
        self._log.info("ready: {command}", command=self._prepared.psql_command())
        self._report.succeeded()

    def _fail(self, line: str) -> None:
        self._log.error("could not start: {line}", line=line)
        self._report.failed(line)
        self._patient = False
        self._stop_reactor()

    async def _stop(self) -> None:
        """Stop accepting, let transactions finish, end the workers, let go of everything."""
        if self._starting is not None:
            self._starting.cancel()
        self._front_door.close()
        self._switchboard.close()
        if self._patient and self._crew.ready():
            drained: Deferred[Any] = start(self._crew.drain(self._prepared.config.shutdown_timeout), "drain")
            waits_no_longer: Deferred[Any] = self._in_a_hurry
            # whichever comes first: all have finished, or somebody can't wait
            await DeferredList([drained, waits_no_longer], fireOnOneCallback=True)
        await self._crew.shutdown(SHUTDOWN_TIMEOUT_S if self._patient else _HURRIED_TIMEOUT_S)
        self._prepared.discard()
        self._log.info("stopped")

    def _take_signals(self) -> None:
        """Instead of Twisted's own, which would end the process by the signal that stopped it, as if it had been killed."""

        def asked(number: int, frame: Any) -> None:
            self._reactor.callFromThread(self._asked_to_stop, signal.Signals(number))

        signal.signal(signal.SIGTERM, asked)
        signal.signal(signal.SIGINT, asked)
        signal.signal(signal.SIGHUP, self._hung_up)

    def _asked_to_stop(self, number: signal.Signals) -> None:
        self._impatience += 1
        self._log.info("got {signal}, stopping", signal=number.name)
        if number is signal.SIGINT or self._impatience > 1:
            self._patient = False
            if not self._in_a_hurry.called:
                self._in_a_hurry.callback(None)
        if self._impatience > 2:
            self._crew.kill()
        self._stop_reactor()

    def _hung_up(self, number: int, frame: Any) -> None:
        def say() -> None:
            self._log.warn("got SIGHUP: the configuration is read at the start only")

        self._reactor.callFromThread(say)

    def _stop_reactor(self) -> None:
        if not self._stop_asked:
            self._stop_asked = True
            self._reactor.stop()


def makeService(options: Options) -> DuckgresService:
    """Prepare a server; called by twistd before it becomes a daemon.

    Raises:
        SystemExit: It can't start; with one line of text, so that the process ends with status 1.
    """
    from twisted.internet import reactor  # noqa: PLC0415  importing it installs it

    twistd_options = options.parent if options.parent is not None else {}
    for name in _NOT_WITH_US:
        if twistd_options.get(name) is not None:
            raise SystemExit(f"duckgres: twistd's --{name} is not supported: start it as the user that it shall run as")
    report = StartReport(twistd_options)
    try:
        prepared = prepare(configuration.load(options.given(), os.environ))
    except (ConfigError, CannotStart) as error:
        raise SystemExit(f"duckgres: {error}") from error
    return DuckgresService(reactor, prepared, report)
