"""The pool: it grows and shrinks, tells of what is over, and ends."""

from __future__ import annotations

import gc
import os
import select
import time
import weakref
from pathlib import Path

import pytest
from engine_room import ENDLESS, LONG, TIMEOUT_S

from duckgres_tx.engine.database import DuckDBError, NativeThreads
from duckgres_tx.engine.rendering import RenderOptions


def readable(threads: NativeThreads, timeout_s: float = TIMEOUT_S) -> bool:
    """Whether the reactor would be told to call completed()."""
    return bool(select.select([threads.fileno()], [], [], timeout_s)[0])


def test_a_pool_without_work_has_no_threads():
    """Nothing is started before there is something to do."""
    threads = NativeThreads(3)
    assert (threads.thread_count, threads.queued, threads.completed()) == (0, 0, [])
    assert not readable(threads, 0)
    threads.shutdown()


def test_a_pool_needs_room_for_a_thread():
    """A bound below one is a mistake."""
    with pytest.raises(ValueError, match="at least 1"):
        NativeThreads(0)


def test_completed_hands_each_job_out_once():
    """The eventfd is readable until completed() has handed the job out, and the job comes only once."""
    threads = NativeThreads(1)
    job = threads.open_database(":memory:", {})
    assert readable(threads)
    assert threads.completed() == [job]
    assert job.done
    assert threads.completed() == []
    assert not readable(threads, 0)
    threads.shutdown()


def test_a_job_is_not_done_before_it_is_reported(engine):
    """Its result can't be asked for too early, whatever the thread has done meanwhile."""
    job = engine.threads.connect(engine.database)
    assert not job.done
    with pytest.raises(RuntimeError, match="not done"):
        _ = job.result
    engine.threads.wait(job, TIMEOUT_S)
    assert job.result.database is engine.database


def test_a_job_that_nobody_keeps_is_reported_all_the_same(engine):
    """The pool keeps what it works on alive, with what its owner has hung on it."""
    heard: list[object] = []
    engine.threads.connect(engine.database).callback = heard.append
    gc.collect()
    while not heard:
        assert readable(engine.threads)
        for job in engine.threads.completed():
            job.callback(job)
    [job] = heard
    assert job.error is None


def test_reported_jobs_are_freed(engine):
    """The pool keeps nothing that it has handed out."""
    connection = engine.connect()
    statement = engine.prepare(connection, "select 1")
    kept = weakref.ref(engine.threads)
    for _ in range(3):
        execution = engine.threads.execute(statement, (), (), (), (), RenderOptions())
        engine.finish(execution)
        execution.callback = marker = type("Marker", (), {})()
        gone = weakref.ref(marker)
        del marker, execution
        engine.threads.completed()
        assert gone() is None
    assert kept() is engine.threads


def test_the_pool_grows_with_what_runs(engine):
    """A short statement never waits behind long ones while the pool may grow."""
    long_ones = [engine.execute(engine.connect(), ENDLESS) for _ in range(3)]
    assert engine.run(engine.connect(), "select 1") == [["1"]]
    assert engine.threads.thread_count == 4
    assert not any(execution.done for execution in long_ones)
    for execution in long_ones:
        execution.interrupt()
        engine.finish(execution)


def test_short_statements_share_few_threads():
    """However many connections are busy: more threads would only be in each other's way."""
    threads = NativeThreads(64)
    opening = threads.open_database(":memory:", {"threads": "2"})
    threads.wait(opening, TIMEOUT_S)
    jobs = [threads.connect(opening.result) for _ in range(64)]
    for job in jobs:
        threads.wait(job, TIMEOUT_S)
    assert threads.thread_count <= 2 * (os.cpu_count() or 1)
    threads.shutdown()


def test_long_statements_do_not_hold_up_short_ones():
    """Threads are added when those that are kept for short statements are all taken."""
    long_ones = 2 * (os.cpu_count() or 1) + 2
    threads = NativeThreads(long_ones + 1)
    opening = threads.open_database(":memory:", {"threads": "1"})
    threads.wait(opening, TIMEOUT_S)
    jobs = [threads.connect(opening.result) for _ in range(long_ones + 1)]
    for job in jobs:
        threads.wait(job, TIMEOUT_S)
    running = [threads.run(job.result, ENDLESS.encode()) for job in jobs[1:]]
    short = threads.run(jobs[0].result, b"select 1")
    threads.wait(short, TIMEOUT_S)
    assert short.result == [["1"]]
    assert threads.thread_count == long_ones + 1
    assert not any(job.done for job in threads.completed())
    threads.shutdown()
    assert all(job.error.error_type == "INTERRUPT" for job in threads.completed() if job in running)


def native_thread_names() -> list[str]:
    """Of this process's threads, those that the pool has named."""
    names = []
    for path in Path("/proc/self/task").glob("*/comm"):
        try:
            names.append(path.read_text().strip())
        except OSError:
            continue
    return [name for name in names if name.startswith("dg-")]


def test_a_long_statement_gets_a_crew(engine):
    """Threads of the pool take part in it, for DuckDB has none of its own; the end of the pool is theirs."""
    assert "dg-crew" not in native_thread_names()
    execution = engine.execute(engine.connect(), ENDLESS)
    deadline = time.monotonic() + TIMEOUT_S
    while "dg-crew" not in native_thread_names():
        assert time.monotonic() < deadline
        select.select([], [], [], 0.001)
    execution.interrupt()
    engine.finish(execution)
    engine.threads.shutdown()
    while native_thread_names():
        assert time.monotonic() < deadline
        select.select([], [], [], 0.001)


