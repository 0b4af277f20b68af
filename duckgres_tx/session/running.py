"""A statement that runs: its rows go to the client as fast as the client reads, and no faster."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from duckgres_tx.engine.execution import Execution
from duckgres_tx.errors import PgError
from duckgres_tx.session.outgoing import Outgoing


class Running:
    """Takes the buffers that an execution has filled, and says when its run is over.

    While the transport is full nothing is taken: the execution's ring fills up, and its native thread waits, then parks.

    Args:
        output: Where the rows go.
        ends_well: Called when a run has ended well, before the last of its rows are passed on: what it has to tell stands before
            them, as in PostgreSQL.
    """

    __slots__ = ("_done", "_ends_well", "_execution", "_failure", "_head", "_output", "_sink")

    def __init__(self, output: Outgoing, ends_well: Callable[[], None]) -> None:
        self._output = output
        self._ends_well = ends_well
        self._execution: Execution | None = None
        self._done: Callable[[Execution], None] | None = None
        self._head = b""
        self._sink: Callable[[list[bytes]], None] | None = None
        self._failure: PgError | None = None

    @property
    def active(self) -> bool:
        """Something runs."""
        return self._execution is not None

    def start(self, execution: Execution, done: Callable[[Execution], None]) -> None:
        """Pass an execution's rows on.

        Args:
            execution: Just begun or resumed.
            done: Called when its run is over and its rows are in the output.
        """
        self._execution = execution
        self._done = done
        execution.callback = self._news

    def finish(self, execution: Execution, head: bytes = b"") -> Deferred[Execution]:
        """As ``start``; fires with the execution. It can't be cancelled: interrupt the execution.

        Args:
            execution: Just begun or resumed.
            head: Written before the first row, or at the end when there is none; not when it fails before.
        """
        self._head = head
        finished: Deferred[Execution] = Deferred()
        self.start(execution, finished.callback)
        return finished

    def divert(self, execution: Execution, sink: Callable[[list[bytes]], None]) -> Deferred[Execution]:
        """As ``finish``, but the rows go somewhere else than to the client.

        Args:
            execution: Just begun or resumed.
            sink: Gets whole DataRow messages as they come.
        """
        self._sink = sink
        return self.finish(execution)

    def pump(self) -> None:
        """Take what there is, unless the client has enough to read; called on news, and when the transport wants more."""
        execution, output = self._execution, self._output
        if execution is None:
            return
        over = execution.done
        ends_well = over and execution.error is None
        if self._sink is not None:
            if ends_well:
                self._ends_well()
            self._sink(execution.take())
        # What is left at the end is bounded by the ring, so it needn't wait.
        elif over or not output.paused:
            buffers = execution.take()
            try:
                self._pass_on(buffers, over=over, ends_well=ends_well)
            except PgError as error:
                self._give_up(execution, error)
        if over:
            done, self._done, self._execution = self._done, None, None
            execution.callback = None
            self._head = b""
            self._sink = None
            if done is not None:
                done(execution)

    def check(self) -> None:
        """Whether the rows of the run that is over have reached the output.

        Raises:
            PgError: 22P05: the client's encoding lacks a character of them.
        """
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _pass_on(self, buffers: list[bytes], *, over: bool, ends_well: bool) -> None:
        output = self._output
        if self._failure is not None:
            return
        if self._head and (buffers or ends_well):
            output.write(self._head)
            self._head = b""
        if ends_well:
            self._ends_well()
        if buffers:
            output.write_all(buffers)
            if not over:
                output.flush()

    def _give_up(self, execution: Execution, failure: PgError) -> None:
        """The rest of the rows is for nobody."""
        self._failure = failure
        if not execution.done:
            execution.interrupt()

    def _news(self, execution: Execution) -> None:
        self.pump()
