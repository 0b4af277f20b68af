"""A deadline for another process, which doesn't run while our own process doesn't.

A process that was stopped (SIGSTOP, a suspended machine) finds all its deadlines past when it goes on, before it has read what the others
have answered long ago. So the time is counted in small steps, and a step that took much longer than it should counts as one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define
from twisted.internet.interfaces import IDelayedCall

STEP_S = 0.1


@define(eq=False)
class Patience:
    """One deadline; ``expired`` is called once when it is past, unless it was ended before."""

    _clock: Any
    _seconds: float
    _expired: Callable[[], None]
    _left_s: float = 0.0
    _last: float = 0.0
    _step: IDelayedCall | None = None

    def begin(self) -> None:
        """Wait the whole time, from now on; also when it has begun already."""
        self.end()
        self._left_s = self._seconds
        self._next()

    def end(self) -> None:
        """Wait no longer. Nothing happens if nobody waits."""
        if self._step is not None:
            self._step.cancel()
            self._step = None

    def _next(self) -> None:
        self._last = self._clock.seconds()
        self._step = self._clock.callLater(min(STEP_S, self._left_s), self._wait_on)

    def _wait_on(self) -> None:
        self._step = None
        self._left_s -= min(self._clock.seconds() - self._last, 2 * STEP_S)
        # of a sum of many steps, a millisecond may be left
        if self._left_s > STEP_S / 100:
            self._next()
        else:
            self._expired()
