"""A server of which processes die, or stand still, exactly where a test says; and what must be true of it in the end."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Generic, TypeVar

import psycopg
from attrs import define
from succession import ENVIRONMENT, serves, until

from duckgres_tx.fault_points import VARIABLE, FaultPoint
from storm.fleet import Fleet, FleetError, is_zombie

EVERYTHING = os.environ.get("CHAOS") == "all"
# how long a process stands still
STOPPED_S = (1.0, 25.0) if EVERYTHING else (1.0,)
# longer than any process is stopped, on a machine that does other things too
DRAIN_TIMEOUT = f"{max(STOPPED_S) + 29:.0f}s"
CONVERGENCE_S = 90.0
ARRIVAL_S = 60.0
_ROLL = re.compile(r"roll: (done|stopped|going on|\d+ workers are to be replaced|\d+/\d+ replaced)")


SceneT = TypeVar("SceneT")


@define
class Stage(Generic[SceneT]):
    """Has one scene for all cases that end well, and makes another one when a case has left it in ruins.

    Attributes:
        make: Makes one.
        scene: The one that is kept; a case that ends well gives it back.
    """

    make: Callable[[], SceneT]
    scene: SceneT | None = None

    def take(self) -> SceneT:
        """The scene is the case's now; it is kept if the case gives it back."""
        scene, self.scene = self.scene, None
        return scene or self.make()


@define(eq=False)
class Stricken:
    """The server.

    Attributes:
        fleet: Its processes.
        faults: The file that tells them to die.
        workers: How many it has in quiet times.
    """

    fleet: Fleet
    faults: Path
    workers: int

    def arm(self, point: FaultPoint, number: signal.Signals, victim: int | str, *before: str) -> str:
        """Have a process get a signal at a point, after other lines of the same file; returns the line."""
        line = f"{point.value} {number.name} {victim}"
        self.faults.write_text("".join(f"{each}\n" for each in (line, *before)), encoding="ascii")
        return line

    def has_struck(self, line: str) -> bool:
        """Whether somebody has carried out that line."""
        return line not in self.faults.read_text(encoding="ascii")

    def await_strike(self, line: str) -> None:
        """Wait until somebody has, and until whoever it kills is no more."""
        until(lambda: self.has_struck(line), ARRIVAL_S, f"arrival at {line}")
        _, number, victim = line.split()
        if number == signal.SIGKILL.name:
            until(lambda: not Path(f"/proc/{victim}").exists() or is_zombie(int(victim)), ARRIVAL_S, f"end of {victim}")

    def reached(self) -> list[str]:
        """The points that were reached so far, each with the pid of who did."""
        notes = self.faults.with_name(self.faults.name + ".reached")
        return notes.read_text(encoding="ascii").splitlines() if notes.exists() else []

    def converge(self) -> None:
        """Wait until there is one control plane with its workers; when there is none, start one, as a service manager would."""
        fleet = self.fleet
        until(
            # a newcomer that was stopped may have put up its own name at the last moment: whoever serves mends that within seconds
            lambda: self._is_settled() and self._serves() and fleet.named_by_pidfile() == fleet.serving.pid,
            CONVERGENCE_S,
            f"single server: {fleet.control_planes_alive()}, {fleet.workers_alive()}",
        )

    def _serves(self) -> bool:
        """Not so if the one that is there is just leaving."""
        with contextlib.suppress(psycopg.OperationalError):
            return serves(self.fleet)
        return False

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
        # between two workers of a roll there are as many as there should be, too
        steps = _ROLL.findall(fleet.serving.words())
        return len(fleet.workers_alive()) == self.workers and (not steps or steps[-1] in {"done", "stopped"})


@contextlib.contextmanager
def stricken(directory: Path, workers: int, env: Mapping[str, str]) -> Iterator[Stricken]:
    """A server for the time of a ``with`` block."""
    faults = directory / f"faults{time.monotonic_ns()}"
    faults.touch()
    with Fleet(
        workers, {**ENVIRONMENT, "DUCKGRES_DRAIN_TIMEOUT": DRAIN_TIMEOUT, **env, VARIABLE: str(faults)}
    ) as fleet:
        yield Stricken(fleet, faults, workers)


def resume(pid: int) -> None:
    """Have a process go on that stands still; it may be gone by now."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def holders_of(fleet: Fleet, session: psycopg.Connection) -> list[int]:
    """All processes of a server that have the other end of a client's connection."""
    with socket.socket(fileno=os.dup(session.fileno())) as client:
        host, port = client.getsockname()[:2]
    packed = int.from_bytes(socket.inet_aton(host), "little")
    inodes = {
        f"socket:[{fields[9]}]"
        for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
        if (fields := line.split())[2] == f"{packed:08X}:{port:04X}"
    }
    found = []
    for pid in fleet.processes():
        with contextlib.suppress(OSError):
            if any(_target(path) in inodes for path in Path(f"/proc/{pid}/fd").iterdir()):
                found.append(pid)
    return found


def _target(path: Path) -> str:
    with contextlib.suppress(OSError):
        return str(path.readlink())
    return ""
