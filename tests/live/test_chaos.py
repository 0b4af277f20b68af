"""Processes die or stand still at every step of a takeover, an adoption and a roll; in the end there is one server, and who wasn't hurt lives.

Some points of `duckgres_tx.fault_points` are walked, with signal and victim in rotation. ``CHAOS=all`` in the environment walks all points
with all signals and all victims, which takes an hour. What happens to sessions on the move is `test_chaos_of_moves`' to walk.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from attrs import define, field, frozen
from stricken import EVERYTHING, STOPPED_S, Stage, Stricken, resume, stricken
from succession import connect, worker_of_session

from duckgres_tx.fault_points import FaultPoint
from storm.fleet import ControlPlane

WORKERS = 2
DATABASES = 6
# one for each stretch of the way; the others differ from their neighbours in little but the line of code
WALKED_ALWAYS = (
    FaultPoint.NEWCOMER_HAS_DESCRIPTORS,
    FaultPoint.NEWCOMER_HAS_COMMITTED,
    FaultPoint.NEWCOMER_HAS_OPENED,
    FaultPoint.INCUMBENT_SENDS_DESCRIPTORS,
    FaultPoint.INCUMBENT_HOLDS,
    FaultPoint.INCUMBENT_COMMITS,
    FaultPoint.INCUMBENT_HAS_RECLAIMED,
    FaultPoint.ADOPTION_PROMOTES,
    FaultPoint.ROLL_BEGINS,
    FaultPoint.ROLL_HIRED,
    FaultPoint.ROLL_DRAINS,
    FaultPoint.WORKER_CONFIGURES,
)
# only reached when the newcomer has failed after it was put in charge
AFTER_A_FAILURE = {FaultPoint.INCUMBENT_RECLAIMS, FaultPoint.INCUMBENT_HAS_RECLAIMED}
# only reached when the transactions on the old worker are over
AFTER_A_DRAIN = {
    FaultPoint.ROLL_DRAINED,
    FaultPoint.ROLL_SHUT_DOWN,
    FaultPoint.ROLL_DONE,
    FaultPoint.WORKER_SHUTS_DOWN,
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
    if family == "roll" or point in {FaultPoint.WORKER_DRAINS, FaultPoint.WORKER_SHUTS_DOWN}:
        return "roll"
    return "crash" if family == "adoption" else "takeover"


def _victims(action: str) -> tuple[str, ...]:
    return {
        "takeover": ("incumbent", "newcomer", "worker"),
        "crash": ("newcomer", "worker"),
        "roll": ("incumbent", "worker"),
    }[action]


def cases() -> Iterator[Case]:
    """All of them, or each of some points once."""
    points = [point for point in FaultPoint if not point.value.endswith("-session")]
    for turn, point in enumerate(points if EVERYTHING else WALKED_ALWAYS):
        action = _action(point)
        victims = _victims(action)
        for place, victim in enumerate(victims):
            for kill in (True, False):
                chosen = place == turn // 2 % len(victims) and kill == (turn % 2 == 0)
                if not (EVERYTHING or chosen):
                    continue
                for stopped_s in (0.0,) if kill else STOPPED_S:
                    yield Case(point, action, signal.SIGKILL if kill else signal.SIGSTOP, victim, stopped_s)


@define(eq=False)
class Scene:
    """A server that case after case happens to.

    Attributes:
        sessions: In transactions, on databases of all workers.
        places: The worker of each.
        hurt: The workers that the case has a fault for.
    """

    server: Stricken
    sessions: list[psycopg.Connection] = field(factory=list)
    places: dict[psycopg.Connection, int] = field(factory=dict)
    hurt: set[int] = field(factory=set)

    def act(self, case: Case) -> None:
        """Do what the case says, up to its fault."""
        server, fleet = self.server, self.server.fleet
        serving = fleet.serving
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
        before = [f"{FaultPoint.NEWCOMER_SERVES.value} SIGKILL self"] if case.point in AFTER_A_FAILURE else []
        line = server.arm(case.point, case.number, victim, *before)
        if case.action == "roll":
            serving.send(signal.SIGUSR2)
            if case.point in AFTER_A_DRAIN:
                assert self.lost() == []
                self.end_transactions()
        server.await_strike(line)
        if case.number is signal.SIGSTOP:
            time.sleep(case.stopped_s)
            resume(victim)

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
            session = connect(self.server.fleet, dbname=f"chaos{number}", sslmode="disable")
            session.execute("CREATE TEMP TABLE held AS SELECT i FROM range(10) t(i)")
            session.execute("BEGIN")
            session.execute("SELECT 1")
            self.sessions.append(session)
        self.places = {session: worker_of_session(self.server.fleet, session) for session in self.sessions}
        assert all(self.places.values())

    def close_sessions(self) -> None:
        """Let go of all."""
        while self.sessions:
            self.sessions.pop().close()

    def end_transactions(self) -> None:
        """So that a roll can finish."""
        for session in self.sessions:
            with contextlib.suppress(psycopg.Error):
                session.execute("COMMIT")


def make_scene(directory: Path, stack: contextlib.ExitStack) -> Scene:
    """A server with the databases; what it has started ends with the stack."""
    server = stack.enter_context(stricken(directory, WORKERS, {"DUCKGRES_DRAIN_GRACE": "200ms"}))
    with connect(server.fleet) as session:
        for number in range(DATABASES):
            session.execute(f"CREATE DATABASE chaos{number}")
    scene = Scene(server)
    stack.callback(scene.close_sessions)
    return scene


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """One for the module; what it has started ends with it."""
    with contextlib.ExitStack() as stack:
        directory = tmp_path_factory.mktemp("chaos")
        yield Stage(lambda: make_scene(directory, stack))


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
        scene.server.converge()
    else:
        scene.server.converge()
        lost = scene.lost()
    assert lost == []
    stage.scene = scene
