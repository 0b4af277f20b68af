"""Running statements: rows, limits, parking, spooling, interrupts, and their end in every state."""

from __future__ import annotations

from pathlib import Path

import pytest
from encoded_rows import split_rows
from engine_room import ENDLESS, LONG, TIMEOUT_S, open_files

from duckgres_tx.engine.database import DuckDBError, ResultKind
from duckgres_tx.engine.rendering import RenderOptions

NUMBERS = "select * from range(10000)"
# From a table of one row group, so that nothing of it is done out of order; of what fails late in range() DuckDB may forget the error.
NUMBERS_IN_A_TABLE = "create table numbers as select i from range(122000) r(i)"
FAILS_LATE = "select case when i = 120000 then error('late') else i end from numbers"


def test_rows_come_as_data_rows(engine):
    """A small result is one buffer, and reported with its end."""
    execution = engine.execute(engine.connect(), "select 7 as a, null as b, 'x' as c")
    engine.threads.wait(execution, TIMEOUT_S)
    [buffer] = execution.take()
    assert split_rows(buffer) == [[b"7", None, b"x"]]
    assert (execution.done, execution.suspended, execution.error) == (True, False, None)
    assert (execution.rows, execution.total_rows, execution.rows_changed) == (1, 1, None)
    assert execution.result_kind is ResultKind.ROWS
    assert execution.take() == []


def test_formats_are_one_for_all_or_one_for_each(engine):
    """Result formats are taken as Bind gives them."""
    statement = engine.prepare(engine.connect(), "select 1::int, 2::int")

    def row(*formats: int) -> list[bytes | None]:
        [row] = engine.rows(engine.threads.execute(statement, (), (), (), formats, RenderOptions()))
        return row

    assert row() == [b"1", b"2"]
    assert row(0) == [b"1", b"2"]
    assert row(1) == [b"\0\0\0\1", b"\0\0\0\2"]
    assert row(0, 1) == [b"1", b"\0\0\0\2"]


def test_a_long_result_comes_in_several_buffers(engine):
    """The first buffer is small, none is far above its size, and nothing is lost or doubled."""
    execution = engine.execute(engine.connect(), LONG)
    buffers = []
    while not execution.done:
        engine.threads.wait(execution, TIMEOUT_S)
        buffers += execution.take()
    rows = split_rows(b"".join(buffers))

    assert rows == [[b"%d" % number, b"row number %d" % number] for number in range(60000)]
    assert execution.rows == 60000
    assert len(buffers) > 5
    assert len(buffers[0]) < 32 * 1024
    assert max(map(len, buffers)) < 300 * 1024


def test_statements_without_rows_say_how_many_they_changed(engine):
    """INSERT, UPDATE, DELETE and COPY count; DDL doesn't; RETURNING gives rows; CREATE TABLE AS counts too."""
    connection = engine.connect()

    def outcome(sql: str) -> tuple[ResultKind, int | None, int]:
        execution = engine.execute(connection, sql)
        engine.rows(execution)
        return execution.result_kind, execution.rows_changed, execution.rows

    assert outcome("create table t(i int)") == (ResultKind.NOTHING, None, 0)
    assert outcome("insert into t select * from range(7)") == (ResultKind.CHANGED_ROWS, 7, 0)
    assert outcome("update t set i = i + 1 where i < 3") == (ResultKind.CHANGED_ROWS, 3, 0)
    assert outcome("delete from t where i = 6") == (ResultKind.CHANGED_ROWS, 1, 0)
    assert outcome("insert into t values (1), (2) returning i") == (ResultKind.ROWS, None, 2)
    assert outcome("create table u as select * from t") == (ResultKind.NOTHING, 8, 0)
    assert outcome("begin") == (ResultKind.NOTHING, None, 0)
    assert outcome("commit") == (ResultKind.NOTHING, None, 0)
    assert outcome("checkpoint") == (ResultKind.NOTHING, None, 0)
    assert outcome("set default_order = 'asc'") == (ResultKind.NOTHING, None, 0)
    assert outcome("explain select 1")[0] is ResultKind.ROWS
    assert outcome("pragma version") == (ResultKind.ROWS, None, 1)
    assert outcome("call pragma_version()") == (ResultKind.ROWS, None, 1)
    assert outcome("show tables") == (ResultKind.ROWS, None, 2)


