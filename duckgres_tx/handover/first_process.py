"""What a server does that is the first process of a container.

The kernel gives it every process whose parent has ended, which it must collect. And it must not end before the container shall: when another
server has taken over from it, it becomes `process_one` instead.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.process import reapProcessHandlers
from twisted.internet.task import LoopingCall

from duckgres_tx.handover.process_one import Serving, become, forward_signals, reap

REAP_INTERVAL_S = 1.0


def is_first_process() -> bool:
    """Whether this process is the first one of its container."""
    return os.getpid() == 1


@define(eq=False)
class FirstProcess:
    """The duties of process 1. Follows `Signposts`, to know who serves."""

    _clock: Any
    # names the server that serves
    _pid_file: Path
    _environment: Mapping[str, str]
    # has this process's own signals taken again
    _take_signals: Callable[[], None]
    _at_exit: Callable[[Callable[[], None]], object] = atexit.register
    _successor: int = 0
    _reaping: LoopingCall = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._reaping = LoopingCall(reap, _is_twisteds)
        self._reaping.clock = self._clock

    def begin(self) -> None:
        """The reactor runs."""
        self._reaping.start(REAP_INTERVAL_S)

    def put_up(self) -> None:
        """It is this process that serves; again, perhaps."""
        if self._successor:
            self._successor = 0
            self._take_signals()

    def abandon(self, successor: int) -> None:
        """Another process serves: what is told to the container is for that one."""
        self._successor = successor
        forward_signals(successor)

    def take_down(self) -> None:
        """The end of this process, or what would be it."""
        if self._reaping.running:
            self._reaping.stop()
        if self._successor or self._is_followed():
            # as the very last thing: the log is written, and twistd has tidied up
            self._at_exit(self._become)

    def _is_followed(self) -> bool:
        """Whether somebody serves though nobody has taken over in order. By now the file names this process no more."""
        serving = Serving(self._pid_file)
        try:
            return serving.find() is not None
        finally:
            serving.close()

    def _become(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        become(self._pid_file, dict(self._environment))


def _is_twisteds(pid: int) -> bool:
    """Whether Twisted collects that child itself."""
    return pid in reapProcessHandlers
