"""The command line: ``python -m duckgres_tx <command> [options]``."""

from __future__ import annotations

import importlib.metadata
import sys
from typing import Any, ClassVar

from twisted.python import usage

from duckgres_tx.quantities import parse_duration

PROGRAM = "python -m duckgres_tx"
# a successor has 15 s to take over, and a server that starts it a moment before and after
TAKEOVER_TIMEOUT_S = 60.0


class _Where(usage.Options):
    """Which server is meant: said as it was to the server itself."""

    optParameters: ClassVar[list[list[str | None]]] = [
        ["handover", None, None, "the server's handover socket [<runtime-dir>/handover.sock]"],
        ["config", "c", None, "the YAML file that the server reads"],
        ["data-dir", None, None, "the server's data directory [./data]"],
        ["runtime-dir", None, None, "the server's runtime directory [<data-dir>/run]"],
    ]

    def parseArgs(self, *extra: Any) -> None:
        """No arguments."""
        if extra:
            raise usage.UsageError(f"unexpected argument {extra[0]!r}")

    def where(self) -> dict[str, str | None]:
        """The options that say so, by name; None where nothing was given."""
        return {str(parameter[0]): self[str(parameter[0])] for parameter in _Where.optParameters}

    def seconds(self, name: str) -> float:
        """A duration that was given.

        Raises:
            UsageError: It is none.
        """
        try:
            return parse_duration(self[name])
        except ValueError as error:
            raise usage.UsageError(f"--{name}: {error}") from error


class StatusOptions(_Where):
    """``status``."""

    optFlags: ClassVar[list[list[str | None]]] = [["json", None, "one JSON object, for programs"]]
    longdesc = "Shows what the server consists of, and what it is doing."


class RollOptions(_Where):
    """``roll``."""

    optFlags: ClassVar[list[list[str | None]]] = [["wait", "w", "show the progress, and wait for the end"]]
    optParameters: ClassVar[list[list[str | None]]] = [
        ["timeout", None, "0", "with --wait: how long, like 10m; 0 is for ever"]
    ]
    longdesc = "Replaces the workers, one after the other; idle sessions are ended with 57P01, transactions may finish."

    def postOptions(self) -> None:
        """A duration is one."""
        self.seconds("timeout")


class DrainOptions(RollOptions):
    """``drain``."""

    synopsis = "[options] <worker>"
    longdesc = "Replaces one worker, whose number `status` shows."

    def parseArgs(self, *arguments: Any) -> None:
        """The worker's number."""
        if len(arguments) != 1 or not arguments[0].isdecimal():
            raise usage.UsageError("which worker? Its number is needed, as `status` shows it")
        self["slot"] = int(arguments[0])


class TakeoverOptions(_Where):
    """``takeover``."""

    optFlags: ClassVar[list[list[str | None]]] = [["wait", "w", "wait for the outcome; this is what happens anyway"]]
    optParameters: ClassVar[list[list[str | None]]] = [
        ["timeout", None, str(TAKEOVER_TIMEOUT_S), "how long it may take"]
    ]
    longdesc = (
        "Has the server start its successor, with the same command line, and waits until that one serves. "
        "No client notices. The exit status says whether it worked; if not, the server goes on as before."
    )

    def postOptions(self) -> None:
        """A duration is one."""
        self.seconds("timeout")


class StopOptions(_Where):
    """``stop``."""

    optParameters: ClassVar[list[list[str | None]]] = [
        ["timeout", None, None, "how long the server may take in order [shutdown_timeout and 20s]"]
    ]
    longdesc = (
        "Ends the server as SIGTERM does, and waits until it and its workers are gone. What hangs is killed in the end, "
        "and workers that have lost their server are ended too."
    )

    def postOptions(self) -> None:
        """A duration is one."""
        if self["timeout"] is not None:
            self.seconds("timeout")


class Options(usage.Options):
    """Everything."""

    subCommands: ClassVar[list[tuple[str, str | None, type[_Where], str]]] = [
        ("status", None, StatusOptions, "show workers, sessions, databases, and what goes on"),
        ("roll", None, RollOptions, "replace all workers, one after the other"),
        ("drain", None, DrainOptions, "replace one worker"),
        ("takeover", None, TakeoverOptions, "replace the process that accepts connections, without a client noticing"),
        ("stop", None, StopOptions, "end the server, and make sure that nothing of it is left"),
    ]
    longdesc = (
        "Works on a running server: the one that DUCKGRES_* variables, or the options of a command, name. "
        "To start one: twistd -n duckgres."
    )

    def getSynopsis(self) -> str:  # noqa: N802
        """The first line of the help; a command's own help goes on after the command."""
        return f"Usage: {PROGRAM}" if getattr(self, "subCommand", None) else f"Usage: {PROGRAM} <command> [options]"

    def opt_version(self) -> None:
        """Display the version and exit."""
        sys.stdout.write(f"duckgres_tx {importlib.metadata.version('duckgres_tx')}\n")
        sys.exit(0)

    def postOptions(self) -> None:
        """There is a command."""
        if self.subCommand is None:
            raise usage.UsageError(f"a command is needed; {PROGRAM} --help lists them")
