"""Between the worker that gives a session up and the one that takes it: who has the client's socket, at every moment.

Both ends of a socketpair; the far one travels with the client's socket. The taker says `TAKE` when all is ready, and touches the client only
when it has heard `YOURS`. So until then the session is the giver's, who may call it off (`VOID`), ask somebody else, or end it; and when the
far end is gone without a word, nobody else has the session, and nobody will.

A giver that has died says nothing: the end of the stream without `VOID` makes the session the taker's too.
"""

from __future__ import annotations

import enum
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from duckgres_tx.session.eager_writes import adopt

TAKE = b"T"
YOURS = b"Y"
# the same, and the client has asked to cancel what it has sent and nobody has read
YOURS_CANCELLED = b"C"
VOID = b"V"
# A giver answers at once, if it isn't stopped; then the control plane kills it sooner.
ANSWER_TIMEOUT_S = 60.0


class Answer(enum.Enum):
    """What becomes of a session that is to be taken."""

    YOURS = "yours"
    YOURS_CANCELLED = "yours, and its first statement is cancelled"
    NOT_YOURS = "not yours"


class NearEnd(Protocol):
    """The giver's end.

    Args:
        ready: Called when the taker is ready: say `give` or `call_off`.
    """

    transport: Any

    def __init__(self, ready: Any) -> None:
        self._ready = ready
        self._open = True
        # fires when nobody has the far end, or somebody has got the session
        self.over: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        """The taker is ready."""
        if self._open and data[:1] == TAKE:
            self._ready()

    def give(self, *, cancelled: bool) -> None:
        """The session is the taker's."""
        self._say(YOURS_CANCELLED if cancelled else YOURS)

    def call_off(self) -> None:
        """Whoever has the far end must not take it any more."""
        self._say(VOID)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The far end is gone."""
        self._open = False
        self._tell()

    def _say(self, word: bytes) -> None:
        if self._open:
            self._open = False
            self.transport.write(word)
            self.transport.loseConnection()
        self._tell()

    def _tell(self) -> None:
        if not self.over.called:
            self.over.callback(None)


class FarEnd(Protocol):
    """The taker's end."""

    transport: Any

    def __init__(self) -> None:
        self._answer: Deferred[Answer] = Deferred()

    async def take(self, clock: Any) -> Answer:
        """Ask for the session. Bounded by `ANSWER_TIMEOUT_S`."""
        if not self._answer.called:
            self.transport.write(TAKE)
        try:
            return await self._answer.addTimeout(ANSWER_TIMEOUT_S, clock)
        except DeferredTimeoutError:
            return Answer.NOT_YOURS

    def dataReceived(self, data: bytes) -> None:
        """The giver's word."""
        words = {YOURS: Answer.YOURS, YOURS_CANCELLED: Answer.YOURS_CANCELLED}
        self._hear(words.get(data[:1], Answer.NOT_YOURS))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Without a word: the giver has died, and nobody else has the session."""
        self._hear(Answer.YOURS)

    def _hear(self, answer: Answer) -> None:
        if not self._answer.called:
            self._answer.callback(answer)


def hold(reactor: Any, end: socket.socket, protocol: Protocol) -> None:
    """Put a protocol over one end; the socket stays the caller's, who closes it."""
    factory = Factory.forProtocol(lambda: protocol)
    factory.noisy = False
    adopt(reactor, end, factory)
