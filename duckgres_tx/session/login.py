"""From the StartupMessage to the first ReadyForQuery: the proof, the database, the session.

Spec: protocol-flow.html#PROTOCOL-FLOW-START-UP
"""

from __future__ import annotations

from duckgres_tx import tasks
from duckgres_tx.errors import PgError, ProtocolViolation
from duckgres_tx.session.authentication import ScramExchange
from duckgres_tx.session.client import Client
from duckgres_tx.session.databases import DatabaseSlot
from duckgres_tx.session.login_request import LoginRequest
from duckgres_tx.session.relay import LEAVE, cannot_connect_now
from duckgres_tx.wire.backend import (
    AuthenticationOk,
    AuthenticationSASL,
    AuthenticationSASLContinue,
    AuthenticationSASLFinal,
)
from duckgres_tx.wire.frames import PASSWORD_MESSAGE_BYTES, FrameReader
from duckgres_tx.wire.frontend import AuthenticationResponse, FrontendMessage, Terminate, decode


class Authentication:
    """The stage in which a client proves who it is, and its session is made.

    Args:
        client: The connection.
        request: Who it says it is.
        slot: The database's reservation, released here if no session comes of it; None for a database that there isn't.
        exchange: The proof.
    """

    def __init__(
        self, client: Client, request: LoginRequest, slot: DatabaseSlot | None, exchange: ScramExchange
    ) -> None:
        self._client = client
        self._request = request
        self._slot = slot
        self._exchange = exchange
        self._frames = FrameReader(PASSWORD_MESSAGE_BYTES, (LEAVE,) if client.accepted.relayed else ())
        self._step = self._first
        self._working = False
        self._is_to_leave = False
        self._welcome = b""

    def begin(self) -> None:
        """Ask for the proof."""
        self._client.transport.write(AuthenticationSASL(self._exchange.mechanisms).encode())

    def trust(self) -> None:
        """The client's certificate was the proof."""
        self._client.wire_state.sent(AuthenticationOk)
        self._proved(AuthenticationOk().encode())

    def receive(self, data: bytes) -> None:
        """Take bytes; what comes after the proof waits for the session."""
        self._frames.feed(data)
        try:
            if self._working and self._frames.buffered_bytes > PASSWORD_MESSAGE_BYTES:
                raise ProtocolViolation("invalid message length")
            while not self._working and not self._client.closing:
                frame = next(self._frames, None)
                if frame is None:
                    return
                type_byte, body = frame
                if type_byte == LEAVE:
                    self._is_to_leave = True
                elif self._client.wire_state.take_up(type_byte):
                    self._take(decode(type_byte, body))
        except PgError as error:
            self._refuse(error)

    @property
    def logged_in(self) -> bool:
        """It has, while its session is made."""
        return self._working

    def leave(self, *, now: bool) -> None:
        """The client may log in first; then its session is told to leave."""
        if now:
            self._client.fatal(cannot_connect_now())

    def end_of_input(self) -> None:
        """Nobody will prove anything any more."""
        self._client.fatal(cannot_connect_now())

    def lost(self) -> None:
        """No session came of it."""
        if not self._working:
            self._give_up()
            self._client.finished()

    def _take(self, message: FrontendMessage) -> None:
        match message:
            case AuthenticationResponse():
                self._step(message)
            case Terminate():
                self._client.close()

    def _first(self, message: AuthenticationResponse) -> None:
        response = message.as_sasl_initial_response()
        challenge = self._exchange.first(response.mechanism, response.data or b"")
        self._client.transport.write(AuthenticationSASLContinue(challenge).encode())
        self._step = self._final

    def _final(self, message: AuthenticationResponse) -> None:
        final = self._exchange.final(message.as_sasl_response().data)
        self._client.wire_state.sent(AuthenticationOk)
        self._proved(AuthenticationSASLFinal(final).encode() + AuthenticationOk().encode())

    def _proved(self, welcome: bytes) -> None:
        # It leaves with what the session or its failure has to say: the client waits for that anyway.
        self._welcome = welcome
        self._working = True
        # From here on it is the server's time: a database may take long to recover.
        self._client.handshake_done()
        tasks.start(self._open_session(), "open a session")

    def _refuse(self, error: PgError) -> None:
        if error.sqlstate == "28P01":
            self._client.host.control_plane.login_failed(self._client.accepted.remote_host)
        self._client.fatal(error)

    async def _open_session(self) -> None:
        client = self._client
        try:
            conversation = await client.host.open_conversation(client, self._request, self._slot)
        except PgError as error:
            self._stop(error)
            return
        except Exception:
            self._stop(PgError("XX000", "the session could not be opened"))
            raise
        self._slot = None
        client.stage = conversation
        if client.closing:
            conversation.lost()
            return
        client.host.arrived(client)
        if self._is_to_leave:
            conversation.leave_for_good()
        conversation.begin(self._welcome, self._rest())

    def _stop(self, error: PgError) -> None:
        self._working = False
        self._client.host.control_plane.login_succeeded(self._client.accepted.remote_host)
        if self._client.closing:
            self.lost()
        else:
            self._client.transport.write(self._welcome)
            self._client.fatal(error)

    def _rest(self) -> FrameReader:
        """The reader with what the client sent early; it is the session's now."""
        self._frames.set_limit(self._client.host.settings.max_message_bytes)
        return self._frames

    def _give_up(self) -> None:
        if self._slot is not None:
            self._client.host.databases.release(self._slot)
            self._slot = None
