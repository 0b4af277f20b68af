"""What signals ask for."""

from __future__ import annotations

import os
import signal

import pytest

from duckgres_tx.signals import STOP_SIGNALS, Urgency, next_urgency, take_signals

TERM, INT, QUIT = STOP_SIGNALS


@pytest.mark.parametrize(
    ("numbers", "urgency"),
    [
        ([TERM], Urgency.SMART),
        ([INT], Urgency.FAST),
        ([QUIT], Urgency.IMMEDIATE),
        ([TERM, TERM], Urgency.FAST),
        ([TERM, INT], Urgency.FAST),
        ([TERM, QUIT], Urgency.IMMEDIATE),
        ([TERM, TERM, TERM], Urgency.IMMEDIATE),
        ([INT, INT], Urgency.IMMEDIATE),
        ([QUIT, TERM], Urgency.IMMEDIATE),
    ],
)
def test_each_signal_makes_it_more_urgent(numbers, urgency):
    """And never less."""
    now = Urgency.NONE
    for number in numbers:
        then = next_urgency(now, number)
        assert then >= now
        now = then
    assert now is urgency


def test_a_signal_calls_its_action_on_the_reactor_s_thread():
    """Never in the middle of something."""

    class Reactor:
        called = ()

        def callFromThread(self, what, *arguments):
            self.called = (what, arguments)

    reactor, got = Reactor(), []
    before = signal.getsignal(signal.SIGUSR2)
    try:
        take_signals(reactor, {signal.SIGUSR2: got.append})
        os.kill(os.getpid(), signal.SIGUSR2)
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert got == []
    what, arguments = reactor.called
    what(*arguments)

    assert got == [signal.SIGUSR2]
