"""How a process comes to have a server: it starts one afresh, or takes over from another process."""

from __future__ import annotations

import time
from typing import Any

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from duckgres_tx import control_plane
from duckgres_tx.handover.activation import Passed, storage_name
from duckgres_tx.handover.candidacy import Candidacy, ToldOff
from duckgres_tx.handover.status import EventStatus
from duckgres_tx.handover.takings import Takings
from duckgres_tx.pool.servers import WorkerStartFailed
from duckgres_tx.premises import Launch, Premises
from duckgres_tx.preparation import CannotStart, Prepared, occupy, settle
from duckgres_tx.server import Server


class NoServer(Exception):
    """There won't be one; one line of text says why."""


@define(eq=False)
class Beginning:
    """One for a process.

    Attributes:
        server: The server, as soon as there is one, running or not; None when it has been undone.
        unwanted: Names of sockets that the service manager keeps, and that nobody listens on any more.
    """

    _reactor: Any
    _launch: Launch
    _premises: Premises
    # None: there is a server to take over from
    _prepared: Prepared | None
    passed: Passed
    unwanted: tuple[str, ...]
    server: Server | None = None
    _candidacy: Candidacy | None = None
    _log: Logger = field(factory=Logger)

    @property
    def took_over(self) -> bool:
        """Whether this process serves, or shall serve, instead of another one."""
        return self._candidacy is not None

    async def begin(self) -> Server:
        """Returns when the server serves. May be cancelled, if `call_off` says so.

        Raises:
            NoServer: What had been begun is undone, as far as that is not for `Server.stop`.
        """
        try:
            return await (self._take_over() if self._prepared is None else self._start_afresh(self._prepared))
        except (WorkerStartFailed, CannotStart, ToldOff) as error:
            raise NoServer(str(error)) from error
        except CancelledError as error:
            raise NoServer("was told to stop while it was starting") from error
        except Exception as error:
            self._log.failure("could not start the server")
            raise NoServer("an unexpected error, see the log") from error

    def call_off(self, beginning: Deferred[None]) -> None:
        """Nobody wants a server any more.

        Args:
            beginning: What waits for `begin`; it ends soon.
        """
        if self._candidacy is None:
            beginning.cancel()
        else:
            self._candidacy.stop()

    async def dismiss_predecessor(self) -> None:
        """If another process stands by, it needn't any more."""
        if self._candidacy is not None:
            await self._candidacy.dismiss()

    def discard(self) -> None:
        """The process ends and has never had a server."""
        if self.server is None and self._prepared is not None:
            self._prepared.discard()

    async def _start_afresh(self, prepared: Prepared) -> Server:
        self.server = server = control_plane.build(self._reactor, prepared, self._superseded)
        try:
            self._premises.signposts.put_up()
        except OSError as error:
            what = f"{error.filename or prepared.config.handover_path}: {error.strerror or error}"
            if prepared.config.handover is not None:
                raise CannotStart(what) from error
            self._log.warn("this server can't be asked for its status, nor be taken over: {what}", what=what)
        await server.start()
        server.open()
        return server

    async def _take_over(self) -> Server:
        self._candidacy = candidacy = Candidacy(
            self._reactor,
            self._launch.config.handover_path,
            self._launch.directories,
            self._build,
            self._premises.signposts,
            self._superseded,
        )
        try:
            await candidacy.take_over()
        except ToldOff:
            # whatever there was of a server is undone
            self.server = None
            raise
        if self.server is None:
            raise ToldOff("there is no server")
        self._premises.office.last_takeover = EventStatus(at=time.time(), detail=f"from process {candidacy.incumbent}")
        return self.server

    def _build(self, takings: Takings) -> Server:
        self.passed.join(takings.offers)
        prepared = occupy(self._launch.config, takings.offers, takings.locks)
        self.unwanted = (*settle(prepared, self.passed), *map(storage_name, takings.offers.sockets))
        self.server = control_plane.build(self._reactor, prepared, self._superseded)
        return self.server

    def _superseded(self) -> None:
        self._log.warn("the workers obey another control plane, which has come after this one: this one ends")
        self._premises.incumbency.superseded()
