"""Sessions that go from one worker to another, at the control plane: it finds the next owner of their database, and passes them on."""

from __future__ import annotations

from attrs import define, field
from twisted.logger import Logger

from duckgres_tx.errors import PgError
from duckgres_tx.fault_points import FaultPoint, reached
from duckgres_tx.handover.descriptors import OwnedDescriptor
from duckgres_tx.pool.arrival import Arrival
from duckgres_tx.pool.assignment import Assignment
from duckgres_tx.pool.books import Books
from duckgres_tx.pool.commands import DescriptorMismatch, Draining, NoOwner, NotConfigured, WorkerFault
from duckgres_tx.pool.in_flight import InFlight
from duckgres_tx.pool.link import LinkLost
from duckgres_tx.pool.servers import SessionServer
from duckgres_tx.pool.waiting_room import Moved
from duckgres_tx.session.control_plane import AcceptedConnection, Departure, Journey

_ATTEMPTS = 3


@define(eq=False)
class Moves:
    """Whether a worker takes a session is between it and the one that gives it: see `session.leash`. Here it is only carried."""

    _assignment: Assignment
    _books: Books
    _handing: InFlight
    _log: Logger = field(factory=Logger)

    async def carry(self, worker: SessionServer, departure: Departure) -> None:
        """Pass a session on; owns its descriptors.

        Raises:
            NoOwner: Nobody can take it; it is where it was.
        """
        with OwnedDescriptor(departure.fd), OwnedDescriptor(departure.leash):
            # as one that is relayed it stays here in a takeover: the worker asks the next control plane
            arrival = Arrival(
                departure.fd, departure.remote_host, departure.remote_port, b"", departure.database, relayed=True
            )
            reached(FaultPoint.ROLL_MOVES_SESSION)
            try:
                await self._assignment.settle(arrival, departure.database)
                target = await self._hand_over(worker, arrival, departure)
            except PgError as error:
                raise NoOwner(error.message) from error
            except Moved as error:
                raise NoOwner("another control plane serves now") from error
            self._log.info(
                "session {pid} goes from {worker} to {target}",
                pid=departure.backend_pid,
                worker=worker.name,
                target=target.name,
            )

    async def _hand_over(self, worker: SessionServer, arrival: Arrival, departure: Departure) -> SessionServer:
        connection = AcceptedConnection(
            fd=departure.fd,
            backend_pid=departure.backend_pid,
            remote_host=departure.remote_host,
            remote_port=departure.remote_port,
            relayed=departure.relayed,
            journey=Journey(departure.leash, departure.document),
        )
        for _ in range(_ATTEMPTS):
            target = await self._assignment.find(arrival)
            if target is worker or not target.takes_sessions:
                raise NoOwner(f"{target.name} takes no sessions from another worker")
            self._books.heads_for(departure.backend_pid, target)
            try:
                with self._handing.one_more():
                    await target.accept(connection)
            except (Draining, NotConfigured, DescriptorMismatch):
                continue
            except (LinkLost, WorkerFault) as error:
                raise NoOwner(f"{target.name} can't take it: {error}") from error
            else:
                return target
        raise NoOwner("no worker could take it")
