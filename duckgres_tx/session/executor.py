"""Work on native threads, seen from the reactor: the only place that drains ``NativeThreads``.

Where a job runs is behind this: callers submit to ``threads`` and learn of news through the job's callback, on the reactor
thread, so work that is done elsewhere one day would look the same to them.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.internet.main import CONNECTION_LOST
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from duckgres_tx.engine.database import NativeThreads
from duckgres_tx.engine.native_threads import Job


@implementer(IReadDescriptor)
class Executor:
    """Delivers news of jobs to their callbacks.

    Attributes:
        threads: Where to submit; each method there returns at once.
    """

    _log = Logger()

    def __init__(self, reactor: IReactorFDSet, threads: NativeThreads) -> None:
        self.threads = threads
        self._reactor = reactor

    def start(self) -> None:
        """Begin to deliver."""
        self._reactor.addReader(self)

    def stop(self) -> None:
        """Deliver no more, and join the threads; whatever they still run must have been interrupted before."""
        self._reactor.removeReader(self)
        self.threads.shutdown()

    def finish(self, job: Job) -> Deferred[Any]:
        """Wait for a job.

        Returns:
            Fires with the job's result or its ``DuckDBError``. It can't be cancelled: interrupt the connection, and the job
            ends with an error of type INTERRUPT.
        """
        finished: Deferred[Any] = Deferred()

        def deliver(job: Job) -> None:
            if not job.done:
                return
            job.callback = None
            try:
                result = job.result
            except Exception:  # noqa: BLE001  whatever it is, it belongs to the one who waits
                finished.errback(Failure())
            else:
                finished.callback(result)

        job.callback = deliver
        return finished

    def forget(self, job: Job) -> None:
        """Let a job go on without anyone waiting for it, such as one that frees something; its failure is logged."""

        def report(job: Job) -> None:
            if not job.done:
                return
            job.callback = None
            try:
                job.result  # noqa: B018  reading it raises
            except Exception:  # noqa: BLE001
                self._log.failure("a native job that nobody waits for has failed")

        job.callback = report

    def doRead(self) -> None:
        """News is there: call back. A callback that fails is logged and harms no other session's."""
        for job in self.threads.completed():
            callback = job.callback
            if callback is None:
                continue
            try:
                callback(job)
            except Exception:  # noqa: BLE001  one session's bug must not take the others' news away
                self._log.failure("the callback of a native job has failed")

    def fileno(self) -> int:
        """The eventfd that is readable while news waits."""
        return self.threads.fileno()

    def connectionLost(self, reason: Failure = Failure(CONNECTION_LOST)) -> None:  # noqa: B008
        """The reactor gives the descriptor up; it belongs to ``threads``, which closes it."""

    def logPrefix(self) -> str:
        """How Twisted names this in its own log lines."""
        return "native threads"
