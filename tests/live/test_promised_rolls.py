"""The promises of docs/zero-downtime.md, in a user's words: what a roll does to whom: U11 and U18."""

from __future__ import annotations

import concurrent.futures
import contextlib
import signal
import threading
import time

import psycopg
import raw
from succession import (
    LONG_COUNT,
    Asking,
    connect,
    drain_has_begun,
    ended_how,
    login,
    login_and_stay,
    raw_client,
    roll_is_done,
    running_fleet,
    serves,
    until,
    worker_of,
)

from duckgres_tx.engine import library as library_of_the_engine


def test_a_drain_has_a_policy():
    """U11: idle sessions that hold something end with 57P01 after the grace; transactions and queries may finish; who takes too long is cancelled and ended."""
    with running_fleet(workers=1, env={"DUCKGRES_DRAIN_GRACE": "1s", "DUCKGRES_DRAIN_TIMEOUT": "6s"}) as fleet:
        idle, in_transaction, endless = login(fleet), login(fleet), login(fleet)
        for client in (idle, in_transaction):
            client.send(raw.query("CREATE TEMP TABLE mine (i int)"))
            client.until()
        in_transaction.send(raw.query("BEGIN; SELECT 1"))
        in_transaction.until()
        busy = login(fleet)
        busy.send(raw.query("CREATE TEMP TABLE mine (i int)"))
        busy.until()
        busy.send(raw.query("SELECT pg_sleep(3)"))
        endless.send(raw.query("SELECT pg_sleep(100)"))
        time.sleep(0.2)
        began = time.monotonic()
        fleet.serving.send(signal.SIGUSR2)
        assert ended_how(idle, 20) == "57P01"
        assert time.monotonic() - began > 0.8
        assert [kind for kind, _ in busy.until()] == ["T", "D", "C", "Z"]
        assert ended_how(busy, 5) == "57P01"
        in_transaction.send(raw.query("SELECT 2"))
        assert [kind for kind, _ in in_transaction.until()] == ["T", "D", "C", "Z"]
        in_transaction.send(raw.query("COMMIT"))
        assert in_transaction.until()[-1] == ("Z", b"I")
        assert ended_how(in_transaction, 5) == "57P01"
        assert ended_how(endless, 20) in {"57014", "57P01"}
        assert time.monotonic() - began > 5
        until(lambda: roll_is_done(fleet), 30, "end of the roll")
        assert serves(fleet)
        for client in (idle, in_transaction, busy, endless):
            client.socket.close()


def test_idle_sessions_go_on_in_the_new_worker():
    """U12: with their pid, cancel key, variables and prepared statements; and nothing is said to their clients."""
    with running_fleet(env={"DUCKGRES_DRAIN_GRACE": "200ms", "DUCKGRES_DRAIN_TIMEOUT": "30s"}) as fleet:
        sessions = [connect(fleet, sslmode="disable") for _ in range(10)]
        for number, session in enumerate(sessions):
            session.execute(f"SET application_name = 'number {number}'")
            session.execute("SELECT %s::int + 1", (number,), prepare=True)
        fleet.serving.send(signal.SIGUSR2)
        until(lambda: roll_is_done(fleet), 60, "end of the roll")
        for number, session in enumerate(sessions):
            assert session.execute("SHOW application_name").fetchone() == (f"number {number}",)
            assert session.execute("SELECT %s::int + 1", (number,), prepare=True).fetchone() == (number + 1,)
        with Asking(sessions[0], "SELECT pg_sleep(60)") as asking:
            time.sleep(0.3)
            sessions[0].cancel_safe()
        assert isinstance(asking.error, psycopg.errors.QueryCanceled)
        for session in sessions:
            session.close()


