"""Letting those go first who serve, while this process only gets ready.

Half a second of a processor goes into a start, most of it into imports. The processors are those of the server that is to be taken over, and
where Linux groups processes by their sessions (``kernel.sched_autogroup_enabled``, see sched(7)) a new session is worth as much as the
whole of a worker that runs queries on all of them: the worker's event loop, and the clients behind it, would wait for our imports.

The nice value of a session may be given back without privileges, which that of a process may not. It is a courtesy: a kernel that has no
such groups, and a session that isn't our own, are left as they are.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.logger import Logger

AUTOGROUP = Path("/proc/self/autogroup")
# a tenth of the share of the others: under full load a start takes seconds then, and not a minute
BEHIND = 10
# the kernel takes one change in a tenth of a second, from whomever
_RETRY_S = 0.05
_RETRIES = 100
_NICE = re.compile(r"nice (-?\d+)")


@define(eq=False)
class Courtesy:
    """One for a start."""

    _autogroup: Path = AUTOGROUP
    # the session that stands back; 0 for none
    _session: int = 0
    _log: Logger = field(factory=Logger)

    @classmethod
    def begin(cls, autogroup: Path = AUTOGROUP) -> Courtesy:
        """Stand back, if this process's session is its own and has the usual nice value."""
        courtesy = cls(autogroup)
        if os.getsid(0) == os.getpid() and _nice_value(autogroup) == 0 and _set_nice_value(autogroup, BEHIND):
            courtesy._session = os.getpid()
        return courtesy

    def end(self, reactor: Any) -> None:
        """Be like the others again; goes on in the background when the kernel is not yet willing. A daemon has a new session, and nothing to do."""
        if self._session == os.getsid(0):
            self._try(reactor, _RETRIES)

    def _try(self, reactor: Any, left: int) -> None:
        if _set_nice_value(self._autogroup, 0):
            self._session = 0
        elif left:
            reactor.callLater(_RETRY_S, self._try, reactor, left - 1)
        else:
            self._log.warn(
                "{path} can't be set: this server stays at nice {nice}", path=str(self._autogroup), nice=BEHIND
            )


def _nice_value(autogroup: Path) -> int | None:
    """None where there are no such groups."""
    try:
        found = _NICE.search(autogroup.read_text(encoding="ascii"))
    except OSError:
        return None
    return int(found[1]) if found else None


def _set_nice_value(autogroup: Path, value: int) -> bool:
    """Whether it could be set; written at once, since the kernel reads each write by itself."""
    try:
        with autogroup.open("wb", buffering=0) as file:
            file.write(b"%d" % value)
    except OSError:
        return False
    return True
