"""Databases stay where they are, and move no more than they must."""

from __future__ import annotations

from crew import FakeWorker

from duckgres_tx.pool.placement import MAX_GUESSES, Placement

NAMES = [f"db{number}" for number in range(300)]


def test_databases_move_to_workers_that_stay():
    """While a rolling update is under way, the others would have to let them go again soon."""
    placement = Placement("postgres")
    workers = [FakeWorker(slot, is_to_go=slot in {1, 3}) for slot in (1, 2, 3, 4)]
    chosen = {placement.choose(f"d{number}", workers).slot for number in range(50)}

    assert chosen == {2, 4}
    placement.give("d1", workers[0])
    assert placement.choose("d1", workers) is workers[0]


def test_a_new_worker_takes_only_what_it_wins():
    """Databases don't change places among the workers that were there before."""
    old = [FakeWorker(slot) for slot in (1, 2, 3)]
    new = FakeWorker(4)
    placement = Placement("postgres")
    before = {name: placement.choose(name, old) for name in NAMES}
    after = {name: placement.choose(name, [*old, new]) for name in NAMES}

    moved = [name for name in NAMES if before[name] is not after[name]]
    assert all(after[name] is new for name in moved)
    assert 40 < len(moved) < 110


def test_databases_are_spread_evenly():
    """No worker gets more than half as much again as its share."""
    workers = [FakeWorker(slot) for slot in (1, 2, 3)]
    placement = Placement("postgres")
    chosen = [placement.choose(name, workers).slot for name in NAMES]

    assert all(60 < chosen.count(slot) < 150 for slot in (1, 2, 3))


def test_nobody_is_chosen_from_nobody():
    """The caller waits or refuses."""
    assert Placement("postgres").choose("x", []) is None


def test_what_a_dead_worker_owned_is_free():
    """And only that."""
    one, two = FakeWorker(1), FakeWorker(2)
    placement = Placement("postgres")
    placement.give("a", one)
    placement.give("b", two)

    assert placement.forget(one) == ("a",)
    assert placement.owner("a") is None
    assert placement.owner("b") is two


def test_only_the_chosen_one_may_open_what_nobody_has():
    """Otherwise all databases of one address would meet at the worker that its first client came to."""
    workers = [FakeWorker(slot) for slot in (1, 2, 3)]
    placement = Placement("postgres")
    for name in NAMES[:20]:
        chosen = placement.choose(name, workers)
        for worker in workers:
            if worker is not chosen:
                assert not placement.claim(name, worker, workers)
        assert placement.claim(name, chosen, workers)
        # and again, and when others would be chosen now
        assert placement.claim(name, chosen, [])
        assert placement.owner(name) is chosen


def test_what_was_given_stays_given():
    """A worker that comes later doesn't get it."""
    one, two = FakeWorker(1), FakeWorker(2)
    placement = Placement("postgres")
    for name in NAMES[:20]:
        placement.give(name, one)
        assert not placement.claim(name, two, [one, two])
        assert placement.claim(name, one, [two])


def test_a_guess_is_the_last_answer_else_the_default():
    """Per address."""
    placement = Placement("postgres")
    assert placement.guess("10.0.0.1") == "postgres"
    placement.learn("10.0.0.1", "sales")
    placement.learn("10.0.0.1", "hr")

    assert placement.guess("10.0.0.1") == "hr"
    assert placement.guess("10.0.0.2") == "postgres"


def test_guesses_are_bounded():
    """The address that asked longest ago is forgotten first."""
    placement = Placement("postgres")
    for number in range(MAX_GUESSES + 1):
        placement.learn(str(number), "sales")

    assert placement.guess("0") == "postgres"
    assert placement.guess("1") == "sales"
