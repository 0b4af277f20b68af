"""SIGUSR2: the workers are replaced one after the other; only idle sessions end, and clients wait at most a moment."""

from __future__ import annotations

import os
import re
import signal
import threading
import time

import psycopg
import pytest
from servers import Server, is_alive, running_server, wait_until

FAST = {"DUCKGRES_DRAIN_GRACE": "0", "DUCKGRES_DRAIN_TIMEOUT": "20s"}


def roll(server: Server) -> int:
    """Ask for a roll; returns where the log was."""
    already = len(server.log())
    server.process.send_signal(signal.SIGUSR2)
    return already


def wait_for_end(server: Server, already: int, words: str = "roll: done") -> str:
    """Wait until the log says so; returns what it said about the roll."""
    wait_until(lambda: words in server.log()[already:], 60, f"{words!r} in the log")
    return "\n".join(line for line in server.log()[already:].splitlines() if "roll" in line)


def test_all_workers_are_new_in_the_end():
    """The new one comes first, the old one ends; the log tells each step."""
    with running_server("--workers=2", env=FAST) as server:
        old = server.worker_pids()
        lines = wait_for_end(server, roll(server))

        new = server.worker_pids()
        assert len(new) == 2
        assert not set(old) & set(new)
        assert not any(map(is_alive, old))
        assert "roll: 1/2 replaced" in lines
        assert "roll: 2/2 replaced" in lines
        with psycopg.connect(server.dsn()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_transaction_and_a_running_query_may_finish_and_the_idle_end():
    """With 57P01 at the moment when they are idle, and never in the middle of something."""
    with running_server("--workers=1", env=FAST) as server:
        idle, busy, open_transaction = (psycopg.connect(server.dsn(), autocommit=True) for _ in range(3))
        busy.execute("CREATE TABLE kept (x int)")
        open_transaction.execute("BEGIN")
        open_transaction.execute("INSERT INTO kept VALUES (1)")
        answer: list = []
        asking = threading.Thread(
            target=lambda: answer.append(busy.execute("SELECT count(*) FROM range(40000) a, range(10000) b").fetchone())
        )
        asking.start()
        time.sleep(0.2)
        already = roll(server)
        wait_until(lambda: "is ready" in server.log()[already:], 30, "successor")
        with pytest.raises(psycopg.errors.AdminShutdown):
            wait_until(lambda: idle.execute("SELECT 1") is None, 10, "end of an idle session")
        open_transaction.execute("INSERT INTO kept VALUES (2)")
        open_transaction.execute("COMMIT")
        asking.join(60)
        assert answer == [(400_000_000,)]
        wait_for_end(server, already)

        with psycopg.connect(server.dsn()) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (2,)
        for session in (idle, busy, open_transaction):
            session.close()


@pytest.mark.parametrize("sslmode", ["disable", "require"])
def test_clients_of_a_database_that_moves_wait_and_are_served(sslmode):
    """While its last transaction goes on in the old worker; however they connect."""
    with running_server("--workers=2", env=FAST) as server:
        last = psycopg.connect(server.dsn(sslmode="disable"))
        last.execute("CREATE TABLE moved AS SELECT 5 AS x")
        already = roll(server)
        slot = last.info.backend_pid >> 20
        wait_until(lambda: draining(server, slot, already), 30, "drain")
        timer = threading.Timer(3.0, last.commit)
        timer.start()
        began = time.monotonic()
        with psycopg.connect(server.dsn(sslmode=sslmode, connect_timeout=30)) as connection:
            assert connection.execute("SELECT x FROM moved").fetchone() == (5,)
        assert time.monotonic() - began > 1.0
        timer.join()
        last.close()
        wait_for_end(server, already)


def draining(server: Server, slot: int, already: int) -> bool:
    """Whether it is that worker's turn: the log tells so every few seconds, or the other one is gone."""
    words = server.log()[already:]
    return re.search(rf"sessions left on worker {slot}\b", words) is not None


def test_a_second_roll_follows_the_first():
    """It is remembered once."""
    with running_server("--workers=1", env=FAST) as server:
        already = len(server.log())
        for _ in range(3):
            roll(server)
            # two signals at once are one
            time.sleep(0.2)
        wait_until(lambda: server.log()[already:].count("roll: done") == 2, 60, "two rolls")
        time.sleep(1)
        assert server.log()[already:].count("are to be replaced") == 2


def test_sigterm_in_the_middle_of_a_roll_ends_all():
    """Whatever each of them does at that moment."""
    with running_server("--workers=2", env=FAST) as server:
        last = psycopg.connect(server.dsn())
        last.execute("CREATE TABLE unfinished (x int)")
        roll(server)
        server.wait_for_log("is ready", timeout_s=30)
        time.sleep(0.5)
        last.close()
        # `running_server` sends it, and looks at what is left


def test_a_worker_that_is_killed_while_it_is_replaced_is_replaced_too():
    """The roll comes to its end."""
    with running_server("--workers=2", env=FAST) as server:
        victim = server.worker_pids()[0]
        already = roll(server)
        wait_until(lambda: len(server.worker_pids()) == 3, 30, "successor")
        os.kill(victim, signal.SIGKILL)
        wait_for_end(server, already)
        wait_until(lambda: len(server.worker_pids()) == 2, 30, "two workers")
        assert victim not in server.worker_pids()
