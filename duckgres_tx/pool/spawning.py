"""Starting a worker process, and the UNIX socket that it listens on.

The control plane binds the socket in its runtime directory (mode 0700), the child inherits it as descriptor 3, and the control
plane keeps no copy: when the child dies, whoever is connected or connects hears of it. Nothing else ties the child to its parent: it
writes to a file and not to a pipe, and has a session of its own, so it goes on when the control plane dies.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import IAddress, IProcessTransport, IReactorProcess
from twisted.internet.protocol import Factory, ProcessProtocol
from twisted.python.failure import Failure

import duckgres_tx
from duckgres_tx.handover.descriptors import MAX_SOCKET_PATH_BYTES, OwnedDescriptor
from duckgres_tx.pool.link import Link
from duckgres_tx.pool.worker_files import WorkerFiles

_BACKLOG = 16
# appending, so that whoever empties the file leaves no hole in it
_NEW_LOG = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


@define(eq=False)
class SpawnedProcess(ProcessProtocol):
    """A worker process that this process is the parent of.

    Attributes:
        files: What it has in the runtime directory.
    """

    files: WorkerFiles
    _ended: Callable[[str], None] | None = None
    _transport: IProcessTransport | None = None
    _status: str | None = None

    @property
    def pid(self) -> int | None:
        """Its pid; None when it has ended."""
        return None if self._transport is None else self._transport.pid

    def when_ended(self, ended: Callable[[str], None]) -> None:
        """Have somebody told, once, how it ended (at once if it has)."""
        self._ended = ended
        if self._status is not None:
            ended(self._status)

    def kill(self) -> None:
        """SIGKILL. Nothing happens to one that has ended."""
        if self._transport is not None:
            # one that has exited already is about to tell its end
            with contextlib.suppress(ProcessExitedAlready):
                self._transport.signalProcess("KILL")

    def makeConnection(self, process: IProcessTransport) -> None:
        """It runs."""
        self._transport = process

    def processEnded(self, reason: Failure) -> None:
        """It has ended."""
        self._transport = None
        self._status = _how_it_ended(reason)
        last_words = self.files.finish()
        if last_words and not reason.check(ProcessDone):
            self._status += f" ({last_words})"
        if self._ended is not None:
            self._ended(self._status)


def spawn_worker(
    reactor: IReactorProcess, slot: int, runtime_dir: Path, module: str = "duckgres_tx.pool.child"
) -> SpawnedProcess:
    """Bind a socket, make a log file, and start a process that has both.

    Must not be called before the control plane has become a daemon: children would be somebody else's.

    Raises:
        OSError: The socket can't be bound, or the process can't be started; nothing is left behind.
    """
    files = WorkerFiles.fresh(reactor, runtime_dir, slot)
    process = SpawnedProcess(files)
    try:
        with (
            bind_worker_socket(files.socket) as listener,
            OwnedDescriptor(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)) as null,
            OwnedDescriptor(os.open(files.log, _NEW_LOG, 0o600)) as log,
        ):
            files.follow(0)
            reactor.spawnProcess(
                process,
                sys.executable,
                [sys.executable, "-P", "-m", module],
                env=child_environment(os.environ),
                path=None,
                childFDs={0: null.fd, 1: log.fd, 2: log.fd, 3: listener.fileno()},
            )
    except BaseException:
        files.finish()
        files.remove()
        raise
    return process


def bind_worker_socket(path: Path) -> socket.socket:
    """Bind and listen; the caller owns the socket.

    Raises:
        OSError: No such directory, no permission, or a path that is too long.
    """
    if len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES:
        raise OSError(f"the path {path} is longer than {MAX_SOCKET_PATH_BYTES} bytes: set a shorter runtime_dir")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        listener.bind(os.fspath(path))
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def connect_to_worker(reactor: Any, path: Path, link: Link, deadline_s: float) -> Deferred[Link]:
    """Connect an end of a link to a worker's socket.

    Returns:
        Fires with the link; fails when nobody listens there, or within the deadline.
    """
    endpoint = UNIXClientEndpoint(reactor, os.fspath(path), timeout=deadline_s)
    connected: Deferred[Link] = endpoint.connect(_OneLink(link))
    return connected.addTimeout(deadline_s, reactor)


class _OneLink(Factory):
    """Gives out the one link that was made for this connection."""

    noisy = False

    def __init__(self, link: Link) -> None:
        self._link = link

    def buildProtocol(self, addr: IAddress | None) -> Link:
        return self._link


def child_environment(parent: Mapping[str, str]) -> dict[str, str]:
    """The child runs the same code as its parent, wherever that was imported from."""
    home = os.fspath(Path(duckgres_tx.__file__).resolve().parent.parent)
    inherited = parent.get("PYTHONPATH")
    return {**parent, "PYTHONPATH": f"{home}{os.pathsep}{inherited}" if inherited else home}


def _how_it_ended(reason: Failure) -> str:
    ended: Any = reason.value
    if not reason.check(ProcessDone, ProcessTerminated):
        return reason.getErrorMessage()
    if ended.signal is not None:
        return f"was killed by {signal.Signals(ended.signal).name}"
    return f"exited with status {ended.exitCode}"
