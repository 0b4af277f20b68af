"""How a session takes leave of its client: it goes on in another worker if it can, or ends with a last word; and when it may.

A client library takes an error that comes with an answer for a notice. So the last word is said as the answer to what the client asks next, or
after a moment without a question. Who has just come has its first question answered.
"""

from __future__ import annotations

from typing import Protocol

from twisted.logger import Logger

from duckgres_tx.errors import PgError
from duckgres_tx.session.belongings import MAX_BYTES, Belongings
from duckgres_tx.session.cancellation import admin_shutdown
from duckgres_tx.session.client import Client, Stage
from duckgres_tx.session.eager_writes import has_unsent
from duckgres_tx.session.session import Session
from duckgres_tx.session.transactions import BlockState

# A client has taken an answer that was sent so long ago.
ANSWER_IS_READ_S = 0.5


class Staying(Stage, Protocol):
    """The conversation, as far as its end concerns it.

    Attributes:
        client: The connection.
        session: Its state.
        idle_since: Reactor time of the last ReadyForQuery; None while the server's turn lasts.
    """

    client: Client
    session: Session
    idle_since: float | None

    @property
    def busy(self) -> bool:
        """A statement is under way."""

    def cancel(self) -> None:
        """Stop what it runs."""

    def pack(self) -> Belongings:
        """Everything that it would take along."""

    def go(self, belongings: Belongings) -> None:
        """Nothing is left here but the client's socket."""

    def end(self, error: PgError) -> None:
        """Say the last word, FATAL, and hang up."""


class Parting:
    """One session's; implements `Leaver` and `Signalled`.

    Args:
        conversation: The session's.

    Attributes:
        reason: What the client hears at the end; None as long as the session isn't to end.
        has_asked: The client has asked something.
    """

    __slots__ = ("_conversation", "_may_go_elsewhere", "has_asked", "reason")
    _log = Logger()

    def __init__(self, conversation: Staying) -> None:
        self._conversation = conversation
        self._may_go_elsewhere = False
        self.reason: PgError | None = None
        self.has_asked = False

    # Who says so

    def leave(self, *, now: bool) -> None:
        """The host lets go of its clients: to another worker, if it can."""
        if self.reason is None:
            self._may_go_elsewhere = True
        self._end(admin_shutdown(), now=now)

    @property
    def user(self) -> str:
        """Whose session it is."""
        return self._conversation.session.user

    def cancel(self) -> None:
        """Another session has called pg_cancel_backend."""
        self._conversation.cancel()

    def end_by_order(self) -> None:
        """Another session has called pg_terminate_backend."""
        self.terminate(admin_shutdown(), now=True)

    def leave_for_good(self, *, now: bool = False) -> None:
        """The worker that relays the session lets go of its clients: the TLS ends there, so moving would not help."""
        self.terminate(admin_shutdown(), now=now)

    def terminate(self, reason: PgError, *, now: bool) -> None:
        """End the session, wherever it could go on.

        Args:
            reason: What the client hears, FATAL.
            now: Stop what runs; else it ends when it is idle outside a transaction and the client has read its answers.
        """
        self._may_go_elsewhere = False
        self._end(reason, now=now)

    def _end(self, reason: PgError, *, now: bool) -> None:
        if self.reason is None or now:
            self.reason = reason
        if self.goes():
            return
        if not self._conversation.busy and (now or self._waits_for_nothing):
            self._say()
        elif now:
            # FATAL: what it stops is the last that the client hears of.
            self._conversation.session.interruption.stop(reason.fatal())

    # Moments at which it may be done

    def after_a_moment(self) -> None:
        """A client that was told to leave and has asked nothing for a moment hears so here."""
        if self.reason is not None and not self._conversation.busy and not self.goes() and self._waits_for_nothing:
            self._say()

    def instead_of_an_answer(self) -> bool:
        """A client that is to leave asks something: whether the session has left instead."""
        if not self.may_leave or not self.has_asked:
            return False
        if self.goes():
            return True
        if self.may_move:
            # it waits for others of its database, and is served meanwhile
            return False
        self._say()
        return True

    def goes(self) -> bool:
        """Whether it has left for another worker, as it may at this moment."""
        client = self._conversation.client
        if self.may_move:
            client.host.idle(self._conversation)
        return client.stage is not self._conversation

    # What a host asks that has all sessions of a database go at once

    @property
    def may_leave(self) -> bool:
        """Nothing of the client's would be lost: between two series of messages, outside a transaction, its answers sent."""
        conversation, session = self._conversation, self._conversation.session
        outside = session.block.state is BlockState.NONE
        return conversation.idle_since is not None and outside and not session.output.paused

    @property
    def may_move(self) -> bool:
        """It is to leave, and can go on elsewhere as it is: nothing is under way, nothing held, everything sent."""
        conversation, client = self._conversation, self._conversation.client
        return (
            self._may_go_elsewhere
            and self.reason is not None
            and client.host.moves_sessions
            and not client.encrypted
            and not client.closing
            and self.may_leave
            and not conversation.busy
            and conversation.session.holds_nothing
            and not has_unsent(client.transport)
        )

    def depart(self) -> None:
        """Go to another worker; `may_move` has been looked at. Who has too much to carry stays, and ends here."""
        conversation = self._conversation
        belongings = conversation.pack()
        size = len(belongings.to_json())
        if size > MAX_BYTES:
            self._log.info(
                "session {pid} holds {size} bytes, and ends: at most {most} move",
                pid=conversation.session.backend_pid,
                size=size,
                most=MAX_BYTES,
            )
            self._may_go_elsewhere = False
            return
        conversation.go(belongings)

    # Within

    @property
    def _waits_for_nothing(self) -> bool:
        """Neither for its client to read, nor for others of its database to come along."""
        conversation = self._conversation
        now: float = conversation.client.host.reactor.seconds()
        return (
            self.may_leave
            and conversation.idle_since is not None
            and now - conversation.idle_since >= ANSWER_IS_READ_S
            and not self.may_move
        )

    def _say(self) -> None:
        if self.reason is not None:
            self._conversation.end(self.reason)
