"""What COPY writes it reads again, whatever the values and the options, and however the stream is cut.

``COPY_EXAMPLES=200000 pytest tests/engine/test_copy_round_trips.py --timeout 0`` searches for longer.
"""

from __future__ import annotations

import os
import struct

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from duckgres_tx.engine.copy_framing import CopyFraming, FramingFormat
from duckgres_tx.engine.copy_source import CopySource
from duckgres_tx.engine.database import NativeThreads
from duckgres_tx.engine.rendering import RenderOptions

TIMEOUT_S = 30.0
EXAMPLES = int(os.environ.get("COPY_EXAMPLES", "100"))
COLUMNS = ("a bigint", "b text", "c decimal(15, 2)", "d date", "e bytea", "f text[]", "g double", "h timestamp")
NAMES = tuple(column.split()[0] for column in COLUMNS)


class Loop:
    """Two tables alike, out of the one and into the other."""

    def __init__(self):
        self.threads = NativeThreads(3)
        self.database = self._result(self.threads.open_database(":memory:", {"threads": "2"}))
        self.connection = self._result(self.threads.connect(self.database))
        for table in ("original", "copied"):
            self.run(f"create table {table} ({', '.join(COLUMNS)})")
        self.original = self._result(self.threads.prepare(self.connection, b"select * from original"))
        self.copied = self._result(self.threads.prepare(self.connection, b"select * from copied"))

    def _result(self, job):
        self.threads.wait(job, TIMEOUT_S)
        return job.result

    def run(self, sql):
        """An internal statement's rows."""
        return self._result(self.threads.run(self.connection, sql.encode()))

    def copy_out(self, framing):
        """The stream that the original makes."""
        formats = [1] if framing.format is FramingFormat.BINARY else []
        execution = self.threads.execute(self.original, [], [], [], formats, RenderOptions(), 0, framing)
        taken = b""
        while not execution.done:
            self.threads.wait(execution, TIMEOUT_S)
            taken += b"".join(execution.take())
        taken += b"".join(execution.take())
        assert execution.error is None
        return _payload(taken)

    def copy_in(self, framing, pieces):
        """What becomes of the pieces of a stream."""
        merged = ", ".join(f"r.{name}" for name in NAMES)
        source = CopySource(
            format=int(framing.format),
            relation="copied",
            names=NAMES,
            insert="insert into copied ",
            select="select * from (",
            condition=") as r",
            merge="merge into copied using (",
            merge_end=f") as r on (false) when not matched then insert values ({merged})",
            delimiter=framing.delimiter,
            null=framing.null,
            quote=framing.quote,
            escape=framing.escape,
        )
        job = self.threads.copy_in(self.copied, source, RenderOptions())
        for piece in pieces:
            job.write(piece)
        job.finish()
        self.threads.wait(job, TIMEOUT_S)
        return job.error, job.rows


def _payload(messages):
    """What CopyData messages carry."""
    payload = []
    position = 0
    while position < len(messages):
        assert messages[position : position + 1] == b"d"
        (length,) = struct.unpack_from("!I", messages, position + 1)
        payload.append(messages[position + 5 : position + 1 + length])
        position += 1 + length
    return b"".join(payload)


@pytest.fixture(scope="module")
def loop():
    """One for all."""
    made = Loop()
    yield made
    made.threads.shutdown()


SPECIAL = "\\N,\t\n\r\"'|;.\\{}x1 \x01\x7fä€😀"
texts = st.one_of(
    st.sampled_from(["", "\\N", "\\.", "NULL", '"', "\r\n", " ", "{}", "x" * 5000]), st.text(SPECIAL, max_size=12)
)


def _literal(value):
    """A value for SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return "'" + "".join(f"\\x{byte:02x}" for byte in value) + "'::blob"
    if isinstance(value, list):
        return "[" + ", ".join(_literal(item) for item in value) + "]::text[]"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value)


rows = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
        st.one_of(st.none(), texts),
        st.one_of(st.none(), st.decimals(-(10**13) + 1, 10**13 - 1, places=2)),
        st.one_of(st.none(), st.dates().map(str)),
        st.one_of(st.none(), st.binary(max_size=6)),
        st.one_of(st.none(), st.lists(st.one_of(st.none(), texts), max_size=3)),
        st.one_of(st.none(), st.floats().map(lambda number: f"{number!r}")),
        st.one_of(st.none(), st.datetimes().map(lambda moment: f"{moment:%Y-%m-%d %H:%M:%S.%f}".rjust(26, "0"))),
    ),
    min_size=1,
    max_size=4,
)
framings = st.one_of(
    st.builds(
        CopyFraming,
        st.just(FramingFormat.TEXT),
        delimiter=st.sampled_from([b"\t", b"|", b",", b" ", b":", b"\x01"]),
        # Another marker may be a value as well: text has no quotes.
        null=st.just(b"\\N"),
    ),
    st.builds(
        CopyFraming,
        st.just(FramingFormat.CSV),
        delimiter=st.sampled_from([b",", b"\t", b"|", b";"]),
        null=st.sampled_from([b"", b"NULL", b"\\N"]),
        quote=st.sampled_from([b'"', b"'", b"~"]),
        escape=st.sampled_from([b'"', b"'", b"\\"]),
        forced=st.sets(st.integers(0, len(COLUMNS) - 1)).map(frozenset),
    ),
    st.just(CopyFraming(FramingFormat.BINARY)),
)


def test_what_goes_out_comes_in_again(loop):
    """The same rows, from a stream cut anywhere."""

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(rows, framings, st.lists(st.integers(0, 4000), max_size=6))
    @example([(1, "", None, None, None, [], None, None)], CopyFraming(FramingFormat.CSV, b",", b""), [1])
    def check(values, framing, places):
        loop.run("delete from original; delete from copied")
        listed = ", ".join(f"({', '.join(_literal(value) for value in row)})" for row in values)
        loop.run(f"insert into original values {listed}")
        stream = loop.copy_out(framing)
        if framing.format is FramingFormat.BINARY:
            stream += b"\xff\xff"
        cuts = sorted({place for place in places if place < len(stream)})
        pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

        assert loop.copy_in(framing, pieces) == (None, len(values)), stream
        # Each row as text, so that NaN is itself.
        original = loop.run("select original::text from original")
        assert original == loop.run("select copied::text from copied"), stream

    check()
