"""SCRAM-SHA-256 as a client that logs in fifty times a second does it: the password is salted once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from attrs import define, field

MECHANISM = "SCRAM-SHA-256"
# "I don't do channel binding", in base64
_NO_BINDING = "biws"


class NotTheServerError(Exception):
    """The server doesn't know the password's verifier: it is not who it says it is."""


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


@define
class Keys:
    """A password, and the client and server keys made of it for each salt that was met."""

    _password: str
    _made: dict[tuple[str, int], tuple[bytes, bytes]] = field(factory=dict)

    def for_salt(self, salt: str, iterations: int) -> tuple[bytes, bytes]:
        """ClientKey and ServerKey."""
        if (salt, iterations) not in self._made:
            salted = hashlib.pbkdf2_hmac("sha256", self._password.encode(), base64.b64decode(salt), iterations)
            self._made[salt, iterations] = _hmac(salted, b"Client Key"), _hmac(salted, b"Server Key")
        return self._made[salt, iterations]


@define
class Exchange:
    """One login: `first`, then `final` with the server's first message, then `check` with its last."""

    _keys: Keys
    _nonce: str = field(factory=lambda: secrets.token_urlsafe(18))
    _signature: bytes = b""

    def first(self) -> bytes:
        """The client's first message; the user in it isn't looked at, StartupMessage has named one."""
        return f"n,,n=*,r={self._nonce}".encode()

    def final(self, server_first: bytes) -> bytes:
        """The client's final message.

        Raises:
            NotTheServerError: The server's nonce doesn't continue ours.
        """
        text = server_first.decode()
        fields = dict(part.split("=", 1) for part in text.split(","))
        if not fields["r"].startswith(self._nonce):
            raise NotTheServerError
        client_key, server_key = self._keys.for_salt(fields["s"], int(fields["i"]))
        unproven = f"c={_NO_BINDING},r={fields['r']}"
        signed = f"n=*,r={self._nonce},{text},{unproven}".encode()
        signature = _hmac(hashlib.sha256(client_key).digest(), signed)
        proof = bytes(mine ^ theirs for mine, theirs in zip(client_key, signature, strict=True))
        self._signature = _hmac(server_key, signed)
        return f"{unproven},p={base64.b64encode(proof).decode()}".encode()

    def check(self, server_final: bytes) -> None:
        """Look at the server's signature.

        Raises:
            NotTheServerError: It is wrong.
        """
        if server_final != b"v=" + base64.b64encode(self._signature):
            raise NotTheServerError
