"""DuckDB extensions by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from duckgres_tx import extensions
from duckgres_tx.extensions import UnknownExtension


def test_a_wheel_s_extension_is_found():
    """The test requirements have one."""
    path = Path(extensions.resolve("tpch"))

    assert path.is_file()
    assert path.name == "tpch.duckdb_extension"


def test_what_is_built_in_needs_no_file():
    """LOAD takes the name."""
    assert extensions.resolve("JSON") == "json"


def test_a_path_is_taken_as_it_is(tmp_path):
    """If there is a file."""
    file = tmp_path / "mine.duckdb_extension"
    file.write_bytes(b"")
    assert extensions.resolve(str(file)) == str(file)

    with pytest.raises(UnknownExtension, match="there is no such file"):
        extensions.resolve(str(tmp_path / "other.duckdb_extension"))


def test_what_duckdb_has_installed_is_found(tmp_path):
    """Of the engine's version only."""
    version = extensions._engine_version()
    for directory in (f"v{version}", "v0.0.1"):
        place = tmp_path / "extensions" / directory / "linux_amd64"
        place.mkdir(parents=True)
        (place / f"{'spatial' if directory != 'v0.0.1' else 'old'}.duckdb_extension").write_bytes(b"")

    assert extensions.resolve("spatial", tmp_path).startswith(str(tmp_path / "extensions" / f"v{version}"))
    with pytest.raises(UnknownExtension):
        extensions.resolve("old", tmp_path)


def test_an_unknown_one_is_named_with_its_wheel(tmp_path):
    """So that the operator knows what to do."""
    with pytest.raises(UnknownExtension, match="pip install duckdb-extension-no-such-thing"):
        extensions.resolve("no_such_thing", tmp_path)
