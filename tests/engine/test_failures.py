"""DuckDB's errors in PostgreSQL's terms, row by row: each statement runs, so that a new DuckDB's texts are noticed."""

from __future__ import annotations

import pytest

from duckgres_tx.engine.database import DuckDBError
from duckgres_tx.engine.failures import to_pg_error
from duckgres_tx.errors import PgError, QueryCanceled, Severity

SCHEMA = """
create schema s;
create table t(id int primary key, n int not null, u varchar unique, c int check (c > 0));
create table child(pid int references t(id));
create view v as select * from t;
create sequence sq;
create type mood as enum('a', 'b');
create macro m(a) as a + 1;
create macro tm(a) as table select a;
create table small(i tinyint);
create index ix on small(i);
insert into t values (1, 1, 'a', 1);
insert into child values (1);
"""

# What is run, the SQLSTATE, the message, and where the position points: at the words that follow there.
CASES = [
    ("select * from nope", "42P01", 'relation "nope" does not exist', "nope"),
    ("select * from nos.nope", "42P01", 'relation "nos.nope" does not exist', "nos.nope"),
    ("select * from nocat.nos.nope", "3D000", 'database "nocat" does not exist', None),
    ("alter table nope add column a int", "42P01", 'relation "nope" does not exist', None),
    ("drop table nope", "42P01", 'table "nope" does not exist', None),
    ("drop view nope", "42P01", 'view "nope" does not exist', None),
    ("drop sequence nope", "42P01", 'sequence "nope" does not exist', None),
    ("drop schema nos", "3F000", 'schema "nos" does not exist', None),
    ("create table nos.x(a int)", "3F000", 'schema "nos" does not exist', None),
    ("use nodb", "3F000", 'schema "nodb" does not exist', None),
    ("detach nodb", "3D000", 'database "nodb" does not exist', None),
    ("drop index noix", "42704", 'index "noix" does not exist', None),
    ("select 1::notype", "42704", 'type "notype" does not exist', "notype"),
    ("select nofunc(1)", "42883", "function nofunc does not exist", "nofunc(1)"),
    ("select * from nofunc(1)", "42883", "function nofunc does not exist", "nofunc(1)"),
    ("set nosuch = 1", "42704", 'unrecognized configuration parameter "nosuch"', None),
    ("pragma nosuch", "42704", 'unrecognized configuration parameter "nosuch"', None),
    ("create table t(a int)", "42P07", 'relation "t" already exists', None),
    ("select 'x'::mood", "22P02", 'invalid input value for enum mood: "x"', "::mood"),
    ("select cast('x' as s.mood)", "42704", 'type "mood" does not exist', None),
    ("select ['x']::mood[], 'y'::mood", "22P02", 'invalid input value for enum mood: "x"', "::mood[]"),
    (
        "select m from (select 'a'::mood as m) where m = cast('x' || 'y' as mood)",
        "22P02",
        'invalid input value for enum mood: "xy"',
        "cast(",
    ),
    ("select 'x'::utinyint", "22P02", 'invalid input syntax for type smallint: "x"', "::utinyint"),
    ("create view v as select 1", "42P07", 'relation "v" already exists', None),
    ("create sequence sq", "42P07", 'relation "sq" already exists', None),
    ("create index ix on small(i)", "42P07", 'relation "ix" already exists', None),
    ("create schema s", "42P06", 'schema "s" already exists', None),
    ("create type mood as enum('x')", "42710", 'type "mood" already exists', None),
    ("create macro m(a) as a", "42723", 'function "m" already exists with same argument types', None),
    ("alter table t rename to child", "42P07", 'relation "child" already exists', None),
    ("create table d(a int, a int)", "42701", 'column "a" specified more than once', None),
    ("alter table t add column id int", "42701", 'column "id" already exists', None),
    ("drop table v", "42809", '"v" is not a table', None),
    ("insert into v values (1)", "55000", 'cannot insert into view "v"', None),
    ("update v set id = 1", "55000", "can only update base table", None),
    ("drop table t", "2BP01", None, None),
    ("create or replace table t(a int)", "2BP01", None, None),
    ("alter table t alter column n type varchar", "2BP01", None, None),
    ("select nope from t", "42703", 'column "nope" does not exist', "nope from"),
    ("select nope", "42703", 'column "nope" does not exist', "nope"),
    ("select t.nope from t", "42703", "column t.nope does not exist", "t.nope"),
    ("insert into t(id, nope) values (1, 2)", "42703", 'column "nope" of relation "t" does not exist', None),
    ("update t set nope = 1", "42703", 'column "nope" does not exist', None),
    ("create table k(a int, primary key(nope))", "42703", 'column "nope" does not exist', None),
    ("select * exclude(nope) from t", "42703", 'column "nope" does not exist', None),
    ("select struct_pack(a := 1).b", "42703", 'column "b" not found in data type record', None),
    ("select nope.id from t", "42P01", 'missing FROM-clause entry for table "nope"', "nope.id"),
    ("select id from t a, t b", "42702", 'column reference "id" is ambiguous', "id from"),
    ("select * from t a, t a where a.id = 1", "42712", 'table name "a" specified more than once', None),
    ("with a as (select 1), a as (select 2) select 1", "42712", 'WITH query name "a" specified more than once', None),
    ("insert into t(id, id) values (1, 2)", "42701", 'column "id" specified more than once', None),
    ("select abs(date '2020-01-01')", "42883", "function abs(date) does not exist", "abs("),
    ("select 'a' + 1", "42725", "operator is not unique: unknown + integer", "+ 1"),
    ("select id, count(*) from t", "42803", None, "id, count"),
    ("select count(*) from t where count(*) > 1", "42803", "WHERE clause cannot contain aggregates", "count(*) >"),
    ("select sum(sum(id)) from t", "42803", "aggregate function calls cannot be nested", "sum(id)"),
    ("select 1 where row_number() over () = 1", "42P20", None, "row_number"),
    ("select * from t order by 5", "42P10", None, "5"),
    ("insert into t values (1) on conflict (n) do nothing", "42P10", None, None),
    ("select tm(1)", "42809", None, "tm(1)"),
    ("execute nope", "26000", 'prepared statement "nope" does not exist', None),
    ("create table b(a decimal(50, 2))", "22023", "DECIMAL type width must be between 1 and 38", None),
    ("selec 1", "42601", 'syntax error at or near "selec"', "selec"),
    ("select 1 from", "42601", "syntax error at end of input", ""),
    ("select 'abc", "42601", """unterminated quoted string at or near "'abc\"""", "'abc"),
    ("values (1), (1, 2)", "42601", "VALUES lists must all be the same length", None),
    ("select * from t for update", "0A000", "SELECT locking clause is not supported", None),
    ("select 'abc'::int", "22P02", 'invalid input syntax for type integer: "abc"', "::int"),
    ("select 'x'::boolean", "22P02", 'invalid input syntax for type boolean: "x"', "::boolean"),
    ("select 'x'::uuid", "22P02", 'invalid input syntax for type uuid: "x"', "::uuid"),
    ("select 'x'::double", "22P02", 'invalid input syntax for type double precision: "x"', "::double"),
    ("select 'a'::decimal(3, 1)", "22P02", 'invalid input syntax for type numeric: "a"', "::decimal"),
    ("select interval 'foo'", "22P02", 'invalid input syntax for type interval: "foo"', "'foo'"),
    ("select '{'::json", "22P02", "invalid input syntax for type json", "::json"),
    ("select 'abc'::int[]", "22P02", 'malformed array literal: "abc"', "::int"),
    ("select '99999999999'::int", "22003", 'value "99999999999" is out of range for type integer', "::int"),
    ("select 99999999999::int", "22003", "integer out of range", "::int"),
    ("select 2147483647::int + 1::int", "22003", "integer out of range", None),
    ("select 1234567::decimal(4, 2)", "22003", "numeric field overflow", "::decimal"),
    ("insert into small values (1000)", "22003", "smallint out of range", "1000"),
    ("select 'x'::date", "22007", 'invalid input syntax for type date: "x"', "::date"),
    ("select 'x'::timestamptz", "22007", 'invalid input syntax for type timestamp: "x"', "::timestamptz"),
    ("select 'q'::time", "22007", 'invalid input syntax for type time: "q"', "::time"),
    ("select '2020-13-45'::date", "22008", 'date/time field value out of range: "2020-13-45"', "::date"),
    ("select time '25:00:00'", "22008", 'date/time field value out of range: "25:00:00"', None),
    ("select 1 = date '2020-01-01'", "42846", "cannot cast type integer to date", "1 ="),
    ("select sqrt(-1)", "2201F", "cannot take square root of a negative number", None),
    ("select ln(0)", "2201E", "cannot take logarithm of zero", None),
    (
        "select (select 1 union all select 2)",
        "21000",
        "more than one row returned by a subquery used as an expression",
        None,
    ),
    ("select 'a' like 'b' escape 'cc'", "22025", "invalid escape string", None),
    ("select error('boom')", "22023", "boom", None),
    ("insert into t values (1, 1, 'b', 1)", "23505", "duplicate key value violates unique constraint", None),
    (
        "insert into t values (2, null, 'b', 1)",
        "23502",
        'null value in column "n" of relation "t" violates not-null constraint',
        None,
    ),
    ("insert into t values (2, 1, 'b', 0)", "23514", 'new row for relation "t" violates check constraint', None),
    ("insert into child values (99)", "23503", "insert or update on table violates foreign key constraint", None),
    ("delete from t where id = 1", "23503", "update or delete on table violates foreign key constraint", None),
    ("commit", "25P01", "there is no transaction in progress", None),
    ("copy t from '/nonexistent/x.csv'", "58P01", 'no files found that match the pattern "/nonexistent/x.csv"', None),
    ("select currval('sq')", "55000", "currval: sequence is not yet defined in this session", None),
]


