"""The one place where a coroutine becomes a Deferred.

A coroutine that nobody awaits would lose its exception; here it is logged with what was being done.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

T = TypeVar("T")

_log = Logger()


def start(coro: Coroutine[Any, Any, T], what: str) -> Deferred[T | None]:
    """Run a coroutine to its end without awaiting it.

    Args:
        coro: The coroutine; it runs at once up to its first wait.
        what: What it does, in the words of the log line when it fails ("relay a session").

    Returns:
        Fires when the coroutine has ended, with its result, or with None after its failure has been logged. Cancelling it
        cancels what the coroutine waits for; that is not logged as a failure.
    """

    def report(failure: Failure) -> None:
        if failure.check(CancelledError) is None:
            _log.failure("could not {what}", failure=failure, what=what)

    running: Deferred[T | None] = Deferred.fromCoroutine(coro)
    running.addErrback(report)
    return running


async def wait_for(waiting: Deferred[Any], seconds: float, clock: Any) -> None:
    """Wait until something has happened, but not longer than so many seconds; what is waited for goes on, also when the wait is cancelled.

    Args:
        waiting: It must not fail: see `start`.
        seconds: The longest wait.
        clock: Tells the time.
    """
    over: Deferred[None] = Deferred()

    def is_over(result: Any) -> Any:
        if not over.called:
            over.callback(None)
        return result

    waiting.addBoth(is_over)
    limit = clock.callLater(seconds, is_over, None)
    try:
        await over
    finally:
        if limit.active():
            limit.cancel()
