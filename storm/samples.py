"""What the server's processes hold while they run: descriptors, threads, memory."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path

from attrs import define, field, frozen


@frozen
class Sample:
    """One process at one moment; ``rss_kb`` in KiB."""

    at: float
    who: str
    fds: int
    threads: int
    rss_kb: int


def take(who: str, pid: int) -> Sample | None:
    """Look at a process; None when it is gone."""
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
        fds = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        threads, rss = (
            re.search(r"^Threads:\s+(\d+)", status, re.MULTILINE),
            re.search(r"^VmRSS:\s+(\d+)", status, re.MULTILINE),
        )
        if threads and rss:
            return Sample(time.monotonic(), who, fds, int(threads[1]), int(rss[1]))
    return None


@frozen
class Least:
    """The least of each that one process was seen with: what it holds when nobody is in the door at that moment."""

    who: str
    fds: int
    threads: int
    rss_kb: int


@define
class Samples:
    """All samples of a run."""

    taken: list[Sample] = field(factory=list)

    def add(self, who: str, pid: int) -> None:
        """Take one."""
        sample = take(who, pid)
        if sample is not None:
            self.taken.append(sample)

    def least(self, kind: str) -> list[Least]:
        """Of each process of a kind, in the order of their first samples."""
        names = dict.fromkeys(sample.who for sample in self.taken if sample.who.startswith(kind))
        found = []
        for name in names:
            own = [sample for sample in self.taken if sample.who == name]
            found.append(
                Least(
                    name,
                    min(sample.fds for sample in own),
                    min(sample.threads for sample in own),
                    min(sample.rss_kb for sample in own),
                )
            )
        return found
