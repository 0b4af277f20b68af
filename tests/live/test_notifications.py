"""A service manager hears what happens, from whom it should, and its sockets are used."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading

import psycopg
import pytest
import servers
from servers import running_server, wait_until
from service_manager import ServiceManager

from duckgres_tx.console.processes import processes_of

# descriptors arrive as systemd passes them, from 3 on, and the program takes the pid that they are for
_PASSING = """
import os, sys
count, names = int(sys.argv[1]), sys.argv[2]
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(count), LISTEN_FDNAMES=names)
os.execv(sys.argv[3], sys.argv[3:])
"""


@pytest.fixture
def root():
    """A directory for one server."""
    path = servers.make_root()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def manager(root):
    """A service manager."""
    with ServiceManager(root / "notify") as made:
        yield made


@contextlib.contextmanager
def watched_server(*options, env):
    """A server; when the test fails, whatever has taken over from it is ended too."""
    with running_server(*options, env=env) as server:
        try:
            yield server
        except BaseException:
            end_all(server)
            raise


def end_all(server):
    """Every process that uses its runtime directory, by force."""
    for process in processes_of(server.data_dir / "run"):
        with process:
            process.send(signal.SIGKILL)


def take_over(server):
    """`python -m duckgres_tx takeover`."""
    return subprocess.run(
        [sys.executable, "-m", "duckgres_tx", "takeover", f"--data-dir={server.data_dir}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("workers", ["0", "2"])
def test_start_reload_and_stop_are_told(manager, workers):
    """In order, from the one process that there is; signs of life in between."""
    environment = {**manager.environment, "WATCHDOG_USEC": "400000"}
    with watched_server(f"--workers={workers}", env=environment) as server:
        ready = manager.wait_for(READY="1")
        assert ready.assignments["MAINPID"] == str(server.process.pid)
        assert "STATUS" in ready.assignments
        assert [each for each in manager.heard[:-1] if "FDSTORE" not in each.assignments] == []
        assert list(manager.store) == [f"duckgres-127.0.0.1-{server.port}"]
        for _ in range(3):
            manager.wait_for(WATCHDOG="1")

        server.process.send_signal(signal.SIGHUP)
        reloading = manager.wait_for(RELOADING="1")
        assert int(reloading.assignments["MONOTONIC_USEC"]) > 0
        assert "RELOADING" not in manager.wait_for(READY="1").assignments

        assert server.stop() == 0
        stopping = manager.wait_for(STOPPING="1")
        assert int(stopping.assignments["EXTEND_TIMEOUT_USEC"]) >= 30_000_000
        assert [each for each in manager.rest() if "WATCHDOG" not in each.assignments] == []
        assert {each.pid for each in manager.heard} == {server.process.pid}


def test_a_reload_that_fails_ends_too(root, manager):
    """The service goes on as it was, and says so."""
    (root / "duckgres.yaml").write_text("max_connections: 7\n", encoding="utf-8")
    with watched_server(f"--config={root / 'duckgres.yaml'}", env=manager.environment) as server:
        manager.wait_for(READY="1")
        (root / "duckgres.yaml").write_text("nonsense: 7\n", encoding="utf-8")
        server.process.send_signal(signal.SIGHUP)
        manager.wait_for(RELOADING="1")
        assert "unknown setting" in manager.wait_for(READY="1").assignments["STATUS"]


def test_a_takeover_is_told_by_both_in_turn(manager):
    """The old one begins, the new one is ready, the old one names it, and is silent for ever."""
    environment = {**manager.environment, "WATCHDOG_USEC": "400000"}
    with watched_server("--workers=2", env=environment) as server:
        old = server.process.pid
        manager.wait_for(READY="1")
        done = take_over(server)
        assert done.returncode == 0, (done.stderr, server.log())
        new = int(re.search(r"process (\d+) has taken over", done.stdout)[1])
        told = [each for each in manager.rest(3.5) if "WATCHDOG" not in each.assignments or each.pid == old]
        server.process.wait(30)
        told += [each for each in manager.rest(1.5) if each.pid == old]

        without_life = [each for each in told if "WATCHDOG" not in each.assignments]
        begins = next(each for each in without_life if each.assignments.get("RELOADING") == "1")
        ready = next(each for each in without_life if each.assignments.get("READY") == "1")
        names = next(each for each in without_life if each.pid == old and "MAINPID" in each.assignments)
        assert begins.pid == old
        assert (ready.pid, ready.assignments["MAINPID"]) == (new, str(new))
        assert names.assignments == {"MAINPID": str(new)}
        assert without_life.index(begins) < without_life.index(ready)
        assert [each for each in told[told.index(names) + 1 :] if each.pid == old] == []
        # the newcomer gives the signs of life, though the variables named its parent
        assert manager.wait_for(WATCHDOG="1").pid == new
        os.kill(new, signal.SIGTERM)
        assert manager.wait_for(STOPPING="1").pid == new


def test_a_takeover_that_fails_ends_too(root, manager):
    """The old one stays the main process."""
    (root / "duckgres.yaml").write_text("max_connections: 7\n", encoding="utf-8")
    with watched_server("--workers=2", f"--config={root / 'duckgres.yaml'}", env=manager.environment) as server:
        manager.wait_for(READY="1")
        (root / "duckgres.yaml").write_text("nonsense: 7\n", encoding="utf-8")
        assert take_over(server).returncode == 1
        told = manager.rest()
        assert {each.pid for each in told} == {server.process.pid}
        told = [each for each in told if not each.assignments.keys() <= {"STATUS"}]
        assert [sorted(each.assignments) for each in told] == [
            ["MONOTONIC_USEC", "RELOADING", "STATUS"],
            ["MAINPID", "READY", "STATUS"],
        ]
        assert "unknown setting 'nonsense'" in told[-1].assignments["STATUS"]


def test_what_is_taken_back_is_told(root, manager):
    """The new one dies a moment after it has taken over: the old one is the main process again."""
    faults = root / "faults"
    faults.write_text("newcomer-serves SIGKILL self\n", encoding="ascii")
    with watched_server("--workers=2", env={**manager.environment, "DUCKGRES_FAULTS": str(faults)}) as server:
        old = server.process.pid
        manager.wait_for(READY="1")
        take_over(server)
        named = manager.listen(lambda each: each.pid == old and "MAINPID" in each.assignments)[-1]
        assert named.assignments["MAINPID"] != str(old)
        again = manager.wait_for(READY="1", MAINPID=str(old))
        assert again.pid == old
        server.wait_for_log("everything is taken back")
        with psycopg.connect(server.dsn()) as session:
            assert session.execute("SELECT 1").fetchone() == (1,)


def test_the_sockets_that_are_kept_are_those_that_are_listened_on(root, manager):
    """After a takeover with other addresses too."""
    (root / "duckgres.yaml").write_text("host: [127.0.0.1, 127.0.0.3]\n", encoding="utf-8")
    with watched_server("--workers=1", f"--config={root / 'duckgres.yaml'}", env=manager.environment) as server:
        manager.wait_for(READY="1")
        assert sorted(manager.store) == [f"duckgres-127.0.0.{last}-{server.port}" for last in (1, 3)]
        (root / "duckgres.yaml").write_text("host: [127.0.0.1, 127.0.0.2]\n", encoding="utf-8")
        done = take_over(server)
        assert done.returncode == 0, (done.stderr, server.log())
        manager.wait_for(FDSTOREREMOVE="1")
        assert sorted(manager.store) == [f"duckgres-127.0.0.{last}-{server.port}" for last in (1, 2)]
        new = int(re.search(r"process (\d+) has taken over", done.stdout)[1])
        server.process.wait(30)
        os.kill(new, signal.SIGTERM)
        manager.wait_for(STOPPING="1")
        wait_until(lambda: not servers.is_alive(new), 60, "its end")


def launch_with(root, passed, *options, env):
    """Start a server with descriptors as systemd passes them: names and sockets."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DUCKGRES_", "PG"))}
    numbers = [each.fileno() for _, each in passed]
    # the shell's redirections put them where they belong
    moves = " ".join(f"{3 + place}<&{number} {number}<&-" for place, number in enumerate(numbers))
    command = servers.command(root, options)
    with (root / "log").open("ab") as log, (root / "stderr").open("ab") as stderr:
        process = subprocess.Popen(
            [
                *("bash", "-c", f'exec "$@" {moves}', "bash"),
                *(sys.executable, "-c", _PASSING, str(len(passed)), ":".join(name for name, _ in passed)),
                *command,
            ],
            env={**environment, **env},
            pass_fds=numbers,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=stderr,
            start_new_session=True,
        )
    return servers.Server(process, root)


