"""What has begun is waited for."""

from __future__ import annotations

from pairs import has_no_result, result_of
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from duckgres_tx.pool.in_flight import InFlight


def test_the_last_one_ends_the_wait():
    """With none, there is nothing to wait for."""
    flights = InFlight(Clock())
    assert result_of(Deferred.fromCoroutine(flights.settle(2.0))) is True
    with flights.one_more():
        waited = Deferred.fromCoroutine(flights.settle(2.0))
        with flights.one_more():
            assert flights.count == 2
        assert has_no_result(waited)

    assert result_of(waited) is True


def test_the_wait_has_a_deadline():
    """And can be repeated."""
    clock = Clock()
    flights = InFlight(clock)
    with flights.one_more():
        late = Deferred.fromCoroutine(flights.settle(2.0))
        clock.advance(2.1)
        assert result_of(late) is False
        again = Deferred.fromCoroutine(flights.settle(2.0))
    assert result_of(again) is True
    assert clock.getDelayedCalls() == []
