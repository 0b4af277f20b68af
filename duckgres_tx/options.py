"""The command line: ``twistd [-n] duckgres [options]``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

from twisted.python import usage

from duckgres_tx import config as configuration
from duckgres_tx.config import Config, ConfigError
from duckgres_tx.starting import cannot_start


class Options(usage.Options):
    """Options that were not given are None, so that the environment and the file have their say (see `config.load`).

    Attributes:
        configuration: What all of them say together; None when nobody but us has parsed them.
        pidfile: The PID file that this server looks after; None when `twistd` does, or there is none.
        working_directory: Where the command was given: relative paths of a successor's command line are relative to that.
    """

    optParameters: ClassVar[list[list[str | None]]] = [
        ["config", "c", None, "YAML file with settings"],
        ["host", None, None, "addresses to listen on, separated by commas [127.0.0.1]"],
        ["port", "p", None, "TCP port; 0 takes a free one [5432]"],
        ["unix-socket-dir", None, None, "directory for a UNIX socket beside TCP [none]"],
        ["data-dir", None, None, "directory of the databases [./data]"],
        ["workers", None, None, "worker processes; 0 serves from this process [0; with --handover 2]"],
        ["runtime-dir", None, None, "directory for the workers' sockets [<data-dir>/run]"],
        [
            "handover",
            None,
            None,
            "UNIX socket: take over from the server there, if one lives, and be there for the next",
        ],
        ["roll-after-takeover", None, None, "whether a takeover replaces workers of older code or settings [yes]"],
        ["tls", None, None, "off, prefer or require [prefer]"],
        ["cert", None, None, "PEM file with the certificate [self-signed]"],
        ["key", None, None, "PEM file with the certificate's key"],
        ["memory-limit", None, None, "memory for all databases together, like 4GB or 50% [75%]"],
        ["threads", None, None, "execution threads of all databases together [processors]"],
    ]
    optFlags: ClassVar[list[list[str | None]]] = [["no-roll", None, "the same as --roll-after-takeover=no"]]
    synopsis = "Usage: twistd [-n] [twistd options] duckgres [options]"
    longdesc = (
        "Serves DuckDB databases to PostgreSQL clients. Each option has a DUCKGRES_* environment variable and a YAML key, "
        "and there are more settings than options: see docs/configuration.md."
    )

    def __init__(self) -> None:
        super().__init__()
        self.configuration: Config | None = None
        self.pidfile: Path | None = None
        self.working_directory = Path.cwd()

    def parseOptions(  # noqa: N802
        self, options: list[str] | None = None
    ) -> None:
        """Parse; a mistake is one line on standard error, not the whole help on standard output."""
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            raise cannot_start(str(error)) from error

    def postOptions(self) -> None:
        """Read the configuration, because what `twistd` does next depends on it.

        Before there is a service, `twistd` refuses to start when its PID file names a living process. A server that takes over from
        another one is meant to find that, so it looks after the PID file itself (`handover.pid_file`), and `twistd` is told of none.
        """
        if self.parent is None:
            return
        try:
            self.configuration = configuration.load(self.given(), os.environ)
        except ConfigError as error:
            raise cannot_start(str(error)) from error
        if self.configuration.handover is not None and self.parent["pidfile"]:
            self.pidfile = Path(self.parent["pidfile"]).absolute()
            self.parent["pidfile"] = ""

    def parseArgs(self, *extra: Any) -> None:
        """No arguments."""
        if extra:
            raise usage.UsageError(f"unexpected argument {extra[0]!r}")

    def given(self) -> dict[str, str | None]:
        """The options by name, None where nothing was given."""
        names = [str(parameter[0]) for parameter in self.optParameters]
        given = {name: self[name] for name in names}
        if self["no-roll"]:
            given["roll-after-takeover"] = "no"
        return given
