"""What the catalog costs: a database's first session, and the first look after a definition in a large database.

The first session opens the instance and attaches the catalog; it stands beside a later session of the same database.
The first look at ``pg_class`` after a definition makes the snapshot anew; it stands beside one pass over DuckDB's own
catalog functions, which is the least that it can take.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import psycopg

from benchmarks.figures import Figure, Target, in_turn, seconds
from benchmarks.server import DuckgresServer
from benchmarks.stage import Stage

PART = "catalog"
TABLES = 2_000
COLUMNS = 20
QUICK_DIVISOR = 10
OPENINGS = 7
OPEN = Target(200, at_least=False, absolute=True)
REBUILD = Target(3, at_least=False)
LOOK = "select count(*) from pg_class"
SOURCES = ("duckdb_tables", "duckdb_columns", "duckdb_constraints", "duckdb_functions")

Connection = psycopg.Connection[tuple[object, ...]]


def measure(stage: Stage) -> Iterator[Figure]:
    """First sessions, then snapshots of a small and a large database."""
    runs = stage.options.runs
    tables = TABLES // (QUICK_DIVISOR if stage.options.quick else 1)
    # One thread, so that a query costs its processor time and no instance waits while threads are divided anew.
    with DuckgresServer(settings={"extensions": [], "threads": 1}) as ours, ours.endpoint().connect() as connection:
        first, later = _sessions(ours, connection)
        yield Figure(PART, "the first session of a database", "ms", first, "a later one", later, OPEN)
        for number in (0, tables):
            _define(connection, number)
            rebuilt, fresh, pass_over = in_turn(
                [
                    partial(_after_a_definition, connection),
                    partial(_timed, connection, LOOK),
                    partial(_pass, connection),
                ],
                max(runs, 3),
            )
            what = f"the first look after a definition, {number} tables of {COLUMNS} columns"
            yield Figure(PART, what, "ms", rebuilt.median, "a pass over DuckDB's functions", pass_over.median,
                         REBUILD if number else None)  # fmt: skip
            yield Figure(PART, f"a further look, {number} tables", "ms", fresh.median)


def _sessions(ours: DuckgresServer, connection: Connection) -> tuple[float, float]:
    def connect(database: str) -> float:
        return 1000 * seconds(lambda: ours.endpoint(database).connect().close())

    # The connection's own database was the first to be opened, and has made the catalog's file.
    for number in range(OPENINGS):
        connection.execute(f"create database opening_{number}")
    first, later = [], []
    for number in range(OPENINGS):
        first.append(connect(f"opening_{number}"))
        later.append(connect(f"opening_{number}"))
    return sorted(first)[OPENINGS // 2], sorted(later)[OPENINGS // 2]


def _define(connection: Connection, tables: int) -> None:
    columns = ", ".join(f"c{number} integer" for number in range(3, COLUMNS + 1))
    for number in range(tables):
        connection.execute(
            f"create table t{number} (id integer primary key, name text not null default 'x', {columns})".encode()
        )


def _timed(connection: Connection, statement: str) -> float:
    return 1000 * seconds(lambda: connection.execute(statement.encode()).fetchall())


def _after_a_definition(connection: Connection) -> float:
    connection.execute("create or replace table looked_at (a integer)")
    return _timed(connection, LOOK)


def _pass(connection: Connection) -> float:
    return sum(_timed(connection, f"select count(columns(*)) from {source}()") for source in SOURCES)
