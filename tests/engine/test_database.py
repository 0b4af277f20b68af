"""Databases, connections and statements: what they tell, and how they end, in whatever order."""

from __future__ import annotations

import gc
import itertools
import time
from pathlib import Path

import pytest
from engine_room import ENDLESS, LONG, TIMEOUT_S, open_files

from duckgres_tx.engine.database import Column, DuckDBError, NativeThreads, StatementType
from duckgres_tx.engine.logical_types import LogicalType, TypeId
from duckgres_tx.engine.rendering import RenderOptions

INTEGER = LogicalType(TypeId.INTEGER)
INVALID = LogicalType(TypeId.INVALID)


# --- databases


def test_the_script_runs_before_anyone_sees_the_database(engine):
    """What it makes is there for the first connection; types and functions of ours are there for the script."""
    opening = engine.threads.open_database(
        ":memory:", {"threads": "1"}, "create table t as select duckgres_context('x') as x; create schema public"
    )
    database = engine.result(opening)
    connection = engine.result(engine.threads.connect(database))
    assert database.path == ":memory:"
    assert engine.run(connection, "select x from t") == [[None]]
    assert engine.run(connection, "select current_setting('threads')") == [["1"]]


def test_a_file_is_released_when_the_database_is_closed(engine, tmp_path):
    """The job of close() is done when the file is no longer open; what was committed is in it."""
    path = str(tmp_path / "a.duckdb")
    database = engine.result(engine.threads.open_database(path, {}))
    connection = engine.result(engine.threads.connect(database))
    engine.run(connection, "create table t as select 42 as i")
    assert path in open_files()
    engine.result(engine.threads.close(database))
    assert path not in open_files()
    assert (database.closed, connection.closed) == (True, True)

    again = engine.result(engine.threads.open_database(path, {}))
    assert engine.run(engine.result(engine.threads.connect(again)), "select i from t") == [["42"]]


def test_a_database_that_cannot_be_opened_says_why(engine, tmp_path):
    """A missing directory, a wrong option, a script that fails: each is the job's error, and nothing stays open."""
    path = str(tmp_path / "a.duckdb")
    for arguments, text in [
        ((str(tmp_path / "missing" / "a.duckdb"), {}, ""), "missing"),
        ((path, {"nosuchoption": "1"}, ""), "nosuchoption"),
        ((path, {"memory_limit": "nonsense"}, ""), ""),
        ((path, {}, "select nosuch"), "nosuch"),
    ]:
        with pytest.raises(DuckDBError) as caught:
            engine.result(engine.threads.open_database(*arguments))
        assert text in caught.value.message
    assert engine.result(engine.threads.open_database(path, {})).path == path


def test_closing_a_database_ends_all_that_came_from_it(engine):
    """Running, parked, suspended and queued work ends; connections can't be made any more."""
    connections = [engine.connect() for _ in range(3)]
    running = engine.execute(connections[0], ENDLESS)
    suspended = engine.execute(connections[1], LONG, row_limit=5)
    engine.rows(suspended)
    queued = engine.threads.run(connections[0], b"select 1")
    closing = engine.threads.close(engine.database)
    assert engine.threads.close(engine.database).done is False
    engine.result(closing)

    engine.finish(running)
    assert running.error is not None
    assert running.error.error_type == "INTERRUPT"
    with pytest.raises(DuckDBError):
        engine.result(queued)
    with pytest.raises(ValueError, match="closed"):
        engine.threads.connect(engine.database)
    with pytest.raises(ValueError, match="closed"):
        engine.threads.run(connections[2], b"select 1")
    suspended.resume()
    engine.finish(suspended)
    assert suspended.error is not None


def test_a_fatal_error_invalidates_the_database(engine, tmp_path):
    """The worker can see that it has to retire: DuckDB refuses all further work."""
    database = engine.result(engine.threads.open_database(str(tmp_path / "f.duckdb"), {}))
    connection = engine.result(engine.threads.connect(database))
    assert not database.invalidated
    with pytest.raises(DuckDBError):
        engine.run(connection, "select nosuch")
    assert not database.invalidated
    with pytest.raises(DuckDBError) as caught:
        engine.run(connection, "create table t as select 1; set debug_checkpoint_abort = 'before_header'; checkpoint")
    assert caught.value.error_type in {"FATAL", "INTERNAL"}
    assert database.invalidated


