"""Connect + authenticate (SCRAM on both sides) + ``select 1`` + close, plain and TLS, with four clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks import connect_loop
from benchmarks.endpoints import Endpoint
from benchmarks.figures import Figure, Target, in_turn
from benchmarks.small import Load, transactions_per_second
from benchmarks.stage import Stage

PART = "connect"
CLIENTS = 4
LOAD = Load("select 1", "select 1;", "simple", CLIENTS, reconnect=True)
TARGET = Target(1.0)


def measure(stage: Stage) -> Iterator[Figure]:
    """Connects a second by psycopg in four processes, and by pgbench -C."""
    duration_s = stage.options.duration_s
    for sslmode, way in (("disable", "plain"), ("require", "TLS")):
        ours = stage.ours.endpoint().using(sslmode=sslmode)
        theirs = stage.postgres.endpoint().using(sslmode=sslmode)
        for client, side in (("psycopg", _by_psycopg), ("pgbench -C", _by_pgbench)):
            our_rate, their_rate = in_turn([side(ours, duration_s), side(theirs, duration_s)], stage.options.runs)
            yield Figure(PART, f"connect + select 1 + close, {way}, {client}, {CLIENTS} clients", "/s", our_rate.median,
                         "PostgreSQL", their_rate.median, TARGET,
                         f"spread {our_rate.spread:.0%} and {their_rate.spread:.0%}")  # fmt: skip


def _by_psycopg(endpoint: Endpoint, duration_s: float) -> Callable[[], float]:
    return lambda: connect_loop.rate(connect_loop.run(endpoint.conninfo(), CLIENTS, duration_s))


def _by_pgbench(endpoint: Endpoint, duration_s: float) -> Callable[[], float]:
    return lambda: transactions_per_second(endpoint, LOAD, duration_s)
