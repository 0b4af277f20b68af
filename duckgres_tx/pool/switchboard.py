"""The control plane's mind: which worker gets a connection, who owns a database, who is told what.

It answers the front door (`route`, `cancel`) and the workers (`Desk`). It holds no socket longer than a hand-over takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.logger import Logger

from duckgres_tx.errors import PgError, ProtocolViolation, Severity
from duckgres_tx.handover import descriptors
from duckgres_tx.pool.commands import DescriptorMismatch, Draining, NoOwner, NotConfigured, WorkerFault
from duckgres_tx.pool.counts import Session, Sessions
from duckgres_tx.pool.in_flight import InFlight
from duckgres_tx.pool.link import LinkLost
from duckgres_tx.pool.placement import Placement
from duckgres_tx.pool.servers import SessionServer
from duckgres_tx.pool.waiting_room import Moved, WaitingRoom
from duckgres_tx.session.control_plane import AcceptedConnection
from duckgres_tx.tasks import start
from duckgres_tx.wire.startup import StartupMessage, StartupReader

# how long a client waits for a worker to come, or for one that drains to let its database go
ROUTE_DEADLINE_S = 10.0
_ATTEMPTS = 3
# the process of a worker whose link has just broken is known to be dead this soon, if it is
DEATH_DEADLINE_S = 2.0
# refusals that are being said, and clients that wait for a worker, at once
MAX_REFUSALS = 256
MAX_WAITING = 1024

_CANNOT_CONNECT_NOW = "57P03"


@frozen
class Arrival:
    """A client that the front door has let in so far.

    Attributes:
        fd: Its socket; whoever has the `Arrival` owns it.
        remote_host: Its address; "" for a UNIX socket.
        remote_port: Its port.
        prefix: What was read from it.
        database: What it asked for, if it has said so in plain text.
        admitted: Whether it counts already: another control plane has let it in.
        relayed: It is a worker's end of a pair.
        waited_s: How long it had waited for a worker when it came here.
    """

    fd: int
    remote_host: str
    remote_port: int
    prefix: bytes
    database: str | None
    admitted: bool = False
    relayed: bool = False
    waited_s: float = 0.0


class Crew(Protocol):
    """The workers: the roster, or the one of a standalone server."""

    def ready(self) -> Sequence[SessionServer]:
        """Those that take new sessions now."""


class Gate(Protocol):
    """Who decides whether a client may come in: `Admission`."""

    def admit(self, remote_host: str) -> PgError | None:
        """Count a client in, or say why not."""

    def enter(self, remote_host: str) -> None:
        """Count a client in that another control plane has let in."""

    def closed(self, remote_host: str) -> None:
        """Count a client out."""

    def login_failed(self, remote_host: str) -> None:
        """Hold a failed login against an address."""

    def login_succeeded(self, remote_host: str) -> None:
        """Forgive an address."""


class _Nobody:
    """The crew before there is one."""

    def ready(self) -> Sequence[SessionServer]:
        return ()


@define(eq=False)
class Switchboard:
    """Implements `Desk`.

    Attributes:
        crew: The workers; given after the switchboard is made, because they need it.
        room: Where connections wait during a takeover.
        handing: Connections that have been sent to a worker, which has not answered yet.
    """

    _clock: Any
    _admission: Gate
    placement: Placement
    # for when there is no worker to say a refusal: gets the socket (still the caller's) and the error
    _refuse_here: Callable[[int, PgError], None]
    crew: Crew = field(factory=_Nobody)
    sessions: Sessions = field(factory=Sessions)
    room: WaitingRoom[Arrival] = field(init=False)
    handing: InFlight = field(init=False)
    _refusing: int = 0
    _waiting: list[Deferred[None]] = field(factory=list)
    _closed: bool = False
    _log: Logger = field(factory=Logger)

    def __attrs_post_init__(self) -> None:
        self.room = WaitingRoom(self._clock)
        self.handing = InFlight(self._clock)

    # ---- for the front door

    async def route(self, arrival: Arrival) -> None:
        """Find a worker for a client and hand it over. Owns the socket; never raises for what the world does."""
        with descriptors.OwnedDescriptor(arrival.fd) as client:
            refusal = self._let_in(arrival)
            if refusal is not None:
                await self._refuse(arrival, client.fd, refusal)
                return
            try:
                handed = await self._hand_over(arrival)
            except PgError as error:
                self._admission.closed(arrival.remote_host)
                await self._refuse(arrival, client.fd, error)
                return
            except Moved:
                handed = False
            if not handed:
                self._admission.closed(arrival.remote_host)

    def _let_in(self, arrival: Arrival) -> PgError | None:
        if arrival.admitted:
            self._admission.enter(arrival.remote_host)
            return None
        return self._admission.admit(arrival.remote_host)

    async def cancel(self, backend_pid: int, secret_key: bytes) -> None:
        """Carry a CancelRequest to the worker that has the session; a wrong one goes nowhere. Bounded by the worker's deadline."""
        session = self.sessions.get(backend_pid)
        if session is None:
            return
        try:
            await session.worker.cancel(backend_pid, secret_key)
        except (LinkLost, NotConfigured, WorkerFault, DeferredTimeoutError) as error:
            self._log.warn("{worker} can't cancel: {error}", worker=session.worker.name, error=str(error))

    # ---- for a takeover

    def hold(self) -> None:
        """Hand nothing over from now on: who waits for a worker, or comes, waits in the `room`."""
        self.room.hold()
        self.something_changed()

    def reopen(self) -> None:
        """Go on as before."""
        self.room.reopen()

    def something_changed(self) -> None:
        """A worker has become ready or died, or a database is free: whoever waits looks again."""
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(None)

    def close(self) -> None:
        """The server ends: nobody waits for a worker any more."""
        self._closed = True
        self.room.reopen()
        self.something_changed()

    # ---- for the workers

    def claim_database(self, worker: SessionServer, name: str) -> bool:
        """See `Desk.claim_database`."""
        return self.placement.claim(name, worker, self.crew.ready())

    async def relay_connection(
        self, worker: SessionServer, fd: int, prefix: bytes, remote_host: str, remote_port: int
    ) -> None:
        """See `Desk.relay_connection`."""
        with descriptors.OwnedDescriptor(fd):
            database = asked_for(prefix)
            arrival = Arrival(fd, remote_host, remote_port, prefix, database, relayed=True)
            try:
                if database is not None:
                    await self._settle(arrival, database)
                handed = await self._hand_over(arrival)
            except PgError as error:
                raise NoOwner(error.message) from error
            except Moved as error:
                raise NoOwner("another control plane serves now") from error
            if not handed:
                raise NoOwner("the owner of the database has just died")
            self._log.info("{worker} relayed a session on database {name!r}", worker=worker.name, name=database)

    async def release_database(self, worker: SessionServer, name: str) -> int:
        """See `Desk.release_database`. With no session left, the database is the asker's, so nobody opens what it drops."""
        owner = self.placement.owner(name)
        if owner is not None and owner is not worker:
            try:
                sessions = await owner.drain(0.0, name)
            except (LinkLost, NotConfigured):
                # it is dying; what it owns is freed when it has died
                sessions = 1
            if sessions:
                return sessions
        self.placement.give(name, worker)
        return 0

    def database_closed(self, worker: SessionServer, name: str) -> None:
        """See `Desk.database_closed`."""
        self.placement.closed(name, worker)
        self.something_changed()

    def session_opened(self, worker: SessionServer, backend_pid: int, user: str, database: str) -> None:
        """See `Desk.session_opened`."""
        session = self.sessions.get(backend_pid)
        if session is not None:
            session.user, session.database = user, database
            self.placement.learn(session.remote_host, database)
            self._admission.login_succeeded(session.remote_host)

    def session_closed(self, worker: SessionServer, backend_pid: int) -> None:
        """See `Desk.session_closed`."""
        session = self.sessions.end(backend_pid)
        if session is not None and session.admitted:
            self._admission.closed(session.remote_host)

    def login_failed(self, remote_host: str) -> None:
        """See `Desk.login_failed`."""
        self._admission.login_failed(remote_host)

    def login_succeeded(self, remote_host: str) -> None:
        """See `Desk.login_succeeded`."""
        self._admission.login_succeeded(remote_host)

    def cancel_elsewhere(self, backend_pid: int, secret_key: bytes) -> None:
        """See `Desk.cancel_elsewhere`."""
        start(self.cancel(backend_pid, secret_key), "cancel a query of another worker")

    def heard_from(self, worker: Any) -> None:
        """See `Desk.heard_from`: news that were lost with a link are made up for.

        A session that was handed over a moment ago may be missing in what the worker said before; so one must be missing twice.
        """
        for session in self.sessions.missing(worker, worker.live):
            if session.missed:
                self.session_closed(worker, session.backend_pid)
            session.missed = True
        # its link may just have been mended
        self.something_changed()

    def worker_died(self, worker: SessionServer) -> tuple[list[Session], tuple[str, ...]]:
        """Forget a worker. Returns the sessions that died with it, and the databases that are free now."""
        lost = self.sessions.of(worker)
        for session in lost:
            self.session_closed(worker, session.backend_pid)
        freed = self.placement.forget(worker)
        self.something_changed()
        return lost, freed

    # ---- how

    async def _hand_over(self, arrival: Arrival) -> bool:
        """Try workers until one takes it.

        Returns:
            False when a worker died over it: the client's connection is spoiled.

        Raises:
            PgError: 57P03 when there is nobody to take it; the connection is untouched.
            Moved: Another control plane has it.
        """
        for _ in range(_ATTEMPTS):
            worker = await self._find(arrival, arrival.database or self.placement.guess(arrival.remote_host))
            session = self.sessions.begin(worker, arrival.remote_host, admitted=not arrival.relayed)
            try:
                with self.handing.one_more():
                    await worker.accept(_as_accepted(arrival, session.backend_pid))
            except (Draining, NotConfigured):
                self.sessions.end(session.backend_pid)
            except DescriptorMismatch:
                # its descriptor was lost on the way, and with the link the confusion ends
                self.sessions.end(session.backend_pid)
            except (LinkLost, WorkerFault) as error:
                self.sessions.end(session.backend_pid)
                if not await _may_try_again(worker, arrival):
                    self._log.warn("{worker} lost a connection: {error}", worker=worker.name, error=str(error))
                    return False
            else:
                return True
        raise _no_worker()

    async def _settle(self, arrival: Arrival, database: str) -> None:
        """Decide now who owns a database, so that the worker that a session is relayed to doesn't relay it again."""
        if self.placement.owner(database) is None:
            self.placement.give(database, await self._find(arrival, database))

    async def _find(self, arrival: Arrival, database: str) -> SessionServer:
        """The worker for a database; waits, within a deadline, for one that is ready, or for its owner to let it go.

        Raises:
            PgError: 57P03.
            Moved: Another control plane looks for one.
        """
        deadline = self._clock.seconds() + ROUTE_DEADLINE_S - arrival.waited_s
        while True:
            await self.room.walk_through(arrival)
            worker = self.placement.choose(database, self.crew.ready())
            if worker is not None and worker.is_ready:
                return worker
            left_s = deadline - self._clock.seconds()
            if left_s <= 0 or self._closed or len(self._waiting) >= MAX_WAITING:
                raise _no_worker()
            await self._change(left_s)

    async def _change(self, deadline_s: float) -> None:
        """Wait for `something_changed`, or for the deadline."""
        waiter: Deferred[None] = Deferred()
        self._waiting.append(waiter)
        try:
            await waiter.addTimeout(deadline_s, self._clock)
        except DeferredTimeoutError:
            self._waiting.remove(waiter)

    async def _refuse(self, arrival: Arrival, fd: int, refusal: PgError) -> None:
        """Have a worker finish the handshake and say why not. Who comes when too many are being refused is just hung up on."""
        if self._refusing >= MAX_REFUSALS:
            return
        self._refusing += 1
        try:
            worker = next(iter(_least_loaded(self.crew.ready(), self.sessions)), None)
            if worker is None:
                self._refuse_here(fd, refusal.fatal())
                return
            session = self.sessions.begin(worker, arrival.remote_host, admitted=False)
            try:
                with self.handing.one_more():
                    await worker.accept(_as_accepted(arrival, session.backend_pid, refusal=refusal.fatal()))
            except (Draining, NotConfigured, DescriptorMismatch, LinkLost, WorkerFault):
                self.sessions.end(session.backend_pid)
        finally:
            self._refusing -= 1


