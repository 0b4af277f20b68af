"""One process takes over from another: what an operator sees of it, and what clients don't."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import servers
from attrs import define, field
from servers import Server, StartFailed, is_alive, wait_until

from duckgres_tx.console.processes import processes_of
from duckgres_tx.wire.startup import StartupMessage

FAST = {"DUCKGRES_TAKEOVER_STANDBY": "500ms"}
LIMIT_S = 30.0


@define(eq=False)
class House:
    """A directory with servers that take over from each other; the last one serves."""

    root: Path
    options: tuple[str, ...] = ()
    env: dict[str, str] = field(factory=lambda: dict(FAST))
    all: list[Server] = field(factory=list)

    @property
    def serving(self) -> Server:
        """The one that serves."""
        return self.all[-1]

    @property
    def command(self) -> tuple[str, ...]:
        """What each of them is started with."""
        return (f"--handover={self.root}/handover.sock", *self.options)

    def start(self, *options: str, **env: str) -> Server:
        """Start one that is to serve."""
        self.all.append(servers.start(self.root, *self.command, *options, env={**self.env, **env}))
        return self.serving

    def launch(self, *options: str, **env: str) -> Server:
        """Start one without waiting."""
        return servers.launch(self.root, *self.command, *options, env={**self.env, **env})

    def refusal(self, *options: str, **env: str) -> str:
        """Start one that can't take over: status 1, and one line that says why."""
        before = self.serving.stderr
        with pytest.raises(StartFailed) as failed:
            self.all.append(servers.start(self.root, *self.command, *options, env={**self.env, **env}))
        assert failed.value.status == 1
        (line,) = failed.value.stderr.removeprefix(before).splitlines()
        assert line.startswith("duckgres: ")
        return line.removeprefix("duckgres: ")

    def connect(self, **changes: object) -> psycopg.Connection:
        """A session."""
        return psycopg.connect(self.serving.dsn(connect_timeout=30, **changes), autocommit=True)

    def check(self) -> None:
        """It serves, the files say who, and it can be taken over."""
        for sslmode in ("disable", "require"):
            with self.connect(sslmode=sslmode) as connection:
                assert connection.execute("SELECT 42").fetchone() == (42,)
        pid = self.serving.process.pid
        wait_until(lambda: self.named() == [pid, pid], LIMIT_S, "files that name the server")

    def named(self) -> list[int]:
        """Whom the PID files name."""
        paths = (self.root / "twistd.pid", self.root / "data" / "run" / "server.pid")
        return [int(path.read_text(encoding="ascii")) for path in paths]

    def workers(self) -> list[int]:
        """Worker processes."""
        found = processes_of(self.root / "data" / "run")
        for process in found:
            process.close()
        return [process.pid for process in found if process.is_worker]

    def end(self) -> None:
        """SIGTERM to whoever serves: everything ends, and nothing is left."""
        workers = self.workers()
        assert self.serving.stop() == 0, self.serving.log()[-5000:]
        for server in self.all:
            assert server.process.wait(LIMIT_S) == 0
        assert [pid for pid in workers if is_alive(pid)] == []
        assert [path for path in self.root.rglob("*") if path.is_socket() or path.name.endswith(".pid")] == []

    def end_by_force(self) -> None:
        """For a test that has failed."""
        found = processes_of(self.root / "data" / "run")
        for process in found:
            process.send(signal.SIGKILL)
            process.close()
        for server in self.all:
            if server.process.poll() is None:
                server.process.kill()
            server.process.wait(10)


@pytest.fixture
def house() -> Iterator[House]:
    """With two workers, and nobody started yet."""
    made = House(servers.make_root())
    try:
        yield made
        if made.all and made.serving.process.poll() is None:
            made.end()
    finally:
        made.end_by_force()
        shutil.rmtree(made.root, ignore_errors=True)


def faults(house: House, *lines: str) -> dict[str, str]:
    """The environment of a process that meets these faults."""
    path = house.root / "faults"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    return {"DUCKGRES_FAULTS": str(path)}


