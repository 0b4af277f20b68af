"""Who may come in, and how the others hear that they may not: the same with workers, plain and over TLS."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
import time

import psycopg
import pytest
import raw
from servers import running_server, wait_until


def refusal(server, **changes):
    """The words in which a login is refused."""
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(server.dsn(connect_timeout=20, **changes))
    return str(caught.value)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_one_too_many_is_told_so_and_a_cancel_is_not_one(workers):
    """53300 in words, also over TLS; a full server is where somebody has to cancel something."""
    env = {"DUCKGRES_MAX_CONNECTIONS": "2", "DUCKGRES_RATE_LIMIT_MAX_CONNECTIONS_PER_IP": "2"}
    with running_server(f"--workers={workers}", env=env) as server:
        with psycopg.connect(server.dsn(), autocommit=True) as busy, psycopg.connect(server.dsn()):
            for sslmode in ("disable", "require"):
                assert "too many" in refusal(server, sslmode=sslmode)
            timer = threading.Timer(0.5, busy.cancel)
            timer.start()
            with pytest.raises(psycopg.errors.QueryCanceled):
                busy.execute("SELECT count(*) FROM range(1000000) a, range(10000000) b")
            timer.join()
        wait_until(lambda: _comes_in(server), 10, "room for another session")


def _comes_in(server) -> bool:
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(server.dsn()) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)
    return False


@pytest.mark.parametrize("workers", ["0", "2"])
def test_who_guesses_passwords_is_banned_whichever_worker_has_seen_it(workers):
    """Counted by the control plane; probes and unknown databases don't count, and the right password doesn't help then."""
    env = {"DUCKGRES_RATE_LIMIT_MAX_FAILED_ATTEMPTS": "3", "DUCKGRES_RATE_LIMIT_BAN_DURATION": "1h"}
    with running_server(f"--workers={workers}", env=env) as server:
        for _ in range(4):
            with raw.RawClient((server.host, server.port)) as probe:
                probe.send(raw.SSL_REQUEST)
            assert "does not exist" in refusal(server, dbname="nowhere")
        for _ in range(3):
            assert "password authentication failed" in refusal(server, password="wrong", sslmode="disable")
        for sslmode in ("disable", "require"):
            assert "too many failed login attempts" in refusal(server, sslmode=sslmode)


def test_no_secret_is_ever_logged():
    """Neither passwords nor keys, whatever goes wrong: cancels, guesses, a session that dies with its worker."""
    with running_server("--workers=1", env={"DUCKGRES_RATE_LIMIT_MAX_FAILED_ATTEMPTS": "1"}) as server:
        with raw.RawClient((server.host, server.port)) as client:
            client.login(server.user, server.password)
            for key in (client.secret_key, b"KEY!"):
                with raw.RawClient((server.host, server.port)) as canceller:
                    canceller.send(raw.cancel_request(client.backend_pid, key))
            client.send(raw.query("SELECT nonsense"))
            client.until()
            key, password = client.secret_key, server.password
            refusal(server, password="hunter2-is-wrong", sslmode="disable")
            (worker,) = server.worker_pids()
            os.kill(worker, signal.SIGKILL)
            server.wait_for_workers(1, but_not=worker)
        server.wait_for_log("was killed by SIGKILL")
        log = server.log() + server.stderr
    assert re.search(r"session \d+ of user 'postgres'", log)
    assert "127.0.0.1" in log
    for secret in (password, "hunter2-is-wrong", key.hex(), repr(key)[2:-1], "KEY!"):
        assert secret not in log, f"a secret of {len(secret)} characters is in the log"


def test_a_worker_that_hangs_holds_up_nobody_else():
    """Connecting asks no worker but the one that is to serve."""
    with running_server("--workers=2") as server:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            for number in range(6):
                connection.execute(f"CREATE DATABASE d{number}")
        owners = {}
        for number in range(6):
            with psycopg.connect(server.dsn(dbname=f"d{number}", sslmode="disable")) as connection:
                slot = connection.info.backend_pid >> 20
                (pid,) = re.findall(rf"worker {slot} \(pid (\d+)\) is ready", server.log())[-1:]
                owners.setdefault(int(pid), f"d{number}")
        assert len(owners) == 2, "all databases have met at one worker"
        hung, other = owners
        os.kill(hung, signal.SIGSTOP)
        try:
            for _ in range(10):
                began = time.monotonic()
                with psycopg.connect(server.dsn(dbname=owners[other], sslmode="disable")) as connection:
                    assert connection.execute("SELECT 1").fetchone() == (1,)
                assert time.monotonic() - began < 1.5
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(hung, signal.SIGCONT)