# --- connections


def test_the_script_of_a_connection_is_its_own(engine):
    """SETs hold for the connection; one that fails leaves no connection."""
    utc = engine.connect("set TimeZone = 'Asia/Tokyo'")
    assert engine.run(utc, "select current_setting('TimeZone')") == [["Asia/Tokyo"]]
    with pytest.raises(DuckDBError, match="nosuch"):
        engine.connect("set nosuch = 1")


def test_run_gives_the_last_statements_rows_as_text(engine):
    """Any number of statements; NULL is None; values are in PostgreSQL's text form."""
    connection = engine.connect()
    assert engine.run(connection, "select 1; select 2 as a, null, true, 'ü', [1, 2]") == [
        ["2", None, "t", "ü", "{1,2}"]
    ]
    assert engine.run(connection, "") == []
    assert engine.run(connection, "create table t(i int)") == []
    assert len(engine.run(connection, "select * from range(5000)")) == 5000


def test_run_stops_at_the_first_failure(engine):
    """What came before it stays, what comes after it isn't run."""
    connection = engine.connect()
    with pytest.raises(DuckDBError) as caught:
        engine.run(connection, "create table a(i int); select nosuch; create table b(i int)")
    assert caught.value.error_type == "BINDER"
    with pytest.raises(DuckDBError) as caught:
        engine.run(connection, "select 1; selec 2")
    assert caught.value.error_type == "PARSER"
    assert engine.run(connection, "select table_name from duckdb_tables()") == [["a"]]


def test_closing_a_connection_rolls_back_and_lets_go(engine):
    """An open transaction is gone with it, and so are its locks."""
    connection = engine.connect()
    engine.run(connection, "create table t(i int)")
    engine.run(connection, "begin; insert into t values (1)")
    engine.result(engine.threads.close(connection))
    assert connection.closed
    assert engine.result(engine.threads.close(connection)) is None
    other = engine.connect()
    assert engine.run(other, "select count(*) from t") == [["0"]]
    assert engine.run(other, "drop table t; select 1") == [["1"]]


def test_progress_is_told_while_a_statement_runs(engine):
    """Numbers come at any time; unknown is -1."""
    connection = engine.connect()
    idle = connection.progress()
    assert (idle.percentage, idle.rows_processed, idle.total_rows) == (-1.0, 0, 0)
    execution = engine.execute(connection, ENDLESS)
    assert connection.progress().percentage <= 100
    execution.interrupt()
    engine.finish(execution)
    engine.result(engine.threads.close(connection))
    assert connection.progress().percentage == -1


def test_text_with_a_nul_is_refused(engine):
    """C would cut it."""
    connection = engine.connect()
    with pytest.raises(ValueError, match="NUL"):
        engine.threads.run(connection, b"select 1\0; drop")


# --- context


def test_context_is_each_connections_own(engine):
    """SQL sees what was set for the connection that runs it, also in a statement prepared before."""
    one, two = engine.connect(), engine.connect()
    statement = engine.prepare(one, "select duckgres_context('guc.timezone')")

    def seen() -> list[list[bytes | None]]:
        return engine.rows(engine.threads.execute(statement, (), (), (), (), RenderOptions()))

    assert seen() == [[None]]
    one.set_context("guc.timezone", "Europe/Berlin")
    two.set_context("guc.timezone", "a value that is longer than twelve bytes, ü included")
    assert seen() == [[b"Europe/Berlin"]]
    assert engine.run(two, "select duckgres_context('guc.timezone')") == [
        ["a value that is longer than twelve bytes, ü included"]
    ]
    one.set_context("guc.timezone", "")
    assert seen() == [[b""]]
    one.set_context("guc.timezone", None)
    one.set_context("never set", None)
    assert seen() == [[None]]