def wait_for_stop(pid: int) -> None:
    """Wait until a process has stopped itself at its fault point."""

    def stopped() -> bool:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "T"

    wait_until(stopped, LIMIT_S, "process that has stopped")


def gone(server: Server) -> int:
    """Wait for a process's end; its status."""
    return server.process.wait(LIMIT_S)


# ---- what clients don't notice


def test_what_tells_who_serves_is_put_up_again(house):
    """Somebody has cleaned the directory."""
    house.start()
    (house.root / "handover.sock").unlink()
    (house.root / "twistd.pid").unlink()
    house.serving.wait_for_log("was gone, and is there again")
    wait_until((house.root / "twistd.pid").exists, LIMIT_S, "PID file")

    house.check()
    old = house.serving
    house.start()
    assert gone(old) == 0


def test_sessions_stay(house):
    """Plain, over TLS and over a UNIX socket: temporary tables, transactions, cursors and prepared statements; twice."""
    house.options = (f"--unix-socket-dir={house.root}",)
    house.start()
    ways = [{"sslmode": "disable"}, {"sslmode": "require"}, {"host": str(house.root), "sslmode": "disable"}]
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(contextlib.closing(house.connect(**way))) for way in ways]
        for number, session in enumerate(sessions):
            session.execute("CREATE TEMP TABLE mine AS SELECT %s AS x", [number])
            session.execute("PREPARE twice AS SELECT 2 * x FROM mine")
            session.execute("BEGIN")
            session.execute("DECLARE some CURSOR FOR SELECT * FROM range(5)")
            session.execute("FETCH 2 FROM some")
        for _ in range(2):
            old = house.serving
            house.start()
            assert gone(old) == 0
            house.check()
        for number, session in enumerate(sessions):
            assert session.execute("FETCH 9 FROM some").fetchall() == [(2,), (3,), (4,)]
            session.execute("COMMIT")
            assert session.execute("SELECT x FROM mine").fetchone() == (number,)
            assert session.execute("EXECUTE twice").fetchone() == (2 * number,)


def test_a_client_in_the_middle_of_its_first_packet_goes_on(house):
    """It has been accepted, and has not said yet what it wants; it doesn't notice that another process listens to it."""
    house.start()
    packet = StartupMessage(3, 0, {"user": "postgres", "database": "postgres"}).encode()
    with socket.create_connection((house.serving.host, house.serving.port), LIMIT_S) as client:
        client.sendall(packet[:6])
        time.sleep(0.5)
        old = house.serving
        house.start()
        assert gone(old) == 0
        client.sendall(packet[6:])

        assert client.recv(1) == b"R"


def test_who_is_banned_stays_banned(house):
    """Guessing passwords can't be gone on with because somebody deploys."""
    house.env["DUCKGRES_RATE_LIMIT_MAX_FAILED_ATTEMPTS"] = "3"
    house.start()
    with house.connect() as session:
        for _ in range(3):
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                house.connect(password="guess", sslmode="require")
        house.start()

        with pytest.raises(psycopg.OperationalError, match="too many failed login attempts"):
            house.connect()
        assert session.execute("SELECT 1").fetchone() == (1,)


def test_new_settings_hold_for_new_sessions(house):
    """At once, in the workers that were there before."""
    house.start("--no-roll")
    workers = house.workers()
    with house.connect() as early:
        house.start("--no-roll", DUCKGRES_STATEMENT_TIMEOUT="123ms")
        with house.connect() as late:
            assert late.execute("SHOW statement_timeout").fetchone() == ("123ms",)
        assert early.execute("SHOW statement_timeout").fetchone() == ("0",)
    assert house.workers() == workers


# ---- again and again


