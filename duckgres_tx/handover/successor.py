"""Starting a process that takes over from this one: the server's own command line again."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from duckgres_tx.handover.notify import for_a_successor
from duckgres_tx.starting import READY_REPORT, REPORT_VARIABLE

_REPORT_FD = 3
_MAX_REPORT_BYTES = 4096
_NO_WORD = "the successor ended without a word; what it wrote to standard error says why"


@frozen
class CommandLine:
    """How this process was started.

    Attributes:
        arguments: Those of the interpreter and of its program, without the interpreter's own name.
        directory: The working directory of that moment, to which paths in the arguments are relative.
    """

    arguments: tuple[str, ...]
    directory: Path

    @classmethod
    def of_this_process(cls, directory: Path) -> CommandLine:
        """As the kernel knows it."""
        raw = Path("/proc/self/cmdline").read_bytes()
        _, *arguments = raw.removesuffix(b"\0").split(b"\0")
        return cls(tuple(os.fsdecode(argument) for argument in arguments), directory)

    def with_handover(self, path: Path) -> CommandLine:
        """The same, told to take over at a path whatever it says itself: of an option that is given twice, the last counts.

        A successor's successor isn't told once more: otherwise command lines would grow with every takeover.
        """
        told = ("--handover", os.fspath(path))
        if self.arguments[-2:] == told:
            return self
        return CommandLine((*self.arguments, *told), self.directory)


@define(eq=False)
class Successor(ProcessProtocol):
    """A process that shall take over. It isn't ended when this one ends.

    Attributes:
        reported: Fires with what became of its start: "" when it serves, otherwise one line that says why not. It never fails.
    """

    reported: Deferred[str] = field(factory=Deferred)
    _report: bytes = b""
    _log: Logger = field(factory=Logger)

    def childDataReceived(self, childFD: int, data: bytes) -> None:  # noqa: N803
        """It reports."""
        self._report = (self._report + data)[:_MAX_REPORT_BYTES]

    def childConnectionLost(self, childFD: int) -> None:  # noqa: N803
        """It has nothing more to report."""
        if childFD == _REPORT_FD and not self.reported.called:
            lines = self._report.decode("utf-8", "replace").splitlines()
            line = lines[0] if lines else _NO_WORD
            self.reported.callback("" if self._report.startswith(READY_REPORT) else line)

    def processEnded(self, reason: Failure) -> None:
        """It has ended; when it has become a daemon that is in order, and when it hasn't it has reported."""
        if not reason.check(ProcessDone):
            self._log.warn("the successor {reason}", reason=reason.getErrorMessage())


def start_successor(reactor: Any, command_line: CommandLine, environment: Mapping[str, str]) -> Successor:
    """Start the process; it writes where this one writes, to standard output and error.

    Raises:
        OSError: It can't be started.
    """
    successor = Successor()
    reactor.spawnProcess(
        successor,
        sys.executable,
        [sys.executable, *command_line.arguments],
        env={**for_a_successor(environment), REPORT_VARIABLE: str(_REPORT_FD)},
        path=os.fspath(command_line.directory),
        childFDs={0: 0, 1: 1, 2: 2, _REPORT_FD: "r"},
    )
    return successor
