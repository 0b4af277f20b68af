"""Processes of our own: started, watched through /proc, and ended by their pid only."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from attrs import frozen

PROC = Path("/proc")


class UnavailableError(Exception):
    """A program or package that a part needs is not on this machine; the message says which."""


@frozen
class ProcessCounts:
    """What /proc says of one process at one moment; ``rss_kb`` and ``pss_kb`` in KiB."""

    pid: int
    fds: int
    threads: int
    rss_kb: int
    pss_kb: int


def _kilobytes(text: str, field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) if found else 0


def counts(pid: int) -> ProcessCounts:
    """Descriptors, threads and memory of a live process."""
    rollup = (PROC / str(pid) / "smaps_rollup").read_text()
    status = (PROC / str(pid) / "status").read_text()
    threads = re.search(r"^Threads:\s+(\d+)", status, re.MULTILINE)
    return ProcessCounts(
        pid=pid,
        fds=len(list((PROC / str(pid) / "fd").iterdir())),
        threads=int(threads[1]) if threads else 0,
        rss_kb=_kilobytes(rollup, "Rss"),
        pss_kb=_kilobytes(rollup, "Pss"),
    )


def family(pid: int) -> list[int]:
    """A process and all that descend from it, the oldest first."""
    pids = [pid]
    for parent in pids:
        for children in (PROC / str(parent) / "task").glob("*/children"):
            # A thread may end between the listing and the reading.
            with contextlib.suppress(OSError):
                pids.extend(int(child) for child in children.read_text().split())
    return pids


def total_pss_kb(pids: list[int]) -> int:
    """The memory of these processes together in KiB, shared pages counted once."""
    return sum(counts(pid).pss_kb for pid in pids)


def total_anonymous_kb(pids: list[int]) -> int:
    """The same without the pages of files, which the kernel can drop."""
    return sum(_kilobytes((PROC / str(pid) / "smaps_rollup").read_text(), "Pss_Anon") for pid in pids)


def until(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Wait until the condition holds.

    Raises:
        TimeoutError: It did not within the time; the message names what was awaited.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            message = f"{what} did not happen within {timeout_s:.0f} s"
            raise TimeoutError(message)
        time.sleep(0.02)


def _open_pidfds(pids: list[int]) -> Iterator[int]:
    for pid in pids:
        # Gone already is what we want.
        with contextlib.suppress(ProcessLookupError):
            yield os.pidfd_open(pid)


def end(
    process: subprocess.Popen[bytes], first_signal: signal.Signals, grace_s: float, adopted: Sequence[int] = ()
) -> bool:
    """End a process that we started, what it started and what it adopted; True if the signal was enough.

    Descendants are held by pidfds taken before the signal, so a reused pid is never hit.
    """
    if process.poll() is not None:
        return True
    pidfds = list(_open_pidfds([*family(process.pid)[1:], *adopted]))
    process.send_signal(first_signal)
    gentle = True
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        gentle = False
        process.kill()
        process.wait(grace_s)
    deadline = time.monotonic() + grace_s
    for pidfd in pidfds:
        # A pidfd is readable when its process has ended.
        if not select.select([pidfd], [], [], max(0.0, deadline - time.monotonic()))[0]:
            gentle = False
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        os.close(pidfd)
    return gentle


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log, for an error message."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""
