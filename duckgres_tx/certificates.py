"""The certificate that the server shows.

One that the operator names is used as it is. Otherwise a self-signed one is made in the data directory at the first start, and made anew
before it expires: good for ``sslmode=require``, which encrypts but believes anybody.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
from pathlib import Path

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CERTIFICATE_NAME = "server.crt"
KEY_NAME = "server.key"
VALID_FOR = datetime.timedelta(days=825)
RENEW_BEFORE = datetime.timedelta(days=30)
# clocks differ
_BACKDATED = datetime.timedelta(hours=1)


class BadCertificate(Exception):
    """A certificate or key can't be used; one line of text names the file."""


@frozen
class Certificate:
    """A certificate chain and its private key, PEM text."""

    certificate_pem: str
    private_key_pem: str


def load(certificate_path: Path, key_path: Path) -> Certificate:
    """Read what the operator named.

    Raises:
        BadCertificate: A file can't be read, isn't PEM, the key is encrypted or belongs to another certificate, or the certificate
            has expired.
    """
    certificate_pem = _read(certificate_path)
    key_pem = _read(key_path)
    try:
        leaf = x509.load_pem_x509_certificates(certificate_pem)[0]
    except ValueError as error:
        raise BadCertificate(f"{certificate_path} is not a PEM certificate: {_first_line(error)}") from error
    try:
        key = serialization.load_pem_private_key(key_pem, None)
    except (ValueError, TypeError) as error:
        raise BadCertificate(f"{key_path} is not a PEM private key without password: {_first_line(error)}") from error
    if key.public_key() != leaf.public_key():
        raise BadCertificate(f"the key in {key_path} is not that of the certificate in {certificate_path}")
    if leaf.not_valid_after_utc <= _now():
        raise BadCertificate(f"the certificate in {certificate_path} has expired")
    return Certificate(certificate_pem.decode(), key_pem.decode())


def load_authorities(path: Path) -> str:
    """Read the certificates of those who sign clients' certificates; PEM text.

    Raises:
        BadCertificate: The file can't be read, or holds none.
    """
    text = _read(path)
    try:
        x509.load_pem_x509_certificates(text)
    except ValueError as error:
        raise BadCertificate(f"{path} is not a PEM certificate: {_first_line(error)}") from error
    return text.decode()


def self_signed(directory: Path) -> Certificate:
    """The certificate of this data directory, made if there is none or it expires within `RENEW_BEFORE`.

    Raises:
        BadCertificate: What is there can't be used.
        OSError: It can't be written.
    """
    certificate_path, key_path = directory / CERTIFICATE_NAME, directory / KEY_NAME
    if not certificate_path.exists() or not key_path.exists() or _expires_soon(certificate_path):
        made = make_self_signed(socket.gethostname())
        # the key first: a certificate without its key would stand in the way at the next start
        _write(key_path, made.private_key_pem, 0o600)
        _write(certificate_path, made.certificate_pem, 0o644)
    return load(certificate_path, key_path)


def make_self_signed(host_name: str) -> Certificate:
    """A new P-256 key and a certificate for this machine's names."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host_name[:64] or "localhost")])
    now = _now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.SubjectAlternativeName(_names(host_name)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Certificate(
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )


def _names(host_name: str) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]
    if host_name and host_name != "localhost":
        names.append(x509.DNSName(host_name))
    return names


def _expires_soon(path: Path) -> bool:
    try:
        leaf = x509.load_pem_x509_certificates(_read(path))[0]
    except ValueError as error:
        raise BadCertificate(f"{path} is not a PEM certificate: {_first_line(error)}") from error
    return leaf.not_valid_after_utc - _now() < RENEW_BEFORE


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadCertificate(f"can't read {path}: {error.strerror}") from error


def _write(path: Path, text: str, mode: int) -> None:
    """Replace a file at once, never readable by more than the mode says."""
    partial = path.with_name(path.name + ".new")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="ascii") as file:
        file.write(text)
    partial.replace(path)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
