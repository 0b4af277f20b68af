"""Connect, authenticate, ``select 1``, close: again and again, from several processes at once."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence

import psycopg
from attrs import frozen

# Long enough for the client processes to start before the common moment when they begin.
START_S = 2.0
GRACE_S = 60.0


@frozen
class Connects:
    """What one client process did: the latency of each connect in seconds, and the words of those that failed."""

    latencies_s: list[float]
    failures: list[str]
    elapsed_s: float


def connect_once(conninfo: str) -> None:
    """One whole session.

    Raises:
        psycopg.Error: It did not work.
    """
    with psycopg.connect(conninfo, autocommit=True) as connection:
        row = connection.execute("select 1").fetchone()
    if row != (1,):
        message = f"select 1 answered {row}"
        raise AssertionError(message)


def _client(conninfo: str, begin_at: float, duration_s: float) -> Connects:
    latencies: list[float] = []
    failures: list[str] = []
    time.sleep(max(0.0, begin_at - time.time()))
    begin = time.perf_counter()
    while (now := time.perf_counter()) - begin < duration_s:
        try:
            connect_once(conninfo)
        except (psycopg.Error, AssertionError) as error:
            failures.append(f"{type(error).__name__}: {error}")
        else:
            latencies.append(time.perf_counter() - now)
    return Connects(latencies, failures, time.perf_counter() - begin)


def run(conninfo: str, clients: int, duration_s: float) -> list[Connects]:
    """What the clients did in the duration; they begin together."""
    context = multiprocessing.get_context("spawn")
    work = [(conninfo, time.time() + START_S, duration_s)] * clients
    with context.Pool(clients) as pool:
        return pool.starmap_async(_client, work, chunksize=1).get(START_S + duration_s + GRACE_S)


def rate(done: Sequence[Connects]) -> float:
    """Connects a second over all clients.

    Raises:
        RuntimeError: One of them failed.
    """
    failures = [failure for client in done for failure in client.failures]
    if failures:
        message = f"{len(failures)} connects failed, the first: {failures[0]}"
        raise RuntimeError(message)
    return sum(len(client.latencies_s) / client.elapsed_s for client in done)


def percentile(latencies_s: Sequence[float], share: float) -> float:
    """The latency that this share of the connects kept within; 0 for none at all."""
    ordered = sorted(latencies_s)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
