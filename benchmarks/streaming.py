"""Long COPY streams in both directions need no memory of their own: what the server has more while they flow.

The server's ``memory_limit`` is the least that a database is given, since DuckDB keeps what it has written in memory as far as
that allows, which is no matter of COPY's. The rows are made while they are sent, and thrown away when they are read.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Self

from attrs import define, field

from benchmarks.figures import Figure, Target
from benchmarks.processes import total_anonymous_kb
from benchmarks.raw_client import Drained, RawClient, simple_query
from benchmarks.server import DuckgresServer
from benchmarks.stage import Stage

PART = "stream"
GIGABYTE = 1_000_000_000
BLOCK_ROWS = 10_000
SETTLE_ROWS = 200_000
MEMORY_LIMIT = "64MiB"
GROWTH_MB = Target(64, at_least=False, absolute=True)
SAMPLE_S = 0.1
TABLE = "create table streamed (a bigint, b text, c numeric(12,2), d date, e double)"
QUERY = (
    "select i a, 'some text of row ' || i b, i::numeric(12,2) c, date '2024-01-01' d, i / 3 e from range({rows}) t(i)"
)


def measure(stage: Stage) -> Iterator[Figure]:
    """MiB more than before at the highest, in and out."""
    wanted = int(stage.options.stream_gb * GIGABYTE)
    with DuckgresServer(settings={"memory_limit": MEMORY_LIMIT}) as ours:
        endpoint = ours.endpoint()
        with endpoint.connect() as idle, RawClient.connect(endpoint) as client:
            idle.execute(TABLE)
            # Whatever is made once is there when the measuring begins.
            _send(client, 1)
            _drain(client, SETTLE_ROWS)
            for what, stream in (("in", lambda: _send(client, wanted)), ("out", lambda: _drain(client, _rows(wanted)))):
                with PeakMemory(ours) as peak:
                    done = stream()
                note = f"{done.size / GIGABYTE:.1f} GB at {done.size / done.seconds / 1e6:.0f} MB/s"
                yield Figure(PART, f"COPY {what}, csv: memory more", "MiB", peak.more_mb, target=GROWTH_MB, note=note)


@define
class PeakMemory:
    """How much more memory of their own (not the pages of files) a server's processes have at the highest than when the ``with`` block began."""

    server: DuckgresServer
    more_mb: float = 0.0
    _over: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> Self:
        pids = self.server.process_ids()
        before = total_anonymous_kb(pids)

        def watch() -> None:
            while not self._over.wait(SAMPLE_S):
                self.more_mb = max(self.more_mb, (total_anonymous_kb(pids) - before) / 1024)

        self._thread = threading.Thread(target=watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def _line(number: int) -> bytes:
    return f"{number},some text of row {number},{number}.00,2024-01-01,{number / 3}\n".encode()


def _rows(size: int) -> int:
    """How many rows of the query are a stream of such a size."""
    return size // len(_line(10_000_000))


def _blocks(wanted: int) -> Iterator[memoryview]:
    size = 0
    number = 0
    lines = b"".join(_line(number) for number in range(BLOCK_ROWS))
    while size < wanted:
        # The same lines, but for the first of each block.
        block = _line(number) + lines
        number += BLOCK_ROWS
        size += len(block)
        with memoryview(block) as view:
            yield view


def _send(client: RawClient, wanted: int) -> Drained:
    return client.copy_in("copy streamed from stdin (format csv)", _blocks(wanted))


def _drain(client: RawClient, rows: int) -> Drained:
    return client.drain(simple_query(f"copy ({QUERY.format(rows=rows)}) to stdout (format csv)"))
