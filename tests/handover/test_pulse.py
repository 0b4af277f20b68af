"""Whether the other process lives."""

from __future__ import annotations

import pytest
from theatre import Reactor
from twisted.internet.defer import Deferred

from duckgres_tx.handover.commands import Beat
from duckgres_tx.handover.pulse import MISSING_S, Pulse
from duckgres_tx.pool.link import LinkLost


class FakeLink:
    """Answers as long as it is told to."""

    def __init__(self) -> None:
        self.answers, self.open = True, []

    def ask(self, command):
        assert command is Beat
        answer = Deferred()
        self.open.append(answer)
        if self.answers:
            self.go_on()
        return answer

    def go_on(self):
        """Answer everything."""
        asked, self.open = self.open, []
        for answer in asked:
            answer.callback({})


@pytest.fixture
def made():
    """A clock, a link, a pulse that has begun, and when it stopped."""
    reactor, link, stops = Reactor(), FakeLink(), []
    pulse = Pulse(reactor, link, lambda: stops.append(reactor.seconds()))
    pulse.begin()
    yield reactor, link, pulse, stops
    pulse.end()
    assert reactor.getDelayedCalls() == []


def test_one_that_answers_lives(made):
    """However long."""
    reactor, _, _, stops = made
    reactor.run(60)

    assert stops == []


def test_one_that_does_not_answer_is_told_of_once(made):
    """After a while; it isn't asked any more."""
    reactor, link, _, stops = made
    link.answers = False
    reactor.run(20)

    assert stops == [pytest.approx(MISSING_S, abs=0.7)]
    assert len(link.open) == 1


def test_a_late_answer_is_an_answer(made):
    """It was busy."""
    reactor, link, _, stops = made
    link.answers = False
    reactor.run(2)
    link.go_on()
    reactor.run(2)
    assert stops == []


def test_a_confirmation_is_an_answer_to_come(made):
    """Not one that has come before."""
    reactor, link, pulse, _ = made
    link.answers = False
    reactor.run(1)
    confirmed = []
    pulse.confirm(lambda: confirmed.append(reactor.seconds()))
    reactor.run(0.5)
    assert confirmed == []
    link.answers = True
    link.go_on()

    assert len(confirmed) == 1
    reactor.run(5)
    assert len(confirmed) == 1


def test_after_its_end_nothing_is_told(made):
    """Whatever is answered, or isn't."""
    reactor, link, pulse, stops = made
    link.answers = False
    reactor.run(1)
    told = []
    pulse.confirm(lambda: told.append(1))
    pulse.end()
    link.go_on()
    reactor.run(10)

    assert (told, stops) == ([], [])


def test_a_link_that_is_lost_is_somebody_else_s_news(made):
    """The link itself tells of it, at once."""
    reactor, link, _, _ = made
    link.answers = False
    reactor.run(1)
    link.open.pop().errback(LinkLost("gone"))
