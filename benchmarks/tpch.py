"""TPC-H's 22 queries through psycopg beside the same queries in DuckDB in process, on copies of one file."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import psycopg
from attrs import define, frozen

from benchmarks.answers import differences
from benchmarks.figures import Figure, Samples, Target, in_turn, seconds
from benchmarks.stage import Stage
from benchmarks.tpch_data import DATABASE

PART = "tpch"
TARGET = Target(1.05, at_least=False)
NO_DIFFERENCE = Target(0, at_least=False, absolute=True)
SHARED_SETTINGS = ("threads", "memory_limit")
LEAST_RUNS = 3

Rows = list[tuple[object, ...]]


@frozen
class Timed:
    """One query's times on both sides in milliseconds."""

    number: int
    ours: Samples
    theirs: Samples


@define
class Rivals:
    """A session of our server and DuckDB in this process, with the same data and settings."""

    client: psycopg.Connection[tuple[object, ...]]
    own: duckdb.DuckDBPyConnection
    wrong: int = 0

    def through_server(self, query: str) -> Rows:
        """All rows as Python objects, by psycopg."""
        return self.client.execute(query.encode()).fetchall()

    def in_process(self, query: str) -> Rows:
        """All rows as Python objects, by DuckDB's module."""
        return self.own.execute(query).fetchall()

    def check(self, number: int, query: str, answer: str | None) -> None:
        """Run it once on both sides, which warms their caches, and compare ours with the published answer."""
        self.in_process(query)
        rows = self.through_server(query)
        told = differences(rows, answer) if answer is not None else []
        self.wrong += bool(told)
        for sentence in told[:3]:
            print(f"query {number}: {sentence}")

    def time(self, number: int, query: str, runs: int) -> Timed:
        """The sides in turn."""

        def ours() -> float:
            return 1e3 * seconds(lambda: self.through_server(query))

        def theirs() -> float:
            return 1e3 * seconds(lambda: self.in_process(query))

        return Timed(number, *in_turn((ours, theirs), runs))


def measure(stage: Stage) -> Iterator[Figure]:
    """Every query's ratio, then the sum's; all answers are checked first."""
    with stage.ours.endpoint(DATABASE).connect() as client:
        config = {name: _setting(client, name) for name in SHARED_SETTINGS}
        with stage.data.open(**config) as own:
            queries = own.execute("select query_nr, query from tpch_queries() order by 1").fetchall()
            published = "select query_nr, answer from tpch_answers() where scale_factor = ?"
            answers = dict(own.execute(published, [stage.data.scale]).fetchall())
            rivals = Rivals(client, own)
            timed = []
            for number, query in queries:
                rivals.check(number, query, answers.get(number))
                timed.append(rivals.time(number, query, max(LEAST_RUNS, stage.options.runs)))
    yield from (_figure(f"query {query.number}", query.ours.median, query.theirs.median) for query in timed)
    note = ", ".join(f"{name} {value}" for name, value in config.items())
    ours, theirs = sum(query.ours.median for query in timed), sum(query.theirs.median for query in timed)
    yield _figure(f"sum of the {len(timed)}", ours, theirs, TARGET, note)
    if answers:
        yield Figure(PART, "answers that differ from the published ones", "", rivals.wrong, target=NO_DIFFERENCE)


def _figure(what: str, ours: float, theirs: float, target: Target | None = None, note: str = "") -> Figure:
    return Figure(PART, what, "ms", ours, "DuckDB in process", theirs, target, note)


def _setting(client: psycopg.Connection[tuple[object, ...]], name: str) -> str:
    row = client.execute("select value from duckdb_settings() where name = %s", [name]).fetchone()
    if row is None:
        message = f"the server's DuckDB has no setting {name}"
        raise LookupError(message)
    return str(row[0])
