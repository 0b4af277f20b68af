"""Hearing of a process's end, whoever its parent is."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Self

from attrs import define
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from duckgres_tx.handover.descriptors import OwnedDescriptor


@implementer(IReadDescriptor)
@define(eq=False)
class ProcessWatch:
    """On one process; ``ended`` is called once.

    Attributes:
        has_ended: Whether it is gone.
    """

    _reactor: Any
    _pidfd: OwnedDescriptor
    _ended: Callable[[], None]
    has_ended: bool = False

    @classmethod
    def on(cls, reactor: Any, pid: int, ended: Callable[[], None]) -> Self:
        """Begin to watch.

        Raises:
            OSError: There is no such process, or it is in another PID namespace.
        """
        watch = cls(reactor, OwnedDescriptor(os.pidfd_open(pid)), ended)
        reactor.addReader(watch)
        return watch

    def end(self) -> None:
        """Watch no more. Nothing happens if it has ended."""
        if self._pidfd.fd >= 0:
            self._reactor.removeReader(self)
            self._pidfd.close()

    def fileno(self) -> int:
        """For the reactor."""
        return self._pidfd.fd

    def logPrefix(self) -> str:
        """For the reactor."""
        return "process watch"

    def doRead(self) -> None:
        """It has ended."""
        self.end()
        self.has_ended = True
        self._ended()

    def connectionLost(self, reason: Failure) -> None:
        """The reactor lets go of it."""
