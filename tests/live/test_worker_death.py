"""Workers die, hang and are orphaned; whoever isn't concerned doesn't notice."""

from __future__ import annotations

import os
import re
import shutil
import signal
import threading
import time

import psycopg
import pytest
import servers
from servers import is_alive, running_server, wait_until


def worker_of(server: servers.Server, connection: psycopg.Connection) -> int:
    """The process that serves a session."""
    slot = connection.info.backend_pid >> 20
    (match,) = re.findall(rf"worker {slot} \(pid (\d+)\) is ready", server.log())[-1:]
    return int(match)


def is_cut(connection: psycopg.Connection) -> bool:
    """Whether the server has closed the connection."""
    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return True
    return False


@pytest.fixture
def two_databases():
    """A server with two workers, and sessions on the databases that they share between them.

    In plain text, where the front door knows the database: a TLS session that was relayed depends on two workers.
    """
    with running_server("--workers=2") as server:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            for number in range(8):
                connection.execute(f"CREATE DATABASE d{number}")
        sessions = {}
        for number in range(8):
            session = psycopg.connect(server.dsn(dbname=f"d{number}", sslmode="disable"), autocommit=True)
            session.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 5 AS x")
            sessions.setdefault(worker_of(server, session), []).append((f"d{number}", session))
        yield server, sessions
        for pairs in sessions.values():
            for _, session in pairs:
                session.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_dead_worker_takes_only_its_own_sessions(two_databases, number):
    """The others go on; the dead are named in the log; the databases are served again within two seconds."""
    server, sessions = two_databases
    assert len(sessions) == 2, "all databases have met at one worker"
    victim, survivor = sessions
    dead = [(name, session.info.backend_pid) for name, session in sessions[victim]]
    started = time.monotonic()
    first_served_after_s = 0.0
    os.kill(victim, number)

    for name, session in sessions[victim]:
        assert is_cut(session)
        with psycopg.connect(server.dsn(dbname=name), autocommit=True) as again:
            assert again.execute("SELECT x FROM kept").fetchone() == (5,)
        first_served_after_s = first_served_after_s or time.monotonic() - started
    assert first_served_after_s < 2.0
    for _, session in sessions[survivor]:
        assert session.execute("SELECT x FROM kept").fetchone() == (5,)
    pids = server.wait_for_workers(2, but_not=victim, timeout_s=5)
    assert survivor in pids
    server.wait_for_log(rf"was killed by {number.name}")
    for name, pid in dead:
        assert re.search(rf"session {pid} of user 'postgres' on database '{name}' from 127.0.0.1 died", server.log())


def test_the_only_worker_dies_and_clients_wait_for_the_next():
    """Nobody is refused meanwhile."""
    with running_server("--workers=1") as server:
        for _ in range(3):
            (pid,) = server.worker_pids()
            os.kill(pid, signal.SIGKILL)
            with psycopg.connect(server.dsn(connect_timeout=10)) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
                assert worker_of(server, connection) != pid


def test_a_worker_that_hangs_is_replaced():
    """It doesn't answer five times, so it is killed; the next one serves."""
    with running_server("--workers=1") as server:
        (pid,) = server.worker_pids()
        os.kill(pid, signal.SIGSTOP)
        server.wait_for_log("did not answer 5 heartbeats in a row", timeout_s=20)
        with psycopg.connect(server.dsn(connect_timeout=10)) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert not is_alive(pid)


def test_a_busy_worker_is_not_taken_for_one_that_hangs():
    """Queries that use all processors for longer than the heartbeats allow change nothing."""
    with running_server("--workers=1") as server:
        with psycopg.connect(server.dsn(), options="-c statement_timeout=13s", autocommit=True) as connection:
            with pytest.raises(psycopg.errors.QueryCanceled):
                connection.execute("SELECT count(*) FROM range(10000000) a, range(10000000) b")
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert "is gone" not in server.log()


def test_orphans_without_sessions_end_by_themselves():
    """A killed server leaves nothing running for long."""
    root = servers.make_root()
    try:
        server = servers.start(root, "--workers=2", env={"DUCKGRES_ORPHAN_TIMEOUT": "2s"})
        orphans = server.worker_pids()
        server.process.kill()
        server.process.wait(10)

        wait_until(lambda: not any(map(is_alive, orphans)), 30, "end of the orphans")
    finally:
        shutil.rmtree(root, ignore_errors=True)


def test_signals_for_the_control_plane_don_t_hurt_workers():
    """``systemctl kill`` sends them to all processes of the service."""
    with running_server("--workers=1") as server, psycopg.connect(server.dsn(), autocommit=True) as connection:
        (pid,) = server.worker_pids()
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            os.kill(pid, number)
        time.sleep(0.3)
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert server.worker_pids() == [pid]


def test_a_second_sigterm_to_a_worker_waits_for_no_transaction():
    """At the first one a transaction may go on; then its client hears 57P01."""
    with running_server("--workers=1") as server, psycopg.connect(server.dsn()) as connection:
        connection.execute("CREATE TABLE undone AS SELECT 5 AS x")
        (pid,) = server.worker_pids()
        os.kill(pid, signal.SIGTERM)
        time.sleep(0.3)
        assert connection.execute("SELECT x FROM undone").fetchone() == (5,)
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not is_alive(pid), 10, "end of the worker")
        with pytest.raises(psycopg.errors.AdminShutdown):
            connection.execute("SELECT 1")
        server.wait_for_workers(1, but_not=pid)


def test_a_worker_that_gets_sigterm_is_replaced():
    """By itself; the control plane starts another."""
    with running_server("--workers=1") as server:
        (pid,) = server.worker_pids()
        os.kill(pid, signal.SIGTERM)
        server.wait_for_workers(1, but_not=pid)
        with psycopg.connect(server.dsn(connect_timeout=10)) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_clients_of_a_draining_worker_s_database_wait_for_it_to_move():
    """While its last transaction goes on elsewhere, they are neither refused nor sent to who may not open it."""
    with running_server("--workers=2") as server:
        busy = psycopg.connect(server.dsn(sslmode="disable"))
        busy.execute("CREATE TABLE moved AS SELECT 5 AS x")
        os.kill(worker_of(server, busy), signal.SIGTERM)
        time.sleep(0.3)
        timer = threading.Timer(1.0, busy.commit)
        timer.start()
        with psycopg.connect(server.dsn(sslmode="disable", connect_timeout=15)) as connection:
            assert connection.execute("SELECT x FROM moved").fetchone() == (5,)
        timer.join()
        busy.close()
