"""TLS on a client's connection, with little memory for each idle one.

Spec: protocol-flow.html#PROTOCOL-FLOW-SSL
"""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from OpenSSL._util import lib
from OpenSSL.crypto import X509
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator, IProtocol
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer, providedBy

from duckgres_tx.session.transports import ClientTransport

ALPN_PROTOCOL = b"postgresql"

# Some asynchronous libpq clients hang on longer records: libpq keeps the rest of a record where poll() doesn't see it.
RECORD_BYTES = 8 * 1024

_NO_RENEGOTIATION: int = SSL.OP_NO_RENEGOTIATION  # type: ignore[attr-defined]  # missing in the stubs

# PostgreSQL's default for ssl_ciphers.
_CIPHERS = b"HIGH:MEDIUM:+3DES:!aNULL"

# All that OpenSSL has by default, in another order: a handshake hashes some forty times, and SHA-256 is done by the processor.
_CIPHER_SUITES = b"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

# X25519 first, as PostgreSQL 18's default has it; who insists on the hybrid with ML-KEM, which costs both sides as much again, gets
# it. An OpenSSL that doesn't know one of these refuses the whole list.
_GROUPS = (b"X25519:X25519MLKEM768:prime256v1:secp384r1:secp521r1", b"X25519:prime256v1:secp384r1:secp521r1")


class CappedConnection(SSL.Connection):
    """A connection whose records hold at most ``RECORD_BYTES``."""

    def send(self, buf: Any, flags: int = 0) -> int:
        """Encrypt one record; the caller comes back with what is left, as after any short write."""
        return super().send(buf[:RECORD_BYTES], flags)


class TlsLayer(TLSMemoryBIOProtocol):
    """Hangs up when it has said so, as PostgreSQL does: an idle client wouldn't answer before its next query."""

    def _shutdownTLS(self) -> None:  # noqa: N802
        if self._tlsConnection is None:
            # it is lost already
            return
        super()._shutdownTLS()
        transport: Any = self.transport
        transport.loseConnection()


@implementer(IOpenSSLServerConnectionCreator)
class TlsServer:
    """The server's side of TLS: one context for all of a host's clients.

    Args:
        certificate_pem: The certificate chain, the server's own certificate first.
        private_key_pem: Its key.
        client_ca_pem: Clients are asked for a certificate that one of these has signed; None: they aren't asked.

    Attributes:
        end_point_digest: The ``tls-server-end-point`` channel binding of the certificate (RFC 5929, section 4.1).
    """

    def __init__(self, certificate_pem: str, private_key_pem: str, client_ca_pem: str | None = None) -> None:
        self._context = _context(certificate_pem, private_key_pem)
        if client_ca_pem is not None:
            _ask_clients(self._context, client_ca_pem)
        self.end_point_digest = _end_point_digest(certificate_pem)
        self._factory = TLSMemoryBIOFactory(self, False, Factory())
        # Sessions gather their writes themselves; Twisted's buffering transport would delay them by a turn of the loop.
        self._factory.protocol = TlsLayer
        self._factory.noisy = False
        # What a layer provides. It is made anew, at some expense, when no layer is there that has it already.
        self._declaration: object = None

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:  # noqa: N802
        """Make the OpenSSL side of one connection."""
        return CappedConnection(self._context, None)

    def wrap(self, transport: ClientTransport, protocol: IProtocol) -> TLSMemoryBIOProtocol:
        """Put TLS between a transport and its protocol, before the first byte of the client's hello is read.

        Args:
            transport: The plain transport; from now on only the TLS layer reads and writes it.
            protocol: It is connected anew: ``makeConnection`` is called with the TLS layer as its transport.

        Returns:
            The TLS layer; bytes that were read too early go into its ``dataReceived``.
        """
        layer = TlsLayer(self._factory, protocol)
        transport.protocol = layer
        # Full records are gathered to larger writes; the last one of an answer is short and leaves at once.
        transport.lazy_from_bytes = RECORD_BYTES
        layer.makeConnection(transport)
        if self._declaration is None:
            self._declaration = providedBy(layer)
        return layer


def _context(certificate_pem: str, private_key_pem: str) -> SSL.Context:
    # The stubs know neither cryptography's objects nor this option.
    context: Any = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    # Sessions are not resumed, as in PostgreSQL.
    context.set_options(SSL.OP_NO_COMPRESSION | _NO_RENEGOTIATION | SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE)
    context.set_cipher_list(_CIPHERS)
    context.set_tls13_ciphersuites(_CIPHER_SUITES)
    _prefer_groups(context)
    certificate, *intermediates = load_pem_x509_certificates(certificate_pem.encode())
    context.use_certificate(certificate)
    for intermediate in intermediates:
        context.add_extra_chain_cert(intermediate)
    context.use_privatekey(load_pem_private_key(private_key_pem.encode(), None))
    context.check_privatekey()
    context.set_alpn_select_callback(_choose_protocol)
    made: SSL.Context = context
    return made


def _prefer_groups(context: Any) -> None:
    # pyOpenSSL has a method for one group alone. Where none of the lists is taken, OpenSSL's own stays.
    set_groups = getattr(lib, "SSL_CTX_set1_curves_list", None)
    if set_groups is None:
        return
    for groups in _GROUPS:
        if set_groups(context._context, groups) == 1:  # noqa: SLF001
            return
        # It would be taken for the error of what comes next.
        lib.ERR_clear_error()


def _ask_clients(context: SSL.Context, client_ca_pem: str) -> None:
    authorities = [X509.from_cryptography(each) for each in load_pem_x509_certificates(client_ca_pem.encode())]
    store = context.get_cert_store()
    if store is None:
        raise ValueError("OpenSSL has no place for certificates")
    for authority in authorities:
        store.add_cert(authority)
    context.set_client_ca_list([authority.get_subject() for authority in authorities])
    # Who has none may come as far as its StartupMessage, so that it hears why that is not enough.
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_CLIENT_ONCE)


def common_name(transport: Any) -> str | None:
    """Whose certificate the client has shown.

    Args:
        transport: A TLS layer whose handshake is over.

    Returns:
        The certificate's common name, "" when it has none; None without a certificate. It is one that was asked for: any other
        ends the handshake.
    """
    shown = transport.getPeerCertificate()
    if shown is None:
        return None
    names = shown.to_cryptography().subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def _choose_protocol(connection: SSL.Connection, offered: list[bytes]) -> bytes | object:
    return ALPN_PROTOCOL if ALPN_PROTOCOL in offered else SSL.NO_OVERLAPPING_PROTOCOLS


def _end_point_digest(certificate_pem: str) -> bytes:
    certificate = load_pem_x509_certificates(certificate_pem.encode())[0]
    algorithm = certificate.signature_hash_algorithm
    # "if the certificate's signatureAlgorithm uses [...] MD5 or SHA-1, then use SHA-256"; Ed25519 names none, and OpenSSL's
    # clients take SHA-256 then.
    if algorithm is None or algorithm.name in {"md5", "sha1"}:
        algorithm = hashes.SHA256()
    return certificate.fingerprint(algorithm)
