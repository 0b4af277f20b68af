"""How a start that fails later than `twistd` expects is told: exit status, standard error, and the waiting parent of a daemon.

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
    _pipe: int | None = None

    def take_over(self) -> None:
        """From now on the parent waits for this report; in the daemon, before ``startService`` returns."""
        self._pipe = self._twistd_options.get(_PIPE)
        self._twistd_options[_PIPE] = None

    def succeeded(self) -> None:
        """Clients can connect."""
        self._tell_parent(b"0")
        self._close_stderr()

    def failed(self, line: str) -> None:
        """There will be no server: say why. The process ends as usual, but with status 1, and then only its parent hears of it.

        `twistd` has no other way to end with a status of one's own once its reactor has run.
        """
        if self._stderr >= 0:
            os.write(self._stderr, f"duckgres: {line}\n".encode())
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

    def _close_stderr(self) -> None:
        if self._stderr >= 0:
            os.close(self._stderr)
            self._stderr = -1
