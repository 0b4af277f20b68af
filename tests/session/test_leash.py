"""Who has a session that is on its way: one of two workers at any moment, whatever is lost between them."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from duckgres_tx.session.leash import ANSWER_TIMEOUT_S, TAKE, VOID, YOURS, YOURS_CANCELLED, Answer, FarEnd, NearEnd


class Bench:
    """Both ends, and nothing between but what a test carries."""

    def __init__(self) -> None:
        self.asked = 0
        self.clock = Clock()
        self.near, self.far = NearEnd(self._ready), FarEnd()
        for end in (self.near, self.far):
            end.makeConnection(StringTransport())

    def _ready(self):
        self.asked += 1

    def take(self):
        """The taker is ready; gives what it hears, once it does."""
        heard = []
        Deferred.fromCoroutine(self.far.take(self.clock)).addCallback(heard.append)
        return heard

    def carry(self):
        """What each has said arrives at the other, then the ends of the streams."""
        self.near.dataReceived(self.far.transport.value())
        said = self.near.transport.value()
        if said:
            self.far.dataReceived(said)
        if self.near.transport.disconnecting:
            lose(self.far)


def lose(end):
    """The other end is gone."""
    end.connectionLost(Failure(ConnectionDone()))


@pytest.fixture
def bench():
    """Nothing is said yet."""
    return Bench()


@pytest.mark.parametrize(
    ("cancelled", "word", "answer"),
    [(False, YOURS, Answer.YOURS), (True, YOURS_CANCELLED, Answer.YOURS_CANCELLED)],
)
def test_it_is_the_taker_s_when_the_giver_says_so(bench, cancelled, word, answer):
    """Not a moment before, however ready it is."""
    heard = bench.take()
    assert bench.far.transport.value() == TAKE
    bench.near.dataReceived(TAKE)
    assert (bench.asked, heard, bench.near.over.called) == (1, [], False)
    bench.near.give(cancelled=cancelled)
    assert bench.near.transport.value() == word
    assert bench.near.over.called
    bench.carry()

    assert heard == [answer]


def test_who_calls_it_off_keeps_it(bench):
    """Also when the taker asks at the same moment: it hears no, and the giver doesn't hear of it."""
    heard = bench.take()
    bench.near.call_off()
    bench.carry()

    assert bench.near.transport.value() == VOID
    assert (heard, bench.asked) == ([Answer.NOT_YOURS], 0)


def test_what_was_called_off_is_not_given(bench):
    """A word that was said is the last."""
    bench.near.call_off()
    bench.near.give(cancelled=False)

    assert bench.near.transport.value() == VOID


def test_what_was_given_is_not_called_off(bench):
    """It is the taker's, and stays that."""
    heard = bench.take()
    bench.near.dataReceived(TAKE)
    bench.near.give(cancelled=False)
    bench.near.call_off()
    bench.carry()

    assert heard == [Answer.YOURS]
    assert bench.near.transport.value() == YOURS


def test_nobody_has_it_when_the_far_end_is_gone(bench):
    """Wherever on its way it was lost: the giver may offer it to somebody else, and gives this one to nobody."""
    lose(bench.near)
    bench.near.dataReceived(TAKE)
    bench.near.give(cancelled=False)

    assert bench.near.over.called
    assert (bench.asked, bench.near.transport.value()) == (0, b"")


def test_a_giver_that_has_died_leaves_it_to_the_taker(bench):
    """Nobody else has its client; before it was asked, or after."""
    heard = bench.take()
    lose(bench.far)
    assert heard == [Answer.YOURS]

    other = Bench()
    lose(other.far)
    assert other.take() == [Answer.YOURS]
    assert other.far.transport.value() == b""


def test_a_giver_that_is_silent_keeps_it(bench):
    """It is stopped, and may go on some time."""
    heard = bench.take()
    bench.clock.advance(ANSWER_TIMEOUT_S - 1)
    assert heard == []
    bench.clock.advance(1)

    assert heard == [Answer.NOT_YOURS]
