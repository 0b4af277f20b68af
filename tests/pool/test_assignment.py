"""Clients wait for their worker, each as long as it takes and not longer."""

from __future__ import annotations

import pytest
from crew import FakeCrew, FakeWorker
from pairs import has_no_result, result_of
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from duckgres_tx.errors import PgError
from duckgres_tx.pool.arrival import Arrival
from duckgres_tx.pool.assignment import CLAIM_DEADLINE_S, MAX_WAITING, ROUTE_DEADLINE_S, Assignment
from duckgres_tx.pool.placement import Placement
from duckgres_tx.pool.waiting_room import WaitingRoom

PATIENCE_S = 75.0


class Bench:
    """An assignment with two workers."""

    def __init__(self) -> None:
        self.clock, self.placement = Clock(), Placement("postgres")
        self.workers = [FakeWorker(slot) for slot in (1, 2)]
        self.crew = FakeCrew(list(self.workers))
        self.assignment = Assignment(self.clock, self.placement, WaitingRoom(), self.crew, PATIENCE_S)

    def find(self, database="sales", waited_s=0.0):
        """A client looks for a worker."""
        arrival = Arrival(-1, "10.0.0.1", 1, b"", database, waited_s=waited_s)
        return Deferred.fromCoroutine(self.assignment.find(arrival))

    def claim(self, worker, database="sales"):
        """A worker asks for a database."""
        return Deferred.fromCoroutine(self.assignment.claim(worker, database))

    def draining_owner(self, database="sales"):
        """A database whose owner drains, that worker, and the one that is to be the next."""
        owner = self.placement.choose(database, self.workers)
        self.placement.give(database, owner)
        owner.is_ready, owner.is_draining = False, True
        (successor,) = self.crew.ready()
        return owner, successor

    def let_go(self, owner, database="sales"):
        """The owner has closed it."""
        self.placement.closed(database, owner)
        self.assignment.something_changed()


@pytest.fixture
def bench():
    """All is well."""
    return Bench()


def is_refused(found) -> bool:
    """Whether a client was told that there is no worker."""
    with pytest.raises(PgError) as caught:
        result_of(found)
    return caught.value.sqlstate == "57P03"


def test_a_client_goes_to_the_owner(bench):
    """At once."""
    bench.placement.give("sales", bench.workers[1])
    assert result_of(bench.find()) is bench.workers[1]


def test_clients_of_a_draining_owner_wait_as_long_as_it_may_take(bench):
    """And are served by the next one."""
    owner, successor = bench.draining_owner()
    found = bench.find()
    bench.clock.advance(PATIENCE_S - 1)
    bench.assignment.something_changed()
    assert has_no_result(found)
    bench.let_go(owner)

    assert result_of(found) is successor


def test_they_are_refused_when_it_takes_longer(bench):
    """However often something has changed meanwhile."""
    bench.draining_owner()
    found = bench.find()
    for _ in range(int(PATIENCE_S)):
        assert has_no_result(found)
        bench.clock.advance(1)
        bench.assignment.something_changed()

    assert is_refused(found)


def test_the_next_owner_has_as_long_as_any_to_come(bench):
    """The one that drained has ended, and its replacement is not there yet."""
    owner, successor = bench.draining_owner()
    found = bench.find()
    bench.clock.advance(PATIENCE_S - 1)
    successor.is_ready = False
    bench.let_go(owner)
    bench.clock.advance(ROUTE_DEADLINE_S - 1)
    assert has_no_result(found)
    bench.clock.advance(1)
    assert is_refused(found)


def test_what_it_has_waited_elsewhere_counts(bench):
    """Another control plane has passed it on."""
    bench.draining_owner()
    found = bench.find(waited_s=PATIENCE_S - 5)
    bench.clock.advance(5)
    assert is_refused(found)


def test_a_worker_that_is_not_there_is_waited_for_as_ever(bench):
    """Ten seconds."""
    for worker in bench.workers:
        worker.is_ready = False
    found = bench.find()
    bench.clock.advance(ROUTE_DEADLINE_S - 1)
    assert has_no_result(found)
    bench.clock.advance(1)
    assert is_refused(found)


