"""TPC-H's 22 queries through psycopg beside the same queries in DuckDB in process, on copies of one file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import duckdb
import psycopg
from attrs import frozen

from benchmarks.answers import differences
from benchmarks.figures import Figure, Samples, Target, in_turn, seconds
from benchmarks.stage import Stage
from benchmarks.tpch_data import DATABASE

PART = "tpch"
TARGET = Target(1.05, at_least=False)
SHARED_SETTINGS = ("threads", "memory_limit")


@frozen
class Timed:
    """One query's times on both sides in milliseconds."""

    number: int
    ours: Samples
    theirs: Samples


def measure(stage: Stage) -> Iterator[Figure]:
    """Every query's ratio, then the sum's; all answers are checked first, which also warms both caches."""
    with stage.ours.endpoint(DATABASE).connect() as client:
        config = {name: str(_setting(client, name)) for name in SHARED_SETTINGS}
        with stage.data.open(**config) as own:
            queries = own.execute("select query_nr, query from tpch_queries() order by 1").fetchall()
            answers = dict(own.execute("select query_nr, answer from tpch_answers() where scale_factor = ?",
                                       [stage.data.scale]).fetchall())  # fmt: skip
            wrong = 0
            timed = []
            for number, query in queries:
                told = differences(_through(client, query), answers[number]) if number in answers else []
                for sentence in told[:3]:
                    print(f"query {number}: {sentence}")
                wrong += bool(told)
                sides: Sequence[Callable[[], float]] = (
                    lambda query=query: 1e3 * seconds(lambda: _through(client, query)),
                    lambda query=query: 1e3 * seconds(lambda: _in_process(own, query)),
                )
                _in_process(own, query)
                timed.append(Timed(number, *in_turn(sides, max(3, stage.options.runs))))
    for query in timed:
        yield Figure(PART, f"query {query.number}", "ms", query.ours.median, "DuckDB in process", query.theirs.median)
    total = [sum(side.median for side in sides) for sides in (
        [query.ours for query in timed], [query.theirs for query in timed])]  # fmt: skip
    yield Figure(PART, "sum of the 22", "ms", total[0], "DuckDB in process", total[1], TARGET,
                 ", ".join(f"{name} {value}" for name, value in config.items()))  # fmt: skip
    if answers:
        yield Figure(
            PART,
            "answers that differ from the published ones",
            "",
            wrong,
            target=Target(0, at_least=False, absolute=True),
        )


def _setting(client: psycopg.Connection[tuple[object, ...]], name: str) -> object:
    row = client.execute("select value from duckdb_settings() where name = %s", [name]).fetchone()
    if row is None:
        message = f"the server's DuckDB has no setting {name}"
        raise LookupError(message)
    return row[0]


def _through(client: psycopg.Connection[tuple[object, ...]], query: str) -> list[tuple[object, ...]]:
    return client.execute(query).fetchall()  # type: ignore[call-overload]  # TPC-H's text


def _in_process(own: duckdb.DuckDBPyConnection, query: str) -> list[tuple[object, ...]]:
    return own.execute(query).fetchall()
