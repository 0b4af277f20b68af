"""Many databases that are opened at the same moment, each with its extensions."""

from __future__ import annotations

import concurrent.futures

import psycopg
from servers import running_server

DATABASES = 12


def test_databases_that_load_the_same_extension_at_once():
    """One process, one copy of the extension's code, a dozen instances that load it: nobody dies, everybody has it."""
    with running_server("--workers=1", env={"DUCKGRES_EXTENSIONS": "tpch"}) as server:
        (worker,) = server.worker_pids()
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            for number in range(DATABASES):
                connection.execute(f"CREATE DATABASE d{number}")

        def first_session(number: int) -> int:
            with psycopg.connect(server.dsn(dbname=f"d{number}", sslmode="disable", connect_timeout=60)) as connection:
                return connection.execute("SELECT count(*) FROM tpch_queries()").fetchone()[0]

        with concurrent.futures.ThreadPoolExecutor(DATABASES) as threads:
            assert list(threads.map(first_session, range(DATABASES))) == [22] * DATABASES
        assert server.worker_pids() == [worker]