def fail(duck, sql: str) -> PgError:
    """How running a statement fails."""
    with pytest.raises(DuckDBError) as caught:
        duck.rows(sql)
    return to_pg_error(caught.value, sql)


@pytest.fixture(scope="module")
def schema(duck):
    """The objects that the cases are about."""
    duck.run(SCHEMA)
    return duck


@pytest.mark.parametrize(("sql", "sqlstate", "message", "place"), CASES, ids=[case[0] for case in CASES])
def test_each_failure_has_postgresqls_code_and_words(schema, sql, sqlstate, message, place):
    """A client can rely on the SQLSTATE, read a message that it knows, and see where it went wrong."""
    error = fail(schema, sql)
    if message is None:
        message = error.message

    assert (sqlstate, message) == (error.sqlstate, error.message)
    assert Severity.ERROR is error.severity
    if place is None:
        assert error.position is None
    else:
        assert error.position is not None
        assert sql[error.position - 1 :].startswith(place)
        assert place or error.position == len(sql) + 1


def test_details_say_which_key_or_expression(schema):
    """The key and the check are named, as PostgreSQL does."""
    assert fail(schema, "insert into t values (1, 1, 'b', 1)").detail == "Key (id)=(1) already exists."
    assert fail(schema, "insert into t values (2, 1, 'b', 0)").detail == "The constraint is CHECK((c > 0))."
    assert fail(schema, "insert into child values (9)").detail == "Key (id)=(9) is not present in the referenced table."


