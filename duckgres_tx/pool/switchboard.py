"""The control plane's mind: which worker gets a connection, who owns a database, who is told what.

It answers the front door (`route`, `cancel`) and the workers (`Desk`). It holds no socket longer than a hand-over takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from attrs import define, field
from twisted.logger import Logger

from duckgres_tx.errors import PgError
from duckgres_tx.handover import descriptors
from duckgres_tx.pool.arrival import Arrival, as_accepted, asked_for, may_try_again
from duckgres_tx.pool.assignment import Assignment, Crew, no_worker
from duckgres_tx.pool.books import Books, Gate
from duckgres_tx.pool.cancels import Cancels
from duckgres_tx.pool.commands import DescriptorMismatch, Draining, NoOwner, NotConfigured, Superseded, WorkerFault
from duckgres_tx.pool.counts import Session, Sessions
from duckgres_tx.pool.in_flight import InFlight
from duckgres_tx.pool.inventory import Inventory
from duckgres_tx.pool.link import LinkLost
from duckgres_tx.pool.moves import Moves
from duckgres_tx.pool.placement import Placement
from duckgres_tx.pool.servers import SessionServer
from duckgres_tx.pool.waiting_room import Moved, RoomState, WaitingRoom
from duckgres_tx.session.control_plane import Departure
from duckgres_tx.tasks import start

__all__ = ["Arrival", "Crew", "Gate", "Switchboard", "asked_for"]

_ATTEMPTS = 3
# refusals that are being said at once
MAX_REFUSALS = 256


@define(eq=False)
class Switchboard:
    """Implements `Desk`.

    Attributes:
        room: Where connections wait during a takeover.
        handing: Connections that have been sent to a worker, which has not answered yet.
        books: The sessions that there are.
        assignment: Who waits for a worker.
        cancels: CancelRequests on their way.
        moves: Sessions that go from one worker to another.
    """

    _clock: Any
    _admission: Gate
    placement: Placement
    # for when there is no worker to say a refusal: gets the socket (still the caller's) and the error
    _refuse_here: Callable[[int, PgError], None]
    books: Books = field(init=False)
    room: WaitingRoom[Arrival] = field(init=False)
    handing: InFlight = field(init=False)
    assignment: Assignment = field(init=False)
    cancels: Cancels = field(init=False)
    moves: Moves = field(init=False)
    _refusing: int = 0
    _log: Logger = field(factory=Logger)

    def __attrs_post_init__(self) -> None:
        self.books = Books(self._admission, self.placement)
        self.room = WaitingRoom()
        self.handing = InFlight(self._clock)
        self.assignment = Assignment(self._clock, self.placement, self.room)
        self.cancels = Cancels(self._clock, self.assignment, self.books.sessions)
        self.moves = Moves(self.assignment, self.books, self.handing)

    @property
    def crew(self) -> Crew:
        """The workers; given after the switchboard is made, because they need it."""
        return self.assignment.crew

    @crew.setter
    def crew(self, crew: Crew) -> None:
        self.assignment.crew = crew

    @property
    def sessions(self) -> Sessions:
        """The sessions that there are."""
        return self.books.sessions

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
        """Carry a CancelRequest to the worker that has the session; see `Cancels.carry`."""
        await self.cancels.carry(backend_pid, secret_key)

    async def signal(self, backend_pid: int, order: str) -> None:
        """See `Desk.signal`."""
        await self.cancels.signal(backend_pid, order)

    # ---- for a takeover

    def hold(self) -> None:
        """Hand nothing over from now on: who waits for a worker, or comes, waits in the `room`."""
        self.room.hold()
        self.something_changed()

    def reopen(self) -> None:
        """Go on as before."""
        self.room.reopen()

    @property
    def waiting(self) -> int:
        """Clients that wait for a worker."""
        return self.assignment.waiting + len(self.room.inside())

    def something_changed(self) -> None:
        """See `Board.something_changed`: whoever waits looks again."""
        self.assignment.something_changed()

    def leave(self) -> None:
        """Another control plane serves: who was given to it is its own, and who wasn't is told that there is no worker."""
        if self.room.state is RoomState.OPEN:
            self.close()
        else:
            self.room.abandon()

    def close(self) -> None:
        """The server ends: nobody waits for a worker any more."""
        self.room.reopen()
        self.assignment.close()

    # ---- for the workers

    async def claim_database(self, worker: SessionServer, name: str) -> bool:
        """See `Desk.claim_database`."""
        return await self.assignment.claim(worker, name)

    async def relay_connection(
        self, worker: SessionServer, fd: int, prefix: bytes, remote_host: str, remote_port: int
    ) -> None:
        """See `Desk.relay_connection`."""
        with descriptors.OwnedDescriptor(fd):
            database = asked_for(prefix)
            arrival = Arrival(fd, remote_host, remote_port, prefix, database, relayed=True)
            try:
                if database is not None:
                    await self.assignment.settle(arrival, database)
                handed = await self._hand_over(arrival)
            except PgError as error:
                raise NoOwner(error.message) from error
            except Moved as error:
                raise NoOwner("another control plane serves now") from error
            if not handed:
                raise NoOwner("the owner of the database has just died")
            self._log.info("{worker} relayed a session on database {name!r}", worker=worker.name, name=database)

    async def move_session(self, worker: SessionServer, departure: Departure) -> None:
        """See `Desk.move_session`."""
        await self.moves.carry(worker, departure)

    async def release_database(self, worker: SessionServer, name: str) -> int:
        """See `Desk.release_database`. With no session left, the database is the asker's, so nobody opens what it drops."""
        owner = self.placement.owner(name)
        if owner is not None and owner is not worker:
            try:
                sessions = await owner.drain(0.0, name)
            except (LinkLost, NotConfigured, Superseded):
                # it is dying, or not ours any more; what it owns is freed when it has died
                sessions = 1
            if sessions:
                return sessions
        self.placement.give(name, worker)
        return 0

    def database_closed(self, worker: SessionServer, name: str) -> None:
        """See `Desk.database_closed`."""
        self.placement.closed(name, worker)
        self.something_changed()

    def session_opened(
        self,
        worker: SessionServer,
        backend_pid: int,
        user: str,
        database: str,
        remote_host: str | None = None,
        admitted: bool | None = None,
    ) -> None:
        """See `Desk.session_opened`."""
        self.books.opened(worker, backend_pid, user, database, remote_host, admitted)

    def session_closed(self, worker: SessionServer, backend_pid: int) -> None:
        """See `Desk.session_closed`."""
        self.books.closed_by(worker, backend_pid)

    def login_failed(self, remote_host: str) -> None:
        """See `Desk.login_failed`."""
        self._admission.login_failed(remote_host)

    def login_succeeded(self, remote_host: str) -> None:
        """See `Desk.login_succeeded`."""
        self._admission.login_succeeded(remote_host)

    def sessions_of_others(self, worker: SessionServer) -> list[Session]:
        """See `Desk.sessions_of_others`."""
        return self.sessions.of_others(worker)

    def cancel_elsewhere(self, backend_pid: int, secret_key: bytes) -> None:
        """See `Desk.cancel_elsewhere`."""
        start(self.cancel(backend_pid, secret_key), "cancel a query of another worker")

    def heard_from(self, worker: Any) -> None:
        """See `Desk.heard_from`."""
        self.books.heard_from(worker)
        # its link may just have been mended
        self.something_changed()

    # ---- for the roster

    def promoted(self, epoch: int) -> None:
        """See `Board.promoted`."""
        self.books.promoted(epoch)

    def entered(self, worker: SessionServer, inventory: Inventory) -> None:
        """See `Desk.entered`."""
        self.books.entered(worker, inventory)
        self.something_changed()

    def count(self, worker: SessionServer) -> int:
        """See `Board.count`."""
        return self.sessions.count(worker)

    def worker_died(self, worker: SessionServer) -> tuple[list[Session], tuple[str, ...]]:
        """See `Board.worker_died`."""
        died = self.books.worker_died(worker)
        self.something_changed()
        return died

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
            worker = await self.assignment.find(arrival)
            session = self.sessions.begin(worker, arrival.remote_host, admitted=not arrival.relayed)
            try:
                with self.handing.one_more():
                    await worker.accept(as_accepted(arrival, session.backend_pid))
            except (Draining, NotConfigured):
                self.sessions.end(session.backend_pid)
            except DescriptorMismatch:
                # its descriptor was lost on the way, and with the link the confusion ends
                self.sessions.end(session.backend_pid)
            except (LinkLost, WorkerFault) as error:
                self.sessions.end(session.backend_pid)
                if not await may_try_again(worker, arrival):
                    self._log.warn("{worker} lost a connection: {error}", worker=worker.name, error=str(error))
                    return False
            else:
                return True
        raise no_worker()

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
                    await worker.accept(as_accepted(arrival, session.backend_pid, refusal=refusal.fatal()))
            except (Draining, NotConfigured, DescriptorMismatch, LinkLost, WorkerFault):
                self.sessions.end(session.backend_pid)
        finally:
            self._refusing -= 1


def _least_loaded(workers: Iterable[SessionServer], sessions: Sessions) -> list[SessionServer]:
    return sorted(workers, key=sessions.count)
