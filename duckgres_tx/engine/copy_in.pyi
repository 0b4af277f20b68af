from duckgres_tx.engine.native_threads import Job

class CopyInJob(Job):
    """A COPY … FROM STDIN. Reactor thread only. Its result is None; ``rows`` tells how many were inserted.

    Appears in ``NativeThreads.completed()`` when it is over, and when there is room again after a ``write`` that said no.
    """

    def write(self, data: bytes | memoryview) -> bool: ...  # copies; False: wait for news before writing more
    def finish(self, reason: str | None = None) -> None: ...  # the end; with a reason: the client gives up
    @property
    def rows(self) -> int: ...
    @property
    def input_is_bad(self) -> bool: ...  # it failed by what the client sent, or because the client gave up
    @property
    def where(self) -> str: ...  # the context of such a failure, in PostgreSQL's words
    @property
    def hint(self) -> str: ...