def test_notes_are_kept_for_who_has_run_the_statement(engine):
    """Line by line, until they are taken; and a note is its own value."""
    one, two = engine.connect(), engine.connect()

    rows = engine.run(one, "select duckgres_note('a', 'line ' || i) from range(3) t(i)")
    engine.run(one, "select duckgres_note('a', 'ü and more than twelve bytes'), duckgres_note('b', null)")
    engine.run(two, "select duckgres_note('a', 'of two')")

    assert rows == [["line 0"], ["line 1"], ["line 2"]]
    assert one.take_notes("a") == ("line 0", "line 1", "line 2", "ü and more than twelve bytes")
    assert (one.take_notes("a"), one.take_notes("b"), two.take_notes("a")) == ((), (), ("of two",))


def test_context_works_row_by_row_and_in_parallel(engine):
    """Names come from columns, NULL gives NULL, and DuckDB's own threads find the right connection."""
    connection = engine.connect()
    for number in range(100):
        connection.set_context(f"name {number}", f"value number {number}")
    engine.run(
        connection,
        "create table names as select case when i % 101 = 100 then null else 'name ' || i % 101 end as n, i % 101 as k "
        "from range(500000) r(i)",
    )
    assert engine.run(
        connection,
        "select count(*) from names where duckgres_context(n) is distinct from "
        "case when k < 100 then 'value number ' || k end",
    ) == [["0"]]


def test_context_of_a_closed_connection_cannot_be_set(engine):
    """Nothing is kept for what is gone."""
    connection = engine.connect()
    engine.result(engine.threads.close(connection))
    with pytest.raises(ValueError, match="closed"):
        connection.set_context("a", "b")


def test_the_clock_goes_on_within_a_transaction(engine):
    """now() is the transaction's beginning; duckgres_clock() isn't, also in a statement prepared before."""
    connection = engine.connect()
    statement = engine.prepare(connection, "select epoch_us(duckgres_clock())")

    def told() -> int:
        ((value,),) = engine.rows(engine.threads.execute(statement, (), (), (), (), RenderOptions()))
        return int(value)

    before = time.time_ns() // 1000
    first, second = told(), told()
    assert before <= first < second <= time.time_ns() // 1000


# --- ends


def test_a_discarded_connection_ends_with_what_it_was_doing(engine):
    """Its transaction is rolled back, its statement interrupted, and there is no job to hear of."""
    one, two = engine.connect("create table t (i integer)"), engine.connect()
    engine.run(one, "begin; insert into t values (1)")
    running = engine.execute(one, ENDLESS)
    engine.threads.discard(one)
    engine.threads.discard(one)
    assert one.closed
    with pytest.raises(ValueError, match="closed"):
        engine.threads.prepare(one, b"select 1")
    engine.finish(running)
    assert running.error.error_type == "INTERRUPT"
    assert engine.run(two, "select count(*) from t") == [["0"]]
    engine.run(two, "drop table t")


def test_a_database_waits_for_discarded_connections(engine):
    """It is closed when all of them are, also those that were discarded a moment ago."""
    connections = [engine.connect() for _ in range(20)]
    for connection in connections:
        engine.threads.discard(connection)
    engine.result(engine.threads.close(engine.database))
    assert engine.database.closed


def test_patient_connections_come_of_themselves(engine):
    """Whether a thread is at work, or none; they are as good as others."""
    jobs = [engine.threads.connect(engine.database, f"set variable v = {number}", patient=True) for number in range(10)]
    for number, job in enumerate(jobs):
        assert engine.run(engine.result(job), "select getvariable('v')") == [[str(number)]]
    jobs = [engine.threads.connect(engine.database, patient=True) for _ in range(3)]
    assert engine.run(engine.connect(), "select 1") == [["1"]]
    assert all(engine.result(job) for job in jobs)


def test_patience_ends_when_all_threads_are_at_work_for_long(engine):
    """Then there is one thread more."""
    busy = [engine.execute(engine.connect(), ENDLESS) for _ in range(2)]
    connection = engine.result(engine.threads.connect(engine.database, patient=True))
    assert engine.run(connection, "select 1") == [["1"]]
    for execution in busy:
        execution.interrupt()
        engine.finish(execution)


