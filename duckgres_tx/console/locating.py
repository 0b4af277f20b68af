"""Which server is meant: the same options, variables and files say so that the server itself has read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from duckgres_tx import config as configuration
from duckgres_tx.config import ConfigError

_SAYING_WHERE = {"DUCKGRES_HANDOVER", "DUCKGRES_RUNTIME_DIR", "DUCKGRES_DATA_DIR"}


@frozen
class Place:
    """Where a server can be found.

    Attributes:
        handover: The socket on which it answers.
        runtime_dir: Where its workers' sockets are.
        shutdown_timeout_s: How long its transactions may go on when it ends.
    """

    handover: Path
    runtime_dir: Path
    shutdown_timeout_s: float


def locate(options: Mapping[str, str | None], environment: Mapping[str, str]) -> Place:
    """Find out where a server should be.

    Args:
        options: ``config``, ``data-dir``, ``runtime-dir`` and ``handover``; None for those that were not given.
        environment: Environment variables.

    Returns:
        Where it is; also when the configuration file can't be read, as long as options or variables say enough: a server that runs has
        read it before somebody broke it.

    Raises:
        ConfigError: What was said can't be used.
    """
    try:
        given = configuration.load(options, environment)
    except ConfigError:
        spoken = {name: value for name, value in options.items() if name != "config"}
        variables = {name: value for name, value in environment.items() if name != "DUCKGRES_CONFIG"}
        if not any(spoken.values()) and not variables.keys() & _SAYING_WHERE:
            raise
        given = configuration.load(spoken, variables)
    return Place(given.handover_path, given.runtime_path, given.shutdown_timeout)
