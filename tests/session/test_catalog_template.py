"""The catalog's file: made once, shared by instances, and done without where it can't be had."""

from __future__ import annotations

import pytest
from attrs import define

from duckgres_tx.catalog.snapshot import rebuild_script
from duckgres_tx.engine.database import NativeThreads
from duckgres_tx.session.opening import make_database_file, open_database
from duckgres_tx.session.settings import WorkerSettings

WAIT_S = 60


@define
class WaitingExecutor:
    """Waits for each job in place."""

    threads: NativeThreads

    async def finish(self, job):
        self.threads.wait(job, WAIT_S)
        return job.result

    def forget(self, job):
        self.threads.wait(job, WAIT_S)


def now(coroutine):
    """The result of a coroutine that never waits."""
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    return stopped.value.value


@pytest.fixture
def executor():
    """The executor of one test."""
    threads = NativeThreads(2)
    yield WaitingExecutor(threads)
    threads.shutdown()


@pytest.fixture
def settings(tmp_path):
    """A data directory with room for temporary files."""
    (tmp_path / "tmp").mkdir()
    return WorkerSettings(data_dir=str(tmp_path), superusers=("postgres",), verifiers={"postgres": "x"}, threads=1)


def opened(executor, settings, tmp_path, name):
    """A database, made if it isn't there."""
    path = tmp_path / f"{name}.duckdb"
    if not path.exists():
        now(make_database_file(executor, path))
    return now(open_database(executor, settings, name, path, (name,)))


def rows(database, sql):
    """Rows as texts, from the maintenance connection."""
    return now(database.run(sql))


def template_files(tmp_path):
    """Names of what lies beside the spill directories."""
    return sorted(path.name for path in (tmp_path / "tmp").iterdir() if path.is_file())


def attached_path(database):
    """The file of ``__pg``; None: it is in memory."""
    ((path,),) = rows(database, "SELECT path FROM duckdb_databases() WHERE database_name = '__pg'")
    return path


def test_instances_share_one_file(executor, settings, tmp_path):
    """Each has its own rows all the same, under the types that PostgreSQL announces."""
    first = opened(executor, settings, tmp_path, "first")
    second = opened(executor, settings, tmp_path, "second")
    assert attached_path(first) == attached_path(second) == str(tmp_path / "tmp" / template_files(tmp_path)[0])
    rows(first, "CREATE TABLE public.only_here (a INTEGER)")
    for database in (first, second):
        rows(database, rebuild_script(database.catalog))
    listed = "SELECT relname, typeof(oid) FROM __pg.pg.pg_class WHERE relname = 'only_here'"
    assert rows(first, listed) == [["only_here", "pg_oid"]]
    assert rows(second, listed) == []
    assert rows(second, "SELECT rolname FROM __pg.pg.pg_roles") == [["postgres"]]
    assert len(template_files(tmp_path)) == 1


def test_nobody_writes_to_the_file(executor, settings, tmp_path):
    """What one instance would write there, all would see."""
    database = opened(executor, settings, tmp_path, "first")
    assert rows(database, "SELECT readonly FROM duckdb_databases() WHERE database_name = '__pg'") == [["t"]]


def test_the_first_look_needs_no_rebuild(executor, settings, tmp_path):
    """A view of the user's may name a relation before anybody has asked for the snapshot."""
    database = opened(executor, settings, tmp_path, "first")
    assert rows(database, "SELECT count(*) > 50 FROM __pg.pg.pg_class") == [["t"]]


def test_without_a_place_for_the_file(executor, settings, tmp_path):
    """The catalog is made in memory then."""

    def refuse(*_):
        raise OSError(30, "Read-only file system")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("duckgres_tx.session.catalog_template.os.open", refuse)
        database = opened(executor, settings, tmp_path, "first")
    assert attached_path(database) is None
    assert rows(database, "SELECT count(*) FROM __pg.pg.pg_type WHERE typname = 'int4'") == [["1"]]
    assert template_files(tmp_path) == []


def test_a_broken_file_is_made_anew(executor, settings, tmp_path):
    """The instance that finds it gets a catalog in memory, the next one a new file."""
    opened(executor, settings, tmp_path, "first")
    (name,) = template_files(tmp_path)
    path = tmp_path / "tmp" / name
    path.unlink()
    path.write_bytes(b"no database")
    assert attached_path(opened(executor, settings, tmp_path, "second")) is None
    assert attached_path(opened(executor, settings, tmp_path, "third")) == str(path)


def test_files_of_other_versions_go(executor, settings, tmp_path):
    """Nobody else would remove them."""
    (tmp_path / "tmp" / ".catalog-0123.duckdb").write_bytes(b"old")
    opened(executor, settings, tmp_path, "first")
    (name,) = template_files(tmp_path)
    assert name != ".catalog-0123.duckdb"
