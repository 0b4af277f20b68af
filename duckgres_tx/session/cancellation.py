"""Stopping what runs: CancelRequest, ``statement_timeout`` and hang-up all end in one ``interrupt()``.

Spec: protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
"""

from __future__ import annotations

import hmac
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from duckgres_tx.errors import AdminShutdown, PgError, QueryCanceled

# An interrupt that arrives between two steps of DuckDB's is lost (a new query clears the flag), so it is said again.
REPEAT_INTERVAL_S = 0.05


class SupportsInterrupt(Protocol):
    """Something that runs and can be told to stop: a native connection or an execution."""

    def interrupt(self) -> None:
        """Stop what runs now; never blocks."""


def user_request() -> PgError:
    """What a statement that a CancelRequest has stopped ends with."""
    return QueryCanceled("canceling statement due to user request")


def statement_timeout() -> PgError:
    """What a statement that took longer than ``statement_timeout`` ends with."""
    return QueryCanceled("canceling statement due to statement timeout")


def admin_shutdown() -> PgError:
    """What a session hears that is ended by the server, or by another session."""
    return AdminShutdown("terminating connection due to administrator command")


class Interruption:
    """One session's way to stop the statement that it works on, if it works on one.

    A statement is several jobs of the engine's (prepare, begin, execute …), and a request may come between two of them. So it
    holds until the statement is over: what is handed to the engine later is stopped at once.

    Attributes:
        reason: Why the statement of now was told to stop; what the client hears instead of the engine's own words.
    """

    __slots__ = ("_final", "_next", "_reactor", "_repeat", "_target", "_timeout", "reason")

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._target: SupportsInterrupt | None = None
        self._timeout: IDelayedCall | None = None
        self._repeat: IDelayedCall | None = None
        self._final: PgError | None = None
        self._next: PgError | None = None
        self.reason: PgError | None = None

    def new_statement(self) -> None:
        """The client's turn is over: what was asked for before that does not concern what comes now."""
        self.reason, self._next = self._final or self._next, None

    def begin(self, target: SupportsInterrupt, timeout_s: float = 0.0) -> None:
        """A job of the statement's goes to the engine.

        Args:
            target: What has to be interrupted to stop it.
            timeout_s: Stop the statement by itself this long after its first job; 0 = never.
        """
        self._target = target
        if timeout_s > 0 and self._timeout is None:
            self._timeout = self._reactor.callLater(timeout_s, self._time_is_up)
        if self.reason is not None:
            self._interrupt()

    def end(self) -> None:
        """The engine has let go of the job."""
        self._target = None
        if self._repeat is not None:
            self._repeat.cancel()
            self._repeat = None

    def end_statement(self) -> None:
        """The statement is over, its time limit off."""
        self.end()
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None

    def request(self, reason: PgError) -> None:
        """Stop the statement of now; between statements it has no effect."""
        if self.reason is None:
            self.reason = reason
            if self._target is not None:
                self._interrupt()

    def request_next(self, reason: PgError) -> None:
        """Stop the next statement: the client has sent it, and its CancelRequest was read first."""
        self._next = reason

    def stop(self, reason: PgError) -> None:
        """Stop the statement of now, and every one that would come: the session ends."""
        self._final = reason
        self.request(reason)

    def _time_is_up(self) -> None:
        self._timeout = None
        self.request(statement_timeout())

    def _interrupt(self) -> None:
        self._repeat = None
        if self._target is not None:
            self._target.interrupt()
            self._repeat = self._reactor.callLater(REPEAT_INTERVAL_S, self._interrupt)


class Cancelable(Protocol):
    """A session as the registry sees it."""

    def cancel(self) -> None:
        """Stop the statement that runs now, if any."""


class CancellationRegistry:
    """Who may cancel what: backend pid and secret key to session."""

    def __init__(self) -> None:
        self._sessions: dict[int, tuple[bytes, Cancelable]] = {}

    def __contains__(self, backend_pid: int) -> bool:
        return backend_pid in self._sessions

    def add(self, backend_pid: int, secret_key: bytes, session: Cancelable) -> None:
        """A session can be cancelled from now on by whoever knows both numbers."""
        self._sessions[backend_pid] = (secret_key, session)

    def remove(self, backend_pid: int, session: Cancelable) -> None:
        """The session is gone, unless another one has its pid by now."""
        if backend_pid in self._sessions and self._sessions[backend_pid][1] is session:
            del self._sessions[backend_pid]

    def cancel(self, backend_pid: int, secret_key: bytes) -> bool:
        """Cancel the session's statement if the key fits; the comparison takes the same time wherever they differ.

        Returns:
            Whether the session is known and the key was right (not whether a statement was running).
        """
        known = self._sessions.get(backend_pid)
        if known is None or not hmac.compare_digest(known[0], secret_key):
            return False
        known[1].cancel()
        return True
