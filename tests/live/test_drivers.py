"""Python's PostgreSQL drivers and what is built on them."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import threading
import time
import uuid

import asyncpg
import pandas as pd
import pg8000.dbapi
import psycopg
import psycopg2
import pytest
import sqlalchemy as sa

VALUES = {
    "true": True,
    "42::smallint": 42,
    "42": 42,
    "9007199254740993::bigint": 9007199254740993,
    "1.5::float8": 1.5,
    "123.45::numeric(10,2)": decimal.Decimal("123.45"),
    "'Grüße'": "Grüße",
    "'2024-02-29'::date": datetime.date(2024, 2, 29),
    "'2024-02-29 12:34:56.789'::timestamp": datetime.datetime(2024, 2, 29, 12, 34, 56, 789000),
    "'12:34:56'::time": datetime.time(12, 34, 56),
    "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid": uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    "'\\xDEAD'::bytea": b"\xde\xad",
    "NULL::int": None,
    "[1, 2, NULL]": [1, 2, None],
    "INTERVAL '1 day 02:00:00'": datetime.timedelta(days=1, hours=2),
}


@pytest.mark.parametrize("expression", VALUES)
@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_psycopg_reads_a_value(server, expression, binary):
    """psycopg 3 makes the same Python object of a value in either format."""
    with psycopg.connect(server.dsn()) as connection:
        row = connection.execute(f"SELECT {expression} AS value", binary=binary).fetchone()

    assert row == (VALUES[expression],)


@pytest.mark.parametrize(
    "value",
    [True, 7, 2**40, 2.25, decimal.Decimal("10.25"), "text", "a\\b\\'c''d\"e\\n$1%f", datetime.date(1999, 12, 31), b"\x00\xff", None,
     datetime.datetime(2001, 2, 3, 4, 5, 6), uuid.UUID("16fd2706-8baf-433b-82eb-8c7fada847da"), datetime.timedelta(hours=5)],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "pg8000"])
def test_a_parameter_comes_back(server, driver, value):
    """What goes in as a parameter of a table's column comes out of it."""
    types = {bool: "boolean", int: "bigint", float: "double", decimal.Decimal: "decimal(10,2)", str: "varchar",
             datetime.date: "date", bytes: "blob", datetime.datetime: "timestamp", uuid.UUID: "uuid",
             datetime.timedelta: "interval", type(None): "varchar"}  # fmt: skip
    with _connect(server, driver) as connection:
        cursor = connection.cursor()
        cursor.execute(f"CREATE TEMP TABLE parameters (value {types[type(value)]})")
        given = str(value) if driver == "psycopg2" and isinstance(value, uuid.UUID) else value
        cursor.execute("INSERT INTO parameters VALUES (%s)", (given,))
        cursor.execute("SELECT value FROM parameters")
        (row,) = cursor.fetchall()
        got = uuid.UUID(row[0]) if driver == "psycopg2" and isinstance(value, uuid.UUID) else row[0]
        got = bytes(got) if isinstance(got, memoryview) else got

        assert got == value


def _connect(server, driver):
    if driver == "psycopg":
        return psycopg.connect(server.dsn())
    if driver == "psycopg2":
        return psycopg2.connect(server.dsn())
    return pg8000.dbapi.connect(
        user=server.user, password=server.password, host=server.host, port=server.port, database="postgres"
    )


def test_asyncpg_in_binary(server):
    """asyncpg prepares everything and reads binary."""

    async def talk():
        connection = await asyncpg.connect(server.url())
        try:
            value = await connection.fetchval("SELECT $1::int + 1", 41)
            rows = await connection.fetch("SELECT i::bigint AS i, i / 2.0 AS half FROM range(5) t(i)")
            async with connection.transaction():
                await connection.execute("CREATE TEMP TABLE t (a int, b text)")
                await connection.executemany("INSERT INTO t VALUES ($1, $2)", [(1, "x"), (2, None)])
            return value, [row["i"] for row in rows], await connection.fetch("SELECT * FROM t ORDER BY a")
        finally:
            await connection.close()

    value, numbers, rows = asyncio.run(talk())

    assert value == 42
    assert numbers == [0, 1, 2, 3, 4]
    assert [tuple(row) for row in rows] == [(1, "x"), (2, None)]


