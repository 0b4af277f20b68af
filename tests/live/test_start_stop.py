"""A server starts, or says why not; it stops when told, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import psycopg
import pytest
import servers
from servers import StartFailed, is_alive, running_server, wait_until


@pytest.fixture
def root():
    """A directory for one server."""
    path = servers.make_root()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("sslmode", ["disable", "require"])
def test_the_ready_line_is_true(workers, sslmode):
    """What it says connects at once, with the password file that it names, and the stop is clean."""
    with running_server(f"--workers={workers}") as server:
        assert re.search(r'ready: PGPASSFILE=\S+/pgpass psql "host=127.0.0.1 port=\d+ user=postgres', server.log())
        connection = psycopg.connect(server.conninfo(sslmode=sslmode, passfile=str(server.passfile)))
        with connection:
            assert connection.execute("SELECT 42").fetchone() == (42,)
        assert len(server.worker_pids()) == int(workers)
        assert server.stderr == ""


def test_a_unix_socket_is_served(root):
    """Beside TCP, under the name that libpq looks for."""
    with running_server(f"--unix-socket-dir={root}", "--workers=1") as server:
        with psycopg.connect(server.dsn(host=str(root), sslmode="disable")) as connection:
            assert connection.execute("SELECT inet_client_addr()").fetchone() == (None,)
    assert [path for path in root.iterdir() if path.is_socket()] == []


def test_data_survives_a_restart(root):
    """And so does the password."""
    server = servers.start(root, "--workers=1")
    password = server.password
    with psycopg.connect(server.dsn()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS x")
    assert server.stop() == 0
    server = servers.start(root)
    assert server.password == password
    with psycopg.connect(server.dsn()) as connection:
        assert connection.execute("SELECT x FROM kept").fetchone() == (7,)
    assert server.stop() == 0


def failing_start(root, *options, env=None) -> str:
    """Start a server that can't; its one line on standard error."""
    with pytest.raises(StartFailed) as caught:
        servers.start(root, *options, env=env)
    assert caught.value.status == 1
    lines = caught.value.stderr.splitlines()
    assert len(lines) == 1, caught.value.stderr
    assert lines[0].startswith("duckgres: ")
    left = [path for path in root.rglob("*") if path.is_socket() or path.name == "twistd.pid"]
    assert left == []
    return lines[0]


def test_a_port_in_use_is_told(root):
    """With the address."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert failing_start(root, f"--port={port}", "--workers=1").endswith(
            f"can't listen on 127.0.0.1 port {port}: Address already in use"
        )


def test_a_data_directory_in_use_is_told(root):
    """The server that uses it doesn't notice."""
    with running_server("--workers=1") as server:
        assert "is in use by another server" in failing_start(root, f"--data-dir={server.data_dir}")
        with psycopg.connect(server.dsn()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data-dir=/dev/null"], "data_dir /dev/null is not a directory"),
        (["--tls=maybe"], "'maybe' is not one of off, prefer, require"),
        (["--no-such-option"], "option --no-such-option not recognized"),
        (["--cert=/nowhere.crt", "--key=/nowhere.key"], "can't read /nowhere.crt"),
        (["--config=/nowhere.yaml"], "can't read /nowhere.yaml"),
        (["--memory-limit=lots"], "'lots' is not a size"),
    ],
)
def test_a_mistake_is_told(root, options, message):
    """One line that names it."""
    assert message in failing_start(root, *options)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_an_engine_that_can_t_be_loaded_fails_the_start(root, workers):
    """It is found out after the server has begun to run; the outcome is the same."""
    line = failing_start(root, f"--workers={workers}", env={"DUCKGRES_LIBDUCKDB": "/nowhere/libduckdb.so"})

    assert "/nowhere/libduckdb.so" in line


