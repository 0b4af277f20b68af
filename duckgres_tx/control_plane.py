"""Putting a control plane together: workers, switchboard, admission, front door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from duckgres_tx.admission import Admission
from duckgres_tx.config import Config
from duckgres_tx.front_door import FrontDoor, refuse_here
from duckgres_tx.pool.employment import Host
from duckgres_tx.pool.local import LocalControlPlane, LocalWorker, OneWorker
from duckgres_tx.pool.placement import Placement
from duckgres_tx.pool.retirement import SHUTDOWN_TIMEOUT_S, DrainPolicy
from duckgres_tx.pool.roster import Roster
from duckgres_tx.pool.switchboard import Switchboard
from duckgres_tx.pool.workplace import Workplace
from duckgres_tx.preparation import Prepared
from duckgres_tx.server import Crew, Server, Workforce
from duckgres_tx.session.settings import WorkerSettings

# a worker without sessions, or one that is killed for taking longer
_OWNER_ENDS_WITHIN_S = SHUTDOWN_TIMEOUT_S + 5.0


def build(reactor: Any, prepared: Prepared, superseded: Callable[[], None]) -> Server:
    """Make the parts and tie them; nothing runs yet.

    Args:
        reactor: Runs it.
        prepared: Owned by the result.
        superseded: Called once, when it turns out that the workers obey another control plane, which has come after this one.
    """
    config = prepared.config
    admission = Admission(reactor, config.max_connections, config.rate_limit)
    switchboard = Switchboard(reactor, admission, Placement(_default_database(prepared)), refuse_here)
    front_door = FrontDoor(reactor, prepared.listeners, switchboard, config.handshake_timeout)
    crew: Crew
    workforce: Workforce | None = None
    if config.workers:
        roster = _roster(reactor, prepared, switchboard)
        roster.on_superseded = superseded
        crew = workforce = roster
    else:
        crew = _one_worker(reactor, prepared, switchboard)
    switchboard.crew = crew
    return Server(prepared, crew, workforce, admission, switchboard, front_door)


def reconfigure(server: Server) -> None:
    """Have the parts of this process, not the workers, take the configuration that holds now."""
    config = server.prepared.config
    server.admission.limit(config.max_connections, config.rate_limit)
    server.front_door.packet_deadline_s = config.handshake_timeout
    if server.workforce is not None:
        server.workforce.resize(config.workers)
        server.workforce.drain_by(_drain_policy(server.switchboard, config))


def _drain_policy(switchboard: Switchboard, config: Config) -> DrainPolicy:
    """How workers let go of sessions. Who waits for one of their databases has patience for that."""
    policy = DrainPolicy(timeout_s=config.drain_timeout, grace_s=config.drain_grace)
    switchboard.assignment.owner_patience_s = policy.longest_s + _OWNER_ENDS_WITHIN_S
    return policy


def _roster(reactor: Any, prepared: Prepared, switchboard: Switchboard) -> Roster:
    config = prepared.config
    workplace = Workplace(reactor, prepared.runtime_dir, switchboard)
    policy = _drain_policy(switchboard, config)
    return Roster(reactor, config.workers, workplace, prepared.worker_document, switchboard, policy)


def _one_worker(reactor: Any, prepared: Prepared, switchboard: Switchboard) -> OneWorker:
    worker = LocalWorker()

    def make_host(settings: WorkerSettings) -> Host:
        # it brings the engine with it, which a control plane with worker processes does without
        from duckgres_tx.session.host import SessionHost  # noqa: PLC0415

        return SessionHost(reactor, settings, LocalControlPlane(switchboard, worker))

    return OneWorker(worker, prepared.worker_settings, make_host)


def _default_database(prepared: Prepared) -> str:
    return WorkerSettings(data_dir=str(prepared.config.data_dir)).default_database
