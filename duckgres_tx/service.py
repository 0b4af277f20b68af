"""The server as a Twisted service: what `twistd` runs.

`make_service` prepares while the operator's terminal is there (`preparation`). The service itself does the rest once the reactor runs. Its
`beginning` is a start or a takeover. When it serves, it can be taken over itself (`handover.incumbency`), and stopped, reloaded and rolled
by signals.
"""

from __future__ import annotations

import os
import signal
from typing import Any

from attrs import define, field
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from duckgres_tx import config as configuration
from duckgres_tx import control_plane
from duckgres_tx.beginning import Beginning, NoServer
from duckgres_tx.config import Config, ConfigError
from duckgres_tx.courtesy import Courtesy
from duckgres_tx.handover.activation import Passed, environment_at_start, passed_sockets
from duckgres_tx.handover.commands import Refused
from duckgres_tx.handover.incumbent import GIVEN_AWAY, Phase
from duckgres_tx.logs import share_log_file
from duckgres_tx.options import Options
from duckgres_tx.premises import Launch, Premises, furnish, launch_of
from duckgres_tx.preparation import CannotStart, Prepared, check, occupy, settle
from duckgres_tx.reload import Reloading
from duckgres_tx.server import Server
from duckgres_tx.signals import STOP_SIGNALS, Urgency, next_urgency, take_signals
from duckgres_tx.starting import StartReport, cannot_start
from duckgres_tx.tasks import start, wait_for

# they take effect after the data directory has been made, which would be the wrong user's, or elsewhere
_NOT_WITH_US = ("uid", "gid", "chroot")
# for a takeover that is being taken back, before the server that has it back is stopped
_RECLAIM_TIMEOUT_S = 5.0


