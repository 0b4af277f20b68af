"""SIGHUP: what the configuration says now holds for who comes next, and nobody who is there notices."""

from __future__ import annotations

import os
import re
import shutil
import signal
import ssl
import subprocess

import psycopg
import pytest
import servers
import yaml
from servers import running_server, wait_until

from duckgres_tx.certificates import make_self_signed


@pytest.fixture
def root():
    """A directory for configuration files."""
    path = servers.make_root()
    yield path
    shutil.rmtree(path, ignore_errors=True)


def write(path, **settings):
    """A configuration."""
    (path / "duckgres.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")


def reload(server, pattern=r"the configuration has been reloaded; changed: (.*)"):
    """SIGHUP, and what the log says to it."""
    seen = len(server.log())
    server.process.send_signal(signal.SIGHUP)
    return wait_until(lambda: re.search(pattern, server.log()[seen:]), 30, f"{pattern!r} in the log")


def shown_certificate(server):
    """The certificate that clients see."""
    with psycopg.connect(server.dsn(sslmode="require")) as connection:
        # asked for by hand, for libpq doesn't show it
        assert connection.pgconn.ssl_in_use
    done = subprocess.run(
        ["openssl", "s_client", "-starttls", "postgres", "-connect", f"{server.host}:{server.port}"],
        input=b"",
        capture_output=True,
        timeout=30,
        check=False,
    )
    begin = done.stdout.index(b"-----BEGIN CERTIFICATE")
    return ssl.PEM_cert_to_DER_cert(done.stdout[begin : done.stdout.index(b"-----END CERTIFICATE-----") + 25].decode())


def install_certificate(root, name):
    """A new one, at the same path as ever."""
    made = make_self_signed(name)
    (root / "server.key").write_text(made.private_key_pem, encoding="ascii")
    (root / "server.crt").write_text(made.certificate_pem, encoding="ascii")
    return ssl.PEM_cert_to_DER_cert(made.certificate_pem)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_users_and_limits_change(root, workers):
    """A new user can log in, an old password can't; the session that is there goes on, and nobody is thrown out."""
    write(root, users={"postgres": "first", "alice": "wonderland"}, max_connections=100)
    with running_server(f"--workers={workers}", f"--config={root / 'duckgres.yaml'}") as server:
        with psycopg.connect(server.conninfo(password="first")) as session:
            session.execute("CREATE TEMP TABLE kept AS SELECT 7 AS x")
            write(
                root,
                users={"postgres": "second", "bob": "builder"},
                max_connections=1,
                statement_timeout="1500ms",
                superusers=["bob"],
            )
            changed = reload(server)[1]
            assert set(changed.split(", ")) == {
                "users", "max_connections", "statement_timeout", "superusers", "the users",
            }  # fmt: skip
            assert session.execute("SELECT x FROM kept").fetchone() == (7,)
            with pytest.raises(psycopg.OperationalError, match="too many clients already"):
                psycopg.connect(server.conninfo(user="bob", password="builder"))
        wait_until(lambda: can_log_in(server, "bob", "builder"), 10, "the place of the one who left")
        assert not can_log_in(server, "postgres", "first")
        assert not can_log_in(server, "alice", "wonderland")
        with psycopg.connect(server.conninfo(user="bob", password="builder"), autocommit=True) as session:
            assert session.execute("SHOW statement_timeout").fetchone() == ("1500ms",)
            session.execute("CREATE DATABASE made_by_bob")


def can_log_in(server, user, password):
    """Whether a password is right, and there is room."""
    try:
        psycopg.connect(server.conninfo(user=user, password=password)).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_a_renewed_certificate_is_shown(root, workers):
    """To who comes next, by every worker; TLS sessions go on."""
    first = install_certificate(root, "first.example")
    write(root, tls={"cert": str(root / "server.crt"), "key": str(root / "server.key")})
    with running_server(f"--workers={workers}", f"--config={root / 'duckgres.yaml'}") as server:
        assert shown_certificate(server) == first
        with psycopg.connect(server.dsn(sslmode="require")) as session:
            second = install_certificate(root, "second.example")
            assert "the certificate" in reload(server)[1]
            for _ in range(4):
                assert shown_certificate(server) == second
            assert session.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_mistake_changes_nothing(root, workers):
    """One line says what it is; the next reload, without it, works."""
    write(root, max_connections=100)
    with running_server(f"--workers={workers}", f"--config={root / 'duckgres.yaml'}") as server:
        before = server.log().count("\n")
        saying = "got SIGHUP, reading the configuration again"
        (root / "duckgres.yaml").write_text("max_conections: 1\n", encoding="utf-8")
        reload(server, "nothing has changed: unknown setting 'max_conections' in .*duckgres.yaml")
        write(root, max_connections=1, tls={"cert": "/none.crt", "key": "/none.key"})
        reload(server, "nothing has changed: can't read /none.crt")
        # one line each, beside the one that says that there was a signal
        assert server.log().count("\n") == before + 2 + server.log().count(saying)
        with psycopg.connect(server.dsn()), psycopg.connect(server.dsn()):
            pass
        write(root, max_connections=1)
        reload(server)
        with psycopg.connect(server.dsn()), pytest.raises(psycopg.OperationalError, match="too many clients"):
            psycopg.connect(server.dsn())


def test_what_has_to_wait_is_named(root):
    """With what it waits for; a new worker has the settings of the last reload."""
    write(root, idle_timeout="1h")
    with running_server("--workers=2", f"--config={root / 'duckgres.yaml'}") as server:
        (root / "exchange").mkdir()
        write(root, idle_timeout="2h", allowed_directories=[str(root / "exchange")], host="127.0.0.2")
        reload(server, "allowed_directories: takes effect with a roll")
        server.wait_for_log("host: takes effect with a takeover")
        server.wait_for_log("worker 1.* serves with older settings until it is replaced: allowed_directories")
        victim = server.worker_pids()[0]
        os.kill(victim, signal.SIGKILL)
        server.wait_for_workers(2, victim)
