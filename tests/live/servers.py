"""A server as a user runs it: ``twistd -n duckgres`` in a process of its own, with directories of its own, on a free port.

``running_server()`` is a context manager; at its end the server gets SIGTERM, must exit with status 0, and must leave no process, no
socket and no PID file behind. `Server` has what a client needs to connect.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import define, field

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0
_READY = re.compile(r"ready: (?:PGPASSFILE=(?P<pgpass>\S+) )?psql \"(?P<dsn>[^\"]*)\"")
_TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()"]


class StartFailed(Exception):
    """The server ended instead of becoming ready."""

    def __init__(self, status: int, stderr: str, log: str) -> None:
        super().__init__(f"exited with status {status}\n{stderr}\n{log}")
        self.status, self.stderr, self.log = status, stderr, log


@define(eq=False)
class Server:
    """A running server.

    Attributes:
        process: ``twistd``.
        root: Everything of this server is below it.
        parameters: What the ready line says: host, port, user, dbname, sslmode.
        passfile: The file with the password, if the server has made one.
    """

    process: subprocess.Popen[bytes]
    root: Path
    parameters: dict[str, str] = field(factory=dict)
    passfile: Path | None = None

    @property
    def data_dir(self) -> Path:
        """The databases."""
        return self.root / "data"

    @property
    def host(self) -> str:
        """The address to connect to."""
        return self.parameters["host"]

    @property
    def port(self) -> int:
        """The TCP port."""
        return int(self.parameters["port"])

    @property
    def user(self) -> str:
        """The user that was made at the first start."""
        return self.parameters["user"]

    @property
    def password(self) -> str:
        """The password that was made up for it."""
        assert self.passfile is not None
        return self.passfile.read_text(encoding="utf-8").strip().rpartition(":")[2]

    def conninfo(self, **changes: Any) -> str:
        """A libpq connection string without the password: that is in the `passfile`. None leaves a parameter out."""
        merged = {**self.parameters, **changes}
        return " ".join(f"{name}={value}" for name, value in merged.items() if value is not None)

    def dsn(self, **changes: Any) -> str:
        """A libpq connection string with the password."""
        return self.conninfo(**{"password": self.password, **changes})

    def url(self, **changes: Any) -> str:
        """The same as a URL."""
        merged = {**self.parameters, "password": self.password, **changes}
        where = f"{merged['host']}:{merged['port']}/{merged['dbname']}"
        return f"postgresql://{merged['user']}:{merged['password']}@{where}"

    def pids(self) -> list[int]:
        """Its processes: the control plane first."""
        return [self.process.pid, *self.worker_pids()]

    def log(self) -> str:
        """All that it has logged."""
        return (self.root / "log").read_text(encoding="utf-8")

    @property
    def stderr(self) -> str:
        """What it has written to standard error."""
        return (self.root / "stderr").read_text(encoding="utf-8")

    def worker_pids(self) -> list[int]:
        """Its worker processes."""
        return children_of(self.process.pid)

    def wait_for_log(self, pattern: str, timeout_s: float = 20.0) -> re.Match[str]:
        """Wait until the log holds something."""
        found = wait_until(lambda: re.search(pattern, self.log()), timeout_s, f"{pattern!r} in the log")
        assert isinstance(found, re.Match)
        return found

    def wait_for_workers(self, count: int, but_not: int, timeout_s: float = 20.0) -> list[int]:
        """Wait until there are so many worker processes, one of which was not there before."""

        def all_there() -> list[int] | None:
            pids = self.worker_pids()
            return pids if len(pids) == count and but_not not in pids else None

        pids = wait_until(all_there, timeout_s, f"{count} workers")
        assert isinstance(pids, list)
        return pids

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Signal it and wait for its end."""
        self.process.send_signal(number)
        return self.process.wait(timeout_s)


def wait_until(condition: Any, timeout_s: float, what: str) -> object:
    """Ask again and again until the answer is true."""
    deadline = time.monotonic() + timeout_s
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {what} within {timeout_s} s")
        time.sleep(0.02)
    return answer


def children_of(pid: int) -> list[int]:
    """Pids of the processes whose parent this one is."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(stat.parent.name))
    return sorted(found)


def is_alive(pid: int) -> bool:
    """Whether there is such a process, zombies not counted."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def command(root: Path, options: tuple[str, ...], *, daemon: bool = False) -> list[str]:
    """The command line of a server below a directory."""
    twistd = [f"--pidfile={root / 'twistd.pid'}", f"--rundir={root}"]
    twistd += [f"--logfile={root / 'log'}"] if daemon else ["-n"]
    defaults = {"--port": "0", "--data-dir": str(root / "data")}
    given = {option.partition("=")[0] for option in options}
    rest = [word for name, value in defaults.items() if name not in given for word in (name, value)]
    return [*_TWISTD, *twistd, "duckgres", *rest, *options]


def launch(root: Path, *options: str, env: Mapping[str, str] | None = None) -> Server:
    """Start ``twistd -n duckgres`` without waiting. Options are whole words: ``--workers=2``."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DUCKGRES_", "PG"))}
    environment |= {"PYTHONFAULTHANDLER": "1", **(env or {})}
    with (root / "log").open("ab") as log, (root / "stderr").open("ab") as stderr:
        process = subprocess.Popen(
            command(root, options),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=stderr,
            start_new_session=True,
        )
    return Server(process, root)


def start(root: Path, *options: str, env: Mapping[str, str] | None = None) -> Server:
    """Start a server and wait for its ready line.

    Raises:
        StartFailed: It has ended.
    """
    already = len((root / "log").read_text(encoding="utf-8")) if (root / "log").exists() else 0
    server = launch(root, *options, env=env)

    def ready() -> re.Match[str] | None:
        match = _READY.search(server.log(), already)
        if match is None and (status := server.process.poll()) is not None:
            raise StartFailed(status, server.stderr, server.log())
        return match

    try:
        match = wait_until(ready, START_TIMEOUT_S, "ready line")
    except BaseException:
        _end_by_force(server)
        raise
    assert isinstance(match, re.Match)
    server.parameters = dict(pair.split("=", 1) for pair in match["dsn"].split())
    server.passfile = Path(match["pgpass"]) if match["pgpass"] else None
    return server


def make_root() -> Path:
    """A directory for one server; short, because paths of UNIX sockets must be."""
    return Path(tempfile.mkdtemp(prefix="dg", dir="/tmp"))


@contextlib.contextmanager
def running_server(*options: str, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server for the time of a ``with`` block, which must end well."""
    root = make_root()
    try:
        server = start(root, *options, env=env)
        children = server.worker_pids()
        try:
            yield server
            if server.process.poll() is None:
                children = sorted({*children, *server.worker_pids()})
                assert server.stop() == 0, server.log()[-5000:]
                assert_nothing_left(server, children)
        finally:
            _end_by_force(server)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def assert_nothing_left(server: Server, pids: list[int]) -> None:
    """No process, no socket, no PID file."""
    assert [pid for pid in pids if is_alive(pid)] == []
    left = [path for path in server.root.rglob("*") if path.is_socket() or path.name == "twistd.pid"]
    assert left == []


def _end_by_force(server: Server) -> None:
    """For a test that has failed: end what is still there, each by its pid."""
    pids = server.worker_pids()
    if server.process.poll() is None:
        server.process.kill()
        server.process.wait(10)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
