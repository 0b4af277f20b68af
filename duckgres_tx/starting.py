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
    _exit_with: Callable[[int], None]
    _stderr: int = field(factory=lambda: os.dup(2))
    _pipe: int | None = None

    def take_over(self) -> None:
        """From now on the parent waits for this report; in the daemon, before ``startService`` returns."""
        self._pipe = self._twistd_options.get(_PIPE)
        self._twistd_options[_PIPE] = None

    def succeeded(self) -> None:
        """Clients can connect."""
        self._tell_parent(b"0")

    def failed(self, line: str) -> None:
        """There will be no server; the process will end with status 1 when it ends."""
        if self._stderr >= 0:
            os.write(self._stderr, f"duckgres: {line}\n".encode())
        self._tell_parent(b"1 duckgres did not start")
        self._exit_with(1)

    def _tell_parent(self, status: bytes) -> None:
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            os.write(pipe, status)
            os.close(pipe)
        if self._stderr >= 0:
            os.close(self._stderr)
            self._stderr = -1


def exit_with_at_the_end(status: int) -> None:
    """Let the process end as usual, but with this status: `twistd` has no other way to end with one once its reactor has run."""

    def leave() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)

    atexit.register(leave)