def descriptors_of(pid: int) -> int:
    """How many files a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def stands_back(pid: int) -> bool:
    """Whether a process still lets others go first, as it does while it starts."""
    autogroup = Path(f"/proc/{pid}/autogroup")
    return autogroup.exists() and "nice 0" not in autogroup.read_text()


def test_ten_in_a_row(house):
    """Nothing piles up: not in the processes, not in the directory."""
    house.env["DUCKGRES_TAKEOVER_STANDBY"] = "0"
    house.options = ("--no-roll",)
    house.start()
    workers = house.workers()
    counts = []
    with house.connect() as session:
        for _ in range(10):
            old = house.serving
            house.start()
            assert gone(old) == 0
            # links that are no longer needed end a moment later
            time.sleep(0.5)
            counts.append([descriptors_of(pid) for pid in (house.serving.process.pid, *workers)])
            assert not stands_back(house.serving.process.pid)
        assert session.execute("SELECT 1").fetchone() == (1,)
    assert counts[-1] == counts[1], counts
    assert house.workers() == workers
    names = {path.name.partition("-")[0] for path in (house.root / "data" / "run").iterdir()}
    assert names == {"duckgres.lock", "server.pid", "worker"}
    house.check()


def test_a_takeover_right_after_another(house):
    """The one who stands by is dismissed, and doesn't take the end of its successor for a failure."""
    house.env["DUCKGRES_TAKEOVER_STANDBY"] = "5s"
    first = house.start()
    house.env["DUCKGRES_TAKEOVER_STANDBY"] = "0"
    second = house.start()
    assert first.process.poll() is None
    house.start()

    assert (gone(first), gone(second)) == (0, 0)
    assert "takes everything back" not in first.log()
    assert "is relieved" not in first.log()
    house.check()


# ---- as an operator does it


def daemon(house: House) -> subprocess.CompletedProcess[str]:
    """``twistd duckgres``, until it returns."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DUCKGRES_", "PG"))}
    return subprocess.run(
        servers.command(house.root, house.command, daemon=True),
        env={**environment, **house.env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_same_command_twice(house):
    """As a daemon: the second one takes over, and when it returns the PID file names it."""
    pids = []
    for _ in range(3):
        started = daemon(house)
        assert (started.returncode, started.stderr) == (0, "")
        pids.append(house.named()[0])
        assert house.named()[1] == pids[-1]
        assert is_alive(pids[-1])
    assert len(set(pids)) == 3
    # two processes write to one log for a while
    log = (house.root / "log").read_text(encoding="utf-8")
    assert log.count("ready: PGPASSFILE") == 3
    assert all(re.match(r"\d{4}-\d\d-\d\dT|\t", line) for line in log.splitlines() if line), log
    for pid in pids[:2]:
        wait_until(lambda pid=pid: not is_alive(pid), 10, "end of those that were taken over")
    os.kill(pids[2], signal.SIGTERM)
    wait_until(lambda: not is_alive(pids[2]), LIMIT_S, "end of the server")
    assert [path for path in house.root.rglob("*") if path.is_socket() or path.name.endswith(".pid")] == []


def test_a_server_whose_pid_file_is_twistd_s(house):
    """It was started without --handover; from its end on the file is its successor's."""
    house.all.append(servers.start(house.root, "--workers=2", env=FAST))
    old = house.serving
    house.all.append(servers.start(house.root, f"--handover={house.root}/data/run/handover.sock", env=FAST))
    assert gone(old) == 0

    house.check()


def test_a_signal_starts_a_successor(house):
    """With the same command line, from the same directory."""
    first = house.start()
    with house.connect() as session:
        first.process.send_signal(signal.SIGUSR1)
        assert gone(first) == 0
        successor, _ = house.named()
        assert successor != first.process.pid
        assert session.execute("SELECT 1").fetchone() == (1,)
    with house.connect() as late:
        assert late.execute("SELECT 2").fetchone() == (2,)
    os.kill(successor, signal.SIGTERM)
    wait_until(lambda: not is_alive(successor), LIMIT_S, "end of the successor")
    assert [path for path in house.root.rglob("*") if path.is_socket() or path.name.endswith(".pid")] == []


