"""The stage of a connection that has logged in: frames to steps, one at a time, errors to the client.

A step either does its work at once, or returns a coroutine, or has handed something to the engine and says ``go_on`` later;
the frames behind it wait. What may come when is ``wire.state``'s to say.

Spec: protocol-flow.html
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from duckgres_tx import tasks
from duckgres_tx.engine.copy_in import CopyInJob
from duckgres_tx.errors import FeatureNotSupported, PgError, Severity
from duckgres_tx.session.belongings import Belongings
from duckgres_tx.session.cancellation import user_request
from duckgres_tx.session.client import Client
from duckgres_tx.session.copy_inflow import CopyInflow
from duckgres_tx.session.extended_query import ExtendedQuery
from duckgres_tx.session.inbox import Inbox
from duckgres_tx.session.login_request import LoginRequest
from duckgres_tx.session.parting import Parting
from duckgres_tx.session.relay import LEAVE
from duckgres_tx.session.session import Session
from duckgres_tx.session.simple_query import simple_query
from duckgres_tx.session.transactions import BlockState
from duckgres_tx.wire.backend import READY_FOR_QUERY, BackendKeyData, BackendMessage, ErrorResponse, ReadyForQuery
from duckgres_tx.wire.frames import FrameReader
from duckgres_tx.wire.frontend import FunctionCall, Query, decode

Step = Callable[[Any], Coroutine[Any, Any, None] | None]


class Conversation:
    """One session's conversation.

    Args:
        client: The connection.
        session: Its state.
        request: What it asked for when it logged in.
        secret_key: What a CancelRequest must know.
        ended: Called once when everything of the session is freed.

    Attributes:
        session: Its state.
        client: The connection.
        parting: How and when it ends here.
        transaction_since: Reactor time of the transaction's first ReadyForQuery, or of the first look at it (``watch``)
            before that; None outside one.
        idle_since: Reactor time of the last ReadyForQuery; None while the server's turn lasts.
    """

    __slots__ = (
        "_advancing",
        "_busy",
        "_copy",
        "_ended",
        "_inbox",
        "_lost",
        "_output",
        "_request",
        "_secret_key",
        "_state",
        "_steps",
        "client",
        "extended",
        "idle_since",
        "parting",
        "session",
        "transaction_since",
    )
    _log = Logger()

    def __init__(
        self,
        client: Client,
        session: Session,
        request: LoginRequest,
        secret_key: bytes,
        ended: Callable[[Conversation], None],
    ) -> None:
        self.client = client
        self.session = session
        self._output = session.output
        self._state = client.wire_state
        self._request = request
        self._secret_key = secret_key
        self._ended = ended
        self._inbox = Inbox(client)
        self._busy = False
        self._advancing = False
        self._copy = CopyInflow(self, session, self._copy_goes_on)
        self._lost = False
        self.idle_since: float | None = None
        self.transaction_since: float | None = None
        self.parting = Parting(self)
        self.extended = ExtendedQuery(self, session)
        self._steps: dict[bytes, Step] = {
            b"Q": self._query,
            b"S": self.extended.sync,
            b"H": self._flush,
            b"X": self._terminate,
            b"F": self._function_call,
            b"P": self.extended.parse,
            b"B": self.extended.bind,
            b"D": self.extended.describe,
            b"E": self.extended.execute,
            b"C": self.extended.close,
            b"d": self._copy.data,
            b"c": self._copy.end,
            b"f": self._copy.end,
        }
        self._output.on_writable = self._writable

    # The connection's side, as in ``client``, and the host's

    def begin(self, welcome: bytes, frames: FrameReader) -> None:
        """Tell the client about the session, and take its messages.

        Args:
            welcome: What it is told first: that it has logged in.
            frames: What has been read early is in it.
        """
        self._inbox.begin(frames)
        key = BackendKeyData(self.session.backend_pid, self._secret_key)
        self._output.write(welcome + self.session.greeting + key.encode())
        self.ready_for_query()
        self._advance()

    def resume(self, frames: FrameReader, told: Mapping[str, str], *, cancelled: bool) -> None:
        """Go on with a session that was begun in another worker; the client hears only what has changed.

        Args:
            frames: What was read there and not acted on is in it.
            told: What the client knows of its variables.
            cancelled: What it has asked there was cancelled before it was read.
        """
        self._state.resume()
        self._inbox.begin(frames)
        if cancelled:
            self.session.interruption.request_next(user_request())
        self.session.was_told(told)
        self.session.report_variables()
        self._output.flush()
        self.idle_since = self.client.host.reactor.seconds()
        self._advance()

    def receive(self, data: bytes) -> None:
        """Take bytes."""
        self._inbox.feed(data)
        if not self._busy:
            self._advance()
        else:
            self._inbox.pause_when_full()

    def lost(self) -> None:
        """The client is gone: stop what runs, then free everything."""
        self._lost = True
        self._output.stopProducing()
        if self.busy:
            self.session.interruption.stop(user_request())
        else:
            self._busy = True
            self._free()

    def cancel(self) -> None:
        """Stop the statement that runs, if one does, or else the one that has arrived and was not read yet."""
        if self.idle_since is not None and self.client.has_sent_more():
            self.session.interruption.request_next(user_request())
        self.session.interruption.request(user_request())

    def leave(self, *, now: bool) -> None:
        """The host lets go of its clients."""
        self.parting.leave(now=now)

    def leave_for_good(self) -> None:
        """The worker that relays the session lets go of its clients."""
        self.parting.leave_for_good()

    def end_of_input(self) -> None:
        """The worker that relays the session ends it, or its client is gone; then what is said here is heard by nobody."""
        self.parting.leave_for_good(now=True)

    def look_for_hang_up(self) -> None:
        """A client that has gone while nothing was read from it is noticed here."""
        if self._inbox.reading_paused and self.client.peer_is_gone():
            self.client.abort()

    @property
    def busy(self) -> bool:
        """A statement is under way."""
        return self._busy or self._copy.active

    @property
    def logged_in(self) -> bool:
        """It has, or there would be no session."""
        return True

    # The side of its end, as in ``parting``

    def pack(self) -> Belongings:
        """See `Staying.pack`."""
        return Belongings.of(self.session, self._request, self._secret_key, self._inbox.rest)

    def go(self, belongings: Belongings) -> None:
        """See `Staying.go`."""
        client, session = self.client, self.session
        self._output.detach()
        client.transport.pauseProducing()
        self._busy = True
        session.close()
        self._ended(self)
        client.host.depart(client, session.backend_pid, belongings)

    def end(self, error: PgError) -> None:
        """See `Staying.end`."""
        if self.client.closing:
            return
        self._state.close()
        self._output.write(ErrorResponse.from_error(error.fatal()).encode())
        self._output.flush()
        self._output.detach()
        self.client.close()

    # The steps' side, as in ``turn``

    def wait(self) -> None:
        """The step goes on in the engine; ``go_on`` will be called."""
        self._busy = True

    def go_on(self, error: PgError | None = None) -> None:
        """The step that waited is over.

        Args:
            error: It has failed.
        """
        if error is not None:
            tasks.start(self._work(self._fail(error)), "report an error")
            return
        self._busy = False
        self.session.interruption.end_statement()
        if self._lost:
            self._busy = True
            self._free()
        elif not self._advancing:
            self._advance()

    def next_is_sync(self) -> bool:
        """Whether a Sync has been read that follows directly."""
        return self._inbox.next_is_sync()

    def said(self, message_class: type[BackendMessage]) -> None:
        """A message that changes what the client may send next has been written."""
        self._state.sent(message_class)

    def take_copy(self, job: CopyInJob) -> Deferred[None]:
        """Pass the client's CopyData on to a job, no faster than it takes it; fires when the job is over."""
        over = self._copy.begin(job)
        self._busy = False
        if self._lost:
            job.interrupt()
        elif not self._advancing:
            self._advance()
        return over

    def ready_for_query(self) -> None:
        """The client's turn."""
        self._state.sent(ReadyForQuery)
        self.session.report_variables()
        self._output.write(READY_FOR_QUERY[self.session.block.status])
        self._output.flush()
        now: float = self.client.host.reactor.seconds()
        self.idle_since = now
        if self.session.block.state is BlockState.NONE:
            self.transaction_since = None
        elif self.transaction_since is None:
            self.transaction_since = now

    async def report(self, error: PgError) -> None:
        """Send an ErrorResponse and undo the transaction, without ReadyForQuery; a FATAL one ends the connection."""
        if error.severity is Severity.FATAL:
            self.end(error)
            return
        if self.client.closing:
            # It has said goodbye in the middle of a COPY.
            await self.session.fail()
            return
        self._output.write(ErrorResponse.from_error(error).encode())
        self._state.sent(ErrorResponse)
        # It doesn't wait for the Sync: a client that has said Flush behind its Parse waits for this before it says more.
        self._output.flush()
        try:
            await self.session.fail()
        except PgError as worse:
            # Without a rollback nothing that the session says is to be relied on.
            self.end(worse)

    # Within

    def _advance(self) -> None:
        self._advancing = True
        try:
            while not self._busy and not self._output.paused and not self.client.closing:
                if not self._take_one():
                    break
        finally:
            self._advancing = False
        if self._output.paused:
            # the client asks on without reading its answers
            self._inbox.pause_when_full()
        elif not self._busy and not (self.parting.reason is not None and self.parting.goes()):
            self._inbox.resume_when_emptied()

    def _take_one(self) -> bool:
        try:
            frame = self._inbox.take()
            if frame is None:
                return False
            type_byte, body = frame
            if type_byte == LEAVE:
                self.parting.leave_for_good()
                return True
            if self.idle_since is not None:
                if self.parting.reason is not None:
                    self._inbox.put_back(frame)
                    if self.parting.instead_of_an_answer():
                        return False
                    self._inbox.take()
                self.idle_since, self.parting.has_asked = None, True
                # A request to cancel holds for all of a series, and for nothing that comes after it.
                self.session.interruption.new_statement()
            if self._state.take_up(type_byte):
                if self.session.transcoder is not None:
                    body = self.session.transcoder.frame(type_byte, body)
                work = self._steps[type_byte](decode(type_byte, body))
                if work is not None:
                    self._busy = True
                    tasks.start(self._work(work), "answer a message")
        except PgError as error:
            self._busy = True
            if self._copy.active:
                # What waits for the data has to end first: it is what fails of this.
                self.session.interruption.request(error)
            else:
                tasks.start(self._work(self._fail(error)), "report an error")
        except Exception:  # noqa: BLE001  a bug of ours ends this session, and no other
            self._unexpected()
        return True

    async def _work(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except PgError as error:
            try:
                await self._fail(error)
            except Exception:  # noqa: BLE001
                self._unexpected()
        except Exception:  # noqa: BLE001
            self._unexpected()
        self.go_on()

    async def _fail(self, error: PgError) -> None:
        in_series = self._state.in_series
        await self.report(error)
        if not in_series and not self.client.closing:
            self.ready_for_query()

    def _unexpected(self) -> None:
        self._log.failure(
            "session {pid} of user {user} met a bug", pid=self.session.backend_pid, user=self.session.user
        )
        self.end(PgError("XX000", "internal error", hint="The server's log has more."))

    def _writable(self) -> None:
        if self.session.running.active:
            self.session.running.pump()
        elif not self._busy and not self._advancing:
            self._advance()

    def _query(self, message: Query) -> Coroutine[Any, Any, None]:
        return simple_query(self, self.session, message.query)

    def _flush(self, message: object) -> None:
        self._output.flush()

    def _copy_goes_on(self, wants_more: bool) -> None:
        self._busy = not wants_more
        if wants_more:
            self._advance()

    def _terminate(self, message: object) -> None:
        self._output.flush()
        self._output.detach()
        self.client.close()

    def _function_call(self, message: FunctionCall) -> None:
        raise FeatureNotSupported("function calls by OID are not supported")

    def _free(self) -> None:
        try:
            self.session.close()
        finally:
            self._ended(self)
            self.client.finished()
