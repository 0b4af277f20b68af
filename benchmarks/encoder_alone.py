"""The engine without a server: what the encoder gives when nothing has to go through a socket."""

from __future__ import annotations

import select
import time
from pathlib import Path
from typing import Any

from attrs import frozen

from duckgres_tx.engine.database import NativeThreads
from duckgres_tx.engine.execution import Execution
from duckgres_tx.engine.native_threads import Job
from duckgres_tx.engine.rendering import RenderOptions

ENGINE_TIMEOUT_S = 300


@frozen
class EncoderAlone:
    """The engine in this process: the statement runs and its DataRows are taken and dropped."""

    file: Path
    sql: str
    format_code: int

    def rate(self) -> float:
        """M rows/s of one execution, the file opened anew."""
        threads = NativeThreads(2)
        try:
            database = _result(threads, threads.open_database(str(self.file), {"access_mode": "READ_ONLY"}))
            connection = _result(threads, threads.connect(database))
            statement = _result(threads, threads.prepare(connection, self.sql.encode()))
            begin = time.perf_counter()
            execution = threads.execute(statement, (), (), (), [self.format_code], RenderOptions())
            _drain(threads, execution)
            rate = execution.total_rows / (time.perf_counter() - begin) / 1e6
            execution.close()
            for thing in (statement, connection, database):
                _result(threads, threads.close(thing))
            return rate
        finally:
            threads.shutdown()


def _result(threads: NativeThreads, job: Job) -> Any:
    threads.wait(job, ENGINE_TIMEOUT_S)
    return job.result


def _drain(threads: NativeThreads, execution: Execution) -> None:
    """Take buffers as the reactor would: on the eventfd's word."""
    deadline = time.monotonic() + ENGINE_TIMEOUT_S
    while True:
        select.select([threads.fileno()], [], [], max(0.0, deadline - time.monotonic()))
        threads.completed()
        execution.take()
        if execution.done:
            execution.take()
            break
        if time.monotonic() > deadline:
            message = "the execution did not end in time"
            raise TimeoutError(message)
    if execution.error is not None:
        raise execution.error
