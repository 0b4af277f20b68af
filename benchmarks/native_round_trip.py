"""What a short statement costs between the reactor thread and the native threads, without a server around it.

Run it alone on the machine: ``python -m benchmarks.native_round_trip``.
"""

from __future__ import annotations

import select
import time
from typing import Any

from duckgres_tx.engine.database import NativeThreads, Statement
from duckgres_tx.engine.execution import Execution
from duckgres_tx.engine.native_threads import Job
from duckgres_tx.engine.rendering import RenderOptions

TIMEOUT_S = 60
# As in a worker: more than are ever needed.
MAX_THREADS = 64
RENDER = RenderOptions()


def _result(threads: NativeThreads, job: Job) -> Any:
    threads.wait(job, TIMEOUT_S)
    return job.result


def _submit(threads: NativeThreads, statement: Statement) -> Execution:
    return threads.execute(statement, (), (), (), (), RENDER)


def measure(connections: int, statements: int) -> tuple[float, float, float]:
    """Prepared ``select 1`` on so many connections at once.

    Returns:
        Statements a second, and the processor time of each in µs: the reactor thread's and all threads'.
    """
    threads = NativeThreads(MAX_THREADS)
    try:
        database = _result(threads, threads.open_database(":memory:", {"threads": "2"}))
        prepared = []
        for _ in range(connections):
            connection = _result(threads, threads.connect(database))
            prepared.append(_result(threads, threads.prepare(connection, b"select 1")))
        threads.completed()
        begin, busy, all_busy = time.perf_counter(), time.thread_time(), time.process_time()
        running = {_submit(threads, statement): statement for statement in prepared}
        done = 0
        while done < statements:
            select.select([threads.fileno()], [], [], TIMEOUT_S)
            threads.completed()
            for execution in [execution for execution in running if execution.done]:
                execution.take()
                done += 1
                statement = running.pop(execution)
                running[_submit(threads, statement)] = statement
        rate = statements / (time.perf_counter() - begin)
        return rate, (time.thread_time() - busy) / done * 1e6, (time.process_time() - all_busy) / done * 1e6
    finally:
        threads.shutdown()


def main() -> None:
    """Print one line for each number of connections."""
    for connections in (1, 8, 64):
        rate, cost, whole = measure(connections, 20000)
        print(
            f"{connections:3} connections: {rate:8.0f}/s, {whole:5.1f} µs each, {cost:5.1f} of them the reactor thread's"
        )


if __name__ == "__main__":
    main()