def test_errors_come_after_the_rows_before_them(engine):
    """A statement that fails late has sent what it had; the connection stays usable."""
    connection = engine.connect(NUMBERS_IN_A_TABLE)
    execution = engine.execute(connection, FAILS_LATE)
    taken = engine.finish(execution)
    assert execution.error is not None
    assert execution.error.error_type == "INVALID_INPUT"
    assert execution.error.message == "Invalid Input Error: late"
    with pytest.raises(DuckDBError, match="late"):
        _ = execution.result
    assert len(split_rows(taken)) == execution.rows < 120000
    assert engine.run(connection, "select 1") == [["1"]]


def test_an_error_that_duckdb_has_forgotten_is_no_interruption(engine):
    """It says that it was interrupted when another thread has failed, now and then; nobody has cancelled anything."""
    endless = engine.execute(engine.connect(), ENDLESS)
    errors = set()
    for _ in range(10):
        execution = engine.execute(
            engine.connect(),
            "select case when i = 9000 then error('late') else i end from range(20000) r(i)",
            row_limit=1,
        )
        engine.finish(execution)
        if execution.suspended:
            engine.run(engine.connect(), "select 1")
            execution.resume()
            engine.finish(execution)
        assert execution.error is not None
        errors.add((execution.error.error_type, execution.error.sqlstate))
    endless.close()
    assert errors <= {("INVALID_INPUT", None), ("EXECUTOR", "XX000")}


# --- limits


@pytest.mark.parametrize("limit", [7, 2047, 2048, 2049, 3000])
def test_a_row_limit_cuts_exactly(engine, limit):
    """Also in the middle of a chunk; resuming goes on with the next row."""
    execution = engine.execute(engine.connect(), NUMBERS, row_limit=limit)
    rows = engine.rows(execution)
    assert rows == [[b"%d" % number] for number in range(limit)]
    assert execution.suspended
    while execution.suspended:
        execution.resume(limit)
        assert not execution.done
        part = engine.rows(execution)
        assert len(part) == execution.rows <= limit
        rows += part
    assert rows == [[b"%d" % number] for number in range(10000)]
    assert execution.total_rows == 10000


def test_a_limit_that_is_all_there_is_still_suspends(engine):
    """As in PostgreSQL, the end is known only when it is asked for."""
    execution = engine.execute(engine.connect(), "select 1", row_limit=1)
    assert engine.rows(execution) == [[b"1"]]
    assert execution.suspended
    execution.resume()
    assert engine.rows(execution) == []
    assert not execution.suspended


def test_only_suspended_executions_resume(engine):
    """Resuming what is over or runs is a mistake."""
    execution = engine.execute(engine.connect(), "select 1")
    with pytest.raises(ValueError, match="not suspended"):
        execution.resume()
    engine.rows(execution)
    with pytest.raises(ValueError, match="not suspended"):
        execution.resume()


def test_another_statement_closes_a_suspended_result(engine):
    """DuckDB keeps one open result for each connection; the loss is told, not hidden."""
    connection = engine.connect()
    execution = engine.execute(connection, NUMBERS, row_limit=10)
    engine.rows(execution)
    assert engine.run(connection, "select 1") == [["1"]]
    execution.resume()
    engine.finish(execution)
    assert execution.error is not None
    assert execution.error.sqlstate == "34000"


# --- parking


def test_a_run_that_nobody_reads_gives_its_thread_back(narrow_engine):
    """With one thread, another connection's statement gets it; taking makes the first one go on to its end."""
    other = narrow_engine.connect()
    execution = narrow_engine.execute(narrow_engine.connect(), LONG)
    narrow_engine.wait_until_parked(other)
    assert not execution.done
    assert len(narrow_engine.rows(execution)) == 60000
    assert narrow_engine.threads.thread_count == 1


def test_what_is_produced_ahead_is_bounded(narrow_engine):
    """A reader that doesn't come finds four buffers, not the whole result."""
    other = narrow_engine.connect()
    execution = narrow_engine.execute(narrow_engine.connect(), LONG)
    narrow_engine.wait_until_parked(other)
    buffers = execution.take()
    assert len(buffers) == 4
    assert sum(map(len, buffers)) < 1024 * 1024
    execution.close()


