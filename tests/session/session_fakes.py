"""What stands in for the world around a session: a control plane that remembers, keys and verifiers made once."""

from __future__ import annotations

import base64
import datetime
from functools import cache

from attrs import define, field
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from scramp import ScramMechanism


@define(slots=False)
class RememberingControlPlane:
    """Grants every database unless told otherwise, and keeps what it was told."""

    elsewhere: set[str] = field(factory=set)
    relayed: list[tuple[int, bytes, str, int]] = field(factory=list)
    events: list[tuple[object, ...]] = field(factory=list)
    users_elsewhere: int = 0
    users_of_others: dict[int, str] = field(factory=dict)

    async def claim_database(self, name):
        """True unless another worker has it."""
        self.events.append(("claim", name))
        return name not in self.elsewhere

    async def relay_connection(self, fd, prefix, remote_host, remote_port):
        """Keep the far end."""
        self.relayed.append((fd, prefix, remote_host, remote_port))

    async def move_session(self, departure):
        """Have another host go on with it."""
        self.events.append(("move", departure.backend_pid, departure.database))
        await self.carry(departure)

    def session_moved(self, backend_pid):
        """Remember."""
        self.events.append(("session_moved", backend_pid))

    def session_resumed(self, connection, user, database):
        """Remember."""
        self.events.append(("session_resumed", connection.backend_pid, user, database))

    async def release_database(self, name):
        """As many as the test says."""
        self.events.append(("release", name))
        return self.users_elsewhere

    def database_closed(self, name):
        """Remember."""
        self.events.append(("database_closed", name))

    def session_opened(self, backend_pid, user, database):
        """Remember."""
        self.events.append(("session_opened", backend_pid, user, database))

    def session_closed(self, backend_pid):
        """Remember."""
        self.events.append(("session_closed", backend_pid))

    def login_failed(self, remote_host):
        """Remember."""
        self.events.append(("login_failed", remote_host))

    def login_succeeded(self, remote_host):
        """Remember."""
        self.events.append(("login_succeeded", remote_host))

    async def sessions_elsewhere(self):
        """Those that a test says there are."""
        return self.users_of_others

    def signal_elsewhere(self, backend_pid, word):
        """Remember."""
        self.events.append(("signal_elsewhere", backend_pid, word))

    def cancel_elsewhere(self, backend_pid, secret_key):
        """Remember."""
        self.events.append(("cancel_elsewhere", backend_pid, secret_key))


def verifier(password: str, salt: bytes = b"0123456789abcdef") -> str:
    """A password's verifier, as PostgreSQL stores it."""
    salt, stored_key, server_key, iterations = ScramMechanism("SCRAM-SHA-256").make_auth_info(password, 4096, salt)

    def text(data: bytes) -> str:
        return base64.b64encode(data).decode()

    return f"SCRAM-SHA-256${iterations}:{text(salt)}${text(stored_key)}:{text(server_key)}"


@cache
def certificate() -> tuple[str, str]:
    """A self-signed certificate for localhost and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(pem).decode(), private.decode()
