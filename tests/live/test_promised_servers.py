"""The promises of docs/zero-downtime.md, in a user's words: what a server hands on, and how it is looked after: U13, U15 to U17, U19."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

import psycopg
import pytest
from succession import (
    GONE_S,
    LONG_ANSWER,
    LONG_COUNT,
    Asking,
    connect,
    end_well,
    raw_client,
    running_fleet,
    serves,
    succeed,
    until,
)

from storm.fleet import Fleet
from storm.samples import take


@pytest.fixture(scope="module")
def fleet():
    """A server that is taken over by one test after the other."""
    with running_fleet() as running:
        yield running


CHAIN = int(os.environ.get("TAKEOVERS", "6"))


def status(fleet) -> dict:
    """What the command for people says, for machines."""
    told = subprocess.run(
        [sys.executable, "-m", "duckgres_tx", "status", "--json", f"--handover={fleet.handover}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=fleet.root,
    )
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def test_bans_and_counts_go_over():
    """U13: who was banned is still banned, and sessions from before count against the limit of an address."""
    env = {"DUCKGRES_RATE_LIMIT_MAX_FAILED_ATTEMPTS": "3", "DUCKGRES_RATE_LIMIT_MAX_CONNECTIONS_PER_IP": "3"}
    with running_fleet(env=env) as fleet, contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(contextlib.closing(connect(fleet))) for _ in range(2)]
        succeed(fleet)
        third = stack.enter_context(contextlib.closing(connect(fleet)))
        with pytest.raises(psycopg.OperationalError, match="too many connections from this address"):
            connect(fleet)
        third.close()
        sessions.pop().close()
        until(lambda: status(fleet)["connections"] == 1, 10, "end of two sessions")
        for attempt in range(3):
            if attempt == 2:
                # two failures are held against us by one control plane, the third by the next
                succeed(fleet)
                assert status(fleet)["connections"] == 1
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                connect(fleet, password="wrong", sslmode="disable")
        for _ in range(2):
            with pytest.raises(psycopg.OperationalError, match="too many failed login attempts"):
                connect(fleet)
            succeed(fleet)
        assert sessions[0].execute("SELECT 42").fetchone() == (42,)


def test_the_same_command_typed_again():
    """U15: in the same directory, daemonised or not; the pidfile names who serves, and is gone at the end."""
    with running_fleet() as fleet, contextlib.closing(connect(fleet)) as session:
        for daemon in (True, True, False, False):
            succeed(fleet, daemon=daemon)
            assert fleet.named_by_pidfile() == fleet.serving.pid
            assert fleet.control_planes_alive() == [fleet.serving.pid]
        assert session.execute("SELECT 42").fetchone() == (42,)


def test_a_service_manager_hears_who_the_main_process_is(tmp_path):
    """U15: READY=1 from the first, MAINPID of the second from a process that is still there to be believed."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(20)
        with running_fleet(env={"NOTIFY_SOCKET": str(path)}) as fleet:
            said: list[str] = []

            def hear(what: str) -> None:
                while not any(what in line for line in said):
                    said.extend(manager.recv(8192).decode().splitlines())

            hear("READY=1")
            newcomer = fleet.take_over()
            hear(f"MAINPID={newcomer.pid}")
            incumbent = fleet.all[0]
            incumbent.look()
            fleet.wait_until_gone(incumbent, GONE_S)
            end_well(fleet)
            hear("STOPPING=1")
            assert said.index("READY=1") < said.index(f"MAINPID={newcomer.pid}") < said.index("STOPPING=1")


def test_a_killed_control_plane_loses_no_session(fleet):
    """U16: sessions, transactions and queries go on without one; the next one finds the workers and serves."""
    workers = sorted(fleet.workers_alive())
    with contextlib.ExitStack() as stack:
        idle = stack.enter_context(contextlib.closing(connect(fleet, sslmode="require")))
        open_one = stack.enter_context(psycopg.connect(fleet.dsn(sslmode="disable")))
        open_one.execute("CREATE OR REPLACE TABLE u16 AS SELECT 5 AS x")
        busy = stack.enter_context(contextlib.closing(connect(fleet, sslmode="disable")))
        with Asking(busy, LONG_COUNT) as asking:
            time.sleep(0.2)
            fleet.serving.send(signal.SIGKILL)
            fleet.wait_until_gone(fleet.serving, 10)
            assert idle.execute("SELECT 42").fetchone() == (42,)
            # where clients look for it; nobody was there to hand the port over
            fleet.take_over(f"--port={fleet.port}")
        assert asking.answer == LONG_ANSWER
        open_one.execute("INSERT INTO u16 VALUES (6)")
        open_one.commit()
        assert idle.execute("SELECT sum(x) FROM u16").fetchone() == (11,)
        assert sorted(fleet.workers_alive()) == workers
        assert serves(fleet)
        # the new one is in charge of what it has found: it can cancel there
        with Asking(busy, "SELECT pg_sleep(60)") as asking:
            time.sleep(0.3)
            busy.cancel_safe()
        assert isinstance(asking.error, psycopg.errors.QueryCanceled)


