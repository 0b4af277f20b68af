"""When sessions move: all of a database's at once, as soon as none of them has anything under way.

A database can be open in one worker only. So whoever moves can't go on before everybody has left; until then it is served where it is. If
there is no such moment within `HOLD_S`, each session waits from its own next idle moment on for the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from attrs import define
from twisted.internet.interfaces import IReactorTime

from duckgres_tx.session.databases import DatabaseSlot

HOLD_S = 5.0


class Leaver(Protocol):
    """A session that is to leave, or may be."""

    @property
    def may_leave(self) -> bool:
        """Whether nothing of it is under way."""

    @property
    def may_move(self) -> bool:
        """Whether it is to leave, nothing of it is under way, and it holds nothing that can't be taken along."""

    def depart(self) -> None:
        """Go."""


@define(eq=False)
class Departures:
    """Those of one host.

    Attributes:
        allowed: Whether sessions may be moved, as whoever has asked the host to let go of them says.
    """

    _clock: IReactorTime
    allowed: bool = False
    # after this nobody is served any more to wait for others
    _held_from: float = 0.0

    def begin(self, timeout_s: float, grace_s: float, *, moves: bool) -> None:
        """All are to leave, within so many seconds; those that are idle are asked after ``grace_s``."""
        if moves and not self.allowed:
            self._held_from = self._clock.seconds() + grace_s + min(HOLD_S, max(0.0, timeout_s - grace_s) / 2)
        self.allowed = moves

    def look(self, slot: DatabaseSlot, all_slots: Mapping[Any, DatabaseSlot]) -> None:
        """A session of that database has nothing to do: see whether it, and all others of its database, may go."""
        if not self.allowed:
            return
        mates: list[Leaver] = [conversation.parting for conversation, its in all_slots.items() if its is slot]
        if self._clock.seconds() < self._held_from and not all(leaver.may_leave for leaver in mates):
            return
        self._send(leaver for leaver in mates if leaver.may_move)

    @staticmethod
    def _send(leavers: Iterable[Leaver]) -> None:
        for leaver in list(leavers):
            leaver.depart()
