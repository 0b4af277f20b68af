"""What a worker process has in the runtime directory: the UNIX socket that it listens on, and its log file beside it.

Their names are ``worker-<slot>-<token>.sock`` and ``.log``; the token is random, so that no name ever comes twice and a worker that is slow
to die is never taken for its successor.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from attrs import define, field
from twisted.logger import Logger

from duckgres_tx.logs import WorkerOutput
from duckgres_tx.pool.log_tail import LogTail

_TOKEN_BYTES = 4
_NAME = re.compile(r"worker-(\d+)-[0-9a-f]+\.sock")


@define(eq=False)
class WorkerFiles:
    """Socket and log of one worker, and the reading of that log.

    Attributes:
        socket: Path of the socket.
        slot: The number of the worker, which is in the name.
    """

    socket: Path
    slot: int
    _clock: Any
    _output: WorkerOutput = field(init=False)
    _tail: LogTail = field(init=False)
    _followed: bool = False
    _log: Logger = field(factory=Logger)

    def __attrs_post_init__(self) -> None:
        self._output = WorkerOutput(f"worker {self.slot}")
        self._tail = LogTail(self._clock, self.log, self._output.feed)

    @classmethod
    def fresh(cls, clock: Any, runtime_dir: Path, slot: int) -> Self:
        """Names for a new worker of a slot; nothing is made yet."""
        return cls(runtime_dir / f"worker-{slot}-{secrets.token_hex(_TOKEN_BYTES)}.sock", slot, clock)

    @property
    def log(self) -> Path:
        """Path of the log."""
        return self.socket.with_suffix(".log")

    @property
    def log_offset(self) -> int:
        """How much of the log has been read, in bytes."""
        return self._tail.offset

    def follow(self, offset: int | None) -> None:
        """Say in our log what the worker writes to its own, if it is still there.

        Args:
            offset: From where, in bytes; None is from now on.
        """
        self._followed = True
        try:
            self._tail.start(offset)
        except OSError as error:
            self._log.warn("the log {path} can't be read: {error}", path=str(self.log), error=error.strerror)

    def leave(self) -> None:
        """Another control plane reads the log from now on, and removes the files when the worker has ended."""
        self._followed = False
        self._tail.stop()

    def finish(self) -> str:
        """The worker has ended: read the rest of its log and remove both files, unless they were left to another control plane.

        Returns:
            Its last words; "" when it had none.
        """
        if not self._followed:
            return ""
        self._followed = False
        self._tail.finish()
        self.remove()
        return self._output.last_words

    def remove(self) -> None:
        """Remove both files. The log goes first, so that a log never stays without its socket, by which it is found."""
        self.log.unlink(missing_ok=True)
        self.socket.unlink(missing_ok=True)


def sockets_in(runtime_dir: Path) -> Iterator[tuple[Path, int]]:
    """The sockets of workers, alive or dead, in a runtime directory, each with its slot."""
    for path in sorted(runtime_dir.glob("worker-*.sock")):
        match = _NAME.fullmatch(path.name)
        if match is not None:
            yield path, int(match[1])