def test_a_parked_run_can_be_interrupted(narrow_engine):
    """It ends with INTERRUPT although its reader never comes, by its own interrupt or its connection's."""
    other = narrow_engine.connect()
    for interrupt in ("execution", "connection"):
        connection = narrow_engine.connect()
        execution = narrow_engine.execute(connection, LONG)
        narrow_engine.wait_until_parked(other)
        (execution if interrupt == "execution" else connection).interrupt()
        while not execution.done:
            narrow_engine.threads.wait(execution, TIMEOUT_S)
        assert execution.error is not None
        assert execution.error.error_type == "INTERRUPT"
        assert narrow_engine.run(connection, "select 1") == [["1"]]


# --- spooling


def test_a_spooled_run_leaves_its_connection_free(engine, tmp_path):
    """Other statements run in between; the rest comes from the file, cut exactly; the file has no name."""
    connection = engine.connect()
    execution = engine.execute(connection, NUMBERS, row_limit=1000)
    rows = engine.rows(execution)
    engine.result(execution.spool(str(tmp_path)))
    assert execution.spooled
    assert list(Path(tmp_path).iterdir()) == []
    assert engine.run(connection, "create table t(i int); select 1") == [["1"]]
    while execution.suspended:
        execution.resume(777)
        part = engine.rows(execution)
        assert len(part) == execution.rows <= 777
        rows += part
    assert rows == [[b"%d" % number] for number in range(10000)]
    assert not [name for name in open_files() if name.startswith(str(tmp_path))]


def test_a_parked_run_can_be_spooled(narrow_engine, tmp_path):
    """What was in the ring comes first, then the file."""
    other = narrow_engine.connect()
    connection = narrow_engine.connect()
    execution = narrow_engine.execute(connection, LONG)
    narrow_engine.wait_until_parked(other)
    narrow_engine.result(execution.spool(str(tmp_path)))
    assert narrow_engine.run(connection, "select 2") == [["2"]]
    assert narrow_engine.rows(execution) == [[b"%d" % i, b"row number %d" % i] for i in range(60000)]


def test_a_spooled_rows_may_be_longer_than_a_buffer(engine, tmp_path):
    """Messages of any length come back whole."""
    connection = engine.connect()
    execution = engine.execute(connection, "select repeat('x', 1000000 + i) from range(5) r(i)", row_limit=1)
    first = engine.rows(execution)
    engine.result(execution.spool(str(tmp_path)))
    execution.resume(2)
    two = engine.rows(execution)
    assert execution.suspended
    execution.resume()
    rows = first + two + engine.rows(execution)
    assert [len(row[0]) for row in rows] == [1000000 + i for i in range(5)]


def test_an_error_met_while_spooling_comes_after_its_rows(engine, tmp_path):
    """The spool succeeds; resuming gives the rows, then the error."""
    execution = engine.execute(engine.connect(NUMBERS_IN_A_TABLE), FAILS_LATE, row_limit=10)
    engine.rows(execution)
    engine.result(execution.spool(str(tmp_path)))
    execution.resume()
    taken = engine.finish(execution)
    assert execution.error is not None
    assert "late" in execution.error.message
    assert len(split_rows(taken)) == execution.rows > 0


def test_a_spool_that_cannot_be_written_is_an_error_of_both(engine, tmp_path):
    """The job and the execution fail with PostgreSQL's code for it."""
    execution = engine.execute(engine.connect(), NUMBERS, row_limit=10)
    engine.rows(execution)
    with pytest.raises(DuckDBError) as caught:
        engine.result(execution.spool(str(tmp_path / "missing")))
    assert caught.value.sqlstate == "58030"
    execution.resume()
    engine.finish(execution)
    assert execution.error is not None
    assert execution.error.sqlstate == "58030"


def test_spooling_what_is_over_does_nothing(engine, tmp_path):
    """No harm in asking."""
    execution = engine.execute(engine.connect(), "select 1")
    engine.rows(execution)
    assert engine.result(execution.spool(str(tmp_path))) is None
    assert not execution.spooled


# --- interrupts


def test_a_running_statement_can_be_interrupted(engine):
    """It ends soon, with INTERRUPT, and its connection stays usable."""
    connection = engine.connect()
    execution = engine.execute(connection, ENDLESS)
    execution.interrupt()
    assert engine.finish(execution) == b""
    assert execution.error is not None
    assert execution.error.error_type == "INTERRUPT"
    assert engine.run(connection, "select 1") == [["1"]]


