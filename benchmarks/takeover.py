"""A new control plane takes over under load: no connect fails, no session is lost, nobody waits long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg

from benchmarks import connect_loop
from benchmarks.figures import Figure, Target
from benchmarks.processes import UnavailableError
from benchmarks.server import DuckgresServer, ServerDiedError
from benchmarks.stage import Stage

PART = "takeover"
CLIENTS = 2
HELD_SESSIONS = 20
EXIT_TIMEOUT_S = 30
LOAD_S = 10.0
QUICK_LOAD_S = 6.0
NONE = Target(0, at_least=False, absolute=True)
P99_TARGET = Target(100, at_least=False, absolute=True)

Session = psycopg.Connection[tuple[object, ...]]


def measure(stage: Stage) -> Iterator[Figure]:
    """One takeover while clients connect in loops and sessions, plain and TLS, hold open transactions."""
    duration_s = QUICK_LOAD_S if stage.options.quick else LOAD_S
    with ExitStack() as stack:
        ours = stack.enter_context(_start())
        held = [stack.enter_context(_hold(ours, number)) for number in range(HELD_SESSIONS)]
        done: list[connect_loop.Connects] = []
        conninfo = ours.endpoint().using(sslmode="require").conninfo()
        load = threading.Thread(target=lambda: done.extend(connect_loop.run(conninfo, CLIENTS, duration_s)))
        load.start()
        try:
            threading.Event().wait(connect_loop.START_S + duration_s / 4)
            stack.enter_context(ours.successor())
            ours.process.wait(EXIT_TIMEOUT_S)
        finally:
            load.join()
        lost = sum(not _goes_on(session, number) for number, session in enumerate(held))
        for session in held:
            session.close()
    latencies = [latency for client in done for latency in client.latencies_s]
    failures = [failure for client in done for failure in client.failures]
    for failure in failures[:3]:
        print(failure)
    yield Figure(PART, f"failed connects of {len(latencies) + len(failures)}", "", len(failures), target=NONE)
    yield Figure(PART, f"lost sessions of {HELD_SESSIONS}, in transactions, half of them TLS", "", lost, target=NONE)
    yield Figure(PART, "connect, p99 (TLS)", "ms", 1e3 * connect_loop.percentile(latencies, 0.99), target=P99_TARGET,
                 note=f"longest {1e3 * max(latencies, default=0):.0f} ms")  # fmt: skip


@contextmanager
def _start() -> Iterator[DuckgresServer]:
    """A server that others can take over from.

    Raises:
        UnavailableError: This version has no takeover.
    """
    server = DuckgresServer(workers=2, handover=True)
    try:
        server.__enter__()
    except ServerDiedError as error:
        if "handover" in str(error) and "not supported" in str(error):
            message = "this version of our server knows no takeover"
            raise UnavailableError(message) from error
        raise
    try:
        yield server
    finally:
        server.__exit__()


def _hold(ours: DuckgresServer, number: int) -> Session:
    """A session within a transaction that has made something only it can see."""
    connection = ours.endpoint().using(sslmode=("disable", "require")[number % 2]).connect()
    connection.execute("begin")
    connection.execute(f"create temp table held_{number} as select {number} as number")
    return connection


def _goes_on(session: Session, number: int) -> bool:
    """Whether the session's transaction still sees its table, and commits."""
    try:
        row = session.execute(f"select number from held_{number}").fetchone()
        session.execute("commit")
    except psycopg.Error as error:
        print(f"held session {number}: {error}")
        return False
    return row == (number,)
