"""What a run works with: its options, the data, and servers that are started when a part first needs them."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Protocol, Self

from attrs import define, field, frozen

from benchmarks import tpch_data
from benchmarks.endpoints import Endpoint
from benchmarks.postgres import PostgresServer
from benchmarks.server import DuckgresServer
from benchmarks.tpch_data import DATABASE, TpchData

# Enough for pgbench's 64 clients and the benchmark's own connections.
ORDINARY_SESSIONS = 300


class Server(Protocol):
    """What the parts need of a server."""

    label: str

    def endpoint(self, database: str = "postgres") -> Endpoint:
        """A way in."""

    def process_ids(self) -> list[int]:
        """All of its processes."""


@frozen
class Options:
    """What the command line says.

    ``duration_s`` is how long one measured stretch of small queries or connects lasts, ``stream_gb`` how long the streams are
    that must need no memory.
    """

    scale: float
    runs: int
    quick: bool
    calibrate: bool
    directory: Path
    stream_gb: float = 10.0

    @property
    def duration_s(self) -> float:
        """Seconds of one pgbench or connect run."""
        return 1.5 if self.quick else 5.0


@define(slots=False)
class Stage:
    """One run's servers and data; everything that was started ends with the ``with`` block."""

    options: Options
    _stack: ExitStack = field(factory=ExitStack)
    _part: ExitStack = field(factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end_part()
        self._stack.close()

    def end_part(self) -> None:
        """Our server ends with each part: what one part opened must not share memory and threads with the next."""
        self._part.close()
        self.__dict__.pop("ours", None)

    @cached_property
    def data(self) -> TpchData:
        """TPC-H at the run's scale."""
        return tpch_data.prepare(self.options.scale, self.options.directory)

    @cached_property
    def postgres(self) -> PostgresServer:
        """PostgreSQL with an empty database ``tpch``."""
        return self._start_postgres(self._stack, "PostgreSQL")

    @cached_property
    def ours(self) -> Server:
        """Our server with one worker and the TPC-H file as database ``tpch``.

        When calibrating, a second PostgreSQL with the same tables stands in its place: every ratio must then be near 1.
        """
        if not self.options.calibrate:
            settings: dict[str, object] = {"max_connections": ORDINARY_SESSIONS}
            return self._part.enter_context(DuckgresServer(data=self.data, settings=settings))
        stand_in = self._start_postgres(self._part, "PostgreSQL (calibration)")
        tpch_data.load(self.data, stand_in.endpoint(DATABASE), tpch_data.TABLES)
        stand_in.settle()
        return stand_in

    def _start_postgres(self, stack: ExitStack, label: str) -> PostgresServer:
        server = stack.enter_context(PostgresServer(label))
        with server.endpoint().connect() as connection:
            connection.execute(f"create database {DATABASE}")
        return server

    @cached_property
    def loaded_postgres(self) -> PostgresServer:
        """PostgreSQL with lineitem and orders, vacuumed, its settings back to durable ones."""
        server = self.postgres
        tpch_data.load(self.data, server.endpoint(DATABASE), ("orders", "lineitem"))
        server.settle()
        return server
