"""Workers and control planes die or stand still in the middle of a session's move: nobody is served by two, and nobody waits for ever.

A few cases are walked; with ``CHAOS=all`` in the environment all steps of a move, with all signals and victims.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from attrs import define, field, frozen
from stricken import EVERYTHING, STOPPED_S, Stage, Stricken, holders_of, resume, stricken
from succession import connect, until

from duckgres_tx.fault_points import FaultPoint

STEPS = (
    FaultPoint.WORKER_PARKS_SESSION,
    FaultPoint.ROLL_MOVES_SESSION,
    FaultPoint.WORKER_TAKES_SESSION,
    FaultPoint.WORKER_GIVES_SESSION,
    FaultPoint.WORKER_RESUMES_SESSION,
)
GIVER, TAKER, CONTROL_PLANE = "giver", "taker", "control plane"
DATABASES = ("left", "right")
# Who hears nothing within this waits for ever.
ANSWER_S = 60.0


@frozen
class Case:
    """What happens when a session comes to a step of its move.

    Attributes:
        victim: ``giver``, ``taker`` or ``control plane``.
        stopped_s: How long a SIGSTOP lasts.
        succeeded: The control plane is taken over meanwhile.
    """

    point: FaultPoint
    victim: str
    number: signal.Signals
    stopped_s: float = 0.0
    succeeded: bool = False

    @property
    def name(self) -> str:
        """For the report."""
        how = f"{self.number.name}-{self.stopped_s:.0f}s" if self.stopped_s else self.number.name
        return f"{self.point.value}-{how}-{self.victim.replace(' ', '-')}{'-takeover' if self.succeeded else ''}"

    @property
    def hurts_nobody(self) -> bool:
        """All sessions must go on: nobody who has any is killed, by the test or for being silent."""
        return self.stopped_s == min(STOPPED_S) or (self.number is signal.SIGKILL and self.victim == CONTROL_PLANE)


def cases() -> Iterator[Case]:
    """All of them, or a few."""
    if not EVERYTHING:
        yield Case(FaultPoint.WORKER_PARKS_SESSION, GIVER, signal.SIGSTOP, STOPPED_S[0], succeeded=True)
        yield Case(FaultPoint.ROLL_MOVES_SESSION, CONTROL_PLANE, signal.SIGKILL)
        yield Case(FaultPoint.WORKER_TAKES_SESSION, TAKER, signal.SIGKILL)
        yield Case(FaultPoint.WORKER_GIVES_SESSION, GIVER, signal.SIGKILL)
        return
    for point in STEPS:
        for victim in (GIVER, TAKER, CONTROL_PLANE):
            yield Case(point, victim, signal.SIGKILL)
            for stopped_s in STOPPED_S:
                yield Case(point, victim, signal.SIGSTOP, stopped_s)
            if victim != CONTROL_PLANE:
                yield Case(point, victim, signal.SIGSTOP, STOPPED_S[0], succeeded=True)


@define(eq=False)
class Mover:
    """A session that can move, and knows what it must still have afterwards."""

    session: psycopg.Connection
    number: int
    pid: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.pid = self.session.info.backend_pid
        self.session.execute(f"SET application_name = 'mover {self.number}'")
        self.session.execute("SELECT %s::int + 1", (self.number,), prepare=True)

    def ended_how(self) -> str:
        """Ask for everything: "" if it is all there, else the SQLSTATE, or the words without one."""
        told: list[str] = []
        thread = threading.Thread(target=lambda: told.append(self._ask()), daemon=True)
        thread.start()
        thread.join(ANSWER_S)
        return told[0] if told else f"nothing was heard within {ANSWER_S:.0f} s"

    def _ask(self) -> str:
        try:
            name = self.session.execute("SELECT current_setting('application_name'), pg_backend_pid()").fetchone()
            value = self.session.execute("SELECT %s::int + 1", (self.number,), prepare=True).fetchone()
        except psycopg.Error as error:
            return error.sqlstate or "closed"
        whole = name == (f"mover {self.number}", self.pid) and value == (self.number + 1,)
        return "" if whole else f"it is another session: {name}, {value}"


@define(eq=False)
class Scene:
    """A server with one worker, which case after case is replaced by another."""

    server: Stricken
    movers: list[Mover] = field(factory=list)

    def act(self, case: Case) -> None:
        """Roll, and do what the case says when a session comes to its step."""
        fleet, server = self.server.fleet, self.server
        serving = fleet.serving
        (giver,) = fleet.workers_alive()
        with contextlib.ExitStack() as stack:
            # nobody moves before these are over, and their statement keeps them where they are
            busy = [stack.enter_context(contextlib.closing(connect(fleet, dbname=name))) for name in DATABASES]
            for session in busy:
                session.execute("BEGIN")
                session.execute("SELECT 1")
            self.movers = [
                Mover(connect(fleet, dbname=DATABASES[number % 2], sslmode="disable"), number) for number in range(3)
            ]
            since = len(server.reached())
            serving.send(signal.SIGUSR2)
            drains = f"{FaultPoint.WORKER_DRAINS.value} {giver}"
            until(lambda: drains in server.reached()[since:], 60, "drain")
            (taker,) = set(fleet.workers_alive()) - {giver}
            victim = {GIVER: giver, TAKER: taker, CONTROL_PLANE: serving.pid}[case.victim]
            line = server.arm(case.point, case.number, victim)
            for session in busy:
                session.execute("COMMIT")
        server.await_strike(line)
        if case.succeeded:
            fleet.launch()
        if case.stopped_s:
            time.sleep(case.stopped_s)
            resume(victim)

    def judge(self, case: Case) -> list[str]:
        """What is wrong with the sessions."""
        wrong = []
        for mover in self.movers:
            holders = holders_of(self.server.fleet, mover.session)
            how = mover.ended_how()
            allowed = {"": 1} if case.hurts_nobody else {"": 1, "57P01": 0, "closed": 0}
            if how not in allowed or len(holders) > 1 or (not how and not holders):
                wrong.append(f"mover {mover.number}: {how or 'it goes on'}, held by {holders}")
        return wrong

    def close(self) -> None:
        """Let go of all."""
        while self.movers:
            self.movers.pop().session.close()


def make_scene(directory: Path, stack: contextlib.ExitStack) -> Scene:
    """A server with the databases; what it has started ends with the stack."""
    server = stack.enter_context(stricken(directory, 1, {"DUCKGRES_DRAIN_GRACE": "0"}))
    with connect(server.fleet) as session:
        for name in DATABASES:
            session.execute(f'CREATE DATABASE "{name}"')
    scene = Scene(server)
    stack.callback(scene.close)
    return scene


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """One for the module; what it has started ends with it."""
    with contextlib.ExitStack() as stack:
        directory = tmp_path_factory.mktemp("moves")
        yield Stage(lambda: make_scene(directory, stack))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in cases()])
def test_whatever_happens_a_session_is_in_one_place(stage, case):
    """It goes on with all that it has, or has heard that it doesn't; and there is one server in the end."""
    scene = stage.take()
    scene.act(case)
    scene.server.converge()
    assert scene.judge(case) == []
    scene.close()
    stage.scene = scene
