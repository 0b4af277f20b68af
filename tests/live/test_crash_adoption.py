"""The control plane is killed; the next one in the same directories takes charge of the workers, and no session notices."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import servers
from servers import is_alive, wait_until

LONG = "SELECT count(*) FROM range(40000) a, range(10000) b WHERE (a.range * b.range) % 7 = 3"
ENDLESS = "SELECT count(*) FROM range(10000000) a, range(10000000) b"


class House:
    """The directories of one server, and the control planes that come and go in them."""

    def __init__(self, workers: int = 2) -> None:
        self.root, self.workers = servers.make_root(), workers
        self.sessions: list[psycopg.Connection] = []
        self.server = servers.start(self.root, f"--workers={workers}")

    def worker_pids(self) -> list[int]:
        """The workers, whoever has started them: by the log that they write to."""
        found = []
        for stderr in Path("/proc").glob("[0-9]*/fd/2"):
            with contextlib.suppress(OSError):
                if str(stderr.readlink()).startswith(f"{self.root}/data/run/worker-"):
                    found.append(int(stderr.parent.parent.name))
        return sorted(found)

    def connect(self, **changes) -> psycopg.Connection:
        """A session, closed at the end."""
        session = psycopg.connect(self.server.dsn(**changes), autocommit=True)
        self.sessions.append(session)
        return session

    def kill_control_plane(self) -> None:
        """SIGKILL."""
        self.server.process.kill()
        self.server.process.wait(10)

    def succeed(self, workers: int | None = None, **env: str) -> None:
        """A new server, on the same port."""
        port = self.server.port
        self.server = servers.start(self.root, f"--port={port}", f"--workers={workers or self.workers}", env=env)

    def stop(self) -> None:
        """SIGTERM: status 0, and nothing is left."""
        pids = self.worker_pids()
        assert self.server.stop() == 0, self.server.log()[-5000:]
        assert [pid for pid in pids if is_alive(pid)] == []
        assert [path for path in self.root.rglob("*") if path.is_socket() or path.suffix == ".log"] == []

    def end(self) -> None:
        """Whatever is still there."""
        for session in self.sessions:
            session.close()
        if self.server.process.poll() is None:
            self.kill_control_plane()
        for pid in self.worker_pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.root, ignore_errors=True)


@pytest.fixture
def house() -> Iterator[House]:
    """Two workers."""
    made = House()
    yield made
    made.end()


def cancel(session: psycopg.Connection) -> None:
    """A CancelRequest, by a connection of its own."""
    threading.Timer(0.5, session.cancel).start()


def test_no_session_is_lost_with_the_control_plane(house):
    """Temporary tables, transactions, prepared statements and running queries outlive it; the next one counts, cancels and ends them."""
    plain, tls = house.connect(sslmode="disable"), house.connect(sslmode="require")
    plain.execute("CREATE TABLE kept AS SELECT 5 AS x")
    plain.execute("CREATE TEMP TABLE mine AS SELECT 42 AS x")
    plain.execute("PREPARE twice AS SELECT $1::int * 2")
    tls.execute("BEGIN")
    tls.execute("INSERT INTO kept VALUES (6)")
    busy = house.connect(sslmode="disable")
    answer: list = []
    asking = threading.Thread(target=lambda: answer.append(busy.execute(LONG).fetchone()))
    asking.start()
    workers = house.worker_pids()

    house.kill_control_plane()
    assert plain.execute("SELECT x FROM mine").fetchone() == (42,)
    time.sleep(1)
    house.succeed()

    assert house.worker_pids() == workers
    house.server.wait_for_log(r"was adopted, with [1-9]\d* sessions")
    assert plain.execute("EXECUTE twice (21)").fetchone() == (42,)
    assert plain.execute("SELECT x FROM mine").fetchone() == (42,)
    tls.execute("COMMIT")
    asking.join(100)
    assert answer
    assert answer[0][0] > 0
    with psycopg.connect(house.server.dsn()) as new:
        assert new.execute("SELECT count(*) FROM kept").fetchone() == (2,)
    for session in (plain, tls):
        cancel(session)
        with pytest.raises(psycopg.errors.QueryCanceled):
            session.execute(ENDLESS)
    house.stop()
    with pytest.raises(psycopg.OperationalError):
        plain.execute("SELECT 1")


def test_those_that_were_taken_over_count(house):
    """Towards the limits, until they end."""
    kept = [house.connect(sslmode="disable") for _ in range(3)]
    house.kill_control_plane()
    house.succeed(DUCKGRES_MAX_CONNECTIONS="4")

    last = house.connect(sslmode="disable")
    with pytest.raises(psycopg.OperationalError, match="too many clients"):
        house.connect(sslmode="disable")
    kept[0].close()
    wait_until(lambda: can_connect(house), 10, "room for another client")
    assert last.execute("SELECT 1").fetchone() == (1,)


def can_connect(house: House) -> bool:
    """Whether there is room for one more."""
    try:
        house.connect(sslmode="disable").close()
    except psycopg.OperationalError:
        return False
    return True


def test_a_worker_that_was_adopted_dies_like_an_own_one(house):
    """Its end is noticed though it is nobody's child, its sessions are named, and it is replaced."""
    session = house.connect(sslmode="disable")
    session.execute("CREATE TABLE kept AS SELECT 5 AS x")
    house.kill_control_plane()
    house.succeed()
    slot = session.info.backend_pid >> 20
    (pid,) = re.findall(rf"worker {slot} \(pid (\d+)\) is ready", house.server.log())[-1:]
    os.kill(int(pid), signal.SIGKILL)

    with house.connect(sslmode="disable", connect_timeout=20) as again:
        assert again.execute("SELECT x FROM kept").fetchone() == (5,)
    house.server.wait_for_log(rf"worker {slot} \(pid {pid}\) is gone: it is no more")
    assert re.search(rf"session {session.info.backend_pid} of user 'postgres' .* died", house.server.log())
    wait_until(lambda: len(house.worker_pids()) == 2, 20, "two workers")
    house.stop()


