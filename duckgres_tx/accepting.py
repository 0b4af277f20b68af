"""Taking connections from a listening socket, with raw non-blocking sockets."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

_ACCEPTS_AT_ONCE = 64
# after running out of descriptors or memory
_PAUSE_S = 0.25
_OUT_OF_RESOURCES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


@implementer(IReadDescriptor)
@define(eq=False)
class Door:
    """One listening socket in the reactor; it stays its owner's.

    ``came`` gets each client's socket, non-blocking, and owns it, and the client's address.
    """

    _reactor: Any
    _listener: socket.socket
    _came: Callable[[socket.socket, Any], None]
    _open: bool = False
    _pause: IDelayedCall | None = None
    _log: Logger = field(factory=Logger)

    def open(self) -> None:
        """Accept from now on."""
        if not self._open:
            self._open = True
            self._reactor.addReader(self)

    def shut(self) -> None:
        """Accept no more; who comes waits in the socket's queue."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        elif self._open:
            self._reactor.removeReader(self)
        self._open = False

    def fileno(self) -> int:
        """For the reactor."""
        return self._listener.fileno()

    def logPrefix(self) -> str:
        """For the reactor."""
        return "door"

    def doRead(self) -> None:
        """Take those who wait, a bounded number at once."""
        for _ in range(_ACCEPTS_AT_ONCE):
            try:
                client, address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in _OUT_OF_RESOURCES:
                    # the peer has given up between its connect and our accept
                    continue
                self._log.error("can't accept connections: {error}", error=error.strerror)
                self._reactor.removeReader(self)
                self._pause = self._reactor.callLater(_PAUSE_S, self._go_on)
                return
            client.setblocking(False)
            self._came(client, address)
            if not self._open:
                return

    def _go_on(self) -> None:
        self._pause = None
        self._reactor.addReader(self)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor lets go of it."""
