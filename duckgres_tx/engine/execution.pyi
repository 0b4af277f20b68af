from enum import IntEnum

from duckgres_tx.engine.native_threads import Job

class ResultKind(IntEnum):
    """What a finished statement gave. Same values as ``duckdb_result_type``; INVALID before it is known."""

    INVALID = 0
    CHANGED_ROWS = 1
    NOTHING = 2
    ROWS = 3

class Execution(Job):
    """A statement that runs, is parked, suspended or over. Reactor thread only.

    Appears in ``NativeThreads.completed()`` whenever there is news: filled buffers, or the end of this run. Then call
    ``take()`` (everything that was filled before ``done`` became true is in it) and look at ``done``.
    Dropping the last reference closes it.
    """

    @property
    def suspended(self) -> bool: ...  # over because row_limit was reached; more rows may follow
    @property
    def rows(self) -> int: ...  # DataRows encoded since the last resume()
    @property
    def total_rows(self) -> int: ...
    @property
    def rows_changed(self) -> int | None: ...  # once done; of CREATE TABLE AS too, whose result_kind is NOTHING
    @property
    def result_kind(self) -> ResultKind: ...
    @property
    def result(self) -> None: ...  # raises the error
    @property
    def spooled(self) -> bool: ...  # the rest comes from a temporary file: the connection is free for others
    def take(
        self,
    ) -> list[bytes]: ...  # whole DataRow (or CopyData) messages, oldest first; lets production go on when parked
    def resume(self, row_limit: int = 0) -> None: ...  # only after done with suspended; ValueError otherwise
    def spool(self, directory: str) -> Job: ...  # drain the rest into an unlinked file in directory
    def close(self) -> None: ...  # any state; interrupts, and frees off the reactor; rows not taken are lost