def test_psycopg_pipeline_and_prepared(server):
    """Pipeline mode, and statements that the driver prepares by itself after some uses."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        with connection.pipeline():
            cursors = [connection.execute("SELECT %s::int", [number]) for number in range(50)]
        assert [cursor.fetchone()[0] for cursor in cursors] == list(range(50))
        for number in range(20):
            assert connection.execute("SELECT %s::bigint * 2", [number]).fetchone() == (number * 2,)


def test_a_failed_transaction_is_told_and_undone(server):
    """Errors carry their SQLSTATE's class; the transaction has to be rolled back."""
    with psycopg.connect(server.dsn()) as connection:
        connection.execute("CREATE TEMP TABLE t (a int PRIMARY KEY)")
        connection.execute("INSERT INTO t VALUES (1)")
        connection.commit()
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            connection.execute("SELECT 1")
        connection.rollback()

        assert connection.execute("SELECT count(*) FROM t").fetchone() == (1,)


@pytest.mark.parametrize("prepare", [False, True], ids=["simple", "prepared"])
def test_cancel(server, prepare):
    """A query of either protocol is cancelled from another thread; the session goes on."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        timer = threading.Timer(0.7, connection.cancel)
        timer.start()
        began = time.monotonic()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT count(*) FROM range(1000000) a, range(10000000) b", prepare=prepare)
        timer.join()

        assert time.monotonic() - began < 15
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_statement_timeout(server):
    """A statement that takes longer than statement_timeout ends with 57014."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("SET statement_timeout = '300ms'")
        with pytest.raises(psycopg.errors.QueryCanceled, match="statement timeout"):
            connection.execute("SELECT count(*) FROM range(1000000) a, range(10000000) b")

        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_large_result_row_by_row(server):
    """Every row once, in order, across chunk and buffer borders."""
    with psycopg.connect(server.dsn()) as connection:
        cursor = connection.cursor()
        total = 0
        for (value,) in cursor.stream("SELECT i FROM range(300000) t(i)"):
            assert value == total
            total += 1

        assert total == 300000


def test_wrong_password_and_unknown_user_look_alike(server):
    """Nobody learns from an error whether a user exists."""
    messages = []
    for user in ("postgres", "nobody_of_that_name"):
        with pytest.raises(psycopg.OperationalError) as error:
            psycopg.connect(server.dsn(user=user, password="wrong"))
        messages.append(str(error.value).split("FATAL:")[-1].replace(user, "USER"))

    assert messages[0] == messages[1]
    assert "password authentication failed" in messages[0]


def test_unknown_database(server):
    """3D000, with PostgreSQL's words."""
    with pytest.raises(psycopg.OperationalError, match='database "no_such_db" does not exist'):
        psycopg.connect(server.dsn(dbname="no_such_db"))


