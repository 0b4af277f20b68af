"""DuckDB extensions by name, without a network: from the ``duckdb-extension-<name>`` wheels, or from where DuckDB has put them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path

# linked into the engine's shared object
BUILT_IN = frozenset({"core_functions", "icu", "json", "parquet"})
SUFFIX = ".duckdb_extension"


class UnknownExtension(Exception):
    """There is no such extension here; one line of text names it and says where it was looked for."""


def resolve(name: str, home: Path | None = None) -> str:
    """Find an extension.

    Args:
        name: A name as for DuckDB's LOAD, or the path of a ``.duckdb_extension`` file.
        home: DuckDB's own directory, ``~/.duckdb`` if not given.

    Returns:
        What LOAD takes: an absolute path, or the name of an extension that is built in.

    Raises:
        UnknownExtension: It is nowhere.
    """
    if "/" in name or name.endswith(SUFFIX):
        path = Path(name).expanduser().absolute()
        if not path.is_file():
            raise UnknownExtension(f"extension {name!r}: there is no such file")
        return str(path)
    wanted = name.lower().replace("-", "_")
    if wanted in BUILT_IN:
        return wanted
    found = _in_wheel(wanted) or _installed_by_duckdb(wanted, home or Path.home() / ".duckdb")
    if found is None:
        raise UnknownExtension(
            f"extension {name!r} is not installed: pip install duckdb-extension-{wanted.replace('_', '-')}, "
            f"or give the path of its {SUFFIX} file"
        )
    return str(found)


def _in_wheel(name: str) -> Path | None:
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    if spec is None:
        return None
    roots = [Path(place) for place in spec.submodule_search_locations or ()]
    files = sorted(file for root in roots for file in root.rglob(f"{name}{SUFFIX}"))
    if not files:
        return None
    version = _engine_version()
    return next((file for file in files if file.parent.name == f"v{version}"), files[-1])


def _installed_by_duckdb(name: str, home: Path) -> Path | None:
    directory = home / "extensions" / f"v{_engine_version()}"
    return next(iter(sorted(directory.glob(f"*/{name}{SUFFIX}"))), None)


def _engine_version() -> str:
    return importlib.metadata.version("duckdb")
