"""Sessions are counted once, whoever has handed them over, and whatever news were lost."""

from __future__ import annotations

import pytest
from crew import FakeWorker
from twisted.internet.task import Clock

from duckgres_tx.admission import Admission, RateLimit
from duckgres_tx.pool.books import Books
from duckgres_tx.pool.inventory import Inventory, InventorySession
from duckgres_tx.pool.placement import Placement

HOST = "10.0.0.1"


class Bench:
    """Books, and what is behind them."""

    def __init__(self) -> None:
        self.admission = Admission(Clock(), 100, RateLimit(max_failed_attempts=2))
        self.placement = Placement("postgres")
        self.books = Books(self.admission, self.placement)
        self.worker, self.other = FakeWorker(1), FakeWorker(2)

    def inventory(self, *sessions, databases=()):
        """What a worker says."""
        return Inventory(
            pid=1, slot=1, generation=1, epoch=1, release="", sessions=tuple(sessions), databases=tuple(databases)
        )

    @property
    def counted(self):
        """Sessions, and those that count towards the limits."""
        return len(self.books.sessions), self.admission.open_connections


@pytest.fixture
def bench():
    """Nothing is written yet."""
    return Bench()


def told(pid, **changes):
    """A session as a worker tells of it."""
    return InventorySession(**{"backend_pid": pid, "remote_host": HOST, "user": "me", "database": "sales", **changes})


def test_what_a_worker_has_is_entered_once(bench):
    """However often it says so; one that is relayed doesn't count towards the limits."""
    inventory = bench.inventory(told(7), told(8, admitted=False), told(9, user="", database=""), databases=["sales"])
    bench.books.entered(bench.worker, inventory)
    bench.books.entered(bench.worker, inventory)

    assert bench.counted == (3, 2)
    assert bench.placement.owner("sales") is bench.worker
    assert bench.placement.guess(HOST) == "sales"
    assert bench.books.sessions.get(7).user == "me"


def test_their_ends_are_counted_too(bench):
    """As if they had been handed over here."""
    bench.books.entered(bench.worker, bench.inventory(told(7), told(8, admitted=False)))
    for pid in (7, 7, 8, 99):
        bench.books.closed(pid)

    assert bench.counted == (0, 0)


def test_what_is_missing_ends_when_it_is_missing_again(bench):
    """It may have been handed over while the worker wrote."""
    bench.books.entered(bench.worker, bench.inventory(told(7), told(8)))
    bench.books.entered(bench.worker, bench.inventory(told(7)))
    assert bench.counted == (2, 2)
    bench.worker.live = frozenset({7})
    bench.books.heard_from(bench.worker)
    assert bench.counted == (1, 1)

    bench.books.heard_from(bench.worker)
    assert bench.counted == (1, 1)


def test_a_session_that_another_control_plane_handed_over_is_entered_when_it_opens(bench):
    """It comes with its address; without one it is none that we don't know."""
    bench.books.opened(bench.worker, 7, "me", "sales", HOST, admitted=True)
    bench.books.opened(bench.worker, 8, "me", "sales", "", admitted=False)
    bench.books.opened(bench.worker, 9, "me", "sales", None, None)

    assert bench.counted == (2, 1)
    assert bench.books.sessions.get(7).database == "sales"


def test_a_good_password_is_told_with_it(bench):
    """So the failures before it are forgotten."""
    bench.admission.login_failed(HOST)
    bench.books.opened(bench.worker, 7, "me", "sales", HOST, admitted=True)
    bench.admission.login_failed(HOST)

    assert not bench.admission.is_banned(HOST)


def test_who_takes_charge_knows_no_owner_before_the_workers_have_spoken(bench):
    """Another control plane may have moved them."""
    bench.placement.give("sales", bench.worker)
    bench.books.promoted(6)
    assert bench.placement.owner("sales") is None
    assert bench.books.sessions.epoch == 6
    bench.books.entered(bench.other, bench.inventory(databases=["sales"]))
    assert bench.placement.owner("sales") is bench.other


def test_a_database_has_one_owner_even_if_two_say_so(bench):
    """The first keeps it."""
    bench.books.entered(bench.worker, bench.inventory(databases=["sales"]))
    bench.books.entered(bench.other, bench.inventory(databases=["sales", "stock"]))

    assert bench.placement.owner("sales") is bench.worker
    assert bench.placement.owner("stock") is bench.other


def test_a_pid_that_moved_is_the_latter_s(bench):
    """A number that two workers have had is counted once."""
    bench.books.entered(bench.worker, bench.inventory(told(7)))
    bench.books.entered(bench.other, bench.inventory(told(7)))

    assert bench.counted == (1, 1)
    assert bench.books.sessions.get(7).worker is bench.other


def test_with_a_worker_everything_of_it_is_forgotten(bench):
    """And told."""
    bench.books.entered(bench.worker, bench.inventory(told(7), told(8), databases=["sales"]))
    bench.books.entered(bench.other, bench.inventory(told(9)))
    lost, freed = bench.books.worker_died(bench.worker)

    assert ([session.backend_pid for session in lost], freed) == ([7, 8], ("sales",))
    assert bench.counted == (1, 1)


def test_who_is_on_its_way_to_another_worker_does_not_die_with_the_first(bench):
    """That worker's word may come a moment later; if it never comes, its heartbeats say that it hasn't the session."""
    bench.books.entered(bench.worker, bench.inventory(told(7), told(8), told(9)))
    for pid in (7, 8):
        bench.books.heads_for(pid, bench.other)

    lost, _ = bench.books.worker_died(bench.worker)
    assert [session.backend_pid for session in lost] == [9]
    bench.books.opened(bench.other, 7, "me", "sales", HOST, True)
    bench.other.live = frozenset({7})
    for _ in range(2):
        bench.books.heard_from(bench.other)

    assert bench.counted == (1, 1)
    assert bench.books.sessions.get(7).worker is bench.other


def test_nobody_heads_for_a_worker_that_has_died(bench):
    """The session is where it was, and dies with that."""
    bench.books.entered(bench.worker, bench.inventory(told(7)))
    bench.books.heads_for(7, bench.other)
    bench.books.worker_died(bench.other)

    lost, _ = bench.books.worker_died(bench.worker)

    assert [session.backend_pid for session in lost] == [7]
    assert bench.counted == (0, 0)
