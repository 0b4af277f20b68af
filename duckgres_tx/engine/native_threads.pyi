from collections.abc import Callable
from typing import Any

class DuckDBError(Exception):
    """DuckDB, or the binding on its behalf, refused or failed.

    Attributes:
        error_type: ``duckdb_error_type`` without its prefix: ``CATALOG``, ``PARSER``, ``BINDER``, ``CONSTRAINT``,
            ``CONVERSION``, ``INTERRUPT``, ``TRANSACTION``, ``FATAL``, ``INTERNAL``, …
        message: DuckDB's whole text, LINE block included.
        sqlstate: Set when the binding itself knows PostgreSQL's code (a parameter that can't be read, a full disk);
            then ``message`` is already in PostgreSQL's words.
    """

    error_type: str
    message: str
    sqlstate: str | None
    def __init__(self, error_type: str, message: str, sqlstate: str | None = None) -> None: ...

class Job:
    """Something that a native thread does. Reactor thread only.

    The pool keeps a job alive from its submission until ``NativeThreads.completed()`` has handed it out.
    """

    done: bool  # as of the last completed() (or wait()) that reported the job
    callback: Callable[[Any], None] | None  # the owner's; the engine never calls it
    @property
    def result(self) -> Any: ...  # raises DuckDBError when the job failed, RuntimeError while it isn't done
    @property
    def error(self) -> DuckDBError | None: ...
    def interrupt(self) -> None: ...  # takes effect also when no thread has begun; the job then fails with INTERRUPT