def await_ready(server, seen=0):
    """Fill in how to connect."""
    match = wait_until(lambda: servers._READY.search(server.log(), seen), 60, "the ready line")
    server.parameters = dict(pair.split("=", 1) for pair in match["dsn"].split())
    server.passfile = match["pgpass"]
    return server


def test_a_socket_of_the_service_manager_is_used(root, manager):
    """It is not closed, nor its file removed, when the server ends; nothing is bound beside it."""
    with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as unix:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        port = tcp.getsockname()[1]
        unix.bind(str(root / f".s.PGSQL.{port}"))
        unix.listen()
        passed = [("duckgres.socket", tcp), ("duckgres.socket", unix)]
        server = launch_with(
            root, passed, f"--port={port}", f"--unix-socket-dir={root}", "--workers=1", env=manager.environment
        )
        try:
            await_ready(server)
            for host in ("127.0.0.1", str(root)):
                with psycopg.connect(server.conninfo(host=host, passfile=server.passfile, sslmode="prefer")) as session:
                    assert session.execute("SELECT 1").fetchone() == (1,)
            assert server.stop() == 0
        finally:
            end_all(server)
        assert (root / f".s.PGSQL.{port}").exists()
        # a client waits in the queue for the next server
        with socket.create_connection(("127.0.0.1", port), 5):
            pass


