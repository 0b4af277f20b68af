"""What is to be done next is seen in the workers that there are."""

from __future__ import annotations

import pytest
from attrs import frozen

from duckgres_tx.pool.lifecycle import Phase
from duckgres_tx.pool.roll import Action, RollRecord, begin_rolls, next_step

R, C, S, D = Phase.READY, Phase.CONFIGURING, Phase.SPAWNING, Phase.DRAINING


@frozen
class Member:
    """A worker."""

    slot: int
    generation: int
    phase: Phase


def crew(*workers):
    """Workers of these generations and states."""
    return [Member(slot, generation, phase) for slot, (generation, phase) in enumerate(workers, 1)]


@pytest.mark.parametrize(
    ("workers", "size", "rolling", "wanted", "slot"),
    [
        # no roll: as many as wanted
        ([], 2, None, Action.REPLACE_THE_DEAD, None),
        ([(1, R)], 2, None, Action.REPLACE_THE_DEAD, None),
        ([(1, R), (1, S)], 2, None, Action.NOTHING, None),
        ([(1, R), (1, R)], 2, None, Action.NOTHING, None),
        ([(1, R), (1, D)], 2, None, Action.REPLACE_THE_DEAD, None),
        ([(1, R), (1, R), (1, R)], 2, None, Action.RETIRE, 3),
        ([(1, R), (1, R), (1, R), (1, D)], 2, None, Action.RETIRE, 3),
        ([(1, R), (2, R), (2, R)], 2, None, Action.RETIRE, 1),
        ([(1, R), (1, R), (1, C)], 2, None, Action.NOTHING, None),
        # a roll: the new one first, one at a time
        ([(1, R), (1, R)], 2, 2, Action.HIRE_A_SUCCESSOR, None),
        ([(1, R), (1, R), (2, S)], 2, 2, Action.NOTHING, None),
        ([(1, R), (1, R), (2, C)], 2, 2, Action.NOTHING, None),
        ([(1, R), (1, R), (2, R)], 2, 2, Action.RETIRE, 2),
        ([(1, R), (1, D), (2, R)], 2, 2, Action.NOTHING, None),
        ([(1, R), (2, R)], 2, 2, Action.HIRE_A_SUCCESSOR, None),
        ([(1, D), (2, R), (2, R)], 2, 2, Action.NOTHING, None),
        ([(2, R), (2, R)], 2, 2, Action.FINISH, None),
        # deaths in the middle of it
        ([(1, R), (2, S)], 2, 2, Action.NOTHING, None),
        ([(1, R), (1, D), (2, S)], 2, 2, Action.NOTHING, None),
        ([(2, S)], 2, 2, Action.REPLACE_THE_DEAD, None),
        ([(1, R), (1, R), (1, R), (1, D)], 2, 2, Action.NOTHING, None),
    ],
)
def test_the_next_step(workers, size, rolling, wanted, slot):
    """For each set of workers that may be met."""
    step = next_step(crew(*workers), size, rolling)

    assert step.action is wanted
    assert (step.worker and step.worker.slot) == slot


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_roll_comes_to_an_end(size):
    """With all new, and never fewer than wanted or more than one too many on the way."""
    workers = {slot: Member(slot, 1, R) for slot in range(1, size + 1)}
    for _ in range(10 * size):
        step = next_step(workers.values(), size, 2)
        if step.action is Action.FINISH:
            break
        if step.action is Action.HIRE_A_SUCCESSOR:
            slot = max(workers) + 1
            workers[slot] = Member(slot, 2, R)
        elif step.action is Action.RETIRE:
            workers.pop(step.worker.slot)
        assert size <= len(workers) <= size + 1
    assert [worker.generation for worker in workers.values()] == [2] * size


class Bench:
    """A roll's life."""

    def __init__(self) -> None:
        self.generation, self.rests = 1, 0
        self.record = RollRecord(self.begin, self.rest)
        self.life = begin_rolls(self.record)

    def begin(self):
        self.generation += 1
        return 3

    def rest(self):
        self.rests += 1


def test_one_roll_after_the_other():
    """The second begins when the first is done, and a third isn't remembered."""
    bench = Bench()
    assert bench.life.asked("one") == "rolling"
    assert (bench.record.reason, bench.record.total) == ("one", 3)
    assert "follows" in bench.life.asked("two")
    assert "already" in bench.life.asked("three")
    bench.life.finished()
    assert (bench.record.reason, bench.record.next_reason, bench.generation) == ("two", "", 3)
    bench.life.finished()

    assert not bench.record.is_rolling
    assert bench.rests == 1


def test_a_roll_that_fails_makes_way_for_the_next():
    """Somebody may have mended what was wrong, and asked again."""
    bench = Bench()
    bench.life.asked("one")
    bench.life.asked("two")
    bench.life.failed("no such extension")
    assert bench.record.reason == "two"
    bench.life.failed("no such extension")

    assert not bench.record.is_rolling
    assert bench.rests == 1


def test_a_roll_that_another_control_plane_has_begun_goes_on():
    """With its number, and without a new generation."""
    bench = Bench()
    bench.life.resumed("a signal", 4)
    assert (bench.record.total, bench.generation) == (4, 1)
    bench.life.finished()
    assert not bench.record.is_rolling


@pytest.mark.parametrize("asked", [0, 1, 2])
def test_a_roll_that_is_left_to_another_is_forgotten(asked):
    """Whether it is under way, has another one behind it, or isn't there."""
    bench = Bench()
    for _ in range(asked):
        bench.life.asked("one")
    bench.life.suspended()
    assert not bench.record.is_rolling
    assert bench.life.asked("anew") == "rolling"
