"""A real PostgreSQL as the judge of what we say: the ``oracle`` fixture.

The server lives as long as the test session, in a temporary directory, on a UNIX socket only.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from attrs import define
from psycopg import pq

START_TIMEOUT_S = 60

# Where distributions put a server's programs, newest last.
_USUAL_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql*/bin",
)


def server_programs() -> Path | None:
    """The directory with ``initdb`` and ``pg_ctl``: what ``pg_config`` names, or a usual place."""
    candidates = []
    pg_config = shutil.which("pg_config")
    if pg_config is not None:
        shown = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False, timeout=10)
        candidates.append(Path(shown.stdout.strip()))
    for place in _USUAL_PLACES:
        candidates.extend(sorted(Path("/").glob(place.lstrip("/")), reverse=True))
    for candidate in candidates:
        if (candidate / "initdb").exists() and (candidate / "pg_ctl").exists():
            return candidate
    return None


def _unprivileged() -> tuple[list[str], int, int]:
    """How to run a program as somebody else when we are root, whom PostgreSQL refuses; and that user's ids."""
    if os.geteuid() != 0:
        return [], -1, -1
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        switch = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        return switch, user.pw_uid, user.pw_gid
    pytest.skip("PostgreSQL can't run as root, and there is no other user")


@define
class Oracle:
    """A running PostgreSQL.

    Attributes:
        socket_directory: Where its UNIX socket is.
        connection: A connection in autocommit mode, whose variables tests may set and must reset.
    """

    socket_directory: str
    connection: psycopg.Connection[tuple[object, ...]]

    @property
    def dsn(self) -> str:
        """A connection string of the superuser."""
        return f"host={self.socket_directory} user=postgres dbname=postgres"

    def value(self, sql: str, parameters: list[bytes | None] | None = None, result_format: int = 0) -> bytes | None:
        """The only value of a query, as the bytes on the wire. Parameters are text of unknown type.

        Raises:
            psycopg.Error: As PostgreSQL says, with its SQLSTATE.
        """
        result = self.connection.pgconn.exec_params(sql.encode(), parameters or [], result_format=result_format)
        if result.status != pq.ExecStatus.TUPLES_OK:
            raise psycopg.errors.error_from_result(result)
        return result.get_value(0, 0)

    def column(self, sql: str, parameters: list[bytes | None], result_format: int = 0) -> list[bytes | None]:
        """The first column of a query."""
        result = self.connection.pgconn.exec_params(sql.encode(), parameters, result_format=result_format)
        if result.status != pq.ExecStatus.TUPLES_OK:
            raise psycopg.errors.error_from_result(result)
        return [result.get_value(row, 0) for row in range(result.ntuples)]


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    """A PostgreSQL server for the whole test session; skips where none is installed."""
    with running() as server:
        yield server


@contextmanager
def running() -> Iterator[Oracle]:
    """A PostgreSQL server, started and ended here; skips where none is installed."""
    programs = server_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed: initdb and pg_ctl were not found")
    switch, uid, gid = _unprivileged()
    directory = Path(tempfile.mkdtemp(prefix="oracle-"))
    try:
        if uid >= 0:
            os.chown(directory, uid, gid)
        _run(
            switch,
            programs / "initdb",
            "--pgdata",
            str(directory / "data"),
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        )
        _run(
            switch,
            programs / "pg_ctl",
            "--pgdata",
            str(directory / "data"),
            "--wait",
            f"--timeout={START_TIMEOUT_S}",
            "--log",
            str(directory / "log"),
            "--options",
            f"-k {directory} -c listen_addresses= -F",
            "start",
        )
        try:
            with psycopg.connect(f"host={directory} user=postgres dbname=postgres", autocommit=True) as connection:
                connection.execute("set timezone to 'UTC'")
                yield Oracle(str(directory), connection)
        finally:
            _run(switch, programs / "pg_ctl", "--pgdata", str(directory / "data"), "--mode=immediate", "stop")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _run(switch: list[str], program: Path, *arguments: str) -> None:
    """Run one of PostgreSQL's programs; what it says is shown only when it fails."""
    # The server inherits its standard output, so a pipe would never end.
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(
            [*switch, str(program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            check=False,
            timeout=2 * START_TIMEOUT_S,
            cwd="/",
        )
        if done.returncode:
            said.seek(0)
            pytest.fail(f"{program} failed: {said.read()}")
