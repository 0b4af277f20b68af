"""The catalog as a file: made once, then attached to each instance read-only.

Making the catalog takes some thousand statements' worth of work, attaching a file of it a tenth of that. What is in it
depends on the program, DuckDB and its extensions only, so its name has their digest, and all workers share it: each
makes it under a name of its own and then renames it. Where that can't be done, an instance gets a catalog in memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from twisted.logger import Logger

from duckgres_tx.catalog import names
from duckgres_tx.catalog.install import Setting, attach_script, install_script
from duckgres_tx.engine.database import DuckDBError
from duckgres_tx.session.executor import Executor
from duckgres_tx.session.open_database import OpenDatabase
from duckgres_tx.session.settings import WorkerSettings
from duckgres_tx.sql.guc_rules import shown_form
from duckgres_tx.sql.guc_table import DEFINITIONS
from duckgres_tx.sql.tokens import quote_string

_log = Logger()
_PREFIX = ".catalog-"
_SUFFIX = ".duckdb"
# The smallest blocks and the newest format: half the memory of an attached file, and half the time.
_FORMAT = "BLOCK_SIZE 16384, STORAGE_VERSION 'latest'"


def load_script(extensions: Sequence[str]) -> str:
    """SQL that loads extensions."""
    return "; ".join(f"LOAD {quote_string(extension)}" for extension in extensions)


async def attach_catalog(database: OpenDatabase, executor: Executor, settings: WorkerSettings) -> None:
    """Give an instance its catalog; its extensions are loaded, and nobody else uses it yet.

    Raises:
        DuckDBError: It can't have one.
    """
    path = await _template(database, executor, settings)
    if path is not None:
        try:
            await database.run(f"ATTACH {quote_string(str(path))} AS {names.ATTACHED} (READ_ONLY)")
        except DuckDBError:
            _log.failure("cannot use the catalog's file {path}; it will be made anew", path=str(path))
            _remove(path)
        else:
            await database.run(attach_script())
            return
    await database.run(f"ATTACH ':memory:' AS {names.ATTACHED}; {install_script(_settings())}")


async def _template(database: OpenDatabase, executor: Executor, settings: WorkerSettings) -> Path | None:
    ((version,),) = await database.run("SELECT library_version || source_id FROM pragma_version()")
    directory = Path(settings.temp_directory or Path(settings.data_dir) / "tmp")
    path = directory / f"{_PREFIX}{_digest(version or '', settings.extensions)}{_SUFFIX}"
    if _is_ours(path):
        return path
    making = directory / f"{_PREFIX}{secrets.token_hex(8)}.making"
    try:
        await _make(executor, making, settings.extensions)
        making.replace(path)
        _remove_others(path)
    except (DuckDBError, OSError):
        _log.failure("cannot make the catalog's file {path}; databases open more slowly without", path=str(path))
        return None
    finally:
        _remove(making)
    return path


async def _make(executor: Executor, path: Path, extensions: Sequence[str]) -> None:
    # DuckDB would report a directory that can't be written only after all the work.
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    path.unlink()
    options = {
        "threads": "1",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
    }
    script = "; ".join(
        part
        for part in (
            load_script(extensions),
            f"ATTACH {quote_string(str(path))} AS {names.ATTACHED} ({_FORMAT})",
            install_script(_settings()).removesuffix(";"),
            # Writes everything to the file, and lets it go.
            f"CHECKPOINT {names.ATTACHED}",
            f"DETACH {names.ATTACHED}",
        )
        if part
    )
    native = await executor.finish(executor.threads.open_database(":memory:", options))
    try:
        connection = await executor.finish(executor.threads.connect(native))
        await executor.finish(executor.threads.run(connection, script.encode()))
    finally:
        await executor.finish(executor.threads.close(native))


@cache
def _digest(version: str, extensions: tuple[str, ...]) -> str:
    parts = [version, install_script(_settings())]
    for extension in extensions:
        parts.append(extension)
        # One that is told by its file may have been replaced.
        with contextlib.suppress(OSError):
            status = Path(extension).stat()
            parts.append(f"{status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _is_ours(path: Path) -> bool:
    """Whether it is there, and nobody else's: the directory may be one where others can write."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()


def _remove_others(path: Path) -> None:
    # Of other versions; whoever still has one open goes on reading it, or makes it again.
    for other in path.parent.glob(f"{_PREFIX}*{_SUFFIX}"):
        if other != path:
            _remove(other)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
        path.with_name(f"{path.name}.wal").unlink()


def _settings() -> Iterable[Setting]:
    for each in DEFINITIONS.values():
        least, greatest = each.bounds
        yield Setting(
            each.name,
            shown_form(each, each.default),
            each.unit or None,
            each.kind.value,
            each.context.value,
            description=each.description,
            minimum=least or None,
            maximum=greatest or None,
            choices=each.choices or None,
            hidden=each.hidden,
        )
