"""COPY TO STDOUT and COPY FROM STDIN of lineitem in the three formats, beside PostgreSQL and DuckDB's own reader."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb

from benchmarks.endpoints import Endpoint
from benchmarks.figures import Figure, Samples, Target, in_turn, seconds
from benchmarks.raw_client import RawClient, simple_query
from benchmarks.stage import Stage
from benchmarks.tpch_data import DATABASE

PART = "copy"
FORMATS = ("text", "csv", "binary")
OUT_TARGET = Target(4.0)
IN_TARGET = Target(1.4)
OWN_READER_TARGET = Target(0.95)
BLOCK_BYTES = 1 << 20
INCOMING = "lineitem_in"


def measure(stage: Stage) -> Iterator[Figure]:
    """Rows a second out of and into the server."""
    theirs = stage.loaded_postgres.endpoint(DATABASE)
    ours = stage.ours.endpoint(DATABASE)
    for copy_format in FORMATS:
        sides = [_out(endpoint, copy_format) for endpoint in (ours, theirs)]
        our_rate, their_rate = in_turn(sides, stage.options.runs)
        yield _figure(f"COPY lineitem TO STDOUT, {copy_format}", our_rate, "PostgreSQL", their_rate, OUT_TARGET)
    rows = stage.data.rows("lineitem")
    definition = stage.data.definition("lineitem").replace("lineitem", INCOMING, 1)
    for copy_format in FORMATS:
        file = _exported(stage, theirs, copy_format)
        incoming = [_in(endpoint, definition, file, copy_format, rows) for endpoint in (ours, theirs)]
        reader = _own_reader(stage, definition, rows)
        our_rate, their_rate, own_rate = in_turn([*incoming, reader], stage.options.runs)
        what = f"COPY lineitem FROM STDIN, {copy_format}"
        yield _figure(what, our_rate, "PostgreSQL, logged table", their_rate, IN_TARGET)
        yield _figure(what, our_rate, "DuckDB's COPY FROM a CSV file", own_rate, OWN_READER_TARGET)


def _figure(what: str, ours: Samples, peer: str, theirs: Samples, target: Target) -> Figure:
    note = f"spread {ours.spread:.0%} and {theirs.spread:.0%}"
    return Figure(PART, what, "M rows/s", ours.median, peer, theirs.median, target, note)


def _out(endpoint: Endpoint, copy_format: str) -> Callable[[], float]:
    request = simple_query(f"copy lineitem to stdout (format {copy_format})")

    def once() -> float:
        with RawClient.connect(endpoint) as client:
            drained = client.drain(request)
        return drained.rows / drained.seconds / 1e6

    return once


def _exported(stage: Stage, theirs: Endpoint, copy_format: str) -> Path:
    """Lineitem as PostgreSQL writes it in a format, made on first use; CSV is DuckDB's, for its own reader reads it too."""
    if copy_format == "csv":
        return stage.data.csv("lineitem")
    path = stage.data.file.with_name(f"{stage.data.file.stem}-lineitem.{copy_format}")
    if not path.exists():
        unfinished = path.with_suffix(".part")
        statement = f"copy lineitem to stdout (format {copy_format})"
        with (
            theirs.connect() as connection,
            connection.cursor() as cursor,
            unfinished.open("wb") as target,
            cursor.copy(statement) as copy,
        ):
            for block in copy:
                target.write(block)
        unfinished.rename(path)
    return path


def _in(endpoint: Endpoint, definition: str, file: Path, copy_format: str, rows: int) -> Callable[[], float]:
    def once() -> float:
        with endpoint.connect() as connection:
            connection.execute(f"drop table if exists {INCOMING}")
            connection.execute(definition)
        with (
            file.open("rb") as source,
            mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as view,
            RawClient.connect(endpoint) as client,
        ):
            done = client.copy_in(f"copy {INCOMING} from stdin (format {copy_format})", _blocks(view))
        with endpoint.connect() as connection:
            connection.execute(f"drop table {INCOMING}")
        if done.rows != rows:
            message = f"{endpoint.label} took {done.rows} of {rows} rows"
            raise AssertionError(message)
        return rows / done.seconds / 1e6

    return once


def _blocks(view: memoryview) -> Iterator[memoryview]:
    for start in range(0, len(view), BLOCK_BYTES):
        with view[start : start + BLOCK_BYTES] as block:
            yield block


def _own_reader(stage: Stage, definition: str, rows: int) -> Callable[[], float]:
    """DuckDB in this process reading the CSV file into a database file."""
    source = stage.data.csv("lineitem")

    def once() -> float:
        with (
            tempfile.TemporaryDirectory(prefix="bench-duckdb-") as directory,
            duckdb.connect(f"{directory}/own.duckdb") as connection,
        ):
            connection.execute(definition)
            return rows / seconds(lambda: connection.execute(f"copy {INCOMING} from '{source}' (format csv)")) / 1e6

    return once