def test_a_database_closes_under_its_crew(engine):
    """Threads that take part in a statement leave before the instance goes."""
    execution = engine.execute(engine.connect(), ENDLESS)
    deadline = time.monotonic() + TIMEOUT_S
    while "dg-crew" not in native_thread_names():
        assert time.monotonic() < deadline
        select.select([], [], [], 0.001)
    engine.result(engine.threads.close(engine.database))
    engine.finish(execution)
    assert execution.error.error_type == "INTERRUPT"


def test_the_pool_does_not_grow_past_its_bound(narrow_engine):
    """What is too much waits, and is done in the end."""
    connections = [narrow_engine.connect() for _ in range(3)]
    jobs = [narrow_engine.threads.run(connection, b"select 42") for connection in connections]
    assert narrow_engine.threads.thread_count == 1
    assert [narrow_engine.result(job) for job in jobs] == [[["42"]]] * 3
    assert narrow_engine.threads.queued == 0


def test_idle_threads_end():
    """After a burst the threads go away by themselves; the next job starts one again."""
    threads = NativeThreads(2, idle_timeout_s=0.0)
    job = threads.open_database(":memory:", {})
    threads.wait(job, TIMEOUT_S)
    while threads.thread_count:
        select.select([], [], [], 0.001)
    again = threads.connect(job.result)
    threads.wait(again, TIMEOUT_S)
    assert again.error is None
    threads.shutdown()


def test_jobs_of_a_connection_keep_their_order(engine):
    """One after another, as submitted, however many threads there are."""
    connection = engine.connect()
    engine.run(connection, "create temp table log(i int)")
    jobs = [engine.threads.run(connection, b"insert into log values (%d)" % number) for number in range(50)]
    for job in jobs:
        engine.result(job)
    assert engine.run(connection, "select i from log order by rowid") == [[str(number)] for number in range(50)]


def test_a_queued_job_can_be_interrupted(narrow_engine):
    """An interrupt that comes before a thread does still takes effect, and only there."""
    connection, other = narrow_engine.connect(), narrow_engine.connect()
    running = narrow_engine.execute(connection, ENDLESS)
    queued = narrow_engine.threads.run(other, b"create table never(i int)")
    queued.interrupt()
    running.interrupt()
    narrow_engine.finish(running)
    with pytest.raises(DuckDBError) as caught:
        narrow_engine.result(queued)
    assert caught.value.error_type == "INTERRUPT"
    assert narrow_engine.run(connection, "select count(*) from duckdb_tables() where table_name = 'never'") == [["0"]]


def test_wait_gives_up_in_time(engine):
    """Waiting has a deadline."""
    execution = engine.execute(engine.connect(), ENDLESS)
    with pytest.raises(TimeoutError):
        engine.threads.wait(execution, 0.01)
    execution.interrupt()
    engine.finish(execution)


def test_shutdown_ends_what_runs_and_what_waits():
    """Long statements are interrupted, queued ones fail, parked ones don't hold it up, and no thread is left."""
    threads = NativeThreads(2)
    opening = threads.open_database(":memory:", {"threads": "2"})
    threads.wait(opening, TIMEOUT_S)
    statements = []
    for sql in (ENDLESS, ENDLESS, LONG, ENDLESS):
        connecting = threads.connect(opening.result)
        threads.wait(connecting, TIMEOUT_S)
        preparing = threads.prepare(connecting.result, sql.encode())
        threads.wait(preparing, TIMEOUT_S)
        statements.append(preparing.result)
    executions = [threads.execute(statement, (), (), (), (), RenderOptions()) for statement in statements]
    threads.shutdown(TIMEOUT_S)

    assert threads.thread_count == 0
    assert set(threads.completed()) == set(executions)
    assert {execution.error.error_type for execution in executions if execution.error} == {"INTERRUPT"}
    with pytest.raises(ValueError, match="shut down"):
        threads.run(statements[0].connection, b"select 1")


def test_what_outlives_the_pool_is_freed_in_place():
    """After a shutdown handles may be dropped in any order."""
    threads = NativeThreads(1)
    opening = threads.open_database(":memory:", {})
    threads.wait(opening, TIMEOUT_S)
    connecting = threads.connect(opening.result)
    threads.wait(connecting, TIMEOUT_S)
    preparing = threads.prepare(connecting.result, LONG.encode())
    threads.wait(preparing, TIMEOUT_S)
    execution = threads.execute(preparing.result, (), (), (), (), RenderOptions(), 10)
    threads.wait(execution, TIMEOUT_S)
    assert execution.suspended
    threads.shutdown()
    execution.close()
    del opening, connecting, threads
    gc.collect()
    assert preparing.result.statement_type == 1
    del preparing
    del execution
    gc.collect()


def test_errors_keep_type_and_text():
    """What DuckDB says can be read from the exception, and printed."""
    error = DuckDBError("BINDER", "Binder Error: no", "42703")
    assert (error.error_type, error.message, error.sqlstate, str(error)) == (
        "BINDER",
        "Binder Error: no",
        "42703",
        "Binder Error: no",
    )
    assert DuckDBError("IO", "x").sqlstate is None
