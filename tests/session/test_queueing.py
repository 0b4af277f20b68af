"""A lock that hundreds of sessions wait for."""

from __future__ import annotations

import sys

import pytest
from twisted.internet.defer import Deferred

from duckgres_tx import tasks
from duckgres_tx.session.queueing import QueueingLock


def test_any_number_may_wait():
    """One after the other, in the order of their coming, however little each of them does."""
    lock, gate, came = QueueingLock(), Deferred(), []

    async def opens():
        async with lock:
            await gate

    async def uses(number):
        async with lock:
            came.append(number)

    tasks.start(opens(), "open")
    wanted = list(range(10 * sys.getrecursionlimit()))
    for number in wanted:
        tasks.start(uses(number), "use")
    assert came == []
    gate.callback(None)

    assert came == wanted
    assert not lock.locked


def test_one_has_it_at_a_time():
    """Also when the next one waits while it has it."""
    lock, gates, came = QueueingLock(), [Deferred() for _ in range(3)], []

    async def uses(number):
        async with lock:
            came.append(number)
            await gates[number]

    for number in range(3):
        tasks.start(uses(number), "use")
    for number in range(3):
        assert came == list(range(number + 1))
        gates[number].callback(None)
    assert not lock.locked


def test_who_comes_while_it_is_handed_over_waits_its_turn():
    """Nobody has it together with another."""
    lock, came, inside = QueueingLock(), [], []

    async def uses(name, then=None):
        async with lock:
            inside.append(name)
            assert len(inside) == 1
            came.append(name)
            inside.remove(name)
        if then is not None:
            await uses(then)

    lock.acquire()
    tasks.start(uses("a", "again"), "use")
    tasks.start(uses("b"), "use")
    lock.release()

    assert sorted(came) == ["a", "again", "b"]


def test_only_who_has_it_can_let_go():
    """A mistake is not made worse."""
    with pytest.raises(RuntimeError):
        QueueingLock().release()
