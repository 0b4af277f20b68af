"""The server as the first process of a container: it may be taken over, and the container goes on."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import servers
from attrs import define
from servers import Server, wait_until


def why_not() -> str:
    """Why there can't be a container here."""
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        return "unshare and nsenter are not installed"
    tried = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", "true"], capture_output=True, check=False, timeout=30
    )
    return "" if tried.returncode == 0 else "namespaces are not permitted here"


_NOT_RUNNABLE = why_not()
pytestmark = pytest.mark.skipif(_NOT_RUNNABLE != "", reason=_NOT_RUNNABLE or "it runs")


@define(eq=False)
class Container:
    """Namespaces with a server in them.

    Attributes:
        server: Its directories and log; its process is the runtime that waits for the container.
        init: The container's first process, as it is seen from here.
    """

    server: Server
    init: int

    def run(self, *command, timeout=120):
        """Run something inside."""
        return subprocess.run(
            ["nsenter", "--target", str(self.init), "--mount", "--pid", *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )

    def processes(self):
        """Pids inside, with their states and command lines."""
        lines = self.run("ps", "-ewwo", "pid=,stat=,args=").stdout.splitlines()
        return [(int(pid), state, args) for pid, state, args in (line.split(None, 2) for line in lines)]

    def zombies(self):
        """Those that nobody has collected."""
        return [each for each in self.processes() if each[1].startswith("Z")]

    def first(self):
        """The command line of the first process."""
        return next(args for pid, _, args in self.processes() if pid == 1)

    def take_over(self):
        """And the pid of the server that serves then, as it is inside."""
        done = self.run(sys.executable, "-m", "duckgres_tx", "takeover", f"--data-dir={self.server.data_dir}")
        assert done.returncode == 0, (done.stderr, self.server.log())
        return int(re.search(r"process (\d+) has taken over", done.stdout)[1])

    def connect(self):
        """A session."""
        return psycopg.connect(self.server.dsn(), autocommit=True)


@contextlib.contextmanager
def running_container(*options):
    """A server that is process 1."""
    root = servers.make_root()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DUCKGRES_", "PG"))}
    try:
        with (root / "log").open("ab") as log, (root / "stderr").open("ab") as stderr:
            process = subprocess.Popen(
                ["unshare", "--pid", "--fork", "--mount-proc", *servers.command(root, options)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=stderr,
                start_new_session=True,
            )
        server = Server(process, root)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        try:
            match = wait_until(lambda: servers._READY.search(server.log()), 60, "the ready line")
            server.parameters = dict(pair.split("=", 1) for pair in match["dsn"].split())
            server.passfile = Path(match["pgpass"])
            yield Container(server, int(children.read_text(encoding="ascii")))
        finally:
            with contextlib.suppress(OSError, ValueError):
                os.kill(int(children.read_text(encoding="ascii")), signal.SIGKILL)
            process.wait(30)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def leave_an_orphan(container):
    """A process whose parent has gone ends."""
    container.run("sh", "-c", "sh -c 'exit 0' & exit 0")


def test_a_container_outlives_a_takeover_and_ends_with_its_server():
    """Sessions go on; signals and the end of processes whose parents have gone are the first process's work."""
    with running_container("--workers=2") as container:
        leave_an_orphan(container)
        wait_until(lambda: container.zombies() == [], 20, "the orphan's funeral")
        with container.connect() as session:
            session.execute("CREATE TEMP TABLE kept AS SELECT 7 AS x")
            serving = container.take_over()
            assert serving != 1
            wait_until(lambda: "duckgres_tx.handover.process_one" in container.first(), 30, "the other program")
            assert session.execute("SELECT x FROM kept").fetchone() == (7,)
            again = container.take_over()
            assert again not in (1, serving)
            wait_until(lambda: serving not in {pid for pid, _, _ in container.processes()}, 30, "the second one's end")
            assert session.execute("SELECT x FROM kept").fetchone() == (7,)
            leave_an_orphan(container)
            wait_until(lambda: container.zombies() == [], 20, "the orphan's funeral")

            seen = len(container.server.log())
            os.kill(container.init, signal.SIGHUP)
            wait_until(lambda: "has been reloaded" in container.server.log()[seen:], 20, "a reload")

        os.kill(container.init, signal.SIGTERM)
        assert container.server.process.wait(60) == 0, container.server.log()
        assert container.server.log().rstrip().endswith("stopped") or "stopped" in container.server.log()


def test_a_signal_during_the_change_reaches_the_server_that_serves():
    """The old one stands by for a moment, and nobody else can be told."""
    with running_container("--workers=2") as container:
        container.take_over()
        os.kill(container.init, signal.SIGTERM)
        assert container.server.process.wait(60) == 0, container.server.log()


def test_a_takeover_that_is_taken_back_leaves_the_first_process_as_it_was():
    """It serves, and is told what the container is told."""
    with running_container("--workers=1") as container:
        newcomer = container.take_over()
        container.run("kill", "-KILL", str(newcomer))
        wait_until(lambda: "everything is taken back" in container.server.log(), 20, "the way back")
        with container.connect() as session:
            assert session.execute("SELECT 1").fetchone() == (1,)
        wait_until(lambda: container.zombies() == [], 20, "the newcomer's funeral")
        assert "twistd" in container.first()
        os.kill(container.init, signal.SIGTERM)
        assert container.server.process.wait(60) == 0, container.server.log()


def test_a_server_that_dies_may_be_followed_by_another():
    """The container waits for it; its workers and their sessions do too."""
    with running_container("--workers=2") as container:
        serving = container.take_over()
        wait_until(lambda: "process_one" in container.first(), 30, "the other program")
        with container.connect() as session:
            session.execute("CREATE TEMP TABLE kept AS SELECT 7 AS x")
            container.run("kill", "-KILL", str(serving))
            root = container.server.root
            options = (f"--port={container.server.port}", "--workers=2")
            started = container.run(*servers.command(root, options, daemon=True))
            assert started.returncode == 0, started.stderr
            assert session.execute("SELECT x FROM kept").fetchone() == (7,)
            with container.connect() as other:
                assert other.execute("SELECT 1").fetchone() == (1,)
        os.kill(container.init, signal.SIGTERM)
        assert container.server.process.wait(60) == 0


def test_a_container_without_a_server_ends():
    """With a status that says how, also when the server dies while the first process becomes another program."""
    with running_container("--workers=1") as container:
        serving = container.take_over()
        wait_until(lambda: "process_one" in container.first(), 30, "the other program")
        container.run("kill", "-KILL", str(serving))
        assert container.server.process.wait(60) == 128 + signal.SIGKILL
