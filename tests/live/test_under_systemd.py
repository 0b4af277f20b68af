"""The unit does under a real systemd what the manual says of it."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import sys
from pathlib import Path

import psycopg
import pytest
import servers
from attrs import define
from real_systemd import Systemd, running_systemd, why_not
from servers import wait_until

UNIT = Path(__file__).parent.parent.parent / "contrib" / "systemd" / "duckgres.service"
PROJECT = UNIT.parent.parent.parent
_READY = re.compile(r'ready: PGPASSFILE=(\S+) psql "host=(\S+) port=(\d+)')
# a user's manager has no other users to run it as, and can't close off all that is the system's; the directories are below /tmp
_NOT_FOR_USERS = re.compile(
    r"^(User|Group|After|Wants|\w+Directory\w*|ProtectHome|ProtectKernelLogs|ProtectKernelTunables|PrivateTmp|LimitNOFILE)="
)
_NOT_RUNNABLE = why_not()
pytestmark = [
    pytest.mark.skipif(_NOT_RUNNABLE != "", reason=_NOT_RUNNABLE or "it runs"),
    pytest.mark.timeout(300),
]


@define(eq=False)
class Service:
    """The unit, installed and started."""

    systemd: Systemd
    root: Path

    @property
    def main_pid(self) -> int:
        """As systemd sees it, in its own namespace."""
        return int(self.systemd.show("duckgres", "MainPID"))

    @property
    def state(self) -> str:
        """In one word."""
        return self.systemd.show("duckgres", "ActiveState")

    @property
    def log(self) -> str:
        """What the server has logged."""
        return (self.root / "log").read_text(encoding="utf-8", errors="replace")

    def worker_pids(self) -> set[int]:
        """From the server's log, in systemd's namespace."""
        listed = self.systemd.run("ps", "-ewwo", "pid=,args=").stdout
        return {int(line.split()[0]) for line in listed.splitlines() if "duckgres_tx.pool.child" in line}

    def connect(self, **parameters):
        """A session."""
        passfile, host, port = _READY.findall(self.log)[-1]
        return psycopg.connect(
            host=host, port=port, user="postgres", dbname="postgres", passfile=passfile, autocommit=True, **parameters
        )

    def kill(self, number: signal.Signals) -> None:
        """Signal the control plane."""
        self.systemd.run("kill", f"-{number.value}", str(self.main_pid))

    def wait_for_restart(self, before: int) -> None:
        """Until systemd has another main process, which is ready."""
        wait_until(lambda: self.main_pid not in (0, before) and self.state == "active", 90, "another control plane")


def _unit_for(root: Path, settings: str) -> str:
    """The unit as a user would have it, with this interpreter and these directories."""
    lines = [line for line in UNIT.read_text(encoding="utf-8").splitlines() if not _NOT_FOR_USERS.match(line)]
    text = "\n".join(lines)
    for ours, here in (
        ("/opt/duckgres/bin/python", f"{sys.executable}"),
        ("/opt/duckgres/bin/twistd", f"{sys.executable} {root}/twistd.py"),
        ("/etc/duckgres", f"{root}/etc"),
        ("/var/lib/duckgres", f"{root}/data"),
        ("/run/duckgres", f"{root}/run"),
    ):
        text = text.replace(ours, here)
    extra = f"[Service]\nReadWritePaths={root}\nEnvironment=PYTHONPATH={PROJECT}\nStandardOutput=append:{root}/log\nStandardError=append:{root}/log\n"
    return text.replace("[Service]\n", extra + settings)


@pytest.fixture
def install():
    """Start the unit, with further lines for it and its configuration; everything is gone afterwards."""
    with contextlib.ExitStack() as stack:

        def start(settings: str = "", configuration: str = "") -> Service:
            root = servers.make_root()
            stack.callback(shutil.rmtree, root, ignore_errors=True)
            systemd = stack.enter_context(running_systemd(root))
            (root / "etc").mkdir()
            (root / "etc" / "duckgres.yaml").write_text(f"port: 0\nworkers: 2\n{configuration}", encoding="utf-8")
            (root / "twistd.py").write_text("from twisted.scripts.twistd import run\nrun()\n", encoding="utf-8")
            (systemd.units / "duckgres.service").write_text(_unit_for(root, settings), encoding="utf-8")
            systemd.systemctl("daemon-reload")
            started = systemd.systemctl("start", "duckgres")
            service = Service(systemd, root)
            assert started.returncode == 0, (started.stderr, service.log)
            return service

        yield start


def test_reload_takes_over_and_stop_ends_everything(install):
    """A session goes on over the takeover, and is told of the end."""
    service = install()
    first = service.main_pid
    assert service.systemd.show("duckgres", "StatusText") != ""
    with service.connect() as session:
        session.execute("CREATE TEMP TABLE kept AS SELECT 7 AS x")
        reloaded = service.systemd.systemctl("reload", "duckgres")
        assert reloaded.returncode == 0, (reloaded.stderr, service.log)
        assert service.main_pid not in (0, first)
        assert service.systemd.show("duckgres", "NFileDescriptorStore") == "1"
        assert session.execute("SELECT x FROM kept").fetchone() == (7,)
        # the old one leaves, and the service goes on
        wait_until(lambda: str(first) not in service.systemd.run("ps", "-eo", "pid=").stdout.split(), 30, "its end")
        assert service.state == "active"
        with service.connect() as other:
            assert other.execute("SELECT 1").fetchone() == (1,)

        assert service.systemd.systemctl("stop", "duckgres").returncode == 0
        with pytest.raises(psycopg.errors.AdminShutdown):
            session.execute("SELECT x FROM kept")
    assert service.state == "inactive"
    assert service.worker_pids() == set()
    assert service.systemd.show("duckgres", "Result") == "success"


def test_a_control_plane_that_is_killed_loses_neither_sessions_nor_its_port(install):
    """Whoever connects while there is none waits in the queue of the socket that systemd holds."""
    service = install("RestartSec=3s\n")
    workers, first = service.worker_pids(), service.main_pid
    with service.connect() as session:
        session.execute("CREATE TEMP TABLE kept AS SELECT 7 AS x")
        port = _READY.findall(service.log)[-1][2]
        service.kill(signal.SIGKILL)
        wait_until(lambda: service.main_pid == 0, 30, "its end")
        with service.connect(connect_timeout=60) as queued:
            assert queued.execute("SELECT 1").fetchone() == (1,)
        service.wait_for_restart(first)
        assert session.execute("SELECT x FROM kept").fetchone() == (7,)
    assert _READY.findall(service.log)[-1][2] == port
    assert service.worker_pids() == workers
    assert service.systemd.show("duckgres", "NRestarts") == "1"
    assert int(service.systemd.show("duckgres", "NFileDescriptorStore")) == 1
    assert service.systemd.systemctl("stop", "duckgres").returncode == 0
    assert service.worker_pids() == set()


def test_a_control_plane_that_hangs_is_replaced(install):
    """The watchdog notices; sessions don't."""
    service = install("WatchdogSec=3\n")
    first = service.main_pid
    with service.connect() as session:
        session.execute("CREATE TEMP TABLE kept AS SELECT 7 AS x")
        service.kill(signal.SIGSTOP)
        service.wait_for_restart(first)
        assert session.execute("SELECT x FROM kept").fetchone() == (7,)
    assert service.systemd.systemctl("stop", "duckgres").returncode == 0