def daemon(root, *options, env=None) -> subprocess.CompletedProcess[str]:
    """``twistd duckgres``, until it returns."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DUCKGRES_", "PG"))}
    return subprocess.run(
        servers.command(root, options, daemon=True),
        env={**environment, **(env or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_daemon_is_ready_when_twistd_returns(root):
    """The very next command of a script can connect."""
    started = daemon(root, "--workers=2")
    try:
        assert (started.returncode, started.stderr) == (0, "")
        log = (root / "log").read_text(encoding="utf-8")
        parameters = re.search(r'psql "([^"]*)"', log)[1]
        with psycopg.connect(f"{parameters} passfile={root}/data/pgpass") as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        pid = int((root / "twistd.pid").read_text(encoding="ascii"))
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not is_alive(pid), 30, "end of the daemon")
    assert [path for path in root.rglob("*") if path.is_socket() or path.name == "twistd.pid"] == []


def test_a_daemon_that_can_t_start_is_told_by_twistd(root):
    """Status 1, the reason on the terminal, and nothing is running when it returns."""
    failed = daemon(root, "--workers=2", env={"DUCKGRES_LIBDUCKDB": "/nowhere/libduckdb.so"})

    assert failed.returncode == 1
    assert "/nowhere/libduckdb.so" in failed.stderr.splitlines()[0]
    assert [path for path in root.rglob("*") if path.is_socket() or path.name == "twistd.pid"] == []


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_stop_lets_transactions_finish(workers):
    """An idle session is told 57P01, a transaction may commit, and new clients are not let in."""
    with running_server(f"--workers={workers}") as server:
        idle = psycopg.connect(server.dsn(), autocommit=True)
        busy = psycopg.connect(server.dsn())
        busy.execute("CREATE TABLE made AS SELECT 1 AS x")
        idle.execute("SELECT 1")
        server.process.send_signal(signal.SIGTERM)
        server.wait_for_log("got SIGTERM")
        with pytest.raises(psycopg.errors.AdminShutdown):
            wait_until(lambda: idle.execute("SELECT 1") is None, 10, "end of the idle session")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.dsn(connect_timeout=5))
        busy.execute("INSERT INTO made VALUES (2)")
        busy.commit()
        assert server.process.wait(20) == 0
        with contextlib.suppress(psycopg.Error):
            busy.close()
        root = server.root
        again = servers.start(root)
        with psycopg.connect(again.dsn()) as connection:
            assert connection.execute("SELECT sum(x) FROM made").fetchone() == (3,)
        assert again.stop() == 0


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_transaction_has_bounded_time(workers):
    """The stop comes after shutdown_timeout, whatever clients do."""
    with running_server(f"--workers={workers}", env={"DUCKGRES_SHUTDOWN_TIMEOUT": "1s"}) as server:
        with contextlib.closing(psycopg.connect(server.dsn())) as busy:
            busy.execute("CREATE TABLE never AS SELECT 1")
            started = time.monotonic()
            assert server.stop() == 0
            assert 0.9 < time.monotonic() - started < 10
            with pytest.raises(psycopg.OperationalError):
                busy.execute("SELECT 1")


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_second_sigterm_makes_it_quick(workers):
    """And a Ctrl-C is quick from the start."""
    for signals in ([signal.SIGTERM, signal.SIGTERM], [signal.SIGINT]):
        with (
            running_server(f"--workers={workers}") as server,
            contextlib.closing(psycopg.connect(server.dsn())) as busy,
        ):
            busy.execute("SELECT 1")
            for number in signals:
                server.process.send_signal(number)
                server.wait_for_log(f"got {number.name}")
                time.sleep(0.2)
            assert server.process.wait(15) == 0


def test_a_running_query_does_not_hold_up_a_hurried_stop():
    """It is interrupted."""
    with running_server("--workers=1") as server:
        failures = []

        def run() -> None:
            try:
                with psycopg.connect(server.dsn()) as connection:
                    connection.execute("SELECT count(*) FROM range(10000000) a, range(10000000) b")
            except psycopg.Error as error:
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        time.sleep(1)
        assert server.stop(signal.SIGINT, 20) == 0
        thread.join(10)
        assert len(failures) == 1


def test_a_hangup_signal_is_survived():
    """There is nothing to read again."""
    with running_server("--workers=1") as server:
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_log("got SIGHUP")
        with psycopg.connect(server.dsn()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_stop_during_the_start(root, workers):
    """Whenever it comes, nothing is left."""
    for delay_s in (0.2, 0.4, 0.6):
        server = servers.launch(root, f"--workers={workers}")
        time.sleep(delay_s)
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(20)
        assert [path for path in root.rglob("*") if path.is_socket()] == []
