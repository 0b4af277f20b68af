"""The stage of a session that is on its way to another worker: nothing of it is left here but its client's socket, which nobody reads.

What the client sends meanwhile waits in the socket. The session goes to whoever opens its database next, and stays this worker's until that
one is ready (`leash`). If nobody takes it in time, the client hears 57P01, as if there were no moving.
"""

from __future__ import annotations

import os
import select
import socket
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater
from twisted.logger import Logger

from duckgres_tx.errors import PgError
from duckgres_tx.fault_points import FaultPoint, reached
from duckgres_tx.handover.descriptors import OwnedDescriptor, detach_socket, duplicate
from duckgres_tx.session.belongings import Belongings
from duckgres_tx.session.cancellation import admin_shutdown
from duckgres_tx.session.client import Client
from duckgres_tx.session.control_plane import AskAgain, Departure
from duckgres_tx.session.leash import NearEnd, hold
from duckgres_tx.tasks import wait_for

# From the moment at which the database is closed here.
MOVE_TIMEOUT_S = 60.0
# For a worker that has the session to open its database.
TAKE_TIMEOUT_S = 30.0
# When the control plane was replaced while it was asked: for whoever got the session from it.
REPLACED_TIMEOUT_S = 5.0
# Before the second attempt; twice as long before each after that. A worker that has died over the first is replaced within these.
AGAIN_S = 0.25
ATTEMPTS = 6
# When everybody is stopped: the database may have been closed just now.
LAST_CHANCE_S = 2.5


class Moving:
    """One session on its way.

    Args:
        client: Its connection; nothing is read from it any more.
        backend_pid: As its client sees it.
        belongings: What it takes along.
        offers: Bounds how many are offered at a time.
    """

    logged_in = True
    _log = Logger()

    def __init__(self, client: Client, backend_pid: int, belongings: Belongings, offers: DeferredSemaphore) -> None:
        self._offers = offers
        self._client = client
        self._backend_pid = backend_pid
        self._belongings = belongings
        self._near: NearEnd | None = None
        self._over = False
        self._moved = False
        self._cancelled = False
        self._last_chance: IDelayedCall | None = None

    # the connection's and the host's side

    def receive(self, data: bytes) -> None:
        """What was on its way through the transport when reading was paused goes along."""
        self._belongings = evolve(self._belongings, unread=self._belongings.unread + data.hex())

    def leave(self, *, now: bool) -> None:
        """Everybody is stopped: it has a moment more."""
        if now and self._last_chance is None and not self._over:
            self._last_chance = self._client.host.reactor.callLater(LAST_CHANCE_S, self._give_up)

    def end_of_input(self) -> None:
        """The worker that relays it ends it."""
        self._give_up()

    def lost(self) -> None:
        """The transport is gone: the session has moved, or its client has hung up."""
        self._end()
        self._client.host.departed(self._backend_pid, self)
        if self._moved:
            self._client.host.control_plane.session_moved(self._backend_pid)
        self._client.finished()

    def cancel(self) -> None:
        """A CancelRequest: it is about what waits unread, if something does."""
        if self._belongings.unread or _is_readable(self._client.transport.fileno()):
            self._cancelled = True

    # the way

    async def go(self) -> None:
        """Find a worker that takes it; ends when it has moved, or its client has heard that it can't."""
        reached(FaultPoint.WORKER_PARKS_SESSION)
        host = self._client.host
        await host.databases.when_gone(self._belongings.database)
        deadline = host.reactor.seconds() + MOVE_TIMEOUT_S
        attempts = 0
        while not self._over and attempts < ATTEMPTS and host.reactor.seconds() < deadline:
            pause_s = AGAIN_S * 2**attempts
            try:
                await self._attempt()
                attempts += 1
            except AskAgain:
                # as long as there is no control plane
                pass
            except PgError as error:
                attempts += 1
                self._log.info("session {pid} can't move now: {error}", pid=self._backend_pid, error=error.message)
            if not self._over:
                await deferLater(host.reactor, pause_s)
        self._give_up()

    async def _attempt(self) -> None:
        """Offer it once; over when it has moved, when nobody has it, or when it was called off.

        Raises:
            AskAgain: Whether it was offered to anybody is unknown, and it was called off.
            PgError: Nobody can take it.
        """
        clock: Any = self._client.host.reactor
        await self._offers.acquire()
        try:
            end = await self._offer(clock)
        finally:
            self._offers.release()
        try:
            await _within(end.over, TAKE_TIMEOUT_S, clock)
        finally:
            end.call_off()

    async def _offer(self, clock: Any) -> NearEnd:
        """Send it on; what becomes of it the end tells. Raises as `_attempt`."""
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with near, OwnedDescriptor(far.detach()) as leash:
            near.setblocking(False)
            end = self._near = NearEnd(self._give)
            hold(clock, near, end)
            os.set_blocking(leash.fd, False)
            departure = self._departure(leash)
        try:
            await self._client.host.control_plane.move_session(departure)
        except AskAgain:
            await _within(end.over, REPLACED_TIMEOUT_S, clock)
            end.call_off()
            raise
        except PgError:
            end.call_off()
            raise
        return end

    def _departure(self, leash: OwnedDescriptor) -> Departure:
        accepted = self._client.accepted
        return Departure(
            fd=duplicate(self._client.transport.fileno()),
            leash=leash.release(),
            document=self._belongings.to_json(),
            backend_pid=self._backend_pid,
            database=self._belongings.database,
            remote_host=accepted.remote_host,
            remote_port=accepted.remote_port,
            relayed=accepted.relayed,
        )

    def _give(self) -> None:
        """Somebody is ready for it."""
        near = self._near
        if near is None or self._over:
            return
        self._over = self._moved = True
        reached(FaultPoint.WORKER_GIVES_SESSION)
        near.give(cancelled=self._cancelled)
        # the transport says that it is lost, but its socket lives on elsewhere
        os.close(detach_socket(self._client.transport))

    def _give_up(self) -> None:
        if not self._over:
            self._end()
            self._client.fatal(admin_shutdown())

    def _end(self) -> None:
        """Nobody may take it from here on."""
        self._over = True
        if self._last_chance is not None and self._last_chance.active():
            self._last_chance.cancel()
        if self._near is not None:
            self._near.call_off()


async def _within(over: Deferred[None], seconds: float, clock: Any) -> None:
    await wait_for(over, seconds, clock)


def _is_readable(fd: int) -> bool:
    look = select.poll()
    look.register(fd, select.POLLIN)
    return bool(look.poll(0))
