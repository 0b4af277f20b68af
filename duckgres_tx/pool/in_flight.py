"""What has begun and not ended: counted, so that somebody can wait for its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError


@define(eq=False)
class InFlight:
    """One count.

    Attributes:
        count: How many there are now.
    """

    _clock: Any
    count: int = 0
    _quiet: list[Deferred[None]] = field(factory=list)

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """For the time of a ``with`` block."""
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1
            if not self.count:
                quiet, self._quiet = self._quiet, []
                for waiter in quiet:
                    waiter.callback(None)

    async def settle(self, timeout_s: float) -> bool:
        """Wait until there is none; False when there still is one."""
        if not self.count:
            return True
        waiter: Deferred[None] = Deferred()
        self._quiet.append(waiter)
        try:
            await waiter.addTimeout(timeout_s, self._clock)
        except DeferredTimeoutError:
            self._quiet.remove(waiter)
            return False
        return True
