"""Settings that change while clients are served: what of them a worker can take, and what only a new worker can.

An instance of DuckDB is locked after it was opened, so what it loads, where it spills and which files SQL may touch stay as they were;
the rest is looked at when it is needed.
"""

from __future__ import annotations

from typing import Any

import attrs
from attrs import frozen

from duckgres_tx.session.settings import WorkerSettings

NEEDS_NEW_WORKER = frozenset(
    {
        "data_dir",
        "default_database",
        "extensions",
        "allowed_directories",
        "unrestricted_files",
        "temp_directory",
        "server_version",
        "time_zone",
    }
)


@frozen
class Reload:
    """What becomes of a worker's settings.

    Attributes:
        settings: What holds from now on.
        stale: Names of settings that were wanted differently and need a new worker.
    """

    settings: WorkerSettings
    stale: tuple[str, ...]


def reload(current: WorkerSettings, wanted: WorkerSettings, most_connections: int) -> Reload:
    """Find out what can change now.

    Args:
        current: What holds.
        wanted: What should.
        most_connections: As many sessions as the worker's native threads can serve.
    """
    possible: dict[str, Any] = {}
    stale: list[str] = []
    for name in (field.name for field in attrs.fields(WorkerSettings)):
        old, new = getattr(current, name), getattr(wanted, name)
        if old == new:
            continue
        if name in NEEDS_NEW_WORKER:
            stale.append(name)
        elif name == "max_connections" and new > most_connections:
            possible[name] = most_connections
            stale.append(name)
        else:
            possible[name] = new
    return Reload(attrs.evolve(current, **possible), tuple(stale))
