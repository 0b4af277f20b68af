"""Signals: what each of them asks for.

===========  ==================================================================
SIGTERM      stop: transactions may finish; a second time: stop now
SIGINT       stop now
SIGQUIT      stop at once: workers are killed
SIGHUP       read the configuration again
SIGUSR1      start a successor that takes over
SIGUSR2      replace the workers, one after the other
===========  ==================================================================
"""

from __future__ import annotations

import enum
import signal
from collections.abc import Callable, Mapping
from typing import Any


class Urgency(enum.IntEnum):
    """How soon a server that was told to stop is to be gone."""

    NONE = 0
    SMART = 1
    FAST = 2
    IMMEDIATE = 3


_STOPPING: dict[tuple[Urgency, signal.Signals], Urgency] = {
    (Urgency.NONE, signal.SIGTERM): Urgency.SMART,
    (Urgency.NONE, signal.SIGINT): Urgency.FAST,
    (Urgency.SMART, signal.SIGTERM): Urgency.FAST,
    (Urgency.SMART, signal.SIGINT): Urgency.FAST,
    # somebody who asks a third time has waited long enough
    (Urgency.FAST, signal.SIGTERM): Urgency.IMMEDIATE,
    (Urgency.FAST, signal.SIGINT): Urgency.IMMEDIATE,
}
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


def next_urgency(urgency: Urgency, number: signal.Signals) -> Urgency:
    """How urgent it is after one more signal of `STOP_SIGNALS`."""
    return _STOPPING.get((urgency, number), Urgency.IMMEDIATE)


def take_signals(reactor: Any, actions: Mapping[signal.Signals, Callable[[signal.Signals], None]]) -> None:
    """Have each signal call its action, on the reactor's thread.

    Instead of Twisted's own handlers, which would end the process by the signal that stopped it, as if it had been killed; and instead of
    twistd's, which rotates its log at SIGUSR1.
    """

    def came(number: int, frame: Any) -> None:
        caught = signal.Signals(number)
        reactor.callFromThread(actions[caught], caught)

    for number in actions:
        signal.signal(number, came)
