"""The server under the storm: its control planes, one after the other, and its workers.

Every generation is started by the same command line in the same directory, as a user would type it again; the first finds nobody to take over
from. What belongs to this server is found by a mark in the environment that all of its processes inherit, so nothing else on the
machine is ever looked at, or ended.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from attrs import define, field

PROC = Path("/proc")
START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 60.0
MARK = "STORM_MARK"
_TWISTD = (sys.executable, "-c", "from twisted.scripts.twistd import run; run()")
_READY = re.compile(r"ready: (?:PGPASSFILE=(?P<pgpass>\S+) )?psql \"(?P<dsn>[^\"]*)\"")
_WORKER = b"duckgres_tx.pool.child"


class FleetError(Exception):
    """The server did not do what the storm needs to go on; the message holds its last words."""


@define(eq=False)
class ControlPlane:
    """One generation of the control plane.

    Attributes:
        number: Counted from 1.
        log: Its log, a file of its own.
        launched_at: When its command was given.
        launcher: The process that was started: itself, or for a daemon the one that waits until it is ready.
        pid: Its process; 0 while a daemon isn't known yet.
        ready_at: When its ready line was seen; 0 before.
        gone_at: When its end was seen; 0 before.
        status: Its exit status, as far as a parent can know.
    """

    number: int
    log: Path
    launched_at: float
    launcher: subprocess.Popen[bytes]
    is_daemon: bool
    pid: int = 0
    ready_at: float = 0.0
    gone_at: float = 0.0
    status: int | None = None
    _pidfd: int = -1

    def watch(self, pid: int) -> None:
        """It is this process."""
        self.pid = pid
        self._pidfd = os.pidfd_open(pid)

    def look(self) -> None:
        """Whether it is still there."""
        if self._pidfd >= 0 and select.select([self._pidfd], [], [], 0)[0]:
            self.gone_at = time.monotonic()
            os.close(self._pidfd)
            self._pidfd = -1
            if not self.is_daemon:
                self.status = self.launcher.wait(5)

    def send(self, number: signal.Signals) -> None:
        """Signal it."""
        if self._pidfd < 0:
            text = f"control plane {self.number} is gone"
            raise FleetError(text)
        signal.pidfd_send_signal(self._pidfd, number)

    def words(self) -> str:
        """Its log."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def forget(self) -> None:
        """Let go of what refers to it."""
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1