def test_a_socket_that_the_configuration_does_not_name_is_refused(root):
    """Clients would wait there for ever."""
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.2", 0))
        tcp.listen()
        server = launch_with(root, [("duckgres.socket", tcp)], "--port=0", env={})
        assert server.process.wait(60) == 1
    assert re.fullmatch(
        r"duckgres: the service manager listens on 127.0.0.2 port \d+, and the configuration doesn't name it: .*\n",
        server.stderr,
    )


def test_a_killed_control_plane_loses_neither_its_sockets_nor_who_waits_there(root, manager):
    """The service manager has kept duplicates; the workers and their sessions are there too."""
    first = servers.start(root, "--workers=2", f"--unix-socket-dir={root}", env=manager.environment)
    second = None
    try:
        manager.wait_for(READY="1")
        assert len(manager.store) == 2
        workers = first.worker_pids()
        with psycopg.connect(first.dsn(), autocommit=True) as session, contextlib.ExitStack() as stack:
            session.execute("CREATE TEMP TABLE kept AS SELECT 7 AS x")
            password, port = first.password, first.port
            first.process.send_signal(signal.SIGKILL)
            first.process.wait(10)

            waiting = []
            for host in ("127.0.0.1", str(root)):
                waits = threading.Thread(target=lambda host=host: waiting.append(ask(first, host, password)))
                waits.start()
                stack.callback(waits.join, 60)
            stored = [
                (name, stack.enter_context(socket.socket(fileno=os.dup(fd)))) for name, fd in manager.store.items()
            ]
            seen = len(first.log())
            second = launch_with(root, stored, "--workers=2", f"--unix-socket-dir={root}", env=manager.environment)
            await_ready(second, seen)
            stack.close()
            assert waiting == [(1,), (1,)]
            assert second.port == port
            assert session.execute("SELECT x FROM kept").fetchone() == (7,)
        assert second.stop() == 0
        assert [pid for pid in workers if servers.is_alive(pid)] == []
        assert not (root / f".s.PGSQL.{port}").exists()
    finally:
        end_all(first)
        for server in (first, second):
            if server is not None:
                server.process.wait(10)


def ask(server, host, password):
    """Connect and ask something."""
    with psycopg.connect(
        server.conninfo(host=host, password=password, sslmode="prefer", connect_timeout=60)
    ) as session:
        return session.execute("SELECT 1").fetchone()


def test_what_is_not_wanted_any_more_is_dropped_from_the_store(root, manager):
    """The configuration has changed while nobody served."""
    first = servers.start(root, env=manager.environment)
    manager.wait_for(READY="1")
    ((name, fd),) = manager.store.items()
    port = first.port
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(10)
    with socket.socket(fileno=os.dup(fd)) as kept:
        second = launch_with(root, [(name, kept)], "--host=127.0.0.2", env=manager.environment)
        try:
            manager.wait_for(READY="1")
            manager.wait_for(FDSTOREREMOVE="1", FDNAME=name)
            assert list(manager.store) != [name]
            kept.close()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), 5)
            assert second.stop() == 0
        finally:
            end_all(second)
            second.process.wait(10)
