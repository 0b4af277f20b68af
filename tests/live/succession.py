"""Servers that are taken over in a test, and clients that watch it happen.

Built on `storm.fleet`: every control plane of a fleet is started by the same command in the same directory.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import psycopg
import raw
from attrs import define, field

from storm.fleet import ControlPlane, Fleet

# a successor must be ready, and its incumbent gone, within these; machines that run tests are slow and busy
READY_S = 60.0
GONE_S = 20.0
ENVIRONMENT = {
    "DUCKGRES_RATE_LIMIT_MAX_FAILED_ATTEMPTS": "0",
    "DUCKGRES_RATE_LIMIT_MAX_CONNECTIONS_PER_IP": "0",
    "DUCKGRES_TAKEOVER_STANDBY": "500ms",
}


@contextlib.contextmanager
def running_fleet(*options: str, workers: int = 2, env: Mapping[str, str] | None = None) -> Iterator[Fleet]:
    """A server for the time of a ``with`` block; at its end whoever serves gets SIGTERM, and nothing may be left."""
    with Fleet(workers, {**ENVIRONMENT, **(env or {})}, options) as fleet:
        yield fleet
        end_well(fleet)


def end_well(fleet: Fleet) -> None:
    """Stop the server as an operator does: exit status 0, no process, no socket and no PID file."""
    fleet.serving.look()
    if not fleet.serving.gone_at:
        fleet.serving.send(signal.SIGTERM)
        fleet.wait_until_gone(fleet.serving, 60.0)
    for plane in fleet.all:
        if plane.pid and not plane.gone_at:
            fleet.wait_until_gone(plane, GONE_S)
    assert fleet.serving.status in {None, 0}, fleet.words()[-5000:]
    assert fleet.processes() == []
    assert [path for path in fleet.root.rglob("*") if path.is_socket() or path == fleet.pidfile] == []


def connect(fleet: Fleet, **changes: Any) -> psycopg.Connection[Any]:
    """A session in autocommit mode; the caller closes it."""
    return psycopg.connect(fleet.dsn(connect_timeout=60, **changes), autocommit=True)


def raw_client(fleet: Fleet, timeout_s: float = 60.0) -> raw.RawClient:
    """A connection of which a test decides every byte."""
    return raw.RawClient((fleet.parameters["host"], fleet.port), timeout_s)


def login(fleet: Fleet, *, tls: bool = False) -> raw.RawClient:
    """A session of a client that speaks byte by byte."""
    client = raw_client(fleet)
    if tls:
        assert client.start_tls() == b"S"
    client.login(fleet.parameters["user"], fleet.password)
    return client


def login_and_stay(fleet: Fleet) -> raw.RawClient:
    """The same for one that holds a temporary table, which can't go to another worker: a roll ends it as soon as it lets go of its worker."""
    client = login(fleet)
    client.send(raw.query("CREATE TEMP TABLE held (i int)"))
    client.until()
    return client


def succeed(fleet: Fleet, *options: str, daemon: bool = False, env: Mapping[str, str] | None = None) -> ControlPlane:
    """Take over, and wait until the incumbent has gone, which it must with status 0; returns the incumbent."""
    incumbent = fleet.serving
    fleet.take_over(*options, daemon=daemon, environment=env)
    fleet.wait_until_gone(incumbent, GONE_S)
    assert incumbent.status in {None, 0}, incumbent.words()[-3000:]
    return incumbent


def refused(fleet: Fleet, newcomer: ControlPlane, timeout_s: float = 30.0) -> str:
    """Wait for the end of a newcomer that can't take over: status 1, and the one line that says why."""
    fleet.wait_until_gone(newcomer, timeout_s)
    assert newcomer.status == 1, newcomer.words()
    lines = [line for line in newcomer.words().splitlines() if line.startswith("duckgres: ")]
    assert len(lines) == 1, newcomer.words()
    return lines[0]


def serves(fleet: Fleet) -> bool:
    """Whether a new client is served, plain and over TLS."""
    for sslmode in ("disable", "require"):
        with connect(fleet, sslmode=sslmode) as connection:
            if connection.execute("SELECT 42").fetchone() != (42,):
                return False
    return True