def test_it_can_be_killed_again_and_again(house):
    """Each time the next one takes charge of all."""
    session = house.connect(sslmode="disable")
    session.execute("CREATE TEMP TABLE mine AS SELECT 42 AS x")
    workers = house.worker_pids()
    for _ in range(4):
        house.kill_control_plane()
        house.succeed()
        assert session.execute("SELECT x FROM mine").fetchone() == (42,)
        with house.connect(sslmode="require") as new:
            assert new.execute("SELECT 1").fetchone() == (1,)
    assert house.worker_pids() == workers
    house.stop()


def test_a_worker_that_died_with_its_control_plane_is_replaced(house):
    """What it has left doesn't block the start."""
    session = house.connect(sslmode="disable")
    slot = session.info.backend_pid >> 20
    (pid,) = re.findall(rf"worker {slot} \(pid (\d+)\) is ready", house.server.log())
    house.kill_control_plane()
    os.kill(int(pid), signal.SIGKILL)
    wait_until(lambda: not is_alive(int(pid)), 10, "end of the worker")
    house.succeed()

    assert len(house.worker_pids()) == 2
    with house.connect() as new:
        assert new.execute("SELECT 1").fetchone() == (1,)
    house.stop()


def test_a_worker_that_hangs_is_replaced_by_the_next_control_plane(house):
    """It gets the time that any gets; the other one's sessions go on."""
    first, second = house.worker_pids()
    os.kill(first, signal.SIGSTOP)
    house.kill_control_plane()
    house.succeed()

    house.server.wait_for_log("did not answer 5 heartbeats in a row", timeout_s=30)
    pids = house.worker_pids()
    assert first not in pids
    assert second in pids
    assert len(pids) == 2
    house.stop()


def test_a_server_that_can_t_start_leaves_the_workers_alone(house):
    """Their sessions go on, and the next one takes charge of them."""
    session = house.connect(sslmode="disable")
    session.execute("CREATE TEMP TABLE mine AS SELECT 42 AS x")
    port = house.server.port
    house.kill_control_plane()
    with pytest.raises(servers.StartFailed):
        servers.start(house.root, f"--port={port}", "--workers=2", "--extensions=/nowhere/nothing.duckdb_extension")
    assert session.execute("SELECT x FROM mine").fetchone() == (42,)
    house.succeed()

    assert session.execute("SELECT x FROM mine").fetchone() == (42,)
    house.stop()


def test_fewer_workers_are_wanted(house):
    """One too many is drained, and ends."""
    with house.connect(sslmode="disable") as session:
        session.execute("SELECT 1")
    house.kill_control_plane()
    house.succeed(workers=1)

    wait_until(lambda: len(house.worker_pids()) == 1, 30, "end of one too many")
    with house.connect() as new:
        assert new.execute("SELECT 1").fetchone() == (1,)
    house.stop()
