"""The server's side of SCRAM-SHA-256: what a client proves with two messages, checked against stored keys.

The server's part is small, two HMACs and a hash; the many rounds over the password are the client's. So it is done here, and not
by a library that is made for both sides: this is on the way of every connect.

Spec: RFC 5802, section 7; RFC 7677; sasl-authentication.html#SASL-SCRAM-SHA-256
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets

from attrs import frozen

from duckgres_tx.errors import FeatureNotSupported, PgError, ProtocolViolation

NONCE_BYTES = 18
MECHANISM = "SCRAM-SHA-256"
BINDING_TYPE = "tls-server-end-point"

_NONCE = re.compile(rb"r=[!-+\--~]+")
_PROOF = re.compile(rb"p=([A-Za-z0-9+/]{43}=)")


class InvalidProof(Exception):
    """The client doesn't know the password."""


@frozen
class Verifier:
    """What the server keeps of a password: enough to check a proof, too little to make one."""

    salt: bytes
    stored_key: bytes
    server_key: bytes
    iterations: int

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """Read ``SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>``, the form in PostgreSQL's pg_authid.

        Raises:
            ValueError: It isn't one.
        """
        try:
            mechanism, parameters, keys = text.split("$")
            iterations, salt = parameters.split(":")
            stored_key, server_key = keys.split(":")
            verifier = cls(_decoded(salt), _decoded(stored_key), _decoded(server_key), int(iterations))
        except (ValueError, binascii.Error):
            raise ValueError("not a SCRAM-SHA-256 verifier") from None
        if (
            mechanism != MECHANISM
            or len(verifier.stored_key) != len(verifier.server_key)
            or len(verifier.stored_key) != 32
        ):
            raise ValueError("not a SCRAM-SHA-256 verifier")
        return verifier


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


class ScramServer:
    """One exchange.

    Args:
        verifier: Of the user who is to be proved.
        digest: The certificate's ``tls-server-end-point`` binding when the connection is under TLS, else None.
        binds: The client has chosen the mechanism with channel binding.
    """

    __slots__ = ("_binding", "_binds", "_digest", "_first_bare", "_nonce", "_server_first", "_verifier")

    def __init__(self, verifier: Verifier, digest: bytes | None, *, binds: bool) -> None:
        self._verifier = verifier
        self._digest = digest
        self._binds = binds

    def first(self, client_first: bytes) -> bytes:
        """Take the client's first message, give the server's.

        The name in it isn't looked at: the startup packet has told who it is, and libpq leaves it empty.

        Raises:
            ProtocolViolation: It is malformed.
            PgError: 28000 when the client could bind and believes that the server can't; 0A000 for what isn't supported.
        """
        flag, _, rest = client_first.partition(b",")
        authorization, comma, bare = rest.partition(b",")
        self._check_flag(flag.decode(errors="replace"))
        if authorization.startswith(b"a="):
            raise PgError("0A000", "client uses authorization identity, but it is not supported")
        if authorization or not comma:
            raise malformed("Unexpected attribute in client-first-message.")
        name, _, rest = bare.partition(b",")
        nonce = rest.partition(b",")[0]
        if name.startswith(b"m="):
            raise FeatureNotSupported("client requires an unsupported SCRAM extension")
        if not name.startswith(b"n=") or not nonce.startswith(b"r="):
            raise malformed("Attribute expected, but not found in client-first-message.")
        if not _NONCE.fullmatch(nonce):
            raise ProtocolViolation("non-printable characters in SCRAM nonce")
        header = client_first[: len(client_first) - len(bare)]
        self._binding = b"c=" + _base64(header + (self._digest or b"") if self._binds else header)
        self._first_bare = bare
        self._nonce = nonce + _base64(secrets.token_bytes(NONCE_BYTES))
        self._server_first = b"%b,s=%b,i=%d" % (self._nonce, _base64(self._verifier.salt), self._verifier.iterations)
        return self._server_first

    def final(self, client_final: bytes) -> bytes:
        """Take the client's last message, give the server's.

        Raises:
            ProtocolViolation: It is malformed, or answers another message than ours.
            PgError: 28000 when it is bound to another channel.
            InvalidProof: The proof is wrong.
        """
        unproved, _, rest = client_final.rpartition(b",")
        proof = _PROOF.fullmatch(rest)
        if proof is None:
            raise malformed("Malformed proof in client-final-message.")
        binding, _, rest = unproved.partition(b",")
        if binding != self._binding:
            raise self._wrong_binding()
        if rest.partition(b",")[0] != self._nonce:
            raise ProtocolViolation("invalid SCRAM response", detail="Nonce does not match.")
        message = b"%b,%b,%b" % (self._first_bare, self._server_first, unproved)
        signature = hmac.digest(self._verifier.stored_key, message, "sha256")
        key = int.from_bytes(binascii.a2b_base64(proof[1])) ^ int.from_bytes(signature)
        if not hmac.compare_digest(hashlib.sha256(key.to_bytes(len(signature))).digest(), self._verifier.stored_key):
            raise InvalidProof
        return b"v=" + _base64(hmac.digest(self._verifier.server_key, message, "sha256"))

    def _check_flag(self, flag: str) -> None:
        bound, _, binding_type = flag.partition("=")
        if bound not in ("n", "y", "p"):
            raise malformed(f'Unexpected channel-binding flag "{flag}".')
        if bound != "p" and self._binds:
            raise malformed(
                "The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data."
            )
        if bound == "y" and self._digest is not None:
            raise PgError(
                "28000",
                "SCRAM channel binding negotiation error",
                detail="The client supports SCRAM channel binding but thinks the server does not.  "
                "However, this server does support channel binding.",
            )
        if bound == "p" and not self._binds:
            raise malformed(
                "The client selected SCRAM-SHA-256 without channel binding, "
                "but the SCRAM message includes channel binding data."
            )
        if bound == "p" and binding_type != BINDING_TYPE:
            raise ProtocolViolation(f'unsupported SCRAM channel-binding type "{binding_type}"')

    def _wrong_binding(self) -> PgError:
        if self._binds:
            return PgError("28000", "SCRAM channel binding check failed")
        return ProtocolViolation("unexpected SCRAM channel-binding attribute in client-final-message")


def malformed(detail: str) -> ProtocolViolation:
    """What a client hears whose message is none."""
    return ProtocolViolation("malformed SCRAM message", detail=detail)


def _base64(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False)