def test_a_connection_interrupts_what_it_runs(engine):
    """Also from the connection, which is what a CancelRequest knows."""
    connection = engine.connect()
    execution = engine.execute(connection, ENDLESS)
    connection.interrupt()
    engine.finish(execution)
    assert execution.error is not None
    assert execution.error.error_type == "INTERRUPT"


def test_a_statement_that_has_not_begun_can_be_interrupted(narrow_engine):
    """The flag is looked at before DuckDB is asked."""
    connection, other = narrow_engine.connect(), narrow_engine.connect()
    statement = narrow_engine.prepare(other, "create table never(i int)")
    running = narrow_engine.execute(connection, ENDLESS)
    queued = narrow_engine.threads.execute(statement, (), (), (), (), RenderOptions())
    queued.interrupt()
    running.interrupt()
    narrow_engine.finish(running)
    narrow_engine.finish(queued)
    assert queued.error is not None
    assert queued.error.error_type == "INTERRUPT"
    assert narrow_engine.run(connection, "select count(*) from duckdb_tables()") == [["0"]]


def test_interrupting_at_any_moment_ends_every_statement(engine):
    """However the interrupt falls between submission, beginning and end, the outcome is a result or INTERRUPT."""
    connection = engine.connect()
    statement = engine.prepare(connection, "select count(*) from range(200000) r(i) where i % 7 = 3")
    outcomes = set()
    for spins in range(300):
        execution = engine.threads.execute(statement, (), (), (), (), RenderOptions())
        for _ in range(spins * 10):
            pass
        execution.interrupt()
        taken = engine.finish(execution)
        if execution.error is None:
            assert split_rows(taken) == [[b"28571"]]
        outcomes.add(execution.error.error_type if execution.error else "DONE")
    assert "INTERRUPT" in outcomes
    assert outcomes <= {"INTERRUPT", "DONE"}
    assert engine.run(connection, "select 1") == [["1"]]


def test_interrupting_what_is_suspended_or_over_does_nothing(engine):
    """A cancel that comes too late hits nothing, and nothing later."""
    connection = engine.connect()
    execution = engine.execute(connection, NUMBERS, row_limit=10)
    engine.rows(execution)
    execution.interrupt()
    execution.resume()
    assert len(engine.rows(execution)) == 9990
    execution.interrupt()
    connection.interrupt()
    assert engine.run(connection, "select 1") == [["1"]]


# --- ends


@pytest.mark.parametrize("limit", [0, 10])
def test_closing_frees_the_connection(engine, limit):
    """A half-read result holds no transaction and no lock once it is closed."""
    connection = engine.connect()
    engine.run(connection, "create table t as select * from range(1000000)")
    execution = engine.execute(connection, "select * from t", row_limit=limit)
    engine.threads.wait(execution, TIMEOUT_S)
    execution.close()
    while not execution.done or execution.suspended:
        engine.threads.wait(execution, TIMEOUT_S)
    assert engine.run(engine.connect(), "drop table t; select 1") == [["1"]]


def test_closing_twice_or_late_is_harmless(engine):
    """Close in every state, as often as one likes."""
    connection = engine.connect()
    execution = engine.execute(connection, NUMBERS)
    execution.close()
    execution.close()
    engine.finish(execution)
    execution.close()
    assert engine.run(connection, "select 1") == [["1"]]


@pytest.mark.parametrize("sql", [LONG, ENDLESS, "select 1", "select nosuch(1)", "create table x(i int)"])
def test_executions_may_be_dropped_at_once(engine, sql):
    """What nobody holds goes on or ends, and is freed; nothing hangs."""
    connection = engine.connect()
    try:
        statement = engine.prepare(connection, sql)
    except DuckDBError:
        return
    for limit in (0, 1):
        engine.threads.execute(statement, (), (), (), (), RenderOptions(), limit).interrupt()
    del statement
    assert engine.run(connection, "select 1") == [["1"]]
    engine.threads.completed()


