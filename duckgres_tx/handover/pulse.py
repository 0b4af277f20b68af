"""Whether the process at the other end of a link lives: it is asked again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall

from duckgres_tx.handover.commands import Beat
from duckgres_tx.handover.patience import Patience
from duckgres_tx.pool.commands import WorkerFault
from duckgres_tx.pool.link import Link, LinkLost
from duckgres_tx.tasks import start

INTERVAL_S = 0.5
# without an answer for so long it is taken for dead
MISSING_S = 2.5


@define(eq=False)
class Pulse:
    """Of one process; ``stopped`` is called once when it doesn't answer. Its death is told by the link."""

    _clock: Any
    _link: Link
    _stopped: Callable[[], None]
    _missing: Patience = field(init=False)
    _next: IDelayedCall | None = None
    _asking: bool = False
    _confirmed: Callable[[], None] | None = None

    def __attrs_post_init__(self) -> None:
        self._missing = Patience(self._clock, MISSING_S, self._has_stopped)

    def begin(self) -> None:
        """Ask from now on."""
        self._missing.begin()
        self._ask()

    def end(self) -> None:
        """Ask no more. Nothing happens if nobody asks."""
        self._missing.end()
        self._confirmed = None
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def confirm(self, confirmed: Callable[[], None]) -> None:
        """Have somebody told when the next answer has come."""
        self._confirmed = confirmed

    def _ask(self) -> None:
        self._next = self._clock.callLater(INTERVAL_S, self._ask)
        if not self._asking:
            start(self._beat(), "hear whether the newcomer lives")

    async def _beat(self) -> None:
        self._asking = True
        try:
            await self._link.ask(Beat)
        except (LinkLost, WorkerFault):
            return
        finally:
            self._asking = False
        if self._next is None:
            return
        self._missing.begin()
        confirmed, self._confirmed = self._confirmed, None
        if confirmed is not None:
            confirmed()

    def _has_stopped(self) -> None:
        self.end()
        self._stopped()
