"""Processes die or stand still at every step of a takeover, an adoption and a roll; in the end there is one server, and who wasn't hurt lives.

Each point of `duckgres_tx.fault_points` is walked once, with signal and victim in rotation. ``CHAOS=all`` in the environment walks all points
with all signals and all victims, which takes an hour.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from attrs import define, field, frozen
from succession import ENVIRONMENT, connect, serves, until, worker_of_session

from duckgres_tx.fault_points import VARIABLE, FaultPoint
from storm.fleet import ControlPlane, Fleet, FleetError, is_zombie

WORKERS = 2
DATABASES = 6
STOPPED_S = (1.0, 25.0) if os.environ.get("CHAOS") == "all" else (1.0,)
# longer than any process is stopped
DRAIN_TIMEOUT = f"{max(STOPPED_S) + 9:.0f}s"
CONVERGENCE_S = 90.0
# only reached when the newcomer has failed after it was put in charge
AFTER_A_FAILURE = {FaultPoint.INCUMBENT_RECLAIMS, FaultPoint.INCUMBENT_HAS_RECLAIMED}
# only reached when the transactions on the old worker are over
AFTER_A_DRAIN = {
    FaultPoint.ROLL_DRAINED,
    FaultPoint.ROLL_SHUT_DOWN,
    FaultPoint.ROLL_DONE,
    FaultPoint.WORKER_SHUTS_DOWN,
    FaultPoint.WORKER_PARKS_SESSION,
    FaultPoint.ROLL_MOVES_SESSION,
    FaultPoint.WORKER_TAKES_SESSION,
    FaultPoint.WORKER_GIVES_SESSION,
    FaultPoint.WORKER_RESUMES_SESSION,
}


@frozen
class Case:
    """What happens, and where.

    Attributes:
        action: ``takeover``, ``crash`` (the control plane is killed, then started again), or ``roll``.
        victim: ``incumbent`` (the one that serves), ``newcomer`` or ``worker``.
        stopped_s: How long a SIGSTOP lasts.
    """

    point: FaultPoint
    action: str
    number: signal.Signals
    victim: str
    stopped_s: float = 0.0

    @property
    def name(self) -> str:
        """For the report."""
        how = f"{self.number.name}-{self.stopped_s:.0f}s" if self.stopped_s else self.number.name
        return f"{self.action}-{self.point.value}-{how}-{self.victim}"


def _action(point: FaultPoint) -> str:
    family = point.value.partition("-")[0]
    if (
        family == "roll"
        or point.value.endswith("-session")
        or point in {FaultPoint.WORKER_DRAINS, FaultPoint.WORKER_SHUTS_DOWN}
    ):
        return "roll"
    return "crash" if family == "adoption" else "takeover"


def _victims(action: str) -> tuple[str, ...]:
    return {
        "takeover": ("incumbent", "newcomer", "worker"),
        "crash": ("newcomer", "worker"),
        "roll": ("incumbent", "worker"),
    }[action]


def cases() -> Iterator[Case]:
    """All of them, or each point once."""
    everything = os.environ.get("CHAOS") == "all"
    for turn, point in enumerate(FaultPoint):
        action = _action(point)
        victims = _victims(action)
        for place, victim in enumerate(victims):
            for kill in (True, False):
                chosen = place == turn // 2 % len(victims) and kill == (turn % 2 == 0)
                if not (everything or chosen):
                    continue
                for stopped_s in (0.0,) if kill else STOPPED_S:
                    yield Case(point, action, signal.SIGKILL if kill else signal.SIGSTOP, victim, stopped_s)


@define(eq=False)
class Scene:
    """A server that case after case happens to.

    Attributes:
        faults: The file that tells processes to die.
        sessions: In transactions, on databases of all workers.
        places: The worker of each.
        hurt: The workers that the case has a fault for.
    """

    fleet: Fleet
    faults: Path
    sessions: list[psycopg.Connection] = field(factory=list)
    movable: psycopg.Connection | None = None
    places: dict[psycopg.Connection, int] = field(factory=dict)
    hurt: set[int] = field(factory=set)

    def act(self, case: Case) -> None:
        """Do what the case says, up to its fault."""
        fleet, serving = self.fleet, self.fleet.serving
        self._reopen_sessions()
        worker = self.places[self.sessions[0]]
        self.hurt = {worker} if case.victim == "worker" else set()
        newcomer: ControlPlane | None = None
        if case.action == "crash":
            serving.send(signal.SIGKILL)
            fleet.wait_until_gone(serving, 10)
        if case.action != "roll":
            newcomer = fleet.launch()
        victim = {"incumbent": serving.pid, "worker": worker, "newcomer": newcomer.pid if newcomer else 0}[case.victim]
        lines = [f"{case.point.value} {case.number.name} {victim}"]
        if case.point in AFTER_A_FAILURE:
            lines.append(f"{FaultPoint.NEWCOMER_SERVES.value} SIGKILL self")
        self.faults.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
        if case.action == "roll":
            serving.send(signal.SIGUSR2)
            if case.point in AFTER_A_DRAIN:
                assert self.lost() == []
                self.end_transactions()
        until(lambda: lines[0] not in self.faults.read_text(encoding="ascii"), 40, f"arrival at {case.point.value}")
        if case.number is signal.SIGSTOP:
            time.sleep(case.stopped_s)
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGCONT)

    def converge(self) -> None:
        """Wait until there is one control plane with its workers; when there is none, start one, as a service manager would."""
        fleet = self.fleet
        until(
            self._is_settled, CONVERGENCE_S, f"single server: {fleet.control_planes_alive()}, {fleet.workers_alive()}"
        )
        assert serves(fleet)
        assert fleet.named_by_pidfile() == fleet.serving.pid

    def _is_settled(self) -> bool:
        fleet = self.fleet
        for plane in fleet.all:
            plane.look()
            if not plane.ready_at and not plane.gone_at:
                with contextlib.suppress(FleetError):
                    fleet.is_ready(plane)
        alive = [plane for plane in fleet.all if plane.pid and not plane.gone_at and not is_zombie(plane.pid)]
        if not alive:
            fleet.launch()
            return False
        if len(alive) != 1 or not alive[0].ready_at:
            return False
        fleet.serving = alive[0]
        return len(fleet.workers_alive()) == WORKERS

    def lost(self) -> list[str]:
        """Sessions of workers that nobody has hurt, and that are gone all the same."""
        told = []
        for session, worker in self.places.items():
            try:
                session.execute("SELECT sum(i) FROM held").fetchone()
            except psycopg.Error as error:
                if worker not in self.hurt:
                    told.append(f"session on worker {worker}: {error}")
        return told

    def _reopen_sessions(self) -> None:
        self.close_sessions()
        for number in range(DATABASES):
            session = connect(self.fleet, dbname=f"chaos{number}", sslmode="disable")
            session.execute("CREATE TEMP TABLE held AS SELECT i FROM range(10) t(i)")
            session.execute("BEGIN")
            session.execute("SELECT 1")
            self.sessions.append(session)
        # one that can move
        self.movable = connect(self.fleet, dbname="chaos0", sslmode="disable")
        self.places = {session: worker_of_session(self.fleet, session) for session in self.sessions}
        assert all(self.places.values())

    def close_sessions(self) -> None:
        """Let go of all."""
        while self.sessions:
            self.sessions.pop().close()
        if self.movable is not None:
            self.movable.close()
            self.movable = None

    def end_transactions(self) -> None:
        """So that a roll can finish."""
        for session in self.sessions:
            with contextlib.suppress(psycopg.Error):
                session.execute("COMMIT")


@define
class Stage:
    """Has one scene for all cases that end well, and makes another one when a case has left it in ruins."""

    directory: Path
    stack: contextlib.ExitStack
    scene: Scene | None = None

    def take(self) -> Scene:
        """The scene is the case's now; it is kept if the case gives it back."""
        scene, self.scene = self.scene, None
        return scene or self._make()

    def _make(self) -> Scene:
        faults = self.directory / f"faults{time.monotonic_ns()}"
        faults.touch()
        environment = {**ENVIRONMENT, "DUCKGRES_DRAIN_GRACE": "200ms", "DUCKGRES_DRAIN_TIMEOUT": DRAIN_TIMEOUT}
        fleet = self.stack.enter_context(Fleet(WORKERS, {**environment, VARIABLE: str(faults)}))
        with connect(fleet) as session:
            for number in range(DATABASES):
                session.execute(f"CREATE DATABASE chaos{number}")
        scene = Scene(fleet, faults)
        self.stack.callback(scene.close_sessions)
        return scene


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """One for the module; what it has started ends with it."""
    with contextlib.ExitStack() as stack:
        yield Stage(tmp_path_factory.mktemp("chaos"), stack)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in cases()])
def test_whatever_happens_there_is_one_server_in_the_end(stage, case):
    """One control plane with its workers, which serves; and every session that is not on a worker that was hurt."""
    scene = stage.take()
    scene.act(case)
    if case.action == "roll":
        # its transactions may finish, and then its sessions end
        lost = [] if case.point in AFTER_A_DRAIN else scene.lost()
        scene.end_transactions()
        scene.converge()
    else:
        scene.converge()
        lost = scene.lost()
    assert lost == []
    stage.scene = scene