def test_suggestions_are_hints(schema):
    """What DuckDB thinks was meant is a hint; candidate functions are a detail."""
    assert fail(schema, "select nope from t").hint == 'Perhaps you meant "n".'
    function = fail(schema, "select abs(date '2020-01-01')")
    assert (
        function.hint
        == "No function matches the given name and argument types. You might need to add explicit type casts."
    )
    assert function.detail is not None
    assert function.detail.startswith("Candidate functions:")


@pytest.mark.parametrize(
    "sql",
    [
        "select\t{nope}",
        "select '日本語', {nope}",
        "select 'e\u0301', {nope}",
        "select 1,\n  2,\n {nope}",
        "select 1,\r\n  2, {nope}",
        "select 1,\r2, {nope}",
        "select " + ", ".join(map(str, range(100))) + ", {nope}",
        "select " + ", ".join(map(str, range(100))) + ", {nope}, " + ", ".join(map(str, range(100))),
        "select {nope}, " + ", ".join(map(str, range(100))),
        "select '...', {nope}",
    ],
)
def test_positions_are_in_characters(duck, sql):
    """Long lines are shown cut, wide characters take two cells, tabs none: the position is right all the same."""
    expected = sql.index("{nope}") + 1
    assert fail(duck, sql.format(nope="nope")).position == expected


