"""One measured comparison: two sides, their ratio, the target and whether it was met."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

from attrs import frozen

TIMES = "\N{MULTIPLICATION SIGN}"


@frozen
class Target:
    """A bound on the ratio of ours to the peer's, or (``absolute``) on our own value."""

    bound: float
    at_least: bool = True
    absolute: bool = False

    def met_by(self, value: float) -> bool:
        """Whether a ratio (or our value) keeps to the bound."""
        return value >= self.bound if self.at_least else value <= self.bound

    def describe(self) -> str:
        """The bound as the tables print it."""
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}{'' if self.absolute else ' ' + TIMES}"


@frozen
class Figure:
    """What was measured on both sides.

    ``ours`` and ``theirs`` are medians in ``unit``; ``theirs`` is None where nothing stands beside us.
    """

    part: str
    what: str
    unit: str
    ours: float
    peer: str = ""
    theirs: float | None = None
    target: Target | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours by theirs; None without a peer."""
        return self.ours / self.theirs if self.theirs else None

    @property
    def verdict(self) -> str:
        """``ok``, ``missed``, or nothing where no target is set."""
        if self.target is None:
            return ""
        judged = self.ours if self.target.absolute else self.ratio
        if judged is None:
            return "missed"
        return "ok" if self.target.met_by(judged) else "missed"


@frozen
class Samples:
    """What one side gave in several runs."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one: one disturbed run does not move it."""
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """How far the runs lie apart, relative to the median: 0.1 is ten per cent from the least to the most."""
        return (max(self.values) - min(self.values)) / self.median if self.median else 0.0


def in_turn(sides: Sequence[Callable[[], float]], runs: int) -> list[Samples]:
    """Run the sides A B A B …, so that what disturbs the machine meets all of them alike."""
    values: list[list[float]] = [[] for _ in sides]
    for _ in range(runs):
        for taken, side in zip(values, sides, strict=True):
            taken.append(side())
    return [Samples(tuple(taken)) for taken in values]


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes, in seconds of wall time."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