def test_what_is_patient_is_not_forgotten_at_the_end(engine):
    """A connection that nobody has used yet, and one that nobody uses any more."""
    job = engine.threads.connect(engine.database, patient=True)
    connection = engine.connect()
    engine.threads.discard(connection)
    engine.threads.shutdown()
    engine.threads.wait(job, TIMEOUT_S)
    assert job.done


def test_a_connection_may_be_discarded_after_the_end(engine):
    """Then the last reference frees it."""
    connection = engine.connect()
    engine.threads.shutdown()
    engine.threads.discard(connection)


# --- statements


def test_a_statement_tells_its_types_without_being_executed(engine):
    """Columns and parameters are exact; nothing is carried out."""
    connection = engine.connect()
    engine.run(connection, "create table t(id int, price decimal(10, 2), tags varchar[])")
    statement = engine.prepare(connection, "insert into t values ($1, $2, $3) returning id, price as p, tags")
    assert statement.statement_type is StatementType.INSERT
    assert statement.parameter_types == (
        INTEGER,
        LogicalType(TypeId.DECIMAL, width=10, scale=2),
        LogicalType(TypeId.LIST, child=LogicalType(TypeId.VARCHAR)),
    )
    assert statement.columns == (
        Column("id", INTEGER),
        Column("p", LogicalType(TypeId.DECIMAL, width=10, scale=2)),
        Column("tags", LogicalType(TypeId.LIST, child=LogicalType(TypeId.VARCHAR))),
    )
    assert engine.run(connection, "select count(*) from t") == [["0"]]


def test_parameters_are_by_number(engine):
    """$2 before $1 is still the second; a number used twice is one."""
    statement = engine.prepare(engine.connect(), "select $2::varchar, $1::int, $2::varchar")
    assert statement.parameter_types == (INTEGER, LogicalType(TypeId.VARCHAR))


def test_unresolved_parameters_are_told(engine):
    """DuckDB can't tell the type of a bare parameter, and then of no column."""
    statement = engine.prepare(engine.connect(), "select $1, 1::int as a")
    assert statement.parameter_types == (INVALID,)
    assert {column.type.id for column in statement.columns} == {TypeId.INVALID}


@pytest.mark.parametrize(
    "sql",
    [
        "select 1",
        "values (1)",
        "from t",
        "insert into t values (1)",
        "insert into t values (2) returning i",
        'insert into t values (3) returning i::bigint as "Count"',
        "update t set i = 4 where 'returning' = '' -- returning",
        'update t set i = 4 where i = 5 returning "i"',
        "delete from t where i = 6",
        "delete from t where i = 6 returning *",
        "merge into t using (select 1 as i) s on t.i = s.i when matched then update set i = 1",
        "create table u(i int)",
        "create table u as select 1",
        "create view v as select 1",
        "create macro m(a) as a",
        "drop view if exists v",
        "alter table t add column j int",
        "explain select 1",
        "show tables",
        "describe t",
        "pragma version",
        "pragma enable_object_cache",
        "call pragma_version()",
        "checkpoint",
        "vacuum",
        "analyze",
        "begin",
        "set default_order = 'asc'",
        "set variable x = 1",
        "prepare p as select 1",
        "use memory",
        "truncate t",
        "pivot t on i using count(*)",
    ],
)
def test_what_a_statement_will_give_is_what_it_gives(engine, sql):
    """Describe can say before execution whether there will be rows."""
    connection = engine.connect()
    engine.run(connection, "create table t(i int primary key); insert into t values (10), (11)")
    statement = engine.prepare(connection, sql)
    execution = engine.threads.execute(statement, (), (), (), (), RenderOptions())
    engine.rows(execution)
    assert statement.result_kind is execution.result_kind


def test_several_statements_at_once_are_not_prepared_but_a_pivot_is(engine):
    """A PIVOT is several statements to DuckDB only: all but the last are run when it is prepared."""
    connection = engine.connect()
    engine.run(connection, "create table t as select i % 3 as k, i as v from range(9) r(i)")
    statement = engine.prepare(connection, "pivot t on k using sum(v)")
    assert [column.name for column in statement.columns] == ["0", "1", "2"]
    with pytest.raises(DuckDBError, match="nosuch"):
        engine.prepare(connection, "pivot nosuch on k using sum(v)")


