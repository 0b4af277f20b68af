"""Putting a control plane together: workers, switchboard, admission."""

from __future__ import annotations

from functools import partial
from typing import Any

from duckgres_tx.admission import Admission
from duckgres_tx.front_door import refuse_here
from duckgres_tx.pool.local import LocalControlPlane, LocalWorker, OneWorker
from duckgres_tx.pool.placement import Placement
from duckgres_tx.pool.remote import RemoteWorker, Watcher
from duckgres_tx.pool.roster import Roster
from duckgres_tx.pool.spawning import connect_to_worker, spawn_worker
from duckgres_tx.pool.switchboard import Switchboard
from duckgres_tx.pool.worker import Host
from duckgres_tx.preparation import Prepared
from duckgres_tx.session.settings import WorkerSettings


def build(reactor: Any, prepared: Prepared) -> tuple[Roster | OneWorker, Switchboard]:
    """Make the parts and tie them; nothing runs yet.

    Returns:
        The workers (processes, or this process when ``workers`` is 0), and the switchboard before them.
    """
    config = prepared.config
    admission = Admission(reactor, config.max_connections, config.rate_limit)
    switchboard = Switchboard(reactor, admission, Placement(_default_database(prepared)), refuse_here)
    make_crew = _roster if config.workers else _one_worker
    crew = make_crew(reactor, prepared, switchboard)
    switchboard.crew = crew
    return crew, switchboard


def _roster(reactor: Any, prepared: Prepared, switchboard: Switchboard) -> Roster:
    def employ(slot: int, watcher: Watcher) -> RemoteWorker:
        name = f"worker {slot}"
        process = spawn_worker(reactor, name, slot, prepared.runtime_dir)
        connect = partial(connect_to_worker, reactor, process.path)
        return RemoteWorker(reactor, slot, f"{name} (pid {process.pid})", process, connect, switchboard, watcher)

    return Roster(
        reactor,
        prepared.config.workers,
        employ,
        prepared.worker_document,
        switchboard.worker_died,
        switchboard.something_changed,
    )


def _one_worker(reactor: Any, prepared: Prepared, switchboard: Switchboard) -> OneWorker:
    worker = LocalWorker()

    def make_host() -> Host:
        # it brings the engine with it, which a control plane with worker processes does without
        from duckgres_tx.session.host import SessionHost  # noqa: PLC0415

        return SessionHost(reactor, prepared.worker_settings(), LocalControlPlane(switchboard, worker))

    return OneWorker(worker, make_host)


def _default_database(prepared: Prepared) -> str:
    return WorkerSettings(data_dir=str(prepared.config.data_dir)).default_database
