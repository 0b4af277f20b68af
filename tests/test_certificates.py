"""The certificate that the server shows."""

from __future__ import annotations

import datetime
import ssl
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from duckgres_tx import certificates
from duckgres_tx.certificates import BadCertificate


def parsed(certificate) -> x509.Certificate:
    """The leaf."""
    return x509.load_pem_x509_certificate(certificate.certificate_pem.encode())


def test_the_first_start_makes_one(tmp_path):
    """P-256, good for this machine's names, its key for nobody else."""
    made = certificates.self_signed(tmp_path)
    leaf = parsed(made)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert isinstance(leaf.public_key().curve, ec.SECP256R1)
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    assert {str(address) for address in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "::1"}
    assert stat.S_IMODE((tmp_path / "server.key").stat().st_mode) == 0o600


def test_openssl_takes_it(tmp_path):
    """Certificate and key belong together."""
    certificates.self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")


def test_later_starts_keep_it(tmp_path):
    """Clients may have pinned it."""
    assert certificates.self_signed(tmp_path) == certificates.self_signed(tmp_path)


def test_it_is_renewed_before_it_expires(tmp_path, monkeypatch):
    """Thirty days before."""
    first = certificates.self_signed(tmp_path)
    soon = parsed(first).not_valid_after_utc - datetime.timedelta(days=29)
    monkeypatch.setattr(certificates, "_now", lambda: soon)
    second = certificates.self_signed(tmp_path)

    assert second != first
    assert parsed(second).not_valid_after_utc > soon + datetime.timedelta(days=800)


def test_the_operator_s_own_is_used_as_it_is(tmp_path):
    """A chain stays a chain."""
    made = certificates.make_self_signed("db.example.org")
    (tmp_path / "c.pem").write_text(made.certificate_pem * 2, encoding="ascii")
    (tmp_path / "k.pem").write_text(made.private_key_pem, encoding="ascii")

    assert certificates.load(tmp_path / "c.pem", tmp_path / "k.pem").certificate_pem == made.certificate_pem * 2


def test_what_can_t_be_used_is_named(tmp_path, monkeypatch):
    """File by file."""
    made, other = certificates.make_self_signed("a"), certificates.make_self_signed("b")
    good, key = tmp_path / "c.pem", tmp_path / "k.pem"
    good.write_text(made.certificate_pem, encoding="ascii")
    key.write_text(made.private_key_pem, encoding="ascii")
    bad = tmp_path / "bad.pem"
    bad.write_text("hello", encoding="ascii")
    foreign = tmp_path / "foreign.pem"
    foreign.write_text(other.private_key_pem, encoding="ascii")

    for certificate, private, message in (
        (tmp_path / "none.pem", key, r"can't read .*none\.pem: No such file"),
        (bad, key, r"bad\.pem is not a PEM certificate"),
        (good, bad, r"bad\.pem is not a PEM private key"),
        (good, foreign, r"the key in .*foreign\.pem is not that of"),
    ):
        with pytest.raises(BadCertificate, match=message):
            certificates.load(certificate, private)
    late = parsed(made).not_valid_after_utc + datetime.timedelta(days=1)
    monkeypatch.setattr(certificates, "_now", lambda: late)
    with pytest.raises(BadCertificate, match="has expired"):
        certificates.load(good, key)
