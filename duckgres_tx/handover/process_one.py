"""The first process of a container, after the server that was it has been taken over.

A container ends with its first process, so a server that is process 1 can't leave when another one has taken over from it. It becomes
this program instead (`become`), which does what is left to do there: it passes signals on to the server that serves, whose pid stands in
a file, collects the exit status of every process whose parent has gone, and ends when nobody serves any more, with the exit status of
the server that ended last.

Run as ``python -m duckgres_tx.handover.process_one <pid file>``. It imports nothing but what it needs: it stays for as long as the container.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FORWARDED = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
_WATCHED = (*FORWARDED, signal.SIGCHLD)
# how soon the end of a server is noticed that isn't our child
TICK_S = 0.25
# how long another server may take to appear when one has died without removing its pid file
GRACE_S = 10.0


def become(pid_file: Path, environment: dict[str, str]) -> None:
    """Be this program from now on; never returns. Only process 1 has a reason to.

    Args:
        pid_file: Where the pid of the server that serves stands.
        environment: Of the new program; it must find this package.
    """
    # a signal that comes while one program ends and the other begins waits; Python's own handlers run before this returns
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    program = [sys.executable, "-P", "-m", "duckgres_tx.handover.process_one", os.fspath(pid_file)]
    os.execve(sys.executable, program, environment)  # noqa: S606  no shell is wanted


def forward_signals(pid: int) -> None:
    """Until `become`: whatever comes is for the server that has taken over.

    Args:
        pid: Its pid.
    """

    def forward(number: int, frame: Any) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    for number in FORWARDED:
        signal.signal(number, forward)


class Serving:
    """Who serves, according to the pid file.

    A pid that has ended once isn't believed again until the file has been written anew: the number may be another process's by then.
    """

    def __init__(self, pid_file: Path) -> None:
        self._pid_file = pid_file
        self._believed: tuple[int, int] | None = None
        self._handle = -1

    def find(self) -> int | None:
        """The pid of the server; None when nobody serves."""
        written = self._read()
        if written is not None and written != self._believed:
            self.close()
            self._believed = written
            self._handle = _open_process(written[0])
        if self._handle >= 0 and select.select([self._handle], [], [], 0)[0]:
            # it has ended
            self.close()
        return self._believed[0] if self._believed is not None and self._handle >= 0 else None

    @property
    def pid(self) -> int:
        """Who served last; 0 for nobody ever."""
        return self._believed[0] if self._believed is not None else 0

    def close(self) -> None:
        """Look no more."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def is_left(self) -> bool:
        """Whether the file still stands there: the server that it names has died, and didn't end in order."""
        return self._pid_file.exists()

    def _read(self) -> tuple[int, int] | None:
        """The pid in the file, and when that was written."""
        try:
            written_at = self._pid_file.stat().st_mtime_ns
            return int(self._pid_file.read_text(encoding="ascii")), written_at
        except (OSError, ValueError):
            return None


def run(
    serving: Serving,
    wait: Callable[[], int | None],
    clock: Callable[[], float] = time.monotonic,
    send: Callable[[int, int], None] = os.kill,
) -> int:
    """Do the work until nobody serves.

    Args:
        serving: Who does.
        wait: Waits for a signal, not long; None when there was none.
        clock: Seconds.
        send: Sends a signal to a pid.

    Returns:
        The exit status for the container.
    """
    last = (0, 0)
    alone_since: float | None = None
    while True:
        number = wait()
        # before anybody is collected: who has died already is known by its number only as long as it isn't
        pid = serving.find()
        last = next((ended for ended in reap() if ended[0] == serving.pid), last)
        if pid is not None:
            alone_since = None
            if number in FORWARDED:
                with contextlib.suppress(ProcessLookupError):
                    send(pid, number)
            continue
        if alone_since is None:
            alone_since = clock()
        told_to_end = number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
        if told_to_end or not serving.is_left() or clock() - alone_since >= GRACE_S:
            return _exit_status(last[1]) if last[0] == serving.pid != 0 else int(serving.is_left())


def reap(is_ours: Callable[[int], bool] = lambda pid: False) -> list[tuple[int, int]]:
    """Collect the processes that have ended, and that nobody else here collects.

    Args:
        is_ours: Whether somebody in this process waits for that child; then it is left to them.

    Returns:
        Their pids and wait statuses.
    """
    collected: list[tuple[int, int]] = []
    while True:
        try:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return collected
        if found is None or is_ours(found.si_pid):
            return collected
        collected.append(os.waitpid(found.si_pid, 0))


def main() -> None:
    """Run as a program."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m duckgres_tx.handover.process_one <pid file>")
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)

    def wait() -> int | None:
        received = signal.sigtimedwait(_WATCHED, TICK_S)
        return None if received is None else received.si_signo

    sys.exit(run(Serving(Path(sys.argv[1])), wait))


def _open_process(pid: int) -> int:
    try:
        return os.pidfd_open(pid)
    except OSError:
        return -1


def _exit_status(wait_status: int) -> int:
    """As a shell would say it: 128 and the number for a signal."""
    code = os.waitstatus_to_exitcode(wait_status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    main()
