"""What comes before authentication: encryption, cancel requests, who wants which database.

Spec: protocol-flow.html#PROTOCOL-FLOW-START-UP
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from duckgres_tx import tasks
from duckgres_tx.errors import FeatureNotSupported, PgError, ProtocolViolation, Severity
from duckgres_tx.session.authentication import ScramExchange
from duckgres_tx.session.client import Client
from duckgres_tx.session.databases import DatabaseSlot
from duckgres_tx.session.login import Authentication
from duckgres_tx.session.login_request import CERTIFIED, LoginRequest, to_pass_on
from duckgres_tx.session.relay import cannot_connect_now, relay
from duckgres_tx.session.tls import ALPN_PROTOCOL, common_name
from duckgres_tx.wire.backend import NegotiateProtocolVersion
from duckgres_tx.wire.startup import (
    NEWEST_MINOR,
    CancelRequest,
    DirectTLS,
    GSSENCRequest,
    SSLRequest,
    StartupMessage,
    StartupPacket,
    StartupReader,
)

# What may lie in the buffer while the control plane is asked: no honest client sends anything then.
MAX_EARLY_BYTES = 16 * 1024


class Startup:
    """A connection's first stage. Packets are taken in a loop, each kind of request at most once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._host = client.host
        self._reader = StartupReader()
        self._ssl_answered = False
        self._gss_answered = False
        self._direct = False
        self._waiting = False

    def receive(self, data: bytes) -> None:
        """Take bytes; acts on every packet that is whole."""
        self._reader.feed(data)
        try:
            if self._waiting:
                self._check_early_bytes()
                return
            while not self._waiting and not self._client.closing:
                packet = self._reader.read()
                if packet is None or not self._take(packet):
                    return
        except PgError as error:
            self._client.fatal(error)

    @property
    def logged_in(self) -> bool:
        """That comes later; but who waits for a database has done what it can."""
        return self._waiting

    def leave(self, *, now: bool) -> None:
        """The client may log in first; then its session is told to leave."""
        if now:
            self._client.fatal(cannot_connect_now())

    def end_of_input(self) -> None:
        """The client will say no more."""
        self._client.close()

    def lost(self) -> None:
        """Nothing is held yet."""
        self._client.finished()

    def _take(self, packet: StartupPacket) -> bool:
        """Act on a packet; True when the next may be read."""
        self._client.wire_state.take_up_packet(packet)
        match packet:
            case DirectTLS():
                self._start_direct_tls()
            case SSLRequest():
                return self._answer_ssl_request()
            case GSSENCRequest():
                return self._answer_gssenc_request()
            case CancelRequest():
                self._host.cancel_for_client(packet.backend_pid, packet.secret_key)
                self._client.close()
            case StartupMessage():
                self._begin(packet)
        return False

    def _start_direct_tls(self) -> None:
        if self._client.encrypted or self._ssl_answered or not self._tls_possible():
            raise ProtocolViolation("invalid length of startup packet", severity=Severity.FATAL)
        self._direct = True
        self._client.start_tls(self._reader.take_leftover(), self._check_alpn)

    def _check_alpn(self) -> None:
        # Without ALPN a browser could be led into talking to a database by a page it has loaded.
        if self._direct and self._client.transport.negotiatedProtocol != ALPN_PROTOCOL:
            self._client.fatal(
                ProtocolViolation("received direct SSL connection request without ALPN protocol negotiation extension")
            )

    def _answer_ssl_request(self) -> bool:
        if self._ssl_answered or self._client.encrypted:
            raise _unsupported(5679)
        self._ssl_answered = True
        if not self._tls_possible():
            self._client.transport.write(b"N")
            return True
        if self._reader.leftover:
            raise ProtocolViolation(
                "received unencrypted data after SSL request",
                detail="This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.",
                severity=Severity.FATAL,
            )
        self._client.transport.write(b"S")
        self._client.start_tls(b"", self._check_alpn)
        return False

    def _answer_gssenc_request(self) -> bool:
        if self._gss_answered or self._client.encrypted:
            raise _unsupported(5680)
        self._gss_answered = True
        self._client.transport.write(b"N")
        return True

    def _tls_possible(self) -> bool:
        accepted = self._client.accepted
        return self._host.tls is not None and bool(accepted.remote_host) and not accepted.relayed

    def _begin(self, message: StartupMessage) -> None:
        if self._client.accepted.refusal is not None:
            raise self._client.accepted.refusal
        request = LoginRequest.from_message(message)
        self._check_encryption(request)
        certified = self._is_certified(message, request)
        if message.minor > NEWEST_MINOR or message.protocol_options:
            # Written now: the client may not send its password before it knows.
            answer = NegotiateProtocolVersion(NEWEST_MINOR, message.protocol_options)
            self._client.transport.write(answer.encode())
        self._waiting = True
        slot = self._host.databases.reserve_own(request.database)
        if slot is not None:
            self._authenticate(request, slot, certified=certified)
        else:
            tasks.start(self._place(message, request, certified=certified), "start a session")

    def _check_encryption(self, request: LoginRequest) -> None:
        client, settings = self._client, self._host.settings
        if client.encrypted or client.accepted.relayed or not client.accepted.remote_host:
            return
        local = is_loopback(client.accepted.remote_host)
        if settings.tls == "require" or not (local or settings.plaintext_from == "any"):
            raise PgError(
                "28000",
                f'no pg_hba.conf entry for host "{client.accepted.remote_host}", user "{request.user}", '
                f'database "{request.database}", no encryption',
                hint="This server wants TLS: connect with sslmode=require.",
                severity=Severity.FATAL,
            )

    def _is_certified(self, message: StartupMessage, request: LoginRequest) -> bool:
        """Whether the client's certificate is all the proof that is wanted.

        Raises:
            PgError: 28000; a certificate is wanted, and there is none, or another user's.
        """
        client, mode = self._client, self._host.settings.client_cert
        if client.accepted.relayed:
            # the worker with the TLS has looked; nobody else's message is ever a relayed one
            return CERTIFIED in message.parameters
        if mode == "off" or not client.encrypted:
            return False
        name = common_name(client.transport)
        if name is None:
            raise PgError("28000", "connection requires a valid client certificate", severity=Severity.FATAL)
        if mode != "verify-ca" and name != request.user:
            raise PgError(
                "28000", f'certificate authentication failed for user "{request.user}"', severity=Severity.FATAL
            )
        if mode == "cert" and request.user not in self._host.passwords:
            raise PgError("28000", f'role "{request.user}" does not exist', severity=Severity.FATAL)
        return mode == "cert"

    async def _place(self, message: StartupMessage, request: LoginRequest, *, certified: bool) -> None:
        """Authenticate here, or pass the session on to the worker that owns the database."""
        client = self._client
        try:
            slot = await self._host.databases.reserve(request.database)
            if client.closing:
                if slot is not None:
                    self._host.databases.release(slot)
                return
            if slot is None and self._host.databases.exists(request.database):
                await relay(client, to_pass_on(message, certified=certified), self._reader.take_leftover())
                return
        except PgError as error:
            client.fatal(error)
            return
        self._authenticate(request, slot, certified=certified)

    def _authenticate(self, request: LoginRequest, slot: DatabaseSlot | None, *, certified: bool) -> None:
        client = self._client
        exchange = ScramExchange(self._host.passwords, request.user, client.channel_binding)
        stage = Authentication(client, request, slot, exchange)
        client.stage = stage
        if certified:
            stage.trust()
        else:
            stage.begin()
        early = self._reader.take_leftover()
        if early:
            stage.receive(early)

    def _check_early_bytes(self) -> None:
        if len(self._reader.leftover) > MAX_EARLY_BYTES:
            raise ProtocolViolation("invalid length of startup packet", severity=Severity.FATAL)


@lru_cache(maxsize=1024)
def is_loopback(remote_host: str) -> bool:
    """Whether an address is this machine's own; also for an IPv4 one inside IPv6."""
    try:
        address = ipaddress.ip_address(remote_host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _unsupported(code: int) -> FeatureNotSupported:
    return FeatureNotSupported(
        f"unsupported frontend protocol 1234.{code}: server supports 3.0 to 3.{NEWEST_MINOR}", severity=Severity.FATAL
    )