def test_a_successor_that_can_t_start_is_told(house):
    """In the log of the server, which goes on."""
    path = house.root / "settings.yaml"
    path.write_text("statement_timeout: 1m\n", encoding="ascii")
    house.options = (f"--config={path}",)
    house.start()
    path.write_text("statement_timeout: soon\n", encoding="ascii")
    house.serving.process.send_signal(signal.SIGUSR1)
    house.serving.wait_for_log(r"no takeover: the successor did not take over: statement_timeout in .*: 'soon' is not")

    house.check()
    path.write_text("statement_timeout: 2m\n", encoding="ascii")


def test_addresses_may_change(house):
    """New ones are served, old ones are let go; those that stay were never closed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    house.start("--host=127.0.0.1,127.0.0.2", f"--port={port}", f"--unix-socket-dir={house.root}")
    old = house.serving
    house.start("--host=127.0.0.1,127.0.0.3", f"--port={port}")
    assert gone(old) == 0

    for host, served in (("127.0.0.1", True), ("127.0.0.2", False), ("127.0.0.3", True)):
        with socket.socket() as client:
            assert (client.connect_ex((host, port)) == 0) == served
    wait_until(lambda: not list(house.root.glob(".s.PGSQL.*")), LIMIT_S, "end of the UNIX socket")
    house.check()


# ---- newcomers that are told off


def files_of(house: House) -> set[str]:
    """What is there, but for logs."""
    return {
        str(path) for path in house.root.rglob("*") if path.name not in ("log", "stderr") and "tmp" not in path.parts
    }


def test_mistakes_are_told_and_change_nothing(house):
    """One line each, and the server doesn't notice."""
    house.start()
    before = files_of(house)
    with house.connect() as session, socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert "is not one of off" in house.refusal("--tls=sometimes")
        assert "can't read /nowhere.crt" in house.refusal("--cert=/nowhere.crt", "--key=/nowhere.key")
        assert f"port {port}: Address already in use" in house.refusal(f"--port={port}")
        assert "extension 'nothing' is not installed" in house.refusal(DUCKGRES_EXTENSIONS="nothing")
        assert "workers: 0" in house.refusal("--workers=0")
        elsewhere = house.root / "elsewhere"
        assert f"data_dir is {house.root}/data, not {elsewhere}" in house.refusal(f"--data-dir={elsewhere}")
        assert "runtime_dir is" in house.refusal(f"--runtime-dir={elsewhere}")
        assert not elsewhere.exists()
        assert session.execute("SELECT 1").fetchone() == (1,)
    assert files_of(house) == before
    house.check()
    old = house.serving
    house.start()
    assert gone(old) == 0
    house.check()


def test_one_of_two_wins(house):
    """The other one is told who is taking over."""
    house.start()
    first = house.launch(**faults(house, "newcomer-has-surveyed SIGSTOP self"))
    wait_for_stop(first.process.pid)
    assert f"process {first.process.pid} is taking over at this moment" in house.refusal()

    first.process.send_signal(signal.SIGCONT)
    assert gone(house.serving) == 0
    first.parameters, first.passfile = house.serving.parameters, house.serving.passfile
    house.all.append(first)
    house.check()


def test_a_server_without_workers_can_t_be_taken_over(house):
    """Its sessions would end with it."""
    house.all.append(servers.start(house.root, "--workers=0"))
    house.options = (f"--handover={house.root}/data/run/handover.sock", "--workers=2")

    assert "without worker processes" in house.refusal()


def test_a_server_that_does_not_answer_is_told(house):
    """It is stopped; when it goes on, it serves as before."""
    house.start()
    os.kill(house.serving.process.pid, signal.SIGSTOP)
    try:
        assert "did not hand over within 15 s" in house.refusal()
    finally:
        os.kill(house.serving.process.pid, signal.SIGCONT)
    house.check()


def test_a_server_that_can_t_hand_over_is_told_from_one_that_is_dead(house):
    """An earlier release has no handover socket; what a dead server has left is never in the way."""
    house.start()
    path = house.root / "handover.sock"
    # so that it doesn't notice
    house.serving.process.send_signal(signal.SIGSTOP)
    path.unlink()
    assert f"process {house.serving.process.pid} lives" in house.refusal()

    house.serving.process.kill()
    house.serving.process.wait(10)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    del house.all[-1]
    house.start()
    house.check()


