"""Connects in a row leave nothing behind: descriptors, threads and memory of each process before and after."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.connect_loop import connect_once
from benchmarks.figures import Figure, Target
from benchmarks.processes import ProcessCounts, counts
from benchmarks.server import DuckgresServer
from benchmarks.stage import Stage

PART = "flatness"
CONNECTS = 10_000
WARM_UP = 500
QUICK_DIVISOR = 20
SETTLE_S = 15.0
FLAT = Target(0, at_least=False, absolute=True)
# An allocator's fragments may grow a little; a leak of one small object per connect may not hide in it.
GROWTH_KB = Target(5_000, at_least=False, absolute=True)


def measure(stage: Stage) -> Iterator[Figure]:
    """Every second connect is a TLS one."""
    connects = CONNECTS // (QUICK_DIVISOR if stage.options.quick else 1)
    with DuckgresServer() as ours:
        ways = [ours.endpoint().using(sslmode=sslmode).conninfo() for sslmode in ("disable", "require")]
        for number in range(min(WARM_UP, connects)):
            connect_once(ways[number % 2])
        before = _snapshot(ours)
        for number in range(connects):
            connect_once(ways[number % 2])
        after = _snapshot(ours)
    if before.keys() != after.keys():
        message = f"processes {sorted(before)} became {sorted(after)}"
        raise AssertionError(message)
    for role, (pid, then) in zip(_roles(len(before)), before.items(), strict=True):
        now = after[pid]
        what = f"{role} after {connects} connects"
        yield Figure(PART, f"{what}: descriptors more", "", now.fds - then.fds, target=FLAT)
        yield Figure(PART, f"{what}: threads more", "", now.threads - then.threads, target=FLAT)
        yield Figure(PART, f"{what}: memory more (RSS)", "KB", now.rss_kb - then.rss_kb, target=GROWTH_KB)


def _snapshot(ours: DuckgresServer) -> dict[int, ProcessCounts]:
    # The last sessions end, and native threads that have been idle for 10 s.
    time.sleep(SETTLE_S)
    return {pid: counts(pid) for pid in ours.process_ids()}


def _roles(processes: int) -> list[str]:
    return ["control plane", *(f"worker {number}" for number in range(1, processes))]
