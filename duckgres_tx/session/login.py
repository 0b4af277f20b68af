"""From the StartupMessage to the first ReadyForQuery: the proof, the database, the session.

Spec: protocol-flow.html#PROTOCOL-FLOW-START-UP
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from duckgres_tx import tasks
from duckgres_tx.errors import PgError, ProtocolViolation
from duckgres_tx.session.authentication import ScramExchange
from duckgres_tx.wire.backend import (
    AuthenticationOk,
    AuthenticationSASL,
    AuthenticationSASLContinue,
    AuthenticationSASLFinal,
)
from duckgres_tx.wire.frames import PASSWORD_MESSAGE_BYTES, FrameReader
from duckgres_tx.wire.frontend import AuthenticationResponse, FrontendMessage, Terminate, decode

if TYPE_CHECKING:
    from duckgres_tx.session.connection import ClientConnection
    from duckgres_tx.session.databases import DatabaseSlot
    from duckgres_tx.session.startup import LoginRequest


class Authentication:
    """The stage in which a client proves who it is, and its session is made.

    Args:
        connection: The client's.
        request: Who it says it is.
        slot: The database's reservation, released here if no session comes of it; None for a database that there isn't.
        exchange: The proof.
    """

    def __init__(
        self, connection: ClientConnection, request: LoginRequest, slot: DatabaseSlot | None, exchange: ScramExchange
    ) -> None:
        self._connection = connection
        self._request = request
        self._slot = slot
        self._exchange = exchange
        self._frames = FrameReader(PASSWORD_MESSAGE_BYTES)
        self._step = self._first
        self._working = False
        self._welcome = b""

    def begin(self) -> None:
        """Ask for the proof."""
        self._connection.transport.write(AuthenticationSASL(self._exchange.mechanisms).encode())

    def receive(self, data: bytes) -> None:
        """Take bytes; what comes after the proof waits for the session."""
        self._frames.feed(data)
        try:
            if self._working and self._frames.buffered_bytes > PASSWORD_MESSAGE_BYTES:
                raise ProtocolViolation("invalid message length")
            while not self._working and not self._connection.closing:
                frame = next(self._frames, None)
                if frame is None:
                    return
                type_byte, body = frame
                if self._connection.wire_state.take_up(type_byte):
                    self._take(decode(type_byte, body))
        except PgError as error:
            self._refuse(error)

    def lost(self) -> None:
        """No session came of it."""
        if not self._working:
            self._give_up()
            self._connection.finished()

    def _take(self, message: FrontendMessage) -> None:
        match message:
            case AuthenticationResponse():
                self._step(message)
            case Terminate():
                self._connection.close()

    def _first(self, message: AuthenticationResponse) -> None:
        response = message.as_sasl_initial_response()
        challenge = self._exchange.first(response.mechanism, response.data or b"")
        self._connection.transport.write(AuthenticationSASLContinue(challenge).encode())
        self._step = self._final

    def _final(self, message: AuthenticationResponse) -> None:
        final = self._exchange.final(message.as_sasl_response().data)
        control_plane = self._connection.host.control_plane
        control_plane.login_succeeded(self._connection.accepted.remote_host)
        # It leaves with what the session or its failure has to say: the client waits for that anyway.
        self._welcome = AuthenticationSASLFinal(final).encode() + AuthenticationOk().encode()
        self._connection.wire_state.sent(AuthenticationOk)
        self._working = True
        # From here on it is the server's time: a database may take long to recover.
        self._connection.handshake_done()
        tasks.start(self._open_session(), "open a session")

    def _refuse(self, error: PgError) -> None:
        if error.sqlstate == "28P01":
            self._connection.host.control_plane.login_failed(self._connection.accepted.remote_host)
        self._connection.fatal(error)

    async def _open_session(self) -> None:
        connection = self._connection
        try:
            conversation = await connection.host.open_conversation(connection, self._request, self._slot)
        except PgError as error:
            self._stop(error)
            return
        except Exception:
            self._stop(PgError("XX000", "the session could not be opened"))
            raise
        self._slot = None
        connection.stage = conversation
        if connection.closing:
            conversation.lost()
        else:
            conversation.session.output.write(self._welcome)
            conversation.begin(self._rest())

    def _stop(self, error: PgError) -> None:
        self._working = False
        if self._connection.closing:
            self.lost()
        else:
            self._connection.transport.write(self._welcome)
            self._connection.fatal(error)

    def _rest(self) -> FrameReader:
        """The reader with what the client sent early; it is the session's now."""
        self._frames.set_limit(self._connection.host.settings.max_message_bytes)
        return self._frames

    def _give_up(self) -> None:
        if self._slot is not None:
            self._connection.host.databases.release(self._slot)
            self._slot = None
