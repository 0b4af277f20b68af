"""The client's CopyData on its way to the job that takes it, no faster than that."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from duckgres_tx.engine.copy_in import CopyInJob


class CopyInflow:
    """What of a session's COPY … FROM STDIN concerns its conversation; one at a time.

    While there is a job the statement goes on, whoever has the turn.

    Args:
        ready: Called when the job takes bytes again, or is over: whether the client's turn goes on.
    """

    __slots__ = ("_is_full", "_job", "_ready")

    def __init__(self, ready: Callable[[bool], None]) -> None:
        self._ready = ready
        self._job: CopyInJob | None = None
        self._is_full = False

    @property
    def active(self) -> bool:
        """A job wants data."""
        return self._job is not None

    def begin(self, job: CopyInJob) -> Deferred[None]:
        """Pass data on to a job; fires when the job is over, however that ends."""
        over: Deferred[None] = Deferred()

        def news(job: CopyInJob) -> None:
            if job.done:
                job.callback = None
                self._job = None
                self._ready(False)
                over.callback(None)
            elif self._is_full:
                self._is_full = False
                self._ready(True)

        job.callback = news
        self._job = job
        self._is_full = False
        return over

    def write(self, data: bytes) -> bool:
        """Pass data on; without a job it is dropped.

        Returns:
            Whether the job takes more now.
        """
        if self._job is not None and not self._job.write(data):
            self._is_full = True
        return not self._is_full

    def finish(self, failure: str | None = None) -> bool:
        """The client has said CopyDone, or CopyFail and why.

        Returns:
            Whether there is a job that will be over soon.
        """
        if self._job is None:
            return False
        self._job.finish(failure)
        return True