@define(eq=False, slots=False)
class DuckgresService(Service):
    """One process, from the moment that the reactor runs to its end."""

    _reactor: Any
    _launch: Launch
    # None: there is a server to take over from
    _prepared: Prepared | None
    _report: StartReport
    _passed: Passed
    _courtesy: Courtesy
    # names of sockets that the service manager keeps, and that nobody listens on any more
    _unwanted: tuple[str, ...] = ()
    _premises: Premises = field(init=False)
    _beginning: Beginning = field(init=False)
    _reloading: Reloading | None = None
    _starting: Deferred[None] | None = None
    _stopping: Deferred[None] | None = None
    _urgency: Urgency = Urgency.NONE
    _in_a_hurry: Deferred[None] = field(factory=Deferred)
    _stop_asked: bool = False
    _log: Logger = field(factory=Logger)

    def startService(self) -> None:
        """Called by twistd, after it has become a daemon and before the reactor runs."""
        super().startService()
        self._report.take_over()
        self._premises = furnish(self._reactor, self._launch, self._stop_reactor, self._take_signals)
        self._beginning = Beginning(
            self._reactor, self._launch, self._premises, self._prepared, self._passed, self._unwanted
        )
        self._premises.incumbency.get_ready = self._get_ready
        self._reactor.callWhenRunning(self._begin)

    def stopService(self) -> Deferred[None]:
        """Called when the reactor stops; it goes on until this has fired."""
        super().stopService()
        self._stop_asked = True
        if self._stopping is None:
            self._stopping = Deferred.fromCoroutine(self._stop())
        return self._stopping

    # ---- the start

    def _begin(self) -> None:
        self._courtesy.end(self._reactor)
        self._take_signals()
        share_log_file(self._launch.log_file)
        for name in configuration.unknown_variables(os.environ):
            self._log.warn("the environment variable {name} is not one of this server's", name=name)
        self._starting = start(self._start(), "start the server")

    async def _start(self) -> None:
        try:
            server = await self._beginning.begin()
        except NoServer as error:
            self._fail(str(error))
        else:
            self._serve(server)
        finally:
            self._starting = None

    def _serve(self, server: Server) -> None:
        self._premises.office.opened(server)
        self._premises.incumbency.opened(server)
        self._reloading = Reloading(
            server.prepared,
            self._launch.read_again,
            self._reconfigure,
            server.crew,
            self._premises.office.reload_began,
            self._premises.office.reload_ended,
        )
        self._log.info("ready: {command}", command=server.prepared.psql_command())
        self._report.succeeded()
        beginning = self._beginning
        lent = beginning.passed.offers.lent
        own = [listener for listener in server.prepared.listeners.sockets if listener not in lent]
        self._premises.supervision.serves(own, beginning.unwanted)
        if beginning.took_over and server.workforce is not None and server.workforce.is_stale:
            if self._launch.config.roll_after_takeover:
                server.workforce.roll("a takeover by newer code or settings")
            else:
                self._log.warn(
                    "there are workers with older code or settings; they stay until they are rolled (SIGUSR2)"
                )

    async def _get_ready(self) -> None:
        """Another process is about to take over from this one."""
        # it may have been rotated
        share_log_file(self._launch.log_file)
        # who stands by would take our end for a failure, and everything back
        await self._beginning.dismiss_predecessor()

    def _fail(self, line: str) -> None:
        self._log.error("could not start: {line}", line=line)
        self._report.failed(line)
        self._urgency = max(self._urgency, Urgency.FAST)
        self._stop_reactor()

    # ---- the end

    async def _stop(self) -> None:
        if self._starting is not None:
            starting = self._starting
            self._beginning.call_off(starting)
            await starting
        server = self._beginning.server
        if server is None:
            self._beginning.discard()
        else:
            await self._end(server)
        self._premises.signposts.take_down()

    async def _end(self, server: Server) -> None:
        """End the server, or leave it to another process."""
        incumbency = self._premises.incumbency
        if incumbency.phase is Phase.RECLAIMING:
            await wait_for(incumbency.when_reclaimed(), _RECLAIM_TIMEOUT_S, self._reactor)
        incumbency.stopped()
        if incumbency.phase not in GIVEN_AWAY:
            await self._beginning.dismiss_predecessor()
            self._premises.supervision.stops(server.prepared.config.shutdown_timeout)
            await server.stop(self._urgency < Urgency.FAST, self._in_a_hurry)
        if incumbency.phase in GIVEN_AWAY:
            await server.leave()
            self._log.info("another process serves; this one has ended")
        else:
            server.prepared.discard()
            self._log.info("stopped")

    def _stop_reactor(self) -> None:
        if not self._stop_asked:
            self._stop_asked = True
            self._reactor.stop()

    # ---- signals

    def _take_signals(self) -> None:
        take_signals(
            self._reactor,
            {
                **dict.fromkeys(STOP_SIGNALS, self._asked_to_stop),
                signal.SIGHUP: self._asked_to_reload,
                signal.SIGUSR1: self._asked_to_succeed,
                signal.SIGUSR2: self._asked_to_roll,
            },
        )

    def _asked_to_stop(self, number: signal.Signals) -> None:
        self._urgency = next_urgency(self._urgency, number)
        self._log.info("got {signal}, stopping", signal=number.name)
        if self._urgency >= Urgency.FAST and not self._in_a_hurry.called:
            self._in_a_hurry.callback(None)
        if self._urgency is Urgency.IMMEDIATE and self._beginning.server is not None:
            self._beginning.server.crew.kill()
        self._stop_reactor()

    def _asked_to_reload(self, number: signal.Signals) -> None:
        if self._reloading is None or self._premises.incumbency.phase in GIVEN_AWAY:
            self._log.warn("got {signal}, but there is no server here that could reload", signal=number.name)
            return
        self._log.info("got {signal}, reading the configuration again", signal=number.name)
        self._reloading.ask()

    def _reconfigure(self, config: Config) -> None:
        """A configuration has been read again, and holds."""
        if self._beginning.server is not None:
            control_plane.reconfigure(self._beginning.server)
        self._premises.incumbency.stand_by_for(config.takeover_standby)

    def _asked_to_succeed(self, number: signal.Signals) -> None:
        self._log.info("got {signal}, starting a successor", signal=number.name)
        start(self._succeed(), "start a successor")

    async def _succeed(self) -> None:
        try:
            await self._premises.office.succeed()
        except Refused as error:
            self._log.error("no takeover: {error}", error=str(error))

    def _asked_to_roll(self, number: signal.Signals) -> None:
        try:
            answer = self._premises.office.roll(number.name)
        except Refused as error:
            answer = str(error)
        self._log.info("got {signal}: {answer}", signal=number.name, answer=answer)


def make_service(options: Options, courtesy: Courtesy) -> DuckgresService:
    """Prepare a server.

    Args:
        options: What the command line says.
        courtesy: How this process stands back until the service begins.

    Raises:
        SystemExit: It can't start; with one line of text, so that the process ends with status 1.
    """
    from twisted.internet import reactor  # noqa: PLC0415  importing it installs it

    twistd_options = options.parent if options.parent is not None else {}
    for name in _NOT_WITH_US:
        if twistd_options.get(name) is not None:
            raise cannot_start(f"twistd's --{name} is not supported: start it as the user that it shall run as")
    report = StartReport(twistd_options)
    try:
        config = options.configuration or configuration.load(options.given(), os.environ)
        check(config)
        launch = launch_of(config, options, twistd_options)
        passed = passed_sockets(environment_at_start())
        prepared: Prepared | None = None
        unwanted: tuple[str, ...] = ()
        if launch.find_incumbent() is None:
            prepared = occupy(config, passed.offers)
            unwanted = settle(prepared, passed)
    except (ConfigError, CannotStart) as error:
        raise report.refused(str(error)) from error
    return DuckgresService(reactor, launch, prepared, report, passed, courtesy, unwanted)
