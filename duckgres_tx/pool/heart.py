"""Listening to a worker's heart: one `Health` after the other, and what many unanswered ones in a row mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IDelayedCall

from duckgres_tx.pool.commands import NotConfigured, WorkerFault
from duckgres_tx.pool.link import LinkLost
from duckgres_tx.tasks import start

INTERVAL_S = 2.0
# an answer that is later than this is a miss; the next question comes right after
DEADLINE_S = 1.9
MISSES = 5


@define(eq=False)
class Heart:
    """Beats from `begin` to `stop`.

    Attributes:
        misses: Questions in a row that were not answered.
    """

    _clock: Any
    # asks for `Health`; may raise or fail with `LinkLost`
    _ask: Callable[[], Deferred[dict[str, Any]]]
    _heard: Callable[[dict[str, Any]], None]
    # told once, after so many misses
    _silent: Callable[[], None]
    misses: int = 0
    _next: IDelayedCall | None = None

    def begin(self) -> None:
        """Listen from now on."""
        self.stop()
        self.misses = 0
        self._later()

    def stop(self) -> None:
        """Listen no more."""
        if self._next is not None:
            self._next.cancel()
        self._next = None

    def _later(self) -> None:
        self._next = self._clock.callLater(INTERVAL_S, self._beat)

    def _beat(self) -> None:
        self._later()
        start(self._listen(), "hear from a worker")

    async def _listen(self) -> None:
        try:
            answer = await self._ask().addTimeout(DEADLINE_S, self._clock)
        except (DeferredTimeoutError, LinkLost, NotConfigured, WorkerFault):
            self.misses += 1
            if self.misses >= MISSES and self._next is not None:
                self.stop()
                self._silent()
        else:
            self.misses = 0
            if self._next is not None:
                self._heard(answer)