def test_a_killed_control_plane_is_replaced_without_handover_in_sight():
    """U16: adoption needs no option: an ordinary start finds the workers, their sessions, and the databases that they have open."""
    with running_fleet() as fleet, contextlib.closing(connect(fleet)) as session:
        session.execute("CREATE TABLE kept AS SELECT 5 AS x")
        workers = sorted(fleet.workers_alive())
        fleet.serving.send(signal.SIGKILL)
        fleet.wait_until_gone(fleet.serving, 10)
        words = [word for word in fleet.command(fleet.root / "x", daemon=False) if not word.startswith("--handover")]
        newcomer = fleet.launch(words=words)
        fleet.wait_until_ready(newcomer, 60)
        assert sorted(fleet.workers_alive()) == workers
        assert session.execute("SELECT x FROM kept").fetchone() == (5,)
        assert serves(fleet)
        # the dead one's, where the living one doesn't look
        fleet.handover.unlink()


ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execv(sys.argv[2], sys.argv[2:])
"""


def test_a_listener_that_somebody_holds_is_not_lost_with_the_control_plane():
    """U16: with socket activation the clients that come while nobody serves wait in the kernel, and are served by the next one."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen(128)
        held.set_inheritable(True)
        # the process that gets descriptors is named by its own pid, which only itself knows
        activate = [sys.executable, "-c", ACTIVATE, str(held.fileno())]
        with Fleet(2) as fleet:
            end_well(fleet)
            words = [*activate, *fleet.command(fleet.root / "x", daemon=False)]
            newcomer = fleet.launch(words=words, inherit=(held.fileno(),))
            fleet.wait_until_ready(newcomer, 60)
            assert fleet.port == held.getsockname()[1]
            with contextlib.closing(connect(fleet)) as session:
                newcomer.send(signal.SIGKILL)
                fleet.wait_until_gone(newcomer, 10)
                waiting = [raw_client(fleet) for _ in range(10)]
                fleet.wait_until_ready(fleet.launch(words=words, inherit=(held.fileno(),)), 60)
                for client in waiting:
                    client.login(fleet.parameters["user"], fleet.password)
                    client.socket.close()
                assert session.execute("SELECT 42").fetchone() == (42,)
            end_well(fleet)


@pytest.mark.timeout(180 if CHAIN < 10 else 1200)
def test_takeovers_in_a_row_leave_nothing_behind():
    """U17: descriptors, threads and memory of control plane and workers are what they were. ``TAKEOVERS=100`` makes it a long chain."""
    with running_fleet(env={"DUCKGRES_TAKEOVER_STANDBY": "500ms"}) as fleet, contextlib.ExitStack() as stack:
        sessions = [
            stack.enter_context(contextlib.closing(connect(fleet, sslmode=mode))) for mode in ("disable", "require")
        ]
        held = []
        for _ in range(CHAIN):
            succeed(fleet)
            workers = sorted(fleet.workers_alive())
            time.sleep(0.2)
            held.append([take("control plane", fleet.serving.pid), *(take(f"worker {pid}", pid) for pid in workers)])
        # the first is not like the others: it is the first that took over
        for first, last in zip(held[1], held[-1], strict=True):
            assert first is not None
            assert last is not None
            assert last.fds <= first.fds
            assert last.threads <= first.threads
            assert last.rss_kb <= first.rss_kb + 8192
        assert [session.execute("SELECT 42").fetchone() for session in sessions] == [(42,)] * 2


def test_who_asks_who_serves_is_told_the_truth(fleet):
    """U19: at every moment of a takeover somebody answers, and whom the answer names accepts connections."""
    newcomer, pids = fleet.launch(), []
    while not fleet.is_ready(newcomer):
        pids.append(status(fleet)["pid"])
        assert serves(fleet)
    assert status(fleet)["pid"] == newcomer.pid
    assert set(pids) <= {fleet.all[-2].pid, newcomer.pid}
    assert pids == sorted(pids, key=[fleet.all[-2].pid, newcomer.pid].index)


def test_a_daemon_is_told_to_have_started_when_it_serves(fleet):
    """U19: when twistd returns, it is the new one that accepts, with its own configuration."""
    succeed(fleet, daemon=True, env={"DUCKGRES_STATEMENT_TIMEOUT": "77s"})
    assert fleet.control_planes_alive() == [fleet.serving.pid]
    assert serves(fleet)
