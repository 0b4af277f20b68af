"""The client's CopyData on its way to the job that takes it, no faster than that."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from duckgres_tx.engine.copy_in import CopyInJob
from duckgres_tx.errors import PgError
from duckgres_tx.session.session import Session
from duckgres_tx.session.turn import Turn
from duckgres_tx.wire.frontend import CopyData, CopyDone, CopyFail


class CopyInflow:
    """What of a session's COPY … FROM STDIN concerns its conversation; one at a time.

    While there is a job the statement goes on, whoever has the turn.

    Args:
        turn: The server's turn in it.
        session: Its session.
        ready: Called when the job takes bytes again, or is over: whether the client's turn goes on.
    """

    __slots__ = ("_is_full", "_job", "_ready", "_session", "_turn")

    def __init__(self, turn: Turn, session: Session, ready: Callable[[bool], None]) -> None:
        self._turn = turn
        self._session = session
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

    # Steps: without a job, what comes is dropped

    def data(self, message: CopyData) -> None:
        """Pass data on; when the job can't take more now, what follows waits."""
        transcoder = self._session.transcoder
        try:
            data = message.data if transcoder is None else transcoder.copy_data(message.data)
        except PgError as error:
            self._session.interruption.request(error)
            return
        if self._job is not None and not self._job.write(data):
            self._is_full = True
            self._turn.wait()

    def end(self, message: CopyDone | CopyFail) -> None:
        """There is no more, or what there was is not to be kept; what follows waits for the end of the job."""
        try:
            if self._session.transcoder is not None and isinstance(message, CopyDone):
                self._session.transcoder.copy_ends()
        except PgError as error:
            self._session.interruption.request(error)
        if self._job is not None:
            self._job.finish(message.message if isinstance(message, CopyFail) else None)
            self._turn.wait()