def asked_for(prefix: bytes) -> str | None:
    """The database that a StartupMessage asks for; None when it is something else, or names nobody."""
    reader = StartupReader()
    reader.feed(prefix)
    try:
        packet = reader.read()
        return packet.database if isinstance(packet, StartupMessage) else None
    except (ProtocolViolation, PgError):
        return None


async def _may_try_again(worker: SessionServer, arrival: Arrival) -> bool:
    """Whether a connection that got no answer can go to another worker: its own is dead, and has not touched it."""
    if not await worker.is_dead_within(DEATH_DEADLINE_S):
        return False
    if arrival.relayed:
        # the relaying worker neither reads nor writes its end of the pair before it has our answer
        return not descriptors.has_unread_output(arrival.fd)
    return descriptors.is_untouched(arrival.fd, len(arrival.prefix))


def _as_accepted(arrival: Arrival, backend_pid: int, refusal: PgError | None = None) -> AcceptedConnection:
    return AcceptedConnection(
        fd=arrival.fd,
        backend_pid=backend_pid,
        remote_host=arrival.remote_host,
        remote_port=arrival.remote_port,
        prefix=arrival.prefix,
        refusal=refusal,
        relayed=arrival.relayed,
    )


def _least_loaded(workers: Iterable[SessionServer], sessions: Sessions) -> list[SessionServer]:
    return sorted(workers, key=sessions.count)


def _no_worker() -> PgError:
    return PgError(
        _CANNOT_CONNECT_NOW,
        "the database system is not accepting connections",
        hint="Its workers are being restarted; try again in a moment.",
        severity=Severity.FATAL,
    )
