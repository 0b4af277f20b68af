"""A real PostgreSQL in a temporary directory: the measure that we stand beside."""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import psycopg
from attrs import define, field

from benchmarks import certificate
from benchmarks.endpoints import Endpoint
from benchmarks.processes import UnavailableError, end, family, tail, until

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
OLDEST_MAJOR = 15
KNOWN_PLACES = ("/usr/lib/postgresql", "/usr/local/pgsql", "/opt/homebrew/opt", "/usr/pgsql")

# fsync is off while data is loaded and on afterwards (see `settle`): loading is not what is measured against it.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "1GB",
    "work_mem": "64MB",
    "maintenance_work_mem": "256MB",
    "effective_cache_size": "4GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "max_connections": "300",
    "password_encryption": "scram-sha-256",
    "ssl": "on",
    "fsync": "off",
}


def find_programs() -> Path:
    """The directory of initdb and postgres, version 15 or newer.

    Raises:
        UnavailableError: There is none on this machine.
    """
    candidates = []
    if shutil.which("pg_config"):
        asked = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, timeout=10, check=True)
        candidates.append(Path(asked.stdout.strip()))
    if found := shutil.which("postgres"):
        candidates.append(Path(found).resolve().parent)
    for place in KNOWN_PLACES:
        candidates.extend(sorted(Path(place).parent.glob(f"{Path(place).name}*/**/bin"), reverse=True))
    for directory in candidates:
        program = directory / "postgres"
        if not (program.exists() and (directory / "initdb").exists()):
            continue
        told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
        major = re.search(r"\) (\d+)", told)
        if major and int(major[1]) >= OLDEST_MAJOR:
            return directory
    message = f"no PostgreSQL {OLDEST_MAJOR} or newer found (pg_config, PATH, {', '.join(KNOWN_PLACES)})"
    raise UnavailableError(message)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _unprivileged_user() -> str | None:
    """Who runs PostgreSQL, which refuses root: None for ourselves."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


@define
class PostgresServer:
    """A running PostgreSQL that ends with the ``with`` block.

    SCRAM-SHA-256 over TCP, plain or TLS; the UNIX socket in its own directory trusts us, for loading.
    """

    label: str = "PostgreSQL"
    directory: Path = field(init=False)
    process: subprocess.Popen[bytes] = field(init=False)
    port: int = field(init=False)
    password: str = field(init=False, factory=lambda: secrets.token_urlsafe(16))

    def __enter__(self) -> Self:
        programs = find_programs()
        self.directory = Path(tempfile.mkdtemp(prefix="bench-postgres-"))
        user = _unprivileged_user()
        if user:
            shutil.chown(self.directory, user)
        data = self.directory / "data"
        (self.directory / "password").write_text(self.password)
        (self.directory / "password").chmod(0o644)
        self._run([programs / "initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256", "--no-sync", "-E", "UTF8",
                   "--locale=C", f"--pwfile={self.directory / 'password'}"], user)  # fmt: skip
        (data / "pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        certificate.write(data / "server.crt", data / "server.key")
        if user:
            shutil.chown(data / "server.key", user)
            shutil.chown(data / "server.crt", user)
        self.port = free_port()
        self._start(programs, data, user)
        return self

    def _run(self, command: list[object], user: str | None) -> None:
        subprocess.run([str(word) for word in command], user=user, cwd="/", capture_output=True,
                       timeout=START_TIMEOUT_S, check=True)  # fmt: skip

    def _start(self, programs: Path, data: Path, user: str | None) -> None:
        settings = {**SETTINGS, "port": str(self.port), "unix_socket_directories": str(self.directory)}
        options = [word for name, value in settings.items() if name != "fsync" for word in ("-c", f"{name}={value}")]
        # fsync stands in the file, where a reload can change it; the command line would win for ever.
        with (data / "postgresql.auto.conf").open("a") as file:
            file.write(f"fsync = {SETTINGS['fsync']}\n")
        with (self.directory / "log").open("wb") as log:
            self.process = subprocess.Popen([programs / "postgres", "-D", data, *options], user=user, cwd="/",
                                            stdout=log, stderr=log, start_new_session=True)  # fmt: skip
        try:
            until(self._answers, START_TIMEOUT_S, "PostgreSQL's start")
        except TimeoutError as error:
            self.__exit__()
            raise UnavailableError(tail(self.directory / "log")) from error

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            message = f"PostgreSQL ended at once:\n{tail(self.directory / 'log')}"
            raise UnavailableError(message)
        try:
            self.endpoint().connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def __exit__(self, *_: object) -> None:
        # SIGINT is PostgreSQL's fast shutdown: sessions end, no waiting for clients.
        end(self.process, signal.SIGINT, STOP_TIMEOUT_S)
        shutil.rmtree(self.directory, ignore_errors=True)

    def endpoint(self, database: str = "postgres") -> Endpoint:
        """The superuser's way in."""
        return Endpoint(self.label, self.port, "postgres", self.password, database)

    def process_ids(self) -> list[int]:
        """The postmaster, its auxiliary processes and all backends."""
        return family(self.process.pid)

    def version(self) -> str:
        """``15.18``."""
        with self.endpoint().connect() as connection:
            row = connection.execute("show server_version").fetchone()
        return str(row[0]).split()[0] if row else "?"

    def settle(self) -> None:
        """After loading: fsync on again, everything checkpointed."""
        with self.endpoint().connect() as connection:
            connection.execute("alter system set fsync = on")
            connection.execute("select pg_reload_conf()")
            connection.execute("checkpoint")
