"""A database's name is a file's, and can't be anything else's."""

from __future__ import annotations

import pytest

from duckgres_tx.errors import PgError
from duckgres_tx.session.database_files import DatabaseFiles, is_valid_name


@pytest.mark.parametrize("name", ["a", "My-DB", "a.b", "a b", "été", "x" * 63])
def test_ordinary_names_are_names(name):
    """Anything that can be a file's plain name."""
    assert is_valid_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/etc/x", ".hidden", "a\0b", "a\\b", "a\nb", "x" * 64])
def test_names_that_lead_elsewhere_are_databases_that_do_not_exist(name, tmp_path):
    """Nobody gets out of the data directory by a database's name."""
    files = DatabaseFiles(tmp_path)
    assert not files.exists(name)
    with pytest.raises(PgError) as refused:
        files.path(name)
    assert refused.value.sqlstate == "3D000"


def test_a_database_appears_whole_or_not_at_all(tmp_path):
    """What is in the making has no name that anybody could ask for."""
    files = DatabaseFiles(tmp_path)
    temporary = files.temporary_path("sales")
    temporary.write_bytes(b"made")
    assert files.names() == []
    files.publish(temporary, "sales")
    files.discard(temporary)
    assert files.names() == ["sales"]
    assert files.path("sales").read_bytes() == b"made"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["sales.duckdb"]


def test_publishing_never_overwrites(tmp_path):
    """Two sessions that make the same database: one of them hears 42P04."""
    files = DatabaseFiles(tmp_path)
    files.path("sales").write_bytes(b"first")
    temporary = files.temporary_path("sales")
    temporary.write_bytes(b"second")
    with pytest.raises(PgError) as refused:
        files.publish(temporary, "sales")
    assert refused.value.sqlstate == "42P04"
    assert files.path("sales").read_bytes() == b"first"


def test_a_dropped_database_takes_its_log_along(tmp_path):
    """A log left behind would be replayed into the next database of that name."""
    files = DatabaseFiles(tmp_path)
    files.path("sales").write_bytes(b"data")
    (tmp_path / "sales.duckdb.wal").write_bytes(b"log")
    files.remove("sales")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(PgError) as refused:
        files.remove("sales")
    assert refused.value.sqlstate == "3D000"


def test_a_log_that_a_crash_left_is_removed_before_the_name_is_used_again(tmp_path):
    """As above, when the server died in between."""
    files = DatabaseFiles(tmp_path)
    (tmp_path / "sales.duckdb.wal").write_bytes(b"log of the dead")
    temporary = files.temporary_path("sales")
    temporary.write_bytes(b"new")
    files.publish(temporary, "sales")
    assert not (tmp_path / "sales.duckdb.wal").exists()