def test_a_successor_is_watched_as_well(install):
    """What systemd knows of the main process holds for the one that has taken over."""
    service = install("WatchdogSec=3\n")
    assert service.systemd.systemctl("reload", "duckgres").returncode == 0
    second = service.main_pid
    service.kill(signal.SIGKILL)
    service.wait_for_restart(second)
    with service.connect() as session:
        assert session.execute("SELECT 1").fetchone() == (1,)


def test_a_reload_that_fails_is_told_and_changes_nothing(install):
    """The old one goes on."""
    service = install()
    first = service.main_pid
    (service.root / "etc" / "duckgres.yaml").write_text("prot: 5432\n", encoding="utf-8")
    reloaded = service.systemd.systemctl("reload", "duckgres")
    assert reloaded.returncode != 0
    assert "unknown setting 'prot'" in service.log
    assert (service.main_pid, service.state) == (first, "active")
    with service.connect() as session:
        assert session.execute("SELECT 1").fetchone() == (1,)
    (service.root / "etc" / "duckgres.yaml").write_text("port: 0\nworkers: 2\n", encoding="utf-8")
    assert service.systemd.systemctl("reload", "duckgres").returncode == 0
    assert service.main_pid != first


def test_stop_ends_what_hangs_and_its_workers(install):
    """In bounded time."""
    service = install("Environment=DUCKGRES_SHUTDOWN_TIMEOUT=1s\n")
    service.kill(signal.SIGSTOP)
    stopped = service.systemd.systemctl("stop", "duckgres", timeout_s=120)
    assert stopped.returncode == 0
    assert service.worker_pids() == set()
    assert service.state in ("inactive", "failed")


def test_a_worker_that_the_kernel_kills_is_replaced(install):
    """The service goes on."""
    service = install()
    first, workers = service.main_pid, service.worker_pids()
    victim = min(workers)
    service.systemd.run("kill", "-KILL", str(victim))
    wait_until(lambda: len(service.worker_pids() - {victim}) == 2, 60, "another worker")
    assert (service.main_pid, service.state) == (first, "active")
    assert (service.root / "run" / "handover.sock").exists()