@define(eq=False)
class Fleet:
    """The server; ends with the ``with`` block.

    Attributes:
        workers: Worker processes.
        environment: On top of what this process has, for every generation.
        options: The same on the command line.
        root: Everything of it is below.
        serving: The control plane that serves.
        all: Every control plane that there was.
    """

    workers: int
    environment: Mapping[str, str] = field(factory=dict)
    options: tuple[str, ...] = ()
    root: Path = field(init=False)
    all: list[ControlPlane] = field(factory=list)
    serving: ControlPlane = field(init=False)
    parameters: dict[str, str] = field(factory=dict)
    passfile: Path | None = None
    _mark: str = field(factory=lambda: secrets.token_hex(8))

    def __enter__(self) -> Self:
        self.root = Path(tempfile.mkdtemp(prefix="storm", dir="/tmp"))
        try:
            self.serving = self.launch(daemon=False)
            self.wait_until_ready(self.serving, START_DEADLINE_S)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for control_plane in self.all:
            control_plane.forget()
        self.end_by_force()
        shutil.rmtree(self.root, ignore_errors=True)

    @property
    def port(self) -> int:
        """The TCP port."""
        return int(self.parameters["port"])

    @property
    def password(self) -> str:
        """The one that was made up at the first start."""
        assert self.passfile is not None
        return self.passfile.read_text(encoding="utf-8").strip().rpartition(":")[2]

    @property
    def pidfile(self) -> Path:
        """Where twistd writes who serves."""
        return self.root / "twistd.pid"

    @property
    def handover(self) -> Path:
        """The socket over which one control plane takes over from the other."""
        return self.root / "handover.sock"

    def dsn(self, **changes: Any) -> str:
        """A libpq connection string with the password; None leaves a parameter out."""
        merged = {**self.parameters, "password": self.password, **changes}
        return " ".join(f"{name}={value}" for name, value in merged.items() if value is not None)

    def words(self) -> str:
        """All that its control planes have logged, one after the other."""
        return "".join(plane.words() for plane in self.all)

    def command(self, log: Path, *, daemon: bool) -> list[str]:
        """The one command line."""
        how = [f"--logfile={log}"] if daemon else ["-n"]
        return [
            *_TWISTD,
            f"--rundir={self.root}",
            f"--pidfile={self.pidfile}",
            *how,
            "duckgres",
            f"--handover={self.handover}",
            f"--data-dir={self.root / 'data'}",
            f"--workers={self.workers}",
            "--port=0",
            *self.options,
        ]

    def launch(
        self,
        *options: str,
        daemon: bool = False,
        environment: Mapping[str, str] | None = None,
        words: list[str] | None = None,
        inherit: tuple[int, ...] = (),
    ) -> ControlPlane:
        """Give the command once more.

        Args:
            options: After the others, which they override.
            daemon: Without twistd's ``-n``.
            environment: For this one only.
            words: Another command line altogether.
            inherit: Descriptors that it gets.
        """
        number = len(self.all) + 1
        log = self.root / f"log-{number}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DUCKGRES_", "PG"))}
        output: Path = self.root / f"said-{number}" if daemon else log
        with output.open("ab") as file:
            launcher = subprocess.Popen(
                [*(words or self.command(log, daemon=daemon)), *options],
                env={
                    **inherited,
                    MARK: self._mark,
                    "PYTHONFAULTHANDLER": "1",
                    **self.environment,
                    **(environment or {}),
                },
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=inherit,
            )
        control_plane = ControlPlane(number, log, time.monotonic(), launcher, daemon)
        if not daemon:
            control_plane.watch(launcher.pid)
        self.all.append(control_plane)
        return control_plane

    def is_ready(self, control_plane: ControlPlane) -> bool:
        """Whether a new control plane has said that it serves; from then on it is the `serving` one.

        Raises:
            FleetError: It has ended instead.
        """
        found = _READY.search(control_plane.words())
        status = control_plane.launcher.poll()
        if found is None or (control_plane.is_daemon and status is None):
            if status is not None:
                raise FleetError(
                    f"control plane {control_plane.number} ended with {status}: {self._last_words(control_plane)}"
                )
            return False
        if control_plane.is_daemon:
            if status:
                raise FleetError(
                    f"control plane {control_plane.number} ended with {status}: {self._last_words(control_plane)}"
                )
            control_plane.watch(int(self.pidfile.read_text(encoding="ascii")))
        control_plane.ready_at = time.monotonic()
        self.parameters = dict(pair.split("=", 1) for pair in found["dsn"].split())
        self.passfile = Path(found["pgpass"]) if found["pgpass"] else self.passfile
        self.serving = control_plane
        return True

    def wait_until_ready(self, control_plane: ControlPlane, deadline_s: float) -> None:
        """Wait for a new control plane's ready line.

        Raises:
            FleetError: It has ended instead, or doesn't say so in time.
        """
        self.wait(
            lambda: self.is_ready(control_plane), deadline_s, f"ready line of control plane {control_plane.number}"
        )

    def take_over(
        self, *options: str, daemon: bool = False, environment: Mapping[str, str] | None = None
    ) -> ControlPlane:
        """Give the command once more and wait until the new one serves; the one that served is still there for a moment.

        Raises:
            FleetError: It didn't come to that.
        """
        newcomer = self.launch(*options, daemon=daemon, environment=environment)
        self.wait_until_ready(newcomer, START_DEADLINE_S)
        return newcomer

    def wait_until_gone(self, control_plane: ControlPlane, deadline_s: float) -> None:
        """Wait for a control plane's end.

        Raises:
            FleetError: It is still there.
        """

        def is_gone() -> bool:
            control_plane.look()
            return bool(control_plane.gone_at)

        self.wait(is_gone, deadline_s, f"end of control plane {control_plane.number}")

    def wait(self, done: Callable[[], bool], deadline_s: float, what: str) -> None:
        """Ask again and again until it is so.

        Raises:
            FleetError: It isn't in time.
        """
        deadline = time.monotonic() + deadline_s
        while not done():
            if time.monotonic() > deadline:
                text = f"no {what} within {deadline_s:.0f} s: {tail(self.all[-1].words())}"
                raise FleetError(text)
            time.sleep(0.02)

    def named_by_pidfile(self) -> int:
        """The pid in the pidfile; 0 without one."""
        with contextlib.suppress(OSError, ValueError):
            return int(self.pidfile.read_text(encoding="ascii"))
        return 0

    def adopt_successor(self) -> ControlPlane:
        """Whoever the pidfile names is the `serving` one from now on: it was started by the one before, not by us."""
        plane = ControlPlane(
            len(self.all) + 1, self.serving.log, time.monotonic(), self.serving.launcher, is_daemon=True
        )
        plane.watch(self.named_by_pidfile())
        plane.ready_at = time.monotonic()
        self.all.append(plane)
        self.serving = plane
        return plane

    def control_planes_alive(self) -> list[int]:
        """The processes of this server that are no workers."""
        return [pid for pid in self.processes() if b"twistd" in command_line(pid)]

    def workers_alive(self) -> list[int]:
        """The worker processes, whoever their parent is."""
        return [pid for pid in self.processes() if _WORKER in command_line(pid)]

    def processes(self) -> list[int]:
        """All processes that carry the mark, zombies left out."""
        mark = f"{MARK}={self._mark}".encode()
        return [pid for pid in all_pids() if mark in environment_of(pid) and not is_zombie(pid)]

    def end_by_force(self) -> list[int]:
        """End whatever is left, each by its pid; which ones there were."""
        left = self.processes()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for control_plane in self.all:
            with contextlib.suppress(subprocess.TimeoutExpired):
                control_plane.launcher.wait(5)
        return left

    def _last_words(self, control_plane: ControlPlane) -> str:
        said = self.root / f"said-{control_plane.number}"
        return tail((said.read_text(encoding="utf-8") if said.exists() else "") + control_plane.words())


def tail(text: str, lines: int = 8) -> str:
    """The last lines, for a message."""
    return "\n".join(text.splitlines()[-lines:])


def all_pids() -> list[int]:
    """Every process of the machine."""
    return [int(path.name) for path in PROC.glob("[0-9]*")]


def environment_of(pid: int) -> bytes:
    """What a process was started with; nothing when it is gone, or another user's."""
    with contextlib.suppress(OSError):
        return (PROC / str(pid) / "environ").read_bytes()
    return b""


def command_line(pid: int) -> bytes:
    """Its words, each ended by a zero byte; nothing when it is gone."""
    with contextlib.suppress(OSError):
        return (PROC / str(pid) / "cmdline").read_bytes()
    return b""


def is_zombie(pid: int) -> bool:
    """Whether it has ended and waits for its parent only; one that is gone counts too."""
    with contextlib.suppress(OSError):
        stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        return stat.rpartition(")")[2].split()[0] in {"Z", "X"}
    return True
