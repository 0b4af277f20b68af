"""Connections to an instance that are open before anybody asks for them.

A login would have to wait for a native thread to open one and set it up. Those here were set up like the last sessions', a few
at a time: what DuckDB needs for that is in the processor's caches for all of them but the first. A connection is handed out
once and ends with its session, so nothing of one session is ever seen by another.
"""

from __future__ import annotations

from attrs import define, field
from twisted.logger import Logger
from twisted.python.failure import Failure

from duckgres_tx.engine.database import Connection, Database, DuckDBError
from duckgres_tx.session.executor import Executor

# Each holds some 10 KiB of memory.
MAX_READY = 8
# More are opened when no more than this are left.
FEW = 3
# After so many sessions in a row that begin otherwise, those to come are expected to do so too.
PATIENCE = 4


@define(eq=False)
class ReadyConnections:
    """Those of one instance, all set up by the same script."""

    _executor: Executor
    _database: Database
    _script: str | None = None
    _ready: list[Connection] = field(factory=list)
    _coming: int = 0
    _strangers: int = 0
    _closed: bool = False
    _log: Logger = field(factory=Logger)

    async def connect(self, script: str) -> Connection:
        """A connection on which a script has run, and nothing else.

        Raises:
            DuckDBError: It can't be made.
        """
        native = self._take(script)
        if native is None:
            made: Connection = await self._executor.finish(self._executor.threads.connect(self._database, script))
            native = made
        self._open_more()
        return native

    def close(self) -> None:
        """The instance closes, and closes its connections."""
        self._closed = True
        self._ready.clear()

    def _take(self, script: str) -> Connection | None:
        if script == self._script:
            self._strangers = 0
            return self._ready.pop() if self._ready else None
        self._strangers += 1
        if self._script is None or self._strangers >= PATIENCE:
            self._script = script
            self._strangers = 0
            for native in self._ready:
                self._executor.threads.discard(native)
            self._ready.clear()
        return None

    def _open_more(self) -> None:
        there = len(self._ready) + self._coming
        if there > FEW or self._script is None or self._closed or self._database.closed:
            return
        for _ in range(MAX_READY - there):
            self._coming += 1
            job = self._executor.threads.connect(self._database, self._script, patient=True)
            coming = self._executor.finish(job)
            coming.addCallbacks(self._came, self._failed, callbackArgs=(self._script,))

    def _came(self, native: Connection, script: str) -> None:
        self._coming -= 1
        if script == self._script and not self._closed:
            self._ready.append(native)
        else:
            self._executor.threads.discard(native)

    def _failed(self, failure: Failure) -> None:
        self._coming -= 1
        # A session that needs one tries for itself, and is told what is wrong.
        if failure.check(DuckDBError) is None:
            self._log.failure("could not open a connection ahead", failure=failure)
