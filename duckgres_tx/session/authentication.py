"""SCRAM-SHA-256 from stored verifiers; the server never knows a password.

A user that doesn't exist goes through the same messages and the same work with a verifier that nobody can satisfy, and
hears the same error, so that nobody learns who exists.

Spec: sasl-authentication.html#SASL-SCRAM-SHA-256
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from functools import lru_cache

from duckgres_tx.errors import PgError, ProtocolViolation
from duckgres_tx.session.scram import MECHANISM, InvalidProof, ScramServer, Verifier, malformed

MECHANISM_PLUS = "SCRAM-SHA-256-PLUS"
MOCK_ITERATIONS = 4096
MOCK_SALT_BYTES = 16
MAX_MADE_UP = 256


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
        # Kept for users who do exist too: so it tells at most that somebody has tried the name before.
        self._made_up = lru_cache(maxsize=MAX_MADE_UP)(self._make_up_verifier)
        self._mock_iterations = max(set(iterations), key=iterations.count) if iterations else MOCK_ITERATIONS

    def __contains__(self, user: str) -> bool:
        return user in self._verifiers

    def verifier_for(self, user: str) -> tuple[Verifier, bool]:
        """The verifier of a user, and whether it is a real one."""
        # Both are computed whether needed or not, so that the time doesn't tell.
        mock = self._made_up(user)
        real = self._verifiers.get(user)
        return (mock, False) if real is None else (real, True)

    def _make_up_verifier(self, user: str) -> Verifier:
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
            PgError: As `ScramServer.first`; 08P01 when the mechanism was not offered.
        """
        if mechanism not in self.mechanisms:
            raise ProtocolViolation("client selected an invalid SASL authentication mechanism")
        self._server = ScramServer(self._verifier, self._digest, binds=mechanism == MECHANISM_PLUS)
        return self._server.first(client_first)

    def final(self, client_final: bytes) -> bytes:
        """Take the SASLResponse, give the data of AuthenticationSASLFinal.

        Raises:
            PgError: As `ScramServer.final`; 28P01 when the proof is wrong.
        """
        if self._server is None:
            raise malformed("There was no first message.")
        try:
            signature = self._server.final(client_final)
        except InvalidProof:
            raise self.failure() from None
        if not self._real:
            raise self.failure()
        return signature

    def failure(self) -> PgError:
        """What the client hears when it did not prove to know its password, whether the user exists or not."""
        return PgError("28P01", f'password authentication failed for user "{self._user}"')