# ---- SIGTERM at any time


def test_a_newcomer_that_is_stopped_gives_up(house):
    """Before it has been given anything."""
    house.start()
    newcomer = house.launch(**faults(house, "newcomer-has-surveyed SIGSTOP self"))
    wait_for_stop(newcomer.process.pid)
    newcomer.process.send_signal(signal.SIGTERM)
    newcomer.process.send_signal(signal.SIGCONT)

    assert gone(newcomer) == 1
    assert newcomer.stderr.splitlines()[-1] == "duckgres: was told to stop while it was starting"
    house.check()


def test_a_server_that_is_stopped_calls_the_takeover_off(house):
    """It ends, with its workers; the newcomer is told, and does not start another one."""
    old = house.start()
    newcomer = house.launch(**faults(house, "newcomer-has-surveyed SIGSTOP self"))
    wait_for_stop(newcomer.process.pid)
    old.process.send_signal(signal.SIGTERM)
    old.wait_for_log("is given up: the server is stopping")
    newcomer.process.send_signal(signal.SIGCONT)

    assert (gone(old), gone(newcomer)) == (0, 1)
    assert "the server is stopping" in newcomer.stderr
    assert house.workers() == []


def test_a_newcomer_that_has_everything_is_stopped_as_a_server_is(house):
    """The one that stands by doesn't take it for a failure."""
    house.env["DUCKGRES_TAKEOVER_STANDBY"] = "5s"
    old = house.start()
    house.start()
    house.end()

    assert gone(old) == 0


def test_a_server_that_was_taken_over_may_be_stopped(house):
    """It only leaves."""
    house.env["DUCKGRES_TAKEOVER_STANDBY"] = "5s"
    old = house.start()
    house.start()
    old.process.send_signal(signal.SIGTERM)

    assert gone(old) == 0
    house.check()


# ---- newcomers that fail, and what becomes of it


@pytest.mark.parametrize("point", ["newcomer-has-descriptors", "newcomer-has-committed", "newcomer-has-opened"])
@pytest.mark.parametrize("number", ["SIGKILL", "SIGSTOP"])
def test_a_newcomer_that_dies_or_hangs_is_as_if_it_had_never_been(house, point, number):
    """The server goes on, or takes everything back."""
    house.env["DUCKGRES_TAKEOVER_STANDBY"] = "5s"
    house.start()
    with house.connect() as session:
        newcomer = house.launch(**faults(house, f"{point} {number} self"))
        if number == "SIGKILL":
            gone(newcomer)
        else:
            wait_for_stop(newcomer.process.pid)
        told = "is given up" if point == "newcomer-has-descriptors" else "everything is taken back"
        house.serving.wait_for_log(told, LIMIT_S)
        assert session.execute("SELECT 1").fetchone() == (1,)
        house.check()
        if number == "SIGSTOP":
            newcomer.process.send_signal(signal.SIGCONT)
            assert gone(newcomer) in (0, 1)
        house.check()
    old = house.serving
    house.start()
    assert gone(old) == 0
    house.check()


def test_a_newcomer_survives_a_server_that_dies(house):
    """Before it has handed over anything: the workers are found, and their sessions go on."""
    old = house.start()
    with house.connect() as session:
        newcomer = house.launch(**faults(house, "newcomer-has-surveyed SIGSTOP self"))
        wait_for_stop(newcomer.process.pid)
        old.process.kill()
        old.process.wait(10)
        newcomer.process.send_signal(signal.SIGCONT)
        newcomer.parameters, newcomer.passfile = old.parameters, old.passfile
        house.all[:] = [newcomer]
        newcomer.wait_for_log("goes on without it")
        wait_until(lambda: house.named() == [newcomer.process.pid] * 2, LIMIT_S, "survivor that serves")
        assert session.execute("SELECT 1").fetchone() == (1,)
    house.check()
