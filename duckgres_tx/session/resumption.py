"""A session that comes from another worker is gone on with here. Nothing is said to the client, unless a variable has another value now."""

from __future__ import annotations

import socket
from typing import Any, Protocol

from attrs import evolve, frozen
from twisted.logger import Logger

from duckgres_tx.errors import PgError
from duckgres_tx.fault_points import FaultPoint, reached
from duckgres_tx.handover.descriptors import OwnedDescriptor
from duckgres_tx.session.acting_values import ActingValues
from duckgres_tx.session.belongings import Belongings
from duckgres_tx.session.cancellation import CancellationRegistry
from duckgres_tx.session.control_plane import AcceptedConnection, ControlPlane, Journey
from duckgres_tx.session.databases import Databases, DatabaseSlot
from duckgres_tx.session.leash import Answer, FarEnd, hold
from duckgres_tx.session.reception import Lodging
from duckgres_tx.session.session_start import SessionStart
from duckgres_tx.sql.guc_values import read_name_list

_log = Logger()


class Inn(Protocol):
    """The host, as far as resumed sessions concern it."""

    reactor: Any
    control_plane: ControlPlane
    databases: Databases
    registry: CancellationRegistry

    def start_of(self, belongings: Belongings) -> SessionStart:
        """What it would begin with if it logged in here."""

    async def lodge(self, user: str, slot: DatabaseSlot, start: SessionStart) -> Lodging:
        """Open its database, if need be, and a connection. Raises PgError."""

    def discard(self, lodging: Lodging) -> None:
        """It doesn't come."""

    def resume(self, connection: AcceptedConnection, arrival: Arrival) -> None:
        """It is here: owns the connection's descriptor from now on, whatever happens."""


@frozen(eq=False)
class Arrival:
    """A session that is here.

    Attributes:
        belongings: What it has brought.
        start: What it begins with, its own variables included.
        slot: Its database's reservation.
        lodging: What it needs.
        cancelled: Its first statement is to be cancelled.
    """

    belongings: Belongings
    start: SessionStart
    slot: DatabaseSlot
    lodging: Lodging
    cancelled: bool


class _Expected:
    """Somebody may want to cancel a statement of a session before it is here."""

    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


async def resume(host: Inn, connection: AcceptedConnection, journey: Journey) -> None:
    """Go on with a session; the descriptors are this function's from the call on.

    Whatever fails before it is here leaves it with the worker that it comes from.
    """
    reached(FaultPoint.WORKER_TAKES_SESSION)
    with OwnedDescriptor(connection.fd) as client, OwnedDescriptor(journey.leash) as leash:
        far_end = FarEnd()
        with socket.socket(fileno=leash.release()) as far:
            hold(host.reactor, far, far_end)
        try:
            arrival = await _take(host, far_end, connection.backend_pid, Belongings.from_json(journey.document))
        except (PgError, ValueError, OSError) as error:
            _log.warn("session {pid} can't come here: {error}", pid=connection.backend_pid, error=str(error))
            arrival = None
        finally:
            far_end.transport.abortConnection()
        if arrival is not None:
            client.release()
            host.resume(connection, arrival)


async def _take(host: Inn, far_end: FarEnd, backend_pid: int, belongings: Belongings) -> Arrival | None:
    slot = await host.databases.reserve(belongings.database)
    if slot is None:
        raise PgError("55000", f"database {belongings.database} is another worker's")
    lodging = None
    expected = _Expected()
    answer = Answer.NOT_YOURS
    try:
        start = with_variables(host.start_of(belongings), belongings)
        lodging = await host.lodge(belongings.user, slot, start)
        host.registry.add(backend_pid, bytes.fromhex(belongings.secret_key), expected)
        answer = await far_end.take(host.reactor)
    finally:
        if answer is Answer.NOT_YOURS:
            if lodging is not None:
                host.registry.remove(backend_pid, expected)
                host.discard(lodging)
            host.databases.release(slot)
    if answer is Answer.NOT_YOURS:
        return None
    reached(FaultPoint.WORKER_RESUMES_SESSION)
    cancelled = expected.cancelled or answer is Answer.YOURS_CANCELLED
    return Arrival(belongings, start, slot, lodging, cancelled)


def with_variables(start: SessionStart, belongings: Belongings) -> SessionStart:
    """What a session begins with that has set variables before."""
    variables = start.variables.copy()
    variables.restore(belongings.variables)
    return evolve(
        start,
        variables=variables,
        acting=ActingValues.of(variables),
        search_path=read_name_list(variables.show("search_path")),
        greeting=b"",
        context={**start.context, **{f"guc.{name}": variables.show(name) for name in belongings.variables}},
    )
