"""`python -m duckgres_tx` with a server that runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import psycopg
from servers import is_alive, running_server, wait_until


def console(server, *words, timeout=120):
    """Call it for this server, by its data directory."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DUCKGRES_")}
    return subprocess.run(
        [sys.executable, "-m", "duckgres_tx", words[0], f"--data-dir={server.data_dir}", *words[1:]],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env=environment,
    )


def status_of(server):
    """What it says of itself."""
    done = console(server, "status", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_status_shows_what_there_is():
    """Workers, sessions, databases; as a table too."""
    with running_server("--workers=2") as server:
        with psycopg.connect(server.dsn()) as session:
            session.execute("SELECT 1")

            def seen():
                status = status_of(server)
                serving = [worker for worker in status["workers"] if worker["sessions"]]
                return status if serving and serving[0]["databases"] else None

            status = wait_until(seen, 20, "the session in the status")
            shown = console(server, "status").stdout
        assert status["pid"] == server.process.pid
        assert status["state"] == "serving"
        assert status["connections"] == 1
        assert status["listeners"] == [f"127.0.0.1 port {server.port}"]
        assert {worker["pid"] for worker in status["workers"]} == set(server.worker_pids())
        assert {worker["state"] for worker in status["workers"]} == {"ready"}
        assert [worker["databases"] for worker in status["workers"] if worker["sessions"]] == [["postgres"]]
        assert f"pid {server.process.pid}: serving since" in shown
        assert len(shown.splitlines()) == 7 + 1 + 1 + 2


def test_a_standalone_server_has_a_status_and_no_successor():
    """It has no workers that could outlive it."""
    with running_server("--workers=0") as server:
        status = status_of(server)
        assert (status["pid"], status["state"]) == (server.process.pid, "serving")
        refused = console(server, "takeover")
        assert refused.returncode == 1
        assert "no worker processes" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        assert console(server, "roll").returncode == 1
        assert console(server, "drain", "1").returncode == 1


def test_a_roll_is_followed_to_its_end():
    """All workers are others afterwards, of the next generation."""
    with running_server("--workers=2", env={"DUCKGRES_DRAIN_GRACE": "0"}) as server:
        before = status_of(server)
        done = console(server, "roll", "--wait")
        assert done.returncode == 0, done.stderr
        assert "all workers are replaced" in done.stdout
        after = status_of(server)
        assert not {w["pid"] for w in before["workers"]} & {w["pid"] for w in after["workers"]}
        assert {w["generation"] for w in after["workers"]} == {before["generation"] + 1}
        assert after["last_roll"]["outcome"] == ""


def test_one_worker_is_drained():
    """The other one stays."""
    with running_server("--workers=2", env={"DUCKGRES_DRAIN_GRACE": "0"}) as server:
        before = {worker["slot"]: worker["pid"] for worker in status_of(server)["workers"]}
        slot = min(before)
        done = console(server, "drain", "--wait", str(slot))
        assert done.returncode == 0, done.stderr
        after = {worker["pid"] for worker in status_of(server)["workers"]}
        assert before[slot] not in after
        assert set(before.values()) - {before[slot]} <= after
        missing = console(server, "drain", "99")
        assert (missing.returncode, missing.stderr) == (1, "duckgres: there is no worker 99\n")


def test_stop_waits_for_the_end():
    """And leaves nothing."""
    with running_server("--workers=2") as server:
        pids = server.pids()
        done = console(server, "stop")
        assert done.returncode == 0, done.stderr
        assert server.process.wait(10) == 0
        assert [pid for pid in pids if is_alive(pid)] == []
        gone = console(server, "status")
        assert gone.returncode == 1
        assert gone.stderr.startswith("duckgres: no server answers at ")


def test_what_a_killed_server_left_is_seen_and_ended():
    """Its workers go on; `stop` ends them."""
    with running_server("--workers=2") as server:
        workers = server.worker_pids()
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(10)
        left = console(server, "status")
        assert left.returncode == 1
        assert "workers go on without it: " in left.stderr
        assert all(str(pid) in left.stderr for pid in workers)
        assert console(server, "stop").returncode == 0
        assert [pid for pid in workers if is_alive(pid)] == []
