"""What a client would get for a query: the ``duck`` fixture, DuckDB behind our encoders."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

import pytest
from attrs import define

from duckgres_tx.engine.database import Connection, DuckDBError, NativeThreads, Statement
from duckgres_tx.engine.logical_types import LogicalType
from duckgres_tx.engine.rendering import RenderOptions

TIMEOUT_S = 60

Row = list[bytes | None]


def split_rows(messages: bytes) -> list[Row]:
    """The values of DataRow messages, with all their lengths checked."""
    rows: list[Row] = []
    position = 0
    while position < len(messages):
        assert messages[position : position + 1] == b"D"
        length, count = struct.unpack_from(">IH", messages, position + 1)
        end, position = position + 1 + length, position + 7
        row: Row = []
        for _ in range(count):
            (size,) = struct.unpack_from(">i", messages, position)
            position += 4
            row.append(None if size < 0 else messages[position : position + size])
            position += max(size, 0)
        assert position == end
        rows.append(row)
    return rows


@define
class Duck:
    """A connection to an empty database in memory, and the threads that serve it."""

    threads: NativeThreads
    connection: Connection

    def run(self, sql: str) -> None:
        """Run statements whose results don't matter."""
        job = self.threads.run(self.connection, sql.encode())
        self.threads.wait(job, TIMEOUT_S)
        assert job.result is not None

    def types(self, sql: str) -> list[LogicalType]:
        """The types of a query's columns."""
        statement = self._prepare(sql)
        return [column.type for column in statement.columns]

    def rows(
        self,
        sql: str,
        result_format: int | Sequence[int] = 0,
        render: RenderOptions | None = None,
        parameters: Sequence[bytes | None] = (),
        oids: Sequence[int] = (),
        parameter_formats: Sequence[int] = (),
    ) -> list[Row]:
        """The rows of a query as the bytes on the wire.

        Raises:
            DuckDBError: It failed, perhaps after some rows.
        """
        formats = [result_format] if isinstance(result_format, int) else list(result_format)
        execution = self.threads.execute(
            self._prepare(sql), parameters, parameter_formats, oids, formats, render or RenderOptions()
        )
        taken = b""
        while not execution.done:
            self.threads.wait(execution, TIMEOUT_S)
            taken += b"".join(execution.take())
        taken += b"".join(execution.take())
        if execution.error is not None:
            raise execution.error
        return split_rows(taken)

    def value(
        self, sql: str, result_format: int = 0, render: RenderOptions | None = None, *parameters: bytes | None
    ) -> bytes | None:
        """The only value of a query."""
        [[value]] = self.rows(sql, result_format, render, parameters)
        return value

    def bind(self, sql: str, value: bytes | None, oid: int = 0, parameter_format: int = 0) -> bytes | None:
        """The only value, as text, of a query with one parameter."""
        [[shown]] = self.rows(sql, 0, None, [value], [oid], [parameter_format])
        return shown

    def refusal(self, sql: str, value: bytes, oid: int = 0, parameter_format: int = 0) -> tuple[str | None, str]:
        """The SQLSTATE and the message with which a parameter is refused."""
        with pytest.raises(DuckDBError) as caught:
            self.bind(sql, value, oid, parameter_format)
        return caught.value.sqlstate, caught.value.message

    def _prepare(self, sql: str) -> Statement:
        job = self.threads.prepare(self.connection, sql.encode())
        self.threads.wait(job, TIMEOUT_S)
        statement: Statement = job.result
        return statement


@pytest.fixture(scope="module")
def duck() -> Iterator[Duck]:
    """DuckDB behind our encoders, one for each module of tests."""
    threads = NativeThreads(2)
    try:
        opening = threads.open_database(":memory:", {"threads": "1"})
        threads.wait(opening, TIMEOUT_S)
        connecting = threads.connect(opening.result)
        threads.wait(connecting, TIMEOUT_S)
        yield Duck(threads, connecting.result)
    finally:
        threads.shutdown()