@pytest.mark.parametrize("name", ["../escape", "a/b", "..", "x" * 200])
def test_a_database_name_stays_in_the_data_directory(server, name):
    """No name leads out of the data directory, when it is made or when it is asked for."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection, pytest.raises(psycopg.Error):
        connection.execute(f'CREATE DATABASE "{name}"')
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.dsn(dbname=name))


@pytest.fixture(params=["psycopg", "psycopg2"])
def engine(server, request):
    """A SQLAlchemy engine on either driver."""
    engine = sa.create_engine(server.url().replace("postgresql://", f"postgresql+{request.param}://"))
    yield engine
    engine.dispose()


def test_sqlalchemy_inspects(engine):
    """inspect() sees true tables, columns, keys, references, uniques, checks, indexes and views."""
    with engine.begin() as connection:
        for statement in (
            "DROP VIEW IF EXISTS sa_view", "DROP TABLE IF EXISTS sa_child", "DROP TABLE IF EXISTS sa_parent",
            "CREATE TABLE sa_parent (id integer PRIMARY KEY, code varchar NOT NULL UNIQUE, price decimal(8,3) DEFAULT 1.5)",
            "CREATE TABLE sa_child (id bigint PRIMARY KEY, parent_id integer REFERENCES sa_parent (id), CHECK (id > 0))",
            "CREATE INDEX sa_child_parent ON sa_child (parent_id)",
            "CREATE VIEW sa_view AS SELECT id FROM sa_parent",
        ):  # fmt: skip
            connection.execute(sa.text(statement))
    inspector = sa.inspect(engine)
    columns = {column["name"]: column for column in inspector.get_columns("sa_parent")}

    assert {"sa_parent", "sa_child"} <= set(inspector.get_table_names())
    assert "sa_view" in inspector.get_view_names()
    assert inspector.get_pk_constraint("sa_parent")["constrained_columns"] == ["id"]
    assert isinstance(columns["id"]["type"], sa.Integer)
    assert columns["code"]["nullable"] is False
    assert isinstance(columns["price"]["type"], sa.Numeric)
    assert columns["price"]["type"].precision == 8
    assert "1.5" in columns["price"]["default"]
    (reference,) = inspector.get_foreign_keys("sa_child")
    assert (reference["constrained_columns"], reference["referred_table"]) == (["parent_id"], "sa_parent")
    assert [unique["column_names"] for unique in inspector.get_unique_constraints("sa_parent")] == [["code"]]
    assert "sa_child_parent" in {index["name"] for index in inspector.get_indexes("sa_child")}
    assert any("id > 0" in check["sqltext"] for check in inspector.get_check_constraints("sa_child"))
    assert "sa_parent" in inspector.get_view_definition("sa_view")
    assert inspector.has_table("sa_parent")
    assert not inspector.has_table("sa_never")
    with engine.begin() as connection:
        for statement in ("DROP VIEW sa_view", "DROP TABLE sa_child", "DROP TABLE sa_parent"):
            connection.execute(sa.text(statement))


def test_pandas_writes_and_reads(engine):
    """to_sql makes the table and fills it, read_sql gives it back."""
    frame = pd.DataFrame(
        {"n": [1, 2, 3], "x": [0.5, 1.5, None], "s": ["a", "b", "ü"], "d": pd.to_datetime(["2024-01-01"] * 3)}
    )
    frame.to_sql("pandas_frame", engine, index=False, if_exists="replace")
    frame.to_sql("pandas_frame", engine, index=False, if_exists="append")

    back = pd.read_sql("SELECT * FROM pandas_frame ORDER BY n", engine)

    assert len(back) == 6
    assert back["s"].tolist() == ["a", "a", "b", "b", "ü", "ü"]
    assert pd.read_sql_table("pandas_frame", engine).shape == (6, 4)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE pandas_frame"))


def test_the_same_query_again_sees_what_has_changed(server):
    """A query that is asked again in the same words gives what is there now: rows, columns, settings."""
    with psycopg2.connect(server.dsn()) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("CREATE TEMP TABLE again (a int)")
        for number in range(3):
            cursor.execute("SELECT count(*) FROM again")
            assert cursor.fetchone() == (number,)
            cursor.execute("INSERT INTO again VALUES (1)")
        cursor.execute("SELECT * FROM again LIMIT 1")
        cursor.execute("ALTER TABLE again ADD COLUMN b text DEFAULT 'new'")
        cursor.execute("SELECT * FROM again LIMIT 1")
        assert cursor.fetchone() == (1, "new")
        for zone, hour in (("UTC", 12), ("America/New_York", 8)):
            cursor.execute(f"SET TimeZone = '{zone}'")
            cursor.execute("SELECT extract(hour FROM '2024-07-01 12:00:00+00'::timestamptz)::int")
            assert cursor.fetchone() == (hour,)
        cursor.execute("BEGIN")
        cursor.execute("SELECT 1")
        with pytest.raises(psycopg2.errors.UndefinedTable):
            cursor.execute("SELECT * FROM never")
        with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
            cursor.execute("SELECT 1")
        cursor.execute("ROLLBACK")
