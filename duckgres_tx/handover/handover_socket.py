"""The UNIX socket at which a server can be asked for a handover, or for its status.

It is bound under another name and renamed, so that at any moment there is one server behind the path, and whoever takes over needs nothing
to be removed before. The mode is 0600, and who connects must be of the same user, or root.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.logger import Logger

from duckgres_tx.accepting import Door
from duckgres_tx.handover import descriptors
from duckgres_tx.handover.descriptors import MAX_SOCKET_PATH_BYTES
from duckgres_tx.pool.link import Link

_BACKLOG = 64
# links at once; the oldest that nobody needs goes when one more comes
MAX_LINKS = 32
_TEMPORARY = ".handover-"
_PROBE_TIMEOUT_S = 2.0


@define(eq=False)
class HandoverSocket:
    """The socket of one process.

    ``make_link`` makes our end of each link; ``is_needed`` tells whether one must not be dropped to make room.
    """

    _reactor: Any
    path: Path
    _make_link: Callable[[Callable[[Link], None]], Link]
    _is_needed: Callable[[Link], bool]
    _listener: socket.socket | None = None
    _identity: tuple[int, int] = (0, 0)
    _door: Door | None = None
    # in the order in which they came
    _links: list[Link] = field(factory=list)
    _log: Logger = field(factory=Logger)

    def open(self) -> None:
        """Be the one behind the path from now on, whoever was it before.

        Raises:
            OSError: It can't be bound.
        """
        self.close()
        temporary = self.path.with_name(f"{_TEMPORARY}{os.getpid()}")
        temporary.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            listener.bind(os.fspath(temporary))
            temporary.chmod(0o600)
            listener.listen(_BACKLOG)
            self._identity = _identity_of(temporary)
            temporary.replace(self.path)
        except BaseException:
            listener.close()
            temporary.unlink(missing_ok=True)
            raise
        self._listener = listener
        self._door = Door(self._reactor, listener, self._came)
        self._door.open()
        self._sweep()

    def is_ours(self) -> bool:
        """Whether this process is the one behind the path."""
        try:
            return self._listener is not None and _identity_of(self.path) == self._identity
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Take no more links; the path is left as it is, and so are the links that there are."""
        if self._door is not None:
            self._door.shut()
            self._door = None
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def remove(self) -> None:
        """The server ends: remove the path, if it is ours, and drop all links."""
        if self.is_ours():
            self.path.unlink(missing_ok=True)
        self.close()
        for link in list(self._links):
            link.abort()

    def buildProtocol(self, addr: object) -> Link:
        """For the reactor."""
        link = self._make_link(self._lost)
        self._links.append(link)
        return link

    def _came(self, client: socket.socket, address: object) -> None:
        with client:
            peer = descriptors.peer_credentials(client.fileno())
            if peer.uid not in (os.geteuid(), 0):
                self._log.error("user {uid} tried to command this server", uid=peer.uid)
                return
            if len(self._links) >= MAX_LINKS:
                unneeded = next((link for link in self._links if not self._is_needed(link)), None)
                if unneeded is None:
                    return
                unneeded.abort()
            # it makes a duplicate of its own
            self._reactor.adoptStreamConnection(client.fileno(), socket.AF_UNIX, self)

    def _lost(self, link: Link) -> None:
        if link in self._links:
            self._links.remove(link)

    def _sweep(self) -> None:
        """Remove what processes that died between binding and renaming have left."""
        for left in self.path.parent.glob(f"{_TEMPORARY}*"):
            pid = left.name.removeprefix(_TEMPORARY)
            if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
                with contextlib.suppress(OSError):
                    left.unlink()


def longest_path(path: Path) -> int:
    """How many bytes the longest path has that is bound on the way; at most `MAX_SOCKET_PATH_BYTES` can be."""
    return max(len(os.fsencode(name)) for name in (path, path.with_name(f"{_TEMPORARY}{1 << 22}")))


def who_listens(path: Path) -> int | None:
    """The pid of the process that listens at a path; None when nobody does. 0 for a process of another PID namespace.

    It waits, for a moment, for one that doesn't accept: it lives, if only just.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(_PROBE_TIMEOUT_S)
        if len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES:
            return None
        try:
            client.connect(os.fspath(path))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return None
        except OSError:
            # its queue is full, or it is somebody else's
            return 0
        # the kernel names the process that has called listen()
        return descriptors.peer_credentials(client.fileno()).pid


def _identity_of(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino
