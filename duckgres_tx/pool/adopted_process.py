"""A worker process that somebody else has started: signalled, and its end noticed, through a pidfd.

A pid is a number that the kernel gives to another process one day; a pidfd stays with the process that it was opened for.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from attrs import define
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from duckgres_tx.handover.descriptors import OwnedDescriptor, process_descriptor
from duckgres_tx.pool.worker_files import WorkerFiles

# the name that a worker gives itself, in /proc/<pid>/comm
COMMAND = "duckgres-worker"
# field 22 of /proc/<pid>/stat, counted from behind the command in parentheses
_START_TIME_AT = 19


class NoSuchWorker(Exception):
    """There is no such process any more, or it is no worker."""


@implementer(IReadDescriptor)
@define(eq=False)
class AdoptedProcess:
    """A worker process that was there before this control plane.

    Attributes:
        files: What it has in the runtime directory.
    """

    _reactor: Any
    _pid: int
    _pidfd: OwnedDescriptor
    files: WorkerFiles
    _ended: Callable[[str], None] | None = None
    _status: str | None = None

    @classmethod
    def adopt(cls, reactor: Any, pid: int, started: int, files: WorkerFiles) -> Self:
        """Watch over a process from now on.

        Args:
            reactor: Tells when it ends.
            pid: The process.
            started: When it was started, as `start_time` said while it was certainly the one that is meant.
            files: What it has in the runtime directory.

        Raises:
            NoSuchWorker: It has ended, even if there is another process of that pid now.
        """
        try:
            pidfd = OwnedDescriptor(process_descriptor(pid))
            # read after the pidfd was opened, so it is about the process that the pidfd is of
            if start_time(pid) != started:
                pidfd.close()
                raise NoSuchWorker(f"process {pid} is another one by now")
        except ProcessLookupError as error:
            raise NoSuchWorker(f"process {pid} has ended") from error
        process = cls(reactor, pid, pidfd, files)
        reactor.addReader(process)
        return process

    @property
    def pid(self) -> int | None:
        """Its pid; None when it has ended."""
        return self._pid if self._status is None else None

    def when_ended(self, ended: Callable[[str], None]) -> None:
        """Have somebody told, once, that it has ended (at once if it has)."""
        self._ended = ended
        if self._status is not None:
            ended(self._status)

    def kill(self) -> None:
        """SIGKILL. Nothing happens to one that has ended."""
        if self._status is None:
            # one that has ended already is about to tell so
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd.fd, signal.SIGKILL)

    def fileno(self) -> int:
        """For the reactor."""
        return self._pidfd.fd

    def logPrefix(self) -> str:
        """For the reactor."""
        return "worker process"

    def doRead(self) -> None:
        """It has ended. Only its parent learns how."""
        self._reactor.removeReader(self)
        self._pidfd.close()
        last_words = self.files.finish()
        self._status = f"is no more ({last_words})" if last_words else "is no more"
        if self._ended is not None:
            self._ended(self._status)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor lets go of it."""


def start_time(pid: int) -> int:
    """When a process was started, in clock ticks since the machine was; what tells it from another one with the same pid.

    Raises:
        ProcessLookupError: There is no such process.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError as error:
        raise ProcessLookupError(pid) from error
    return int(stat.rpartition(")")[2].split()[_START_TIME_AT])


def is_worker(pid: int) -> bool:
    """Whether a process is one of our workers, as far as its name tells."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip() == COMMAND
    except OSError:
        return False


def process_logging_to(log: Path) -> int:
    """The process whose standard error is that file; 0 when there is none. For a worker that hasn't said which process it is."""
    for stderr in Path("/proc").glob("[0-9]*/fd/2"):
        try:
            if stderr.readlink() == log:
                return int(stderr.parts[2])
        except OSError:
            # it has just ended, or is another user's
            continue
    return 0
