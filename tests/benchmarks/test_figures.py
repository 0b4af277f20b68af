"""Ratios, targets and verdicts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.figures import Figure, Samples, Target, in_turn


@pytest.mark.parametrize(
    ("ours", "theirs", "target", "verdict"),
    [
        (8.0, 2.0, Target(4), "ok"),
        (7.9, 2.0, Target(4), "missed"),
        (104.0, 100.0, Target(1.05, at_least=False), "ok"),
        (106.0, 100.0, Target(1.05, at_least=False), "missed"),
        (99.0, 1000.0, Target(100, at_least=False, absolute=True), "ok"),
        (101.0, 1000.0, Target(100, at_least=False, absolute=True), "missed"),
        (1.0, None, Target(4), "missed"),
        (1.0, 2.0, None, ""),
    ],
)
def test_verdicts(ours: float, theirs: float | None, target: Target | None, verdict: str) -> None:
    """A target on the ratio looks at the ratio, an absolute one at our side alone; a missing peer is no success."""
    assert Figure("part", "what", "unit", ours, "peer", theirs, target).verdict == verdict


def test_sides_run_in_turn() -> None:
    """What disturbs the machine for a while meets both sides: A B A B, never A A B B."""
    order: list[str] = []

    def side(name: str) -> Callable[[], float]:
        def run() -> float:
            order.append(name)
            return float(len(order))

        return run

    ours, theirs = in_turn([side("a"), side("b")], 3)

    assert order == ["a", "b", "a", "b", "a", "b"]
    assert (ours.median, theirs.median) == (3.0, 4.0)


def test_the_median_ignores_one_disturbed_run() -> None:
    """One slow run of three does not count."""
    assert Samples((10.0, 1.0, 11.0)).median == 10.0
    assert Samples((10.0, 1.0, 11.0)).spread == 1.0
