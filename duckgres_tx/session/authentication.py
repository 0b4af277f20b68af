"""SCRAM-SHA-256 from stored verifiers; the server never knows a password.

A user that doesn't exist goes through the same messages and the same work with a verifier that nobody can satisfy, and
hears the same error, so that nobody learns who exists.

Spec: sasl-authentication.html#SASL-SCRAM-SHA-256
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping

from attrs import frozen
from scramp import ScramException, ScramMechanism
from scramp.core import ScramServer
from scramp.utils import ServerError

from duckgres_tx.errors import PgError, ProtocolViolation

MECHANISM = "SCRAM-SHA-256"
MECHANISM_PLUS = "SCRAM-SHA-256-PLUS"
MOCK_ITERATIONS = 4096
MOCK_SALT_BYTES = 16


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
            verifier = cls(_decode(salt), _decode(stored_key), _decode(server_key), int(iterations))
        except (ValueError, binascii.Error):
            raise ValueError("not a SCRAM-SHA-256 verifier") from None
        if (
            mechanism != MECHANISM
            or len(verifier.stored_key) != len(verifier.server_key)
            or len(verifier.stored_key) != 32
        ):
            raise ValueError("not a SCRAM-SHA-256 verifier")
        return verifier


def _decode(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


class Passwords:
    """The verifiers of all users, and made-up ones for users who don't exist.

    Args:
        verifiers: User name to verifier text.

    Raises:
        ValueError: A verifier's text is malformed.
    """

    def __init__(self, verifiers: Mapping[str, str]) -> None:
        self._verifiers = {user: Verifier.parse(text) for user, text in verifiers.items()}
        # Made-up salts must stay the same over restarts and workers, as real ones do: so their key comes from what all
        # workers know and nobody else does.
        secret = "\n".join(f"{user}={text}" for user, text in sorted(verifiers.items())).encode()
        self._mock_key = hashlib.sha256(secret).digest() if verifiers else secrets.token_bytes(32)
        iterations = [verifier.iterations for verifier in self._verifiers.values()]
        self._mock_iterations = max(set(iterations), key=iterations.count) if iterations else MOCK_ITERATIONS

    def verifier_for(self, user: str) -> tuple[Verifier, bool]:
        """The verifier of a user, and whether it is a real one."""
        # Both are computed whether needed or not, so that the time doesn't tell.
        mock = self._mock_verifier(user)
        real = self._verifiers.get(user)
        return (mock, False) if real is None else (real, True)

    def _mock_verifier(self, user: str) -> Verifier:
        salt = hmac.digest(self._mock_key, b"salt" + user.encode(), "sha256")[:MOCK_SALT_BYTES]
        key = hmac.digest(self._mock_key, b"key" + user.encode(), "sha256")
        return Verifier(salt, key, key, self._mock_iterations)


class ScramExchange:
    """One client's proof that it knows its password.

    Args:
        passwords: All verifiers.
        user: The name in the StartupMessage; the one inside the SCRAM messages is ignored, as in PostgreSQL.
        end_point_digest: The certificate's channel binding when the connection is under TLS, else None.
    """

    def __init__(self, passwords: Passwords, user: str, end_point_digest: bytes | None) -> None:
        self._user = user
        self._digest = end_point_digest
        self._verifier, self._real = passwords.verifier_for(user)
        self._server: ScramServer | None = None

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """What AuthenticationSASL offers, the preferred one first."""
        return (MECHANISM,) if self._digest is None else (MECHANISM_PLUS, MECHANISM)

    def first(self, mechanism: str, client_first: bytes) -> bytes:
        """Take the SASLInitialResponse, give the data of AuthenticationSASLContinue.

        Raises:
            ProtocolViolation: The message is malformed, or names a mechanism that was not offered.
        """
        if mechanism not in self.mechanisms:
            raise ProtocolViolation("client selected an invalid SASL authentication mechanism")
        binding = None if self._digest is None else ("tls-server-end-point", self._digest)
        verifier = self._verifier
        self._server = ScramMechanism(mechanism).make_server(
            lambda _: (verifier.salt, verifier.stored_key, verifier.server_key, verifier.iterations), binding
        )
        try:
            flag, authorization, bare = client_first.decode().split(",", 2)
            if authorization:
                raise PgError("0A000", "client uses authorization identity, but it is not supported")
            # libpq leaves the name empty, which scramp refuses; the proof is over what the client really sent.
            named = f"n=*{bare[2:]}" if bare.startswith("n=,") else bare
            self._server.set_client_first(f"{flag},,{named}")
            self._server.client_first_bare = bare
            return self._server.get_server_first().encode()
        except (ScramException, ValueError) as error:
            raise _malformed(error) from None

    def final(self, client_final: bytes) -> bytes:
        """Take the SASLResponse, give the data of AuthenticationSASLFinal.

        Raises:
            PgError: 28P01 when the proof is wrong, 28000 when the channel binding is, 08P01 when the message is malformed.
        """
        if self._server is None:
            raise ProtocolViolation("malformed SCRAM message")
        try:
            self._server.set_client_final(client_final.decode())
        except ScramException as error:
            if error.server_error is ServerError.INVALID_PROOF:
                raise self.failure() from None
            if error.server_error is ServerError.CHANNEL_BINDINGS_DONT_MATCH:
                raise PgError("28000", "SCRAM channel binding check failed") from None
            raise _malformed(error) from None
        except ValueError as error:
            raise _malformed(error) from None
        if not self._real:
            raise self.failure()
        return self._server.get_server_final().encode()

    def failure(self) -> PgError:
        """What the client hears when it did not prove to know its password, whether the user exists or not."""
        return PgError("28P01", f'password authentication failed for user "{self._user}"')


def _malformed(error: Exception) -> ProtocolViolation:
    return ProtocolViolation("malformed SCRAM message", detail=str(error).partition(":")[0] + ".")