def test_prepare_errors_have_their_type(engine):
    """The text's beginning says it."""
    connection = engine.connect()
    for sql, error_type in [
        ("selec", "PARSER"),
        ("select nosuch", "BINDER"),
        ("select * from nosuch", "CATALOG"),
    ]:
        with pytest.raises(DuckDBError) as caught:
            engine.prepare(connection, sql)
        assert caught.value.error_type == error_type


def test_a_closed_statement_cannot_be_executed(engine):
    """Closing it frees it for DuckDB; an execution that has begun goes on."""
    connection = engine.connect()
    statement = engine.prepare(connection, "select * from range(100)")
    execution = engine.threads.execute(statement, (), (), (), (), RenderOptions(), 10)
    rows = engine.rows(execution)
    engine.result(engine.threads.close(statement))
    assert statement.closed
    with pytest.raises(ValueError, match="closed"):
        engine.threads.execute(statement, (), (), (), (), RenderOptions())
    execution.resume()
    assert len(rows + engine.rows(execution)) == 100
    assert engine.result(engine.threads.close(statement)) is None


def test_only_what_is_open_can_be_closed(engine):
    """Anything else is a mistake."""
    with pytest.raises(TypeError, match="str"):
        engine.threads.close("database")


# --- endings


@pytest.mark.parametrize("order", list(itertools.permutations(["database", "connection", "statement", "execution"])))
def test_things_may_be_dropped_in_any_order(order):
    """Results end before statements, those before connections, those before the database, whatever Python does."""
    threads = NativeThreads(2)
    kept = {}

    def result(job):
        threads.wait(job, TIMEOUT_S)
        return job.result

    kept["database"] = result(threads.open_database(":memory:", {"threads": "1"}))
    kept["connection"] = result(threads.connect(kept["database"]))
    kept["statement"] = result(threads.prepare(kept["connection"], LONG.encode()))
    kept["execution"] = threads.execute(kept["statement"], (), (), (), (), RenderOptions(), 10)
    threads.wait(kept["execution"], TIMEOUT_S)
    for name in order:
        del kept[name]
        gc.collect()
    threads.shutdown()


@pytest.mark.parametrize("order", list(itertools.permutations(["database", "connection", "statement", "execution"])))
def test_things_may_be_closed_in_any_order(engine, order):
    """Each close is done, whatever else is closed already."""
    things = {"database": engine.database, "connection": engine.connect()}
    things["statement"] = engine.prepare(things["connection"], LONG)
    execution = engine.threads.execute(things["statement"], (), (), (), (), RenderOptions(), 10)
    engine.rows(execution)
    for name in order:
        if name == "execution":
            execution.close()
        else:
            assert engine.result(engine.threads.close(things[name])) is None
    while not execution.done:
        engine.threads.wait(execution, TIMEOUT_S)


def test_many_cycles_leave_no_memory_behind(engine):
    """Prepare, execute, fail and close a thousand times: the process stays as large as it was."""
    connection = engine.connect()
    engine.run(connection, "create table t as select 7 as i")

    def cycle() -> None:
        statement = engine.prepare(connection, "select $1::int + i, 'some text' from t")
        execution = engine.threads.execute(statement, [b"5"], (), (), (), RenderOptions())
        engine.finish(execution)
        engine.threads.close(statement)
        with pytest.raises(DuckDBError):
            engine.prepare(connection, "select nosuch from t")
        other = engine.connect()
        other.set_context("name", "v" * 1000)
        engine.threads.completed()

    for _ in range(300):
        cycle()
    before = _resident_bytes()
    for _ in range(700):
        cycle()
    # A connection that leaks is 8 KiB, a statement more.
    assert _resident_bytes() - before < 4 * 1024 * 1024


def _resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


def test_threads_can_be_fewer(engine):
    """A database's share of the threads changes, DuckDB's settings don't, and it never has threads of its own."""
    connection = engine.connect()
    for count, threads in ((5, 2), (1, 1), (0, 1), (2, 2)):
        engine.database.set_threads(count)
        assert engine.database.threads == threads
        settings = "select current_setting('threads'), current_setting('external_threads')"
        assert engine.run(connection, settings) == [["2", "2"]]