def worker_of(fleet: Fleet, client: socket.socket) -> int:
    """The worker process that has the other end of a client's connection; 0 if none has. Under TLS it may be one that relays."""
    host, port = client.getsockname()[:2]
    packed = int.from_bytes(socket.inet_aton(host), "little")
    other_end = f"{packed:08X}:{port:04X}"
    inodes = {
        f"socket:[{fields[9]}]"
        for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
        if (fields := line.split())[2] == other_end
    }
    for pid in fleet.workers_alive():
        with contextlib.suppress(OSError):
            if any(str(path.readlink()) in inodes for path in Path(f"/proc/{pid}/fd").iterdir()):
                return pid
    return 0


def worker_of_session(fleet: Fleet, session: psycopg.Connection[Any]) -> int:
    """The same for a session of psycopg's."""
    with socket.socket(fileno=os.dup(session.fileno())) as client:
        return worker_of(fleet, client)


def roll_is_done(fleet: Fleet, since: int = 0) -> bool:
    """Whether a roll has ended well after so many bytes of log."""
    return "roll: done" in fleet.words()[since:]


@define(eq=False)
class Connecting:
    """Connects again and again in threads of its own, for the time of a ``with`` block.

    Attributes:
        seconds: How long each connect with its first query took.
        failures: What went wrong; must stay empty.
    """

    fleet: Fleet
    threads: int = 2
    pause_s: float = 0.02
    seconds: list[float] = field(factory=list)
    failures: list[str] = field(factory=list)
    _over: threading.Event = field(factory=threading.Event)
    _started: list[threading.Thread] = field(factory=list)

    def __enter__(self) -> Self:
        for number in range(self.threads):
            sslmode = ("disable", "require")[number % 2]
            thread = threading.Thread(target=self._connect, args=(self.fleet.dsn(sslmode=sslmode, connect_timeout=60),))
            thread.start()
            self._started.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._started:
            thread.join(90)
            assert not thread.is_alive()

    def _connect(self, dsn: str) -> None:
        while not self._over.wait(self.pause_s):
            began = time.monotonic()
            try:
                with psycopg.connect(dsn, autocommit=True) as connection:
                    assert connection.execute("SELECT 1").fetchone() == (1,)
            except Exception as error:
                self.failures.append(f"{type(error).__name__}: {error}")
            else:
                self.seconds.append(time.monotonic() - began)


@define(eq=False)
class Asking:
    """One statement that runs in a thread, for the time of a ``with`` block; its answer is there afterwards.

    Attributes:
        answer: The first row.
        error: What it raised instead.
    """

    connection: psycopg.Connection[Any]
    statement: str
    answer: tuple[Any, ...] | None = None
    error: BaseException | None = None
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._thread is not None
        self._thread.join(120)
        assert not self._thread.is_alive()

    @property
    def is_running(self) -> bool:
        """Whether the answer is still to come."""
        assert self._thread is not None
        return self._thread.is_alive()

    def _ask(self) -> None:
        try:
            self.answer = self.connection.execute(self.statement).fetchone()
        except psycopg.Error as error:
            self.error = error


# a count that takes a processor for some seconds, and what it comes to: 7i = 3 (mod 11) has the one solution i = 2
def counting(limit: int) -> tuple[str, tuple[int]]:
    """A statement that counts for a while, and its answer."""
    return f"SELECT count(*) FROM range({limit}) t(i) WHERE (i * 7) % 11 = 3", ((limit - 2 + 10) // 11,)


LONG_COUNT, LONG_ANSWER = counting(400_000_000)


def drain_has_begun(fleet: Fleet, idle: raw.RawClient) -> None:
    """Wait until a roll lets go of the worker of an idle session that can't move, which is the first to hear of it."""
    assert ended_how(idle, 30) == "57P01", fleet.words()[-2000:]
    idle.socket.close()


def until(condition: Callable[[], object], timeout_s: float, what: str) -> None:
    """Ask again and again until the answer is true."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {timeout_s} s"
        time.sleep(0.02)


def is_cut(connection: psycopg.Connection[Any]) -> str:
    """How the server has ended a session: the SQLSTATE, or the words without one; "" if it goes on."""
    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError as error:
        return error.sqlstate or str(error)
    return ""


def ended_how(client: raw.RawClient, timeout_s: float) -> str:
    """Wait for the server to end an idle session: the SQLSTATE that it says before it hangs up."""
    client.socket.settimeout(timeout_s)
    said = ""
    with contextlib.suppress(EOFError):
        while True:
            kind, body = client.read()
            said = raw.error_fields(body)["C"] if kind == "E" else said
    return said
