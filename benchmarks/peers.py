"""buenavista, the other Python program that speaks PostgreSQL's protocol in front of DuckDB, in an environment of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

import psycopg
from attrs import define, field

from benchmarks.endpoints import Endpoint
from benchmarks.postgres import free_port
from benchmarks.processes import UnavailableError, end, tail, until

INSTALL_TIMEOUT_S = 300
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 10
# dateutil is one that it imports without naming it.
REQUIREMENTS = ("buenavista[duckdb]", "duckdb==1.5.*", "python-dateutil")


def install(directory: Path) -> Path:
    """Make the environment once and return its Python.

    Raises:
        UnavailableError: pip could not.
    """
    python = directory / "bin" / "python"
    done = directory / "installed"
    if done.exists():
        return python
    try:
        subprocess.run([sys.executable, "-m", "venv", directory], capture_output=True, timeout=60, check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *REQUIREMENTS], capture_output=True,
                       timeout=INSTALL_TIMEOUT_S, check=True)  # fmt: skip
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        text = (error.stderr or b"").decode(errors="replace").strip().splitlines()[-1:]
        message = f"buenavista did not install: {' '.join(text) or error}"
        raise UnavailableError(message) from error
    done.touch()
    return python


@define
class BuenavistaServer:
    """A running buenavista on an in-memory database; it asks for no password."""

    environment: Path
    label: str = "buenavista"
    process: subprocess.Popen[bytes] = field(init=False)
    port: int = field(init=False)

    def __enter__(self) -> Self:
        python = install(self.environment)
        self.port = free_port()
        log = self.environment / "log"
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [python, "-m", "buenavista.examples.duckdb_postgres"], stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, start_new_session=True,
                env={"BUENAVISTA_HOST": "127.0.0.1", "BUENAVISTA_PORT": str(self.port), "PATH": ""},
            )  # fmt: skip
        try:
            until(self._answers, START_TIMEOUT_S, "buenavista's start")
        except BaseException as error:
            self.__exit__()
            message = f"buenavista does not run: {tail(log, 1) or error}"
            raise UnavailableError(message) from error
        return self

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            message = "it ended at once"
            raise UnavailableError(message)
        try:
            with self.endpoint().connect() as connection:
                return connection.execute("select 1").fetchone() is not None
        except psycopg.OperationalError:
            return False

    def __exit__(self, *_: object) -> None:
        end(self.process, signal.SIGTERM, STOP_TIMEOUT_S)

    def endpoint(self) -> Endpoint:
        """The only way in."""
        return Endpoint(self.label, self.port, "postgres", "", "memory")
