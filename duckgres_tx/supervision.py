"""The server and whoever runs it: the service manager hears what it does, and keeps its sockets.

Everything is said through `handover.notify`; here is when.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import Any

from attrs import define, field
from twisted.internet.task import LoopingCall

from duckgres_tx.handover.activation import storage_name
from duckgres_tx.handover.notify import Notifier
from duckgres_tx.handover.status import ServerStatus

STATUS_INTERVAL_S = 5.0
# for the workers to end, after the transactions that shutdown_timeout bounds
STOP_MARGIN_S = 30.0


@define(eq=False)
class Supervision:
    """Follows a server through its life. Implements `Signposts`, to know when another process serves."""

    _clock: Any
    _notifier: Notifier
    # what the server says of itself
    _describe: Callable[[], ServerStatus]
    _telling: LoopingCall = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._telling = LoopingCall(self._tell)
        self._telling.clock = self._clock

    def serves(self, listeners: Iterable[socket.socket], unwanted: Iterable[str]) -> None:
        """Clients can connect.

        Args:
            listeners: The sockets that nobody else keeps for us.
            unwanted: Names of sockets that were kept, and aren't listened on any more.
        """
        for listener in listeners:
            self._notifier.store(storage_name(listener), listener.fileno())
        self._notifier.ready(self._summary())
        for name in unwanted:
            self._notifier.forget(name)
        if self._notifier.is_heard and not self._telling.running:
            self._telling.start(STATUS_INTERVAL_S, now=False)

    def begins(self, what: str) -> None:
        """A reload, or a takeover."""
        self._notifier.reloading(what)

    def ended(self, outcome: str) -> None:
        """What began is over, and this process still serves.

        Args:
            outcome: What went wrong, or "".
        """
        if self._notifier.is_heard:
            self._notifier.ready(outcome or self._summary())

    def stops(self, shutdown_timeout_s: float) -> None:
        """The server has been told to end.

        Args:
            shutdown_timeout_s: How long transactions may go on.
        """
        self._tell_no_more()
        self._notifier.stopping("stopping", shutdown_timeout_s + STOP_MARGIN_S)

    def put_up(self) -> None:
        """See `Signposts.put_up`."""
        self._notifier.take_back()
        if self._notifier.is_heard and not self._telling.running:
            self._telling.start(STATUS_INTERVAL_S, now=False)

    def abandon(self, successor: int) -> None:
        """See `Signposts.abandon`."""
        self._tell_no_more()
        self._notifier.hand_over(successor)

    def take_down(self) -> None:
        """The end of the process."""
        self._tell_no_more()
        self._notifier.close()

    def _tell(self) -> None:
        self._notifier.status(self._summary())

    def _tell_no_more(self) -> None:
        if self._telling.running:
            self._telling.stop()

    def _summary(self) -> str:
        return summary(self._describe())


def summary(status: ServerStatus) -> str:
    """A server in one line, as a service manager shows it."""
    workers = [worker for worker in status.workers if worker.slot]
    parts = [f"{_count(len(workers), 'worker')}, {_count(status.connections, 'connection')}"]
    if status.roll is not None:
        parts.append(f"rolling: {status.roll.replaced} of {status.roll.total} replaced")
    if status.last_reload is not None and status.last_reload.outcome:
        parts.append(f"the last reload failed: {status.last_reload.outcome}")
    return "; ".join(parts)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
