"""Database names and the files that they stand for: ``<data_dir>/<name>.duckdb``.

Spec: sql-createdatabase.html, sql-dropdatabase.html
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from attrs import frozen

from duckgres_tx.errors import PgError

SUFFIX = ".duckdb"
WAL_SUFFIX = ".wal"

# PostgreSQL's NAMEDATALEN - 1.
MAX_NAME_BYTES = 63

_IN_THE_MAKING = ".making-"


@frozen
class DatabaseFiles:
    """The data directory, as database names.

    Args:
        data_dir: Where the files are.
    """

    data_dir: Path

    def path(self, name: str) -> Path:
        """Where a database's file is, or would be.

        Raises:
            PgError: 3D000 for a name that can't be a database's, such as one that would lead out of the directory.
        """
        if not is_valid_name(name):
            raise does_not_exist(name)
        return self.data_dir / f"{name}{SUFFIX}"

    def exists(self, name: str) -> bool:
        """Whether there is such a database."""
        return is_valid_name(name) and self.path(name).is_file()

    def names(self) -> list[str]:
        """All databases, in order."""
        files = (entry.name for entry in os.scandir(self.data_dir) if entry.is_file())
        stems = (name.removesuffix(SUFFIX) for name in files if name.endswith(SUFFIX))
        return sorted(stem for stem in stems if is_valid_name(stem))

    def temporary_path(self, name: str) -> Path:
        """A new name for a file that is to become a database; a crash leaves it where nobody takes it for one."""
        return self.data_dir / f"{_IN_THE_MAKING}{secrets.token_hex(8)}{SUFFIX}"

    def publish(self, temporary: Path, name: str) -> None:
        """Make a finished file a database, at once or not at all.

        Raises:
            PgError: 42P04 when there is one by that name.
        """
        path = self.path(name)
        if not path.exists():
            # Left behind by a crash while a database of this name was dropped: it must not be replayed into a new one.
            _unlink(_wal(path))
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise already_exists(name) from None
        _sync_directory(self.data_dir)

    def discard(self, temporary: Path) -> None:
        """Remove a file in the making, and its log."""
        _unlink(_wal(temporary))
        _unlink(temporary)

    def remove(self, name: str) -> None:
        """Remove a database that nobody has open.

        Raises:
            PgError: 3D000 when there is none by that name.
        """
        path, grave = self.path(name), self.temporary_path(name)
        try:
            path.rename(grave)
        except FileNotFoundError:
            raise does_not_exist(name) from None
        _unlink(_wal(path))
        _unlink(grave)
        _sync_directory(self.data_dir)


def is_valid_name(name: str) -> bool:
    """Whether a database can have this name: a plain file name of at most 63 bytes, not hidden, printable."""
    return (
        0 < len(name.encode(errors="replace")) <= MAX_NAME_BYTES
        and not name.startswith(".")
        and not any(character in "/\\" or not character.isprintable() for character in name)
    )


def does_not_exist(name: str) -> PgError:
    """What is said of a database that there isn't."""
    return PgError("3D000", f'database "{name}" does not exist')


def already_exists(name: str) -> PgError:
    """What is said to who wants to make a database that there is."""
    return PgError("42P04", f'database "{name}" already exists')


def _wal(path: Path) -> Path:
    return path.with_name(path.name + WAL_SUFFIX)


def _unlink(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