def test_parameters_are_bound(engine):
    """Values arrive as given, NULL as NULL, and stay for one execution."""
    connection = engine.connect()
    statement = engine.prepare(connection, "select $2::int + $1::int, $3::varchar")

    def row(*values: bytes | None) -> list[bytes | None]:
        [row] = engine.rows(engine.threads.execute(statement, values, (), (), (), RenderOptions()))
        return row

    assert row(b"1", b"20", b"x") == [b"21", b"x"]
    assert row(b"1", None, b"y") == [None, b"y"]
    assert row(b"2", b"3", None) == [b"5", None]


def test_a_parameter_that_cannot_be_read_has_postgresqls_code(engine):
    """The engine's own refusal carries the SQLSTATE."""
    execution = engine.execute(engine.connect(), "select $1::int", [b"seven"])
    engine.finish(execution)
    assert execution.error is not None
    assert execution.error.sqlstate == "22P02"


def test_counts_that_do_not_fit_are_refused(engine):
    """Before anything runs."""
    statement = engine.prepare(engine.connect(), "select $1::int, $2::int")
    with pytest.raises(ValueError, match="1 parameters for a statement of 2"):
        engine.threads.execute(statement, [b"1"], (), (), (), RenderOptions())
    with pytest.raises(ValueError, match="3 parameter formats for 2 parameters"):
        engine.threads.execute(statement, [b"1", b"2"], (0, 0, 0), (), (), RenderOptions())


def test_a_number_that_is_left_out_is_an_error(engine):
    """DuckDB can't be given $2 alone."""
    connection = engine.connect()
    statement = engine.prepare(connection, "select $2::int")
    assert len(statement.parameter_types) == 2
    assert not statement.parameter_types[0].known
    execution = engine.threads.execute(statement, [b"1", b"2"], (), (), (), RenderOptions())
    engine.finish(execution)
    assert execution.error is not None
    assert (execution.error.sqlstate, execution.error.message) == (
        "42P18",
        "could not determine data type of parameter $1",
    )


# --- results that a second thread fetches

BULK = "select i from range(400000) r(i)"


@pytest.mark.parametrize("pool", ["engine", "narrow_engine"])
def test_a_very_long_result_keeps_its_order(request, pool):
    """Also when chunks are fetched ahead of their encoding, and when there is no thread for that."""
    engine = request.getfixturevalue(pool)
    execution = engine.execute(engine.connect(), BULK)
    assert engine.rows(execution) == [[b"%d" % number] for number in range(400000)]


def test_errors_far_behind_come_after_the_rows_before_them(engine):
    """What was fetched ahead of an error is sent, and the connection stays usable."""
    connection = engine.connect(NUMBERS_IN_A_TABLE)
    execution = engine.execute(connection, FAILS_LATE)
    rows = split_rows(engine.finish(execution))
    assert execution.error is not None
    assert "late" in execution.error.message
    assert rows == [[b"%d" % number] for number in range(len(rows))]
    assert 0 < len(rows) <= 120000
    assert engine.run(connection, "select 1") == [["1"]]


def test_a_very_long_result_that_nobody_takes_gives_its_threads_back(engine):
    """A parked run keeps neither the thread that encodes nor the one that fetches."""
    execution = engine.execute(engine.connect(), BULK)
    endless = [engine.execute(engine.connect(), ENDLESS) for _ in range(3)]
    # The pool has four threads.
    assert engine.run(engine.connect(), "select 1") == [["1"]]
    for each in endless:
        each.interrupt()
        engine.finish(each)
    assert len(engine.rows(execution)) == 400000


@pytest.mark.parametrize("way", ["interrupt", "close", "connection", "database"])
def test_a_very_long_result_can_end_at_any_moment(engine, way):
    """Nothing is fetched from a result that is going."""
    for taken in range(6):
        connection = engine.connect()
        execution = engine.execute(connection, BULK)
        for _ in range(taken):
            if not execution.done:
                engine.threads.wait(execution, TIMEOUT_S)
                execution.take()
        if way == "interrupt":
            execution.interrupt()
        elif way == "close":
            execution.close()
        else:
            engine.result(engine.threads.close(connection))
        engine.finish(execution)
        if way in {"interrupt", "close"}:
            assert engine.run(connection, "select 1") == [["1"]]
    if way == "database":
        execution = engine.execute(engine.connect(), BULK)
        engine.result(engine.threads.close(engine.database))
        engine.finish(execution)
