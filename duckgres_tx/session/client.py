"""The seams between a client's connection, the stages that it goes through, and the host that serves it.

A host makes a connection, a connection makes its first stage, and a stage the next one: each knows those that it makes, and
those that it belongs to only as ``Client`` and ``Host``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from duckgres_tx.errors import PgError
from duckgres_tx.session.authentication import Passwords
from duckgres_tx.session.control_plane import AcceptedConnection, ControlPlane
from duckgres_tx.session.databases import Databases, DatabaseSlot
from duckgres_tx.session.login_request import LoginRequest
from duckgres_tx.session.settings import WorkerSettings
from duckgres_tx.session.tls import TlsServer
from duckgres_tx.wire.frames import FrameReader
from duckgres_tx.wire.state import Conversation


class Stage(Protocol):
    """What a connection is doing now.

    Attributes:
        logged_in: The client has proved who it is, or another worker asks it for that, or it has done its part so far: what is waited for
            is the server's.
    """

    @property
    def logged_in(self) -> bool:
        """See above."""

    def receive(self, data: bytes) -> None:
        """Take bytes from the client."""

    def lost(self) -> None:
        """The connection is gone; free what the stage holds, and say ``client.finished()`` when that is done."""

    def leave(self, *, now: bool) -> None:
        """The host lets go of its clients: say so to this one, and hang up.

        Args:
            now: At once, and stop what goes on. Else a client that is logging in may finish that, and one that has something going on
                too: it leaves when it is idle outside a transaction.
        """

    def end_of_input(self) -> None:
        """The other end of a relayed connection says that nothing more comes, and still reads: as ``leave(now=True)``."""


class SessionStage(Stage, Protocol):
    """The stage of a client that has logged in and whose session is made."""

    def begin(self, welcome: bytes, frames: FrameReader) -> None:
        """Tell the client about the session, and take its messages.

        Args:
            welcome: What it is told first: that it has logged in.
            frames: What has been read early is in it.
        """

    def leave_for_good(self) -> None:
        """The worker that relays the session lets go of its clients: as ``leave(now=False)``, but to move would not help."""


class Client(Protocol):
    """What a stage may ask of the connection that it is a stage of.

    Attributes:
        host: Whom the connection belongs to.
        accepted: How it came; its descriptor has been adopted already.
        transport: Where bytes for the client go, in plain text or through TLS.
        encrypted: The transport is TLS.
        channel_binding: What the certificate that it was shown binds a proof to; None in plain text.
        closing: The last word has been said.
        wire_state: Which message may come now.
        stage: Takes the client's bytes; a stage that is over puts the next one here.
    """

    host: Host
    accepted: AcceptedConnection
    transport: Any
    encrypted: bool
    channel_binding: bytes | None
    closing: bool
    wire_state: Conversation
    stage: Stage

    def start_tls(self, already_read: bytes, on_handshake: Callable[[], None]) -> None:
        """Go on in TLS; what was read of the client's hello goes in, and ``on_handshake`` is called when it is done."""

    def handshake_done(self) -> None:
        """The client has logged in, or given up: the deadline for it is off."""

    def fatal(self, error: PgError) -> None:
        """Tell the client why, and hang up."""

    def close(self) -> None:
        """Hang up once the client has read what was written, or after a while."""

    def abort(self) -> None:
        """Hang up at once."""

    def finished(self) -> None:
        """Nothing of the connection is left; told by its last stage."""

    def has_sent_more(self) -> bool:
        """Whether there is something of the client's that was not read yet. A look, no wait; never in TLS."""

    def peer_is_gone(self) -> bool:
        """Whether the peer has closed its end, also while reading is paused. A look, no wait."""


class Host(Protocol):
    """What a connection and its stages may ask of whoever serves them.

    Attributes:
        reactor: Where it runs.
        settings: What it was told last.
        control_plane: Whom it asks and tells.
        passwords: Who may log in.
        tls: The server's side of TLS for those who ask for it now; None when it has no certificate.
        databases: Those that it owns, open or not.
        moves_sessions: Who is to leave and holds nothing goes to another worker.
    """

    reactor: Any
    settings: WorkerSettings
    control_plane: ControlPlane
    passwords: Passwords
    tls: TlsServer | None
    databases: Databases

    @property
    def moves_sessions(self) -> bool:
        """See above."""

    def cancel_for_client(self, backend_pid: int, secret_key: bytes) -> None:
        """A client has sent a CancelRequest here; the session may be another worker's."""

    async def open_conversation(self, client: Client, request: LoginRequest, slot: DatabaseSlot | None) -> SessionStage:
        """Make the session of a client that has authenticated.

        Args:
            client: The connection.
            request: What it asked for.
            slot: Its database, reserved; the conversation releases it at its end. None when there is no such.

        Raises:
            PgError: FATAL; too many sessions, the database can't be opened, a variable can't be set.
        """

    def depart(self, client: Client, backend_pid: int, belongings: Any) -> None:
        """A session of which nothing is left here but its client's socket goes to another worker with its `Belongings`."""

    def idle(self, conversation: Any) -> None:
        """A session that is to leave has nothing to do at this moment: it may be moved to another worker now, and others with it."""

    def departed(self, backend_pid: int, moving: Any) -> None:
        """A session that was being moved is not here any more."""

    def arrived(self, client: Client) -> None:
        """A client has a session now, here or on another worker; it may be told to leave at once."""

    def connection_finished(self, client: Client) -> None:
        """Nothing is left of a connection."""
