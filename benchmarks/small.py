"""Small queries: pgbench with ``select 1``, prepared and simple, few and many clients; a point query and an aggregate."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from attrs import frozen

from benchmarks.endpoints import Endpoint
from benchmarks.figures import Figure, Target, in_turn
from benchmarks.peers import BuenavistaServer
from benchmarks.processes import UnavailableError
from benchmarks.stage import Stage
from benchmarks.tpch_data import DATABASE

PART = "small"
CLIENTS = (1, 8, 64)
GRACE_S = 60


@frozen
class Load:
    """What pgbench sends, how, and from how many clients."""

    name: str
    script: str
    mode: str
    clients: int
    reconnect: bool = False


def find_pgbench() -> str:
    """Pgbench's path.

    Raises:
        UnavailableError: It is not on PATH.
    """
    found = shutil.which("pgbench")
    if found is None:
        message = "pgbench is not installed"
        raise UnavailableError(message)
    return found


def transactions_per_second(endpoint: Endpoint, load: Load, duration_s: float) -> float:
    """One pgbench run.

    Raises:
        RuntimeError: pgbench failed; its words are in the message.
    """
    with tempfile.TemporaryDirectory(prefix="bench-pgbench-") as directory:
        script = Path(directory) / "script.sql"
        script.write_text(load.script + "\n")
        # A client thread too few on the client's side would measure pgbench.
        command: list[str | Path] = [find_pgbench(), "-n", "-M", load.mode, "-f", script, "-c", str(load.clients),
                   "-j", str(min(load.clients, 2)), "-T", str(max(1, round(duration_s)))]  # fmt: skip
        if load.reconnect:
            command.append("-C")
        done = subprocess.run(command, env=endpoint.environment(), capture_output=True, text=True,
                              timeout=duration_s + GRACE_S, check=False)  # fmt: skip
    found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    failed = re.search(r"aborted|error:", done.stderr)
    if done.returncode or not found or failed:
        message = f"pgbench against {endpoint.label}: {done.stderr.strip()[-500:]}"
        raise RuntimeError(message)
    return float(found[1])


def measure(stage: Stage) -> Iterator[Figure]:
    """``select 1`` beside PostgreSQL and buenavista, then two statements that touch rows beside PostgreSQL."""
    with ExitStack() as stack:
        theirs = stage.loaded_postgres.endpoint(DATABASE)
        ours = stage.ours.endpoint(DATABASE)
        try:
            buenavista = stack.enter_context(BuenavistaServer(stage.options.directory / "buenavista")).endpoint()
        except UnavailableError as reason:
            print(f"without buenavista: {reason}")
            buenavista = None
        for mode in ("prepared", "simple"):
            for clients in CLIENTS:
                yield from _compare(stage, Load("select 1", "select 1;", mode, clients), ours, theirs, buenavista)
    yield from _compare(stage, _point_query(stage), ours, theirs, None)
    aggregate = "select l_returnflag, sum(l_quantity), avg(l_extendedprice) from lineitem group by 1;"
    yield from _compare(stage, Load("aggregate over lineitem", aggregate, "simple", 4), ours, theirs, None)


def _point_query(stage: Stage) -> Load:
    keys = int(6_000_000 * stage.options.scale)
    script = f"\\set key random(1, {keys})\nselect o_totalprice from orders where o_orderkey = :key;"
    return Load("point query on orders (PostgreSQL: with an index)", script, "simple", 1)


def _side(endpoint: Endpoint, load: Load, duration_s: float) -> Callable[[], float]:
    return lambda: transactions_per_second(endpoint, load, duration_s)


def _compare(
    stage: Stage, load: Load, ours: Endpoint, theirs: Endpoint, buenavista: Endpoint | None
) -> Iterator[Figure]:
    sides = [_side(endpoint, load, stage.options.duration_s) for endpoint in (ours, theirs)]
    our_rate, their_rate = in_turn(sides, stage.options.runs)
    judged = load.script == "select 1;" and load.mode == "prepared" and load.clients == 8
    what = f"{load.name}, {load.mode}, {load.clients} client{'s' if load.clients > 1 else ''}"
    note = f"spread {our_rate.spread:.0%} and {their_rate.spread:.0%}"
    yield Figure(
        PART, what, "tps", our_rate.median, "PostgreSQL", their_rate.median, Target(0.25) if judged else None, note
    )
    if buenavista is None:
        return
    try:
        peer_rate = transactions_per_second(buenavista, load, stage.options.duration_s)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        print(f"buenavista fails at {what}: {error}")
        return
    yield Figure(PART, what, "tps", our_rate.median, "buenavista", peer_rate, Target(8) if judged else None)
