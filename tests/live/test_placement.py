"""Databases on workers: every session sees its own data, whichever worker its connection met first."""

from __future__ import annotations

import concurrent.futures
import random
import threading

import psycopg
import pytest
from servers import wait_until

NAMES = ("north", "south", "west")


@pytest.fixture(scope="module")
def three(server):
    """Three databases, each of which knows its own name."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        for name in NAMES:
            connection.execute(f"CREATE DATABASE {name}")
    for name in NAMES:
        with psycopg.connect(server.dsn(dbname=name), autocommit=True) as connection:
            connection.execute("CREATE TABLE whoami (name text)")
            connection.execute("INSERT INTO whoami VALUES (%s)", [name])
    return server


def test_two_hundred_sessions_each_see_their_own_data(three):
    """Plain and TLS clients of three databases at once, all of them open at the same moment."""
    barrier = threading.Barrier(200)
    shuffle = random.Random(3)
    plan = [(shuffle.choice(NAMES), shuffle.choice(("disable", "require"))) for _ in range(200)]

    def session(name: str, sslmode: str) -> list[tuple[str, str]]:
        with psycopg.connect(
            three.dsn(dbname=name, sslmode=sslmode, connect_timeout=60), autocommit=True
        ) as connection:
            barrier.wait(timeout=120)
            return [connection.execute("SELECT name, current_database() FROM whoami").fetchone() for _ in range(3)]

    with concurrent.futures.ThreadPoolExecutor(200) as threads:
        answers = list(threads.map(lambda job: session(*job), plan))

    for (name, _), rows in zip(plan, answers, strict=True):
        assert rows == [(name, name)] * 3


def test_a_relayed_session_is_a_session(three):
    """TLS clients that alternate between databases are relayed some of the time; results, errors and cancel all work."""
    for _ in range(4):
        for name in NAMES:
            with psycopg.connect(three.dsn(dbname=name, sslmode="require"), autocommit=True) as connection:
                assert connection.execute("SELECT name FROM whoami").fetchone() == (name,)
                assert len(connection.execute("SELECT i, repeat('x', 50) FROM range(20000) t(i)").fetchall()) == 20000
                timer = threading.Timer(0.3, connection.cancel)
                timer.start()
                with pytest.raises(psycopg.errors.QueryCanceled):
                    connection.execute("SELECT count(*) FROM range(1000000) a, range(10000000) b")
                timer.join()
                assert connection.execute("SELECT 1").fetchone() == (1,)

    assert "relayed" in three.log()


def slot_of(session):
    """The slot of the worker that has a session."""
    return session.info.backend_pid >> 20


def on_another_worker(server, session):
    """A session that another worker has than the one of this session: of the first database for which that is so."""
    for name in (*NAMES, *(f"compass{number}" for number in range(20))):
        if name not in NAMES:
            session.execute(f"CREATE DATABASE {name}")
        other = psycopg.connect(server.dsn(dbname=name), autocommit=True)
        if slot_of(other) != slot_of(session):
            return other
        other.close()
    raise AssertionError("all databases are one worker's")


def test_a_session_of_another_worker_is_stopped(three):
    """Its statement, and then itself; who isn't there is told as such."""
    with psycopg.connect(three.dsn(), autocommit=True) as session, on_another_worker(three, session) as other:
        pid = other.info.backend_pid
        told = []
        runs = threading.Event()

        def sleep():
            runs.set()
            try:
                other.execute("SELECT pg_sleep(60)")
            except psycopg.Error as error:
                told.append(error.sqlstate)

        sleeping = threading.Thread(target=sleep)
        sleeping.start()
        runs.wait(20)
        # it may not have begun yet, and who has nothing to do isn't cancelled
        while sleeping.is_alive():
            assert session.execute("SELECT pg_cancel_backend(%s)", [pid]).fetchone() == (True,)
            sleeping.join(0.2)
        assert told == ["57014"]
        assert other.execute("SELECT 1").fetchone() == (1,)

        assert session.execute("SELECT pg_terminate_backend(%s)", [pid]).fetchone() == (True,)
        with pytest.raises(psycopg.errors.AdminShutdown):
            other.execute("SELECT pg_sleep(60)")
        ask = "SELECT pg_terminate_backend(%s)"
        wait_until(lambda: session.execute(ask, [pid]).fetchone() == (False,), 20, "end of the session")


def test_drop_database(three):
    """A database in use is not dropped; an idle one is, from another database's session."""
    with psycopg.connect(three.dsn(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE doomed")
        with psycopg.connect(three.dsn(dbname="doomed")) as user:
            user.execute("SELECT 1")
            with pytest.raises(psycopg.errors.ObjectInUse):
                connection.execute("DROP DATABASE doomed")
        for _ in range(50):
            try:
                connection.execute("DROP DATABASE doomed")
                break
            except psycopg.errors.ObjectInUse:
                continue
        with pytest.raises(psycopg.errors.InvalidCatalogName):
            connection.execute("DROP DATABASE doomed")
        connection.execute("DROP DATABASE IF EXISTS doomed")
        with pytest.raises(psycopg.errors.DuplicateDatabase):
            connection.execute("CREATE DATABASE north")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(three.dsn(dbname="doomed"))
