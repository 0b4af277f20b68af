"""Drivers' server-side cursors, and psql's."""

from __future__ import annotations

import subprocess

import psycopg
import psycopg2
import pytest

ROWS = "SELECT g::int AS n, 'x' || g AS t FROM generate_series(1, %s) AS x(g)"


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_psycopg_reads_through_a_named_cursor(server, binary):
    """It describes the cursor as a portal, fetches in its own format, and closes it."""
    with psycopg.connect(server.dsn()) as connection, connection.cursor("big", binary=binary) as cursor:
        cursor.execute(ROWS, (5000,))
        assert cursor.description is not None
        assert [column.name for column in cursor.description] == ["n", "t"]
        assert cursor.fetchmany(3) == [(1, "x1"), (2, "x2"), (3, "x3")]
        cursor.scroll(10)
        assert cursor.fetchone() == (14, "x14")
        assert sum(1 for _ in cursor) == 5000 - 14


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_a_cursor_with_hold_goes_on_after_the_commit(server, binary):
    """Its rows are kept, whatever becomes of the table."""
    with psycopg.connect(server.dsn()) as connection:
        connection.execute("CREATE TEMP TABLE held AS SELECT g::int AS n FROM generate_series(1, 3000) AS x(g)")
        with connection.cursor("held", withhold=True, binary=binary) as cursor:
            cursor.execute("SELECT n FROM held ORDER BY n")
            connection.commit()
            connection.execute("DROP TABLE held")
            connection.commit()
            assert sum(row[0] for row in cursor) == 3000 * 3001 // 2


def test_psycopg2_reads_through_a_named_cursor(server):
    """In the simple protocol."""
    connection = psycopg2.connect(server.dsn())
    try:
        with connection.cursor("n") as cursor:
            cursor.itersize = 7
            cursor.execute(ROWS, (20,))
            assert [row[0] for row in cursor] == list(range(1, 21))
    finally:
        connection.close()


def test_psql_fetches_in_pieces(server):
    """FETCH_COUNT makes a cursor of every query."""
    printed = subprocess.run(
        ["psql", "-X", "-A", "-t", server.conninfo()],
        input="\\set FETCH_COUNT 10\nSELECT g FROM generate_series(1, 25) AS x(g);\n",
        env={"PGPASSFILE": str(server.passfile), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert printed.split() == [str(n) for n in range(1, 26)]


def test_a_cursor_of_a_million_rows_costs_no_memory_when_something_else_runs(server):
    """What is left of its rows goes to a temporary file."""
    with psycopg.connect(server.dsn()) as connection:
        cursor = connection.cursor("million")
        cursor.execute("SELECT g, repeat('x', 100) FROM generate_series(1, %s) AS x(g)", (1_000_000,))
        assert cursor.fetchone()[0] == 1
        assert connection.execute("SELECT 42").fetchone() == (42,)
        cursor.itersize = 100_000
        assert sum(1 for _ in cursor) == 999_999
        cursor.close()
