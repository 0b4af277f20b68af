"""The ``engine`` fixture: a pool with one database in memory, and the waiting that tests of the engine do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import define
from encoded_rows import Row, split_rows

from duckgres_tx.engine.database import Connection, Database, Execution, Job, NativeThreads, Statement
from duckgres_tx.engine.rendering import RenderOptions

TIMEOUT_S = 30.0
# A result of many buffers.
LONG = "select i, 'row number ' || i as words from range(60000) r(i)"
# Runs until it is interrupted, as far as a test can tell.
ENDLESS = "select sum(a.i * b.i) from range(10000000) a(i), range(10000000) b(i) where a.i % 7 = b.i % 5"


def open_files() -> set[str]:
    """What this process has open."""
    files = set()
    for link in Path("/proc/self/fd").iterdir():
        # The directory's own descriptor is gone when its turn comes.
        with contextlib.suppress(FileNotFoundError):
            files.add(str(link.readlink()))
    return files


@define
class Engine:
    """What a session does with the pool, and waiting for it."""

    threads: NativeThreads
    database: Database

    def result(self, job: Job) -> Any:
        """What a job gave; raises what it failed with."""
        self.threads.wait(job, TIMEOUT_S)
        return job.result

    def connect(self, script: str = "") -> Connection:
        """One more connection."""
        return self.result(self.threads.connect(self.database, script))

    def run(self, connection: Connection, sql: str) -> list[list[str | None]]:
        """The rows of an internal statement."""
        return self.result(self.threads.run(connection, sql.encode()))

    def prepare(self, connection: Connection, sql: str) -> Statement:
        """A prepared statement."""
        return self.result(self.threads.prepare(connection, sql.encode()))

    def execute(
        self, connection: Connection, sql: str, parameters: Sequence[bytes | None] = (), row_limit: int = 0
    ) -> Execution:
        """An execution that has just been submitted."""
        statement = self.prepare(connection, sql)
        return self.threads.execute(statement, parameters, (), (), (), RenderOptions(), row_limit)

    def finish(self, execution: Execution) -> bytes:
        """All that an execution makes until this run of it is over."""
        taken = [*execution.take()]
        while not execution.done:
            self.threads.wait(execution, TIMEOUT_S)
            taken += execution.take()
        return b"".join(taken)

    def rows(self, execution: Execution) -> list[Row]:
        """The rows of the rest of a run, which must go well."""
        taken = self.finish(execution)
        assert execution.error is None
        return split_rows(taken)

    def wait_until_parked(self, other: Connection) -> None:
        """With a pool of one thread: a job of another connection gets it when the running one has given it back."""
        assert self.run(other, "select 1") == [["1"]]


def _open(max_threads: int) -> Iterator[Engine]:
    threads = NativeThreads(max_threads, fetch_ahead=True)
    try:
        opening = threads.open_database(":memory:", {"threads": "2"})
        threads.wait(opening, TIMEOUT_S)
        yield Engine(threads, opening.result)
    finally:
        threads.shutdown()


@pytest.fixture
def engine() -> Iterator[Engine]:
    """A pool that may grow to four threads."""
    yield from _open(4)


@pytest.fixture
def narrow_engine() -> Iterator[Engine]:
    """A pool of one thread at most."""
    yield from _open(1)
