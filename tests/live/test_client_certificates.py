"""Clients that show certificates: who is asked for one, who may come in without a password."""

from __future__ import annotations

import datetime

import psycopg
import pytest
import raw
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from servers import running_server


class Authority:
    """Signs certificates; everything it makes is below a directory."""

    def __init__(self, directory, name):
        self.directory, self.key = directory / name, ec.generate_private_key(ec.SECP256R1())
        self.directory.mkdir()
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.path = self.directory / "ca.pem"
        self.path.write_bytes(self._sign(self.name, self.key.public_key(), ca=True))

    def _sign(self, subject, public_key, *, ca):
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder(self.name, subject, public_key, x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(hours=1))
        builder = builder.not_valid_after(now + datetime.timedelta(hours=1))
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def client(self, name):
        """libpq's parameters for a certificate of that name."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate, key_path = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        certificate.write_bytes(
            self._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key.public_key(), ca=False)
        )
        key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        key_path.chmod(0o600)
        return {"sslcert": str(certificate), "sslkey": str(key_path), "sslmode": "require"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """The one that the servers know."""
    return Authority(tmp_path_factory.mktemp("certificates"), "known")


def _value(dsn, sql="SELECT current_user"):
    with psycopg.connect(dsn) as connection:
        row = connection.execute(sql).fetchone()
    assert row is not None
    return row[0]


def _environment(authority, mode):
    return {"DUCKGRES_TLS_CLIENT_CA": str(authority.path), "DUCKGRES_TLS_CLIENT_CERT": mode}


def test_a_certificate_stands_for_the_password(authority, tmp_path):
    """`cert`: the common name is the user; also when another worker owns the database. No other certificate does."""
    stranger = Authority(tmp_path, "stranger")
    with running_server("--workers", "2", env=_environment(authority, "cert")) as server:
        mine = authority.client("postgres")
        assert _value(server.conninfo(**mine)) == "postgres"
        with psycopg.connect(server.conninfo(**mine), autocommit=True) as connection:
            for name in ("one", "two", "three"):
                connection.execute(f"CREATE DATABASE {name}")
        for _ in range(2):
            for name in ("one", "two", "three"):
                assert _value(server.conninfo(dbname=name, **mine), "SELECT current_database()") == name
        with pytest.raises(psycopg.OperationalError, match='certificate authentication failed for user "postgres"'):
            psycopg.connect(server.conninfo(**authority.client("somebody")))
        with pytest.raises(psycopg.OperationalError, match='role "somebody" does not exist'):
            psycopg.connect(server.conninfo(user="somebody", **authority.client("somebody")))
        with pytest.raises(psycopg.OperationalError, match="connection requires a valid client certificate"):
            psycopg.connect(server.dsn(sslmode="require", sslcert="", sslkey=""))
        with pytest.raises(psycopg.OperationalError, match=r"unknown ca|certificate|SSL"):
            psycopg.connect(server.conninfo(**stranger.client("postgres")))
        # plain text from this machine goes by the password
        assert _value(server.dsn(sslmode="disable")) == "postgres"
        with raw.RawClient((server.host, server.port)) as forger, pytest.raises(ConnectionError, match="28P01"):
            forger.login("postgres", "wrong", **{"_duckgres.certified": "on"})


@pytest.mark.parametrize(("mode", "name"), [("verify-ca", "somebody"), ("verify-full", "postgres")])
def test_a_certificate_beside_the_password(authority, mode, name):
    """`verify-ca` takes anybody's, `verify-full` the user's; the password is needed all the same."""
    with running_server("--workers", "1", env=_environment(authority, mode)) as server:
        shown = authority.client(name)
        assert _value(server.dsn(**shown)) == "postgres"
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.dsn(**{**shown, "password": "wrong"}))
        with pytest.raises(psycopg.OperationalError, match="connection requires a valid client certificate"):
            psycopg.connect(server.dsn(sslmode="require", sslcert="", sslkey=""))
