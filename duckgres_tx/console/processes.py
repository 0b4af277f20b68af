"""The processes of a server, found without asking any of them: by the files that they have open.

A control plane holds the lock of its runtime directory, a worker writes to a log file there. So a process that hangs is found as well, and
one that has the pid of an earlier server isn't.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from attrs import define

from duckgres_tx.bootstrap import LOCK_NAME

_WORKER_LOG = re.compile(r"worker-[^/]*\.log")


@define(eq=False)
class RunningProcess:
    """A process that can't be mistaken for another one; owns a descriptor.

    Attributes:
        pid: Its pid.
        is_worker: Whether it is a worker; otherwise it is a control plane, or a server without workers.
        handle: Its pidfd.
    """

    pid: int
    is_worker: bool
    handle: int

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def has_ended(self) -> bool:
        """Whether it is gone."""
        return bool(select.select([self.handle], [], [], 0)[0])

    def send(self, number: signal.Signals) -> None:
        """Signal it; nothing happens to one that has ended."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, number)

    def close(self) -> None:
        """Let go of it."""
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1


def processes_of(runtime_dir: Path) -> list[RunningProcess]:
    """Find what runs in a runtime directory, of the user who asks (root finds all).

    Returns:
        Control planes first. The caller closes them.
    """
    directory = os.path.realpath(runtime_dir)
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid() and _kind(entry.name, directory) is not None:
            process = _hold(int(entry.name), directory)
            if process is not None:
                found.append(process)
    return sorted(found, key=lambda process: (process.is_worker, process.pid))


def wait_for_end(processes: Iterable[RunningProcess], timeout_s: float) -> list[RunningProcess]:
    """Wait until all have ended.

    Returns:
        Those that haven't within the time.
    """
    waiting = {process.handle: process for process in processes}
    deadline = time.monotonic() + timeout_s
    while waiting and (left_s := deadline - time.monotonic()) > 0:
        for handle in select.select(list(waiting), [], [], left_s)[0]:
            del waiting[handle]
    return [process for process in waiting.values() if not process.has_ended]


def _hold(pid: int, directory: str) -> RunningProcess | None:
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return None
    # once more: only what is true of the process that is held counts
    kind = _kind(str(pid), directory)
    if kind is None:
        os.close(handle)
        return None
    return RunningProcess(pid, kind, handle)


def _kind(pid: str, directory: str) -> bool | None:
    """True for a worker of this directory, False for a control plane, None for neither."""
    targets: dict[str, str] = {}
    # the process may end, or be another user's
    with contextlib.suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                targets[link.name] = os.fspath(link.readlink()).removesuffix(" (deleted)")
    if f"{directory}/{LOCK_NAME}" in targets.values():
        return False
    output = [targets.get(number, "").removeprefix(f"{directory}/") for number in ("1", "2")]
    return True if any(_WORKER_LOG.fullmatch(name) for name in output) else None
