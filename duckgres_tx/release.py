"""Which code a process runs, as a short text that another process can compare with its own.

A control plane and the workers that it finds may have been started from different states of the same directory: after an upgrade the old
workers run the old code until they are replaced. Version numbers don't tell (a checkout has the same one for weeks), so it is the files.
"""

from __future__ import annotations

import hashlib
import sys
from importlib import metadata
from pathlib import Path

# beside our own code, what decides how a worker answers
_DEPENDENCIES = ("duckdb", "twisted")
_DIGEST_BYTES = 8


def release_of(directory: Path) -> str:
    """The digest of a directory with code: names, sizes and times of its files, the Python that runs them and what they build on.

    Args:
        directory: The package; what Python has compiled from it doesn't count.

    Returns:
        Sixteen hexadecimal digits.
    """
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    digest.update(sys.version.encode())
    for name in _DEPENDENCIES:
        digest.update(f"\0{name} {_version(name)}".encode())
    for path in sorted(directory.rglob("*")):
        if "__pycache__" in path.parts or not path.is_file():
            continue
        status = path.stat()
        digest.update(f"\0{path.relative_to(directory)} {status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        # such as a libduckdb.so that was named in the environment
        return "none"


_RUNNING = release_of(Path(__file__).resolve().parent)


def running_release() -> str:
    """The release of this process: what the files were when it was started, whatever has become of them since."""
    return _RUNNING
