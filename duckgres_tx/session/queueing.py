"""A lock for many who want it at once."""

from __future__ import annotations

from typing import Self

from twisted.internet.defer import DeferredLock


class QueueingLock(DeferredLock):
    """A lock that goes from one to the next in a loop.

    Twisted's is handed over inside of ``release``, so that those who wait and do little with it are so many calls deep: a few hundred
    sessions that wait for one database to open would be more than Python allows.
    """

    _handing_over = False

    def release(self: Self) -> None:
        """Let the next one have it, in the order of their coming."""
        if not self.locked:
            raise RuntimeError("released a lock that nobody has")
        self.locked = False
        if self._handing_over:
            # the loop below, further out, goes on
            return
        self._handing_over = True
        try:
            while self.waiting and not self.locked:
                self.locked = True
                self.waiting.pop(0).callback(self)
        finally:
            self._handing_over = False