def test_a_position_needs_the_text_that_it_is_about(duck):
    """Without the SQL, or with another one, no position is invented."""
    with pytest.raises(DuckDBError) as caught:
        duck.rows("select 1,\n nope")
    assert to_pg_error(caught.value).position is None
    assert to_pg_error(caught.value, "select 1").position is None


def test_interrupts_are_cancellations():
    """A statement that is stopped is reported as PostgreSQL does."""
    error = to_pg_error(DuckDBError("INTERRUPT", "INTERRUPT Error: Interrupted!"))
    assert isinstance(error, QueryCanceled)
    assert (error.sqlstate, error.message) == ("57014", "canceling statement due to user request")


def test_the_bindings_own_failures_pass_unchanged():
    """Parameters that can't be read come with PostgreSQL's code and words already."""
    error = to_pg_error(DuckDBError("INVALID_INPUT", 'Invalid input: "X Error: y"', "22P02"), "select $1")
    assert (error.sqlstate, error.message) == ("22P02", 'Invalid input: "X Error: y"')


@pytest.mark.parametrize(
    ("error_type", "message", "sqlstate", "expected"),
    [
        (
            "TRANSACTION",
            'TransactionContext Error: Catalog write-write conflict on create with "x"',
            "40001",
            "could not serialize access due to concurrent update",
        ),
        (
            "TRANSACTION",
            'TransactionContext Error: Failed to commit: PRIMARY KEY or UNIQUE constraint violation: duplicate key "7"',
            "23505",
            "duplicate key value violates unique constraint",
        ),
        ("IO", "IO Error: database is locked", "40001", "could not serialize access due to concurrent update"),
        ("OUT_OF_MEMORY", "Out of Memory Error: could not allocate block", "53200", "could not allocate block"),
        ("PERMISSION", "Permission Error: Cannot access file", "42501", "cannot access file"),
        ("NOT_IMPLEMENTED", "Not implemented Error: That", "0A000", "that"),
        ("INTERNAL", "INTERNAL Error: Assertion failed", "XX000", "assertion failed"),
        ("FATAL", "FATAL Error: ", "XX000", "unknown error"),
        ("SOMETHING_NEW", "Something New Error: happened.", "XX000", "happened"),
    ],
)
def test_failures_that_are_hard_to_bring_about(error_type, message, sqlstate, expected):
    """Conflicts, memory, permissions and unknown types are mapped too."""
    error = to_pg_error(DuckDBError(error_type, message), "select 1")
    assert (sqlstate, expected) == (error.sqlstate, error.message)


def test_read_only_transactions_name_the_command(schema):
    """A write in a read-only transaction is 25006 with the command's name; what follows is 25P02."""
    schema.run("begin transaction read only")
    try:
        error = fail(schema, "insert into t values (5, 5, 'q', 1)")
        aborted = fail(schema, "select 1")
    finally:
        schema.run("rollback")

    assert (error.sqlstate, error.message) == ("25006", "cannot execute INSERT in a read-only transaction")
    assert aborted.sqlstate == "25P02"
