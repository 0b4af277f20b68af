"""Following the log file of a worker process.

A worker writes to a file and not to a pipe, so that it never notices whether a control plane reads, and the next control plane can
go on reading where the last one stopped.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define
from twisted.internet.interfaces import IDelayedCall

from duckgres_tx.handover.descriptors import OwnedDescriptor

POLL_INTERVAL_S = 0.25
# what is taken at once; the rest is taken the next time
READ_BYTES = 256 << 10
# a file that has been read beyond this is emptied; the worker appends, so it goes on at the new end
EMPTIED_FROM_BYTES = 1 << 20


@define(eq=False)
class LogTail:
    """Reads what is appended to one file.

    Attributes:
        offset: How much of the file has been passed on, in bytes; always at the start of a line.
    """

    _clock: Any
    _path: Path
    # gets whole lines
    _feed: Callable[[bytes], None]
    offset: int = 0
    _file: OwnedDescriptor | None = None
    _next: IDelayedCall | None = None

    def start(self, offset: int | None) -> None:
        """Read from now on.

        Args:
            offset: Where to begin, in bytes; None is the present end of the file.

        Raises:
            OSError: There is no such file.
        """
        self.stop()
        self._file = OwnedDescriptor(os.open(self._path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW))
        size = os.fstat(self._file.fd).st_size
        # one that another reader has emptied since is read from its start
        self.offset = size if offset is None else offset if offset <= size else 0
        self._poll()

    def stop(self) -> None:
        """Read no more; the file stays as it is."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def finish(self) -> None:
        """The writer has ended: read everything that is left, a torn last line too, and stop."""
        if self._file is not None:
            while self._take(READ_BYTES) == READ_BYTES:
                pass
            rest = os.pread(self._file.fd, READ_BYTES, self.offset)
            self.offset += len(rest)
            if rest:
                self._feed(rest + b"\n")
        self.stop()

    def _poll(self) -> None:
        self._take(READ_BYTES)
        self._empty()
        self._next = self._clock.callLater(POLL_INTERVAL_S, self._poll)

    def _take(self, limit_bytes: int) -> int:
        """Pass on the whole lines of what comes next; returns how many bytes were there."""
        file = self._present()
        if self.offset > os.fstat(file).st_size:
            self.offset = 0
        data = os.pread(file, limit_bytes, self.offset)
        # a line that fills everything is passed on in pieces
        whole = len(data) if len(data) == limit_bytes and b"\n" not in data else data.rfind(b"\n") + 1
        if whole:
            self.offset += whole
            self._feed(data[:whole])
        return len(data)

    def _empty(self) -> None:
        """Keep the file small. What the worker writes between the look at its size and the cut, microseconds, is lost."""
        file = self._present()
        if self.offset >= EMPTIED_FROM_BYTES and self.offset == os.fstat(file).st_size:
            os.ftruncate(file, 0)
            self.offset = 0

    def _present(self) -> int:
        if self._file is None:
            raise RuntimeError("the log is not being read")
        return self._file.fd
