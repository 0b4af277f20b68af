"""TPC-H through three clients at once, against the answers that DuckDB ships.

``TPCH_SCALE=1`` in the environment makes it the real thing, which takes minutes.
"""

from __future__ import annotations

import concurrent.futures
import csv
import decimal
import os
import subprocess

import psycopg
import psycopg2
import pytest

SCALE = float(os.environ.get("TPCH_SCALE", "0.01"))
CLIENTS = 32


@pytest.fixture(scope="module")
def tpch(tpch_server):
    """The eight tables, made through the server by its administrator; queries and answers from the extension."""
    with psycopg.connect(tpch_server.dsn(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE tpch")
    with psycopg.connect(tpch_server.dsn(dbname="tpch"), autocommit=True) as connection:
        connection.execute(f"CALL dbgen(sf={SCALE})")
        queries = dict(connection.execute("SELECT query_nr, query FROM tpch_queries()").fetchall())
        answers = dict(
            connection.execute(
                "SELECT query_nr, answer FROM tpch_answers() WHERE abs(scale_factor - %s) < 0.0001", [SCALE]
            ).fetchall()
        )
    assert sorted(queries) == sorted(answers) == list(range(1, 23))
    return tpch_server, queries, {number: _rows(answer) for number, answer in answers.items()}


def _rows(answer: str) -> list[list[str]]:
    """The rows of an answer as the extension ships it: CSV with ``|`` and a head; a NULL alone is an empty line."""
    return [row or [""] for row in csv.reader(answer.splitlines(), delimiter="|")][1:]


def _same(got: object, wanted: str) -> bool:
    if got is None:
        return wanted in ("", "NULL")
    text = str(got)
    if text == wanted:
        return True
    try:
        return abs(decimal.Decimal(text) - decimal.Decimal(wanted)) <= max(
            abs(decimal.Decimal(wanted)) * decimal.Decimal("1e-9"), decimal.Decimal("0.0051")
        )
    except decimal.InvalidOperation:
        return False


def _check(number: int, rows, wanted: list[list[str]]) -> None:
    assert len(rows) == len(wanted), f"query {number}: {len(rows)} rows, not {len(wanted)}"
    for row, expected in zip(rows, wanted, strict=True):
        assert len(row) == len(expected)
        assert all(map(_same, row, expected)), f"query {number}: {row} is not {expected}"


def _run(server, client: str, queries: dict[int, str], answers) -> int:
    dsn = server.dsn(dbname="tpch")
    if client == "psql":
        for number, query in queries.items():
            told = subprocess.run(
                ["psql", "-X", "-A", "-t", "-F", "\x1f", server.conninfo(dbname="tpch", sslmode="require")],
                input=query, capture_output=True, text=True, timeout=1200, check=True,
                env={**os.environ, "PGPASSFILE": str(server.passfile)},
            )  # fmt: skip
            _check(number, [line.split("\x1f") for line in told.stdout.splitlines()], answers[number])
    elif client == "psycopg2":
        connection = psycopg2.connect(dsn)
        cursor = connection.cursor()
        for number, query in queries.items():
            cursor.execute(query)
            _check(number, cursor.fetchall(), answers[number])
        connection.close()
    else:
        with psycopg.connect(dsn) as connection:
            for number, query in queries.items():
                _check(number, connection.execute(query, binary=client.endswith("binary")).fetchall(), answers[number])
    return len(queries)


@pytest.mark.timeout(180 if SCALE < 0.1 else 3600)
def test_all_queries_of_thirty_two_clients_at_once(tpch):
    """psycopg2, psycopg 3 in text and in binary, and psql: every row of every query is right, for each of 32 clients."""
    server, queries, answers = tpch
    kinds = ["psycopg2", "psycopg text", "psycopg binary", "psql"]

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as threads:
        done = list(
            threads.map(lambda number: _run(server, kinds[number % len(kinds)], queries, answers), range(CLIENTS))
        )

    assert done == [22] * CLIENTS