def test_clients_of_a_database_that_moves_wait_and_are_served():
    """U11: nobody is refused by a roll, however long the database's last transaction takes within the timeout."""
    with running_fleet(env={"DUCKGRES_DRAIN_GRACE": "500ms", "DUCKGRES_DRAIN_TIMEOUT": "30s"}) as fleet:
        busy = psycopg.connect(fleet.dsn(sslmode="disable"))
        busy.execute("CREATE TABLE moved AS SELECT 5 AS x")
        idle = login_and_stay(fleet)
        fleet.serving.send(signal.SIGUSR2)
        drain_has_begun(fleet, idle)
        timer = threading.Timer(2.0, busy.commit)
        timer.start()
        with concurrent.futures.ThreadPoolExecutor(6) as threads:

            def ask(number: int) -> object:
                with connect(fleet, sslmode=("disable", "require")[number % 2]) as session:
                    return session.execute("SELECT x FROM moved").fetchone()

            assert list(threads.map(ask, range(6))) == [(5,)] * 6
        timer.join()
        busy.close()
        until(lambda: roll_is_done(fleet), 60, "end of the roll")


def test_who_logs_in_at_a_worker_that_drains_is_relayed_to_the_next():
    """U11: its TLS ends where it began, before the roll; the database that it then asks for is opened by the worker that stays."""
    with running_fleet(workers=1, env={"DUCKGRES_DRAIN_GRACE": "200ms", "DUCKGRES_DRAIN_TIMEOUT": "60s"}) as fleet:
        with connect(fleet) as session:
            session.execute("CREATE DATABASE second")
        busy = psycopg.connect(fleet.dsn(sslmode="disable"))
        busy.execute("SELECT 1")
        late = raw_client(fleet)
        assert late.start_tls() == b"S"
        old = worker_of(fleet, late.socket)
        idle = login_and_stay(fleet)
        fleet.serving.send(signal.SIGUSR2)
        drain_has_begun(fleet, idle)

        late.login(fleet.parameters["user"], fleet.password, database="second")
        late.send(raw.query("BEGIN; SELECT current_database()"))
        assert ("D", raw.text_row("second")) in late.until()
        assert worker_of(fleet, late.socket) == old
        assert "relayed" in fleet.words()
        # the worker of its TLS waits for it, as for its own; then it has to go
        busy.commit()
        busy.close()
        late.send(raw.query("COMMIT"))
        assert late.until()[-1] == ("Z", b"I")
        assert ended_how(late, 30) == "57P01"
        late.socket.close()
        until(lambda: roll_is_done(fleet), 60, "end of the roll")
        assert old not in fleet.workers_alive()


def test_a_worker_that_can_t_start_stops_the_roll(tmp_path):
    """U11: the workers that are there stay, undrained, and so do their sessions; when the fault is mended, a roll does what it should."""
    library = tmp_path / "libduckdb.so"
    library.symlink_to(library_of_the_engine.find())
    with running_fleet(env={"DUCKGRES_LIBDUCKDB": str(library)}) as fleet:
        with contextlib.closing(connect(fleet)) as session:
            old = sorted(fleet.workers_alive())
            library.rename(tmp_path / "away")
            fleet.serving.send(signal.SIGUSR2)
            until(lambda: "roll: stopped" in fleet.words(), 30, "stop of the roll")
            until(lambda: sorted(fleet.workers_alive()) == old, 10, "end of the replacement")
            assert session.execute("SELECT 42").fetchone() == (42,)
            assert serves(fleet)
        (tmp_path / "away").rename(library)
        fleet.serving.send(signal.SIGUSR2)
        until(lambda: roll_is_done(fleet), 60, "end of the roll")
        assert set(fleet.workers_alive()).isdisjoint(old)


def test_a_busy_or_draining_worker_is_not_taken_for_dead():
    """U18: it is busy with all processors and drains for longer than five heartbeats; its client gets its answer."""
    env = {"DUCKGRES_DRAIN_GRACE": "500ms", "DUCKGRES_DRAIN_TIMEOUT": "60s"}
    with running_fleet(workers=1, env=env) as fleet, contextlib.closing(connect(fleet, sslmode="disable")) as session:
        # one that takes all day
        with Asking(session, LONG_COUNT.replace("range(", "range(1000000")) as asking:
            fleet.serving.send(signal.SIGUSR2)
            time.sleep(12)
            assert asking.is_running
            session.cancel_safe()
        assert isinstance(asking.error, psycopg.errors.QueryCanceled)
        assert "is gone: it" not in fleet.words()
        until(lambda: roll_is_done(fleet), 30, "end of the roll")