def test_a_client_that_has_not_said_what_it_wants_finds_out_while_it_waits(bench):
    """Under TLS the database is a guess, so it goes to the worker that would be the next owner of that."""
    bench.placement.learn("10.0.0.1", "sales")
    _, successor = bench.draining_owner()

    assert result_of(bench.find(None)) is successor


def test_the_next_owner_waits_with_its_claim(bench):
    """So that the session needn't be sent around."""
    owner, successor = bench.draining_owner()
    claim = bench.claim(successor)
    assert has_no_result(claim)
    bench.let_go(owner)

    assert result_of(claim) is True
    assert bench.placement.owner("sales") is successor


def test_a_claim_that_waits_too_long_is_refused(bench):
    """Then the session is relayed, and waits for nothing there."""
    _, successor = bench.draining_owner()
    claim = bench.claim(successor)
    bench.clock.advance(CLAIM_DEADLINE_S - 1)
    assert has_no_result(claim)
    bench.clock.advance(1)

    assert result_of(claim) is False


def test_the_draining_owner_keeps_what_it_has(bench):
    """Its sessions come and go in it still."""
    owner, _ = bench.draining_owner()
    assert result_of(bench.claim(owner)) is True


def test_another_s_claim_is_answered_at_once(bench):
    """Its session is sent to where the database will be."""
    bench.workers.append(FakeWorker(3))
    bench.crew.workers.append(bench.workers[2])
    owner = bench.placement.choose("sales", bench.workers)
    bench.placement.give("sales", owner)
    owner.is_ready, owner.is_draining = False, True
    successor = bench.placement.successor("sales", bench.crew.ready())
    (third,) = [worker for worker in bench.crew.ready() if worker is not successor]

    assert result_of(bench.claim(third)) is False


def test_nothing_is_given_away_before_all_have_said_what_they_have(bench):
    """A worker that was just found may have any database open."""
    bench.crew.is_known = False
    claims = [bench.claim(worker) for worker in bench.workers]
    found = bench.find()
    assert all(map(has_no_result, (*claims, found)))
    bench.crew.is_known = True
    bench.placement.give("sales", bench.workers[1])
    bench.assignment.something_changed()

    assert [result_of(claim) for claim in claims] == [False, True]
    assert result_of(found) is bench.workers[1]


def test_what_is_known_to_be_somebody_s_needn_t_wait(bench):
    """Its clients are served while others are still asked."""
    bench.crew.is_known = False
    bench.placement.give("sales", bench.workers[1])

    assert result_of(bench.find()) is bench.workers[1]
    assert result_of(bench.claim(bench.workers[0])) is False


def test_who_is_not_in_charge_answers_no_claim(bench):
    """What it knows may be out of date; it answers when it has taken charge again."""
    bench.crew.is_in_charge = False
    claim = bench.claim(bench.workers[0])
    bench.assignment.close()
    bench.clock.advance(CLAIM_DEADLINE_S)
    assert has_no_result(claim)
    bench.crew.is_in_charge = True
    bench.assignment.something_changed()

    assert result_of(claim) in (True, False)


def test_too_many_don_t_wait(bench):
    """The next one is refused at once."""
    bench.draining_owner()
    waiting = [bench.find() for _ in range(MAX_WAITING)]
    assert is_refused(bench.find())
    bench.assignment.close()

    assert all(map(is_refused, waiting))


def test_a_session_is_settled_where_it_is_sent(bench):
    """So that its worker doesn't send it on."""
    arrival = Arrival(-1, "", 0, b"", "sales", relayed=True)
    owner, successor = bench.draining_owner()
    settled = Deferred.fromCoroutine(bench.assignment.settle(arrival, "sales"))
    assert has_no_result(settled)
    bench.let_go(owner)
    result_of(settled)

    assert bench.placement.owner("sales") is successor
