"""Every step of a takeover, an adoption and a rolling update, by name: so that tests can have a process die, or stop, exactly there.

For tests only. Without ``DUCKGRES_FAULTS`` in the environment nothing happens. With it, it names a file of lines

.. code-block:: text

    <point> <signal> <pid, or "self">

A process that reaches a point carries out the first line that names it, and removes that line, so that each happens once; which
process that is doesn't matter: all of them read the same file, one at a time. Each point that is reached is also noted in a second
file, ``<file>.reached``, as ``<point> <pid>``, so that a test can see that it has walked all of them.
"""

from __future__ import annotations

import enum
import fcntl
import os
import signal
from pathlib import Path

VARIABLE = "DUCKGRES_FAULTS"


class FaultPoint(enum.Enum):
    """The steps, in the order in which they come. The first word says in which process."""

    # the newcomer, up to the moment when it asks for everything
    NEWCOMER_CONNECTED = "newcomer-connected"
    NEWCOMER_WELCOMED = "newcomer-welcomed"
    NEWCOMER_HAS_DESCRIPTORS = "newcomer-has-descriptors"
    NEWCOMER_HAS_SURVEYED = "newcomer-has-surveyed"
    NEWCOMER_ASKS_TO_COMMIT = "newcomer-asks-to-commit"
    # and from the moment when it has it
    NEWCOMER_HAS_COMMITTED = "newcomer-has-committed"
    NEWCOMER_HAS_PROMOTED = "newcomer-has-promoted"
    NEWCOMER_HAS_BOUND = "newcomer-has-bound"
    NEWCOMER_HAS_OPENED = "newcomer-has-opened"
    NEWCOMER_IS_RELIEVED = "newcomer-is-relieved"
    NEWCOMER_SERVES = "newcomer-serves"
    # the server that is taken over
    INCUMBENT_GREETED = "incumbent-greeted"
    INCUMBENT_SENDS_DESCRIPTORS = "incumbent-sends-descriptors"
    INCUMBENT_PREPARED = "incumbent-prepared"
    INCUMBENT_HOLDS = "incumbent-holds"
    INCUMBENT_SENDS_CONNECTIONS = "incumbent-sends-connections"
    INCUMBENT_COMMITS = "incumbent-commits"
    INCUMBENT_IS_RELIEVED = "incumbent-is-relieved"
    INCUMBENT_LEAVES = "incumbent-leaves"
    INCUMBENT_RECLAIMS = "incumbent-reclaims"
    INCUMBENT_HAS_RECLAIMED = "incumbent-has-reclaimed"
    # whoever finds workers and takes charge of them
    ADOPTION_SURVEYED = "adoption-surveyed"
    ADOPTION_PROMOTES = "adoption-promotes"
    ADOPTION_PROMOTED = "adoption-promoted"
    # a rolling update, in the control plane; those in the middle come once for each worker
    ROLL_BEGINS = "roll-begins"
    ROLL_HIRED = "roll-hired"
    ROLL_REPLACEMENT_READY = "roll-replacement-ready"
    ROLL_DRAINS = "roll-drains"
    ROLL_MOVES_SESSION = "roll-moves-session"
    ROLL_DRAINED = "roll-drained"
    ROLL_SHUT_DOWN = "roll-shut-down"
    ROLL_DONE = "roll-done"
    # in a worker
    WORKER_CONFIGURES = "worker-configures"
    WORKER_CONFIGURED = "worker-configured"
    WORKER_DRAINS = "worker-drains"
    WORKER_SHUTS_DOWN = "worker-shuts-down"
    # a session moves, in the worker that it leaves and in the one that it comes to
    WORKER_PARKS_SESSION = "worker-parks-session"
    WORKER_TAKES_SESSION = "worker-takes-session"
    WORKER_GIVES_SESSION = "worker-gives-session"
    WORKER_RESUMES_SESSION = "worker-resumes-session"


def reached(point: FaultPoint) -> None:
    """The process has come to this step.

    Raises:
        ValueError: The file says something else than it may.
    """
    path = os.environ.get(VARIABLE)
    if path:
        _reached(Path(path), point)


def _reached(path: Path, point: FaultPoint) -> None:
    with path.with_name(path.name + ".reached").open("a", encoding="ascii") as notes:
        notes.write(f"{point.value} {os.getpid()}\n")
    fault = _take(path, point)
    if fault is not None:
        number, pid = fault
        os.kill(pid, number)


def _take(path: Path, point: FaultPoint) -> tuple[signal.Signals, int] | None:
    """Remove the first line for a point, and say what it asks for. The file is locked meanwhile, and let go before anything happens."""
    with path.open("r+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        lines = file.read().splitlines()
        for place, line in enumerate(lines):
            name, number, whom = _parse(line)
            if name is point:
                file.seek(0)
                file.truncate()
                file.writelines(f"{left}\n" for left in (*lines[:place], *lines[place + 1 :]))
                return number, os.getpid() if whom == "self" else int(whom)
    return None


def _parse(line: str) -> tuple[FaultPoint, signal.Signals, str]:
    try:
        name, number, whom = line.split()
        if whom != "self":
            int(whom)
        return FaultPoint(name), signal.Signals[number], whom
    except (ValueError, KeyError):
        raise ValueError(f"{VARIABLE}: {line!r} is not a point, a signal's name, and a pid or self") from None
