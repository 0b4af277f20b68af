"""The front door: accepts connections and reads one untyped packet from each.

It works on raw non-blocking sockets that it registers with the reactor itself, not on Twisted transports: a connection is here for
one packet (`half_open`), so a transport would be built only to be taken apart again.

It answers nothing but a CancelRequest, which gets its close. An exception: when there is no worker to say a refusal, it says it here.

Who may be here, and how long, is bounded: a peer that hasn't sent its packet in time is hung up on, and when too many are waited
for, the one that has kept us waiting longest goes.

While another control plane may be about to take over, the door is *held*: it accepts nobody and reads nothing, so that what it holds can be
given away, or kept as if nothing had happened.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable
from typing import Any, Protocol

from attrs import define, field, frozen
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from duckgres_tx.accepting import Door
from duckgres_tx.errors import PgError
from duckgres_tx.half_open import HalfOpen
from duckgres_tx.listeners import Listeners
from duckgres_tx.pool.in_flight import InFlight
from duckgres_tx.pool.switchboard import Arrival
from duckgres_tx.tasks import start
from duckgres_tx.wire.backend import ErrorResponse
from duckgres_tx.wire.startup import CancelRequest, StartupMessage, StartupPacket

MAX_HALF_OPEN = 1024
MAX_CANCELS = 64
_SWEEP_INTERVAL_S = 1.0


class Routes(Protocol):
    """Where connections go from here: the switchboard."""

    def route(self, arrival: Arrival) -> Awaitable[None]:
        """Hand a connection over; owns its socket."""

    def cancel(self, backend_pid: int, secret_key: bytes) -> Awaitable[None]:
        """Carry a CancelRequest to its session."""


@frozen
class Knock:
    """A connection whose first packet is not whole yet, as it can be told to another control plane.

    Attributes:
        fd: Its socket.
        remote_host: The client's address; "" for a UNIX socket.
        remote_port: Its port.
        prefix: What was read from it so far.
        age_s: How long it has been waited for.
    """

    fd: int
    remote_host: str
    remote_port: int
    prefix: bytes
    age_s: float


@define(eq=False)
class FrontDoor:
    """Accepts on all listeners while it is open.

    Attributes:
        packet_deadline_s: How long a client may take for its first packet.
        accepted: Connections accepted so far.
    """

    _reactor: Any
    _listeners: Listeners
    _routes: Routes
    packet_deadline_s: float
    _max_half_open: int = MAX_HALF_OPEN
    accepted: int = 0
    _doors: list[Door] = field(factory=list)
    # in the order of their deadlines, which is the order of arrival
    _half_open: dict[HalfOpen, float] = field(factory=dict)
    _sweep: IDelayedCall | None = None
    _cancels: InFlight = field(init=False)
    _log: Logger = field(factory=Logger)

    def __attrs_post_init__(self) -> None:
        self._cancels = InFlight(self._reactor)

    @property
    def waiting(self) -> int:
        """Connections whose first packet is waited for."""
        return len(self._half_open)

    def open(self) -> None:
        """Start to accept, or go on after `hold`."""
        if not self._doors:
            self._doors = [Door(self._reactor, listener, self._came) for listener in self._listeners.sockets]
        for door in self._doors:
            door.open()
        for half_open in list(self._half_open):
            half_open.listen()
        self._sweep_later()

    def hold(self) -> None:
        """Accept nobody and read nothing, until `open`, `let_go` or `close`."""
        for door in self._doors:
            door.shut()
        for half_open in self._half_open:
            half_open.pause()
        self._stop_sweeping()

    def knocks(self) -> list[Knock]:
        """Who is waited for now; the sockets stay the front door's."""
        now = self._reactor.seconds()
        return [
            Knock(half_open.fileno(), *half_open.remote, half_open.prefix, self.packet_deadline_s - (deadline - now))
            for half_open, deadline in self._half_open.items()
        ]

    def let_go(self) -> None:
        """What `knocks` has told is another control plane's: the copies here are closed."""
        self._hang_up_on_all()

    def wait_for(self, knock: Knock) -> None:
        """Go on waiting for somebody who has knocked at another control plane's door. Owns the socket."""
        client = socket.socket(fileno=knock.fd)
        remote = (knock.remote_host, knock.remote_port)
        half_open = HalfOpen(self._reactor, client, remote, self._decide, self._left, knock.prefix)
        self._half_open[half_open] = self._reactor.seconds() + self.packet_deadline_s - knock.age_s
        self._half_open = dict(sorted(self._half_open.items(), key=lambda waited: waited[1]))
        self._sweep_later()
        half_open.listen()

    def close(self) -> None:
        """Stop to accept and to listen, and hang up on whoever hasn't sent its packet."""
        self._shut()
        self._listeners.close()

    def leave(self) -> None:
        """The same, but the listeners are another control plane's, who goes on with them."""
        self._shut()
        self._listeners.leave()

    async def settle(self, timeout_s: float) -> bool:
        """Wait until every CancelRequest has been carried; False when one still hasn't."""
        return await self._cancels.settle(timeout_s)

    def _shut(self) -> None:
        for door in self._doors:
            door.shut()
        self._doors.clear()
        self._hang_up_on_all()
        self._stop_sweeping()

    def _hang_up_on_all(self) -> None:
        for half_open in list(self._half_open):
            half_open.hang_up()

    def _came(self, client: socket.socket, address: Any) -> None:
        self.accepted += 1
        remote = ("", 0) if client.family == socket.AF_UNIX else (address[0], address[1])
        half_open = HalfOpen(self._reactor, client, remote, self._decide, self._left)
        self._half_open[half_open] = self._reactor.seconds() + self.packet_deadline_s
        if len(self._half_open) > self._max_half_open:
            next(iter(self._half_open)).hang_up()
        self._sweep_later()
        half_open.listen()

    def _left(self, half_open: HalfOpen) -> None:
        self._half_open.pop(half_open, None)

    def _sweep_later(self) -> None:
        if self._sweep is None and self._half_open:
            self._sweep = self._reactor.callLater(_SWEEP_INTERVAL_S, self._hang_up_on_the_late)

    def _stop_sweeping(self) -> None:
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def _hang_up_on_the_late(self) -> None:
        self._sweep = None
        now = self._reactor.seconds()
        for half_open, deadline in list(self._half_open.items()):
            if deadline > now:
                break
            half_open.hang_up()
        self._sweep_later()

    def _decide(self, half_open: HalfOpen, packet: StartupPacket | None, prefix: bytes) -> None:
        self._left(half_open)
        if isinstance(packet, CancelRequest):
            start(self._cancel(half_open.take(), packet), "cancel a query")
            return
        remote_host, remote_port = half_open.remote
        arrival = Arrival(
            fd=half_open.take().detach(),
            remote_host=remote_host,
            remote_port=remote_port,
            prefix=prefix,
            database=_database(packet),
        )
        start(_awaited(self._routes.route(arrival)), "route a connection")

    async def _cancel(self, client: socket.socket, request: CancelRequest) -> None:
        """The client waits for the close, and takes it to mean that the request has arrived."""
        with client:
            if self._cancels.count >= MAX_CANCELS:
                return
            with self._cancels.one_more():
                await self._routes.cancel(request.backend_pid, request.secret_key)


def refuse_here(fd: int, refusal: PgError) -> None:
    """Say a refusal from the front door, once, without waiting: what the socket's buffer doesn't take is lost.

    Used when no worker lives. The client may have asked for TLS; an ErrorResponse is a legal answer to that too. Doesn't own the
    socket.
    """
    with socket.socket(fileno=fd) as client:
        try:
            client.send(ErrorResponse.from_error(refusal).encode())
        except OSError:
            # it has hung up already
            pass
        finally:
            client.detach()


def _database(packet: StartupPacket | None) -> str | None:
    if not isinstance(packet, StartupMessage):
        return None
    try:
        return packet.database
    except PgError:
        # it names no user: the worker says so
        return None


async def _awaited(awaitable: Awaitable[None]) -> None:
    await awaitable
