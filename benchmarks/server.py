"""Our server as its users start it: ``twistd duckgres`` with a data directory and a configuration file."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Self

import yaml
from attrs import define, field

from benchmarks.endpoints import Endpoint
from benchmarks.processes import UnavailableError, end, family, tail, until
from benchmarks.tpch_data import TpchData, extension_path

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
USER = "postgres"

# The line that the server prints when it accepts connections.
READY = re.compile(r"\bready: .*\bport=(?P<port>\d+)")


class ServerDiedError(Exception):
    """Our server ended instead of serving: a fault, not a reason to skip; the message holds its last words."""


@define
class DuckgresServer:
    """A running server that ends with the ``with`` block.

    ``settings`` go to the configuration file as they are; ``arguments`` to the command line.
    ``adopted`` are the workers' pids that a successor took over: no children of its own.
    """

    workers: int = 1
    settings: dict[str, object] = field(factory=dict)
    arguments: tuple[str, ...] = ()
    data: TpchData | None = None
    label: str = "duckgres_tx"
    directory: Path | None = None
    handover: bool = False
    handover_socket: Path | None = None
    adopted: list[int] = field(factory=list)
    process: subprocess.Popen[bytes] = field(init=False)
    port: int = field(init=False)
    password: str = field(init=False)
    _temporary: Path = field(init=False)

    def __enter__(self) -> Self:
        self._temporary = Path(tempfile.mkdtemp(prefix="bench-duckgres-"))
        if self.directory is None:
            self.directory = self._temporary / "data"
        self.directory.mkdir(exist_ok=True)
        if self.handover:
            self.handover_socket = self._temporary / "handover.sock"
        if self.data is not None:
            self.data.copy_to(self.directory / "tpch.duckdb")
        config = self._temporary / "duckgres.yaml"
        # The extension is there for those who look at the data by hand: CALL dbgen, PRAGMA tpch(1).
        config.write_text(yaml.safe_dump({"extensions": [str(extension_path())], **self.settings}))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self._command(config),
                cwd=self._temporary,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            until(self._ready, START_TIMEOUT_S, "our server's start")
            self.password = self._read_password()
        except BaseException as error:
            told = tail(self.log)
            self.__exit__()
            error.add_note(told)
            raise
        return self

    def _command(self, config: Path) -> list[str | Path]:
        twistd = Path(sys.executable).with_name("twistd")
        if not twistd.exists():
            message = f"{twistd} does not exist: install the package"
            raise UnavailableError(message)
        assert self.directory is not None
        command: list[str | Path] = [twistd, "-n", "--pidfile=", "duckgres", "--config", config, "--host", "127.0.0.1", "--port", "0",
                   "--workers", str(self.workers), "--data-dir", self.directory, *self.arguments]  # fmt: skip
        return [*command, "--handover", self.handover_socket] if self.handover_socket else command

    @property
    def log(self) -> Path:
        """What the server prints."""
        return self._temporary / "log"

    def _ready(self) -> bool:
        if self.process.poll() is not None:
            message = f"our server ended at once: {tail(self.log, 6)}"
            raise ServerDiedError(message)
        found = READY.search(self.log.read_text(errors="replace"))
        if found:
            self.port = int(found["port"])
        return found is not None

    def _read_password(self) -> str:
        """The password of ``postgres`` from the pgpass file that a first start writes."""
        assert self.directory is not None
        line = (self.directory / "pgpass").read_text().splitlines()[-1]
        # host:port:database:user:password, with \: and \\ in the fields.
        return re.sub(r"\\(.)", r"\1", re.split(r"(?<!\\):", line)[4])

    def __exit__(self, *_: object) -> None:
        end(self.process, signal.SIGTERM, STOP_TIMEOUT_S, self.adopted)
        shutil.rmtree(self._temporary, ignore_errors=True)

    def successor(self) -> DuckgresServer:
        """A second server of the same configuration that takes over from this one when it is entered."""
        return DuckgresServer(
            workers=self.workers,
            settings=self.settings,
            arguments=self.arguments,
            directory=self.directory,
            handover_socket=self.handover_socket,
            adopted=self.process_ids()[1:],
        )

    def endpoint(self, database: str = "postgres") -> Endpoint:
        """The superuser's way in."""
        return Endpoint(self.label, self.port, USER, self.password, database)

    def process_ids(self) -> list[int]:
        """The control plane and its workers."""
        return family(self.process.pid) + self.adopted
