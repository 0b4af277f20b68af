"""What one worker may use of the machine: memory and threads, divided evenly."""

from __future__ import annotations

import os
from pathlib import Path

# of the machine's, or the control group's, memory
DEFAULT_MEMORY_SHARE = 0.75
MIN_WORKER_MEMORY_BYTES = 64 << 20
_CGROUP_MEMORY_MAX = Path("/sys/fs/cgroup/memory.max")


def machine_memory_bytes() -> int:
    """The memory that there is: the machine's, or the limit of this control group if that is smaller."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = _CGROUP_MEMORY_MAX.read_text(encoding="ascii").strip()
    except OSError:
        return physical
    return min(physical, int(limit)) if limit.isdigit() else physical


def usable_threads() -> int:
    """The processors that this process may run on."""
    return len(os.sched_getaffinity(0))


def share(total: int, workers: int, least: int) -> int:
    """One worker's part of a total, never below the least that is of use.

    Args:
        total: Bytes, or threads.
        workers: How many share it; 0 means that one process does everything.
        least: The smallest part.
    """
    return max(least, total // max(1, workers))
