"""How a start that fails later than `twistd` expects is told: exit status, standard error, the waiting parent of a daemon, and the server
that has started this one as its successor.

`twistd` tells the parent of a daemon "started" as soon as ``startService`` returns, when the workers have not even been spawned. So the pipe
to the parent is taken away from it and written when the outcome is known. Without a daemon the same outcome is an exit status.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, MutableMapping
from typing import Any

from attrs import define, field

# where twistd keeps the pipe in its options; None, or missing, when it has no parent to tell
_PIPE = "statusPipe"
# the number of a descriptor: a pipe to whoever has started this process as a successor
REPORT_VARIABLE = "DUCKGRES_REPORT_FD"
READY_REPORT = b"ready"


def cannot_start(line: str) -> SystemExit:
    """The start ends here, before there is a service: what to raise. The process that wanted a successor hears of it too.

    Args:
        line: Why; one line of text.
    """
    _report(_taken_from_environment(), f"{line}\n".encode())
    return SystemExit(f"duckgres: {line}")


@define(eq=False)
class StartReport:
    """Tells, once, how the start went.

    To be made before the process becomes a daemon: it keeps the operator's standard error.
    """

    _twistd_options: MutableMapping[str, Any]
    # runs something at the very end of the process, when the PID file and everything else is gone
    _at_exit: Callable[[Callable[[], None]], object] = atexit.register
    _exit: Callable[[int], object] = os._exit
    _stderr: int = field(factory=lambda: os.dup(2))
    _wanted_by: int = field(factory=lambda: _taken_from_environment())
    _pipe: int | None = None

    def refused(self, line: str) -> SystemExit:
        """There will be no service; what to raise. See `cannot_start`."""
        self._tell_predecessor(f"{line}\n".encode())
        self._close_stderr()
        return SystemExit(f"duckgres: {line}")

    def take_over(self) -> None:
        """From now on the parent waits for this report; in the daemon, before ``startService`` returns."""
        self._pipe = self._twistd_options.get(_PIPE)
        self._twistd_options[_PIPE] = None

    def succeeded(self) -> None:
        """Clients can connect."""
        self._tell_parent(b"0")
        self._tell_predecessor(READY_REPORT)
        self._close_stderr()

    def failed(self, line: str) -> None:
        """There will be no server: say why. The process ends as usual, but with status 1, and then only its parent hears of it.

        `twistd` has no other way to end with a status of one's own once its reactor has run.
        """
        if self._stderr >= 0:
            os.write(self._stderr, f"duckgres: {line}\n".encode())
            self._tell_predecessor(f"{line}\n".encode())
            self._close_stderr()
            self._at_exit(self._leave)

    def _leave(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        self._tell_parent(b"1 duckgres did not start")
        self._exit(1)

    def _tell_parent(self, status: bytes) -> None:
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            os.write(pipe, status)
            os.close(pipe)

    def _tell_predecessor(self, report: bytes) -> None:
        pipe, self._wanted_by = self._wanted_by, -1
        _report(pipe, report)

    def _close_stderr(self) -> None:
        if self._stderr >= 0:
            os.close(self._stderr)
            self._stderr = -1


def _taken_from_environment() -> int:
    """The pipe to whoever wanted this process, close-on-exec; -1 when nobody did. It is given once: no child shall believe in it."""
    text = os.environ.pop(REPORT_VARIABLE, "")
    if not text.isdecimal():
        return -1
    number = int(text)
    try:
        os.set_inheritable(number, False)
    except OSError:
        # a variable that was left from somewhere else
        return -1
    return number


def _report(pipe: int, report: bytes) -> None:
    if pipe < 0:
        return
    try:
        os.write(pipe, report)
    except BrokenPipeError:
        # whoever wanted to know is gone
        pass
    finally:
        os.close(pipe)
