"""What is checked and made before the server becomes a daemon."""

from __future__ import annotations

import json
import os
import socket
import stat

import cattrs
import pytest

from duckgres_tx.config import Bytes, Config, Tls
from duckgres_tx.handover.offers import Offers
from duckgres_tx.preparation import CannotStart, check, occupy, prepare
from duckgres_tx.session.settings import WorkerSettings


@pytest.fixture
def make(tmp_path):
    """Prepare a server that listens on a UNIX socket only; let it go afterwards, and find nothing left open."""
    before = len(os.listdir("/proc/self/fd"))
    made = []

    def prepare_with(**changes):
        defaults = {"host": (), "unix_socket_dir": tmp_path, "data_dir": tmp_path / "data"}
        prepared = prepare(Config(**{**defaults, **changes}))
        made.append(prepared)
        return prepared

    yield prepare_with
    for prepared in made:
        prepared.discard()
    assert len(os.listdir("/proc/self/fd")) == before


def test_everything_is_made(make, tmp_path):
    """Directories that are private, a user, a certificate, a socket."""
    prepared = make()
    names = {path.name for path in (tmp_path / "data").iterdir()}

    assert names == {"users.json", "pgpass", "server.crt", "server.key", "duckgres.lock", "run", "tmp"}
    for name in ("", "run", "tmp"):
        assert stat.S_IMODE((tmp_path / "data" / name).stat().st_mode) == 0o700
    assert list(prepared.material.verifiers) == ["postgres"]
    assert prepared.listeners.unix_path.exists()


@pytest.mark.parametrize(
    ("path", "message"),
    [("none/x.sock", "is not a directory"), ("x" * 120, "is too long"), ("plain", "is no socket")],
)
def test_a_handover_path_is_checked(make, tmp_path, path, message):
    """What could never work is told at the start."""
    (tmp_path / "plain").touch()
    with pytest.raises(CannotStart, match=f"handover: .*{message}"):
        make(handover=tmp_path / path)


def test_the_handover_socket_may_be_where_it_would_be_anyway(make, tmp_path):
    """Also at the first start, when the directory isn't there yet."""
    make(handover=tmp_path / "data" / "run" / "handover.sock")


def test_a_check_makes_nothing(tmp_path):
    """A server that takes over does it before it is let."""
    check(Config(host=(), unix_socket_dir=tmp_path, data_dir=tmp_path / "data"))

    assert list(tmp_path.iterdir()) == []


def test_what_was_given_is_not_asked_for_again(make, tmp_path):
    """Locks and sockets of the server that is taken over; and they are that server's until it is sure that this one serves."""
    old = make()
    path = tmp_path / ".s.PGSQL.5432"
    offers = Offers([old.listeners.sockets[0].dup()], unix_lock=os.dup(old.listeners.lock))

    new = occupy(old.config, offers, old.locks)

    assert new.listeners.sockets[0].getsockname() == str(path)
    assert (offers.sockets, offers.unix_lock) == ([], -1)
    new.undo()
    assert path.exists()
    with pytest.raises(CannotStart, match="in use by another server"):
        occupy(old.config)


def test_a_server_that_can_t_be_taken_over_is_told_from_one_that_can(make, tmp_path):
    """An older one has no handover socket; and a path may be mistyped."""
    make()
    (tmp_path / "data" / "run" / "handover.sock").unlink(missing_ok=True)
    with pytest.raises(
        CannotStart, match=r"in use by another server, which can't be asked .*x\.sock, or anywhere else"
    ):
        make(handover=tmp_path / "x.sock")

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "data" / "run" / "handover.sock"))
        listener.listen()
        with pytest.raises(CannotStart, match=r"x\.sock, but at .*run/handover\.sock"):
            make(handover=tmp_path / "x.sock")


def test_what_the_server_makes_is_private(make):
    """Files of databases, which workers make, are nobody else's to read."""
    make(handover=None)
    mask = os.umask(0o022)
    os.umask(mask)

    assert mask == 0o077


def test_workers_share_what_there_is(make):
    """Memory and threads are divided; the rest each gets whole."""
    prepared = make(workers=4, memory_limit=Bytes(8 << 30), threads=8, max_connections=77, statement_timeout=1.5)
    settings = prepared.worker_settings()

    assert (settings.memory_limit_bytes, settings.threads) == (2 << 30, 2)
    assert (settings.max_connections, settings.statement_timeout_ms) == (77, 1500)


def test_the_document_is_what_a_worker_reads(make):
    """Nothing is lost on the way, the private key included."""
    prepared = make(superusers=("alice", "bob"), idle_timeout=0.0)
    read = cattrs.structure(json.loads(prepared.worker_document()), WorkerSettings)

    assert read == prepared.worker_settings()
    assert "PRIVATE KEY" in read.private_key_pem
    assert read.server_version.startswith("16.9 (duckgres_tx ")


@pytest.mark.parametrize(
    ("tls", "allow", "plaintext_from"),
    [("prefer", False, "local"), ("prefer", True, "any"), ("require", False, "local"), ("off", False, "any")],
)
def test_plain_text_from_afar_must_be_asked_for(make, tls, allow, plaintext_from):
    """By switching it on, or TLS off."""
    settings = make(tls=Tls(mode=tls), allow_plaintext=allow).worker_settings()

    assert (settings.tls, settings.plaintext_from) == (tls, plaintext_from)
    assert (settings.certificate_pem is None) == (tls == "off")


def test_the_psql_command_works_from_where_it_is_read(make, tmp_path):
    """The password file is named; a configured user brings its own password."""
    command = make(port=6543).psql_command()
    assert command == (
        f"PGPASSFILE={tmp_path}/data/pgpass "
        f'psql "host={tmp_path} port=6543 user=postgres dbname=postgres sslmode=prefer"'
    )


def test_configured_users_have_no_password_file(make):
    """So none is named."""
    assert make(users={"alice": "x"}, tls=Tls(mode="off")).psql_command().startswith('psql "host=')


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"extensions": ("no_such_thing",)}, "extension 'no_such_thing' is not installed"),
        ({"allowed_directories": ("/no/such/directory",)}, "allowed_directories: /no/such/directory is not a"),
        ({"max_connections": 10**9}, "max_connections: 1000000000 connections need"),
    ],
)
def test_what_can_t_be_is_told_and_nothing_stays_open(make, changes, message):
    """One line that names it."""
    with pytest.raises(CannotStart, match=message) as caught:
        make(**changes)
    assert "\n" not in str(caught.value)


def test_a_data_directory_serves_one(make, tmp_path):
    """The second server is told which one."""
    make()

    with pytest.raises(CannotStart, match=f"data_dir {tmp_path}/data is in use by another server"):
        make(unix_socket_dir=None, host=("127.0.0.1",), port=0)


def test_a_runtime_directory_serves_one(make, tmp_path):
    """Otherwise one server would take the other's workers for orphans."""
    make(runtime_dir=tmp_path / "run")

    with pytest.raises(CannotStart, match=f"runtime_dir {tmp_path}/run is in use by another server"):
        make(data_dir=tmp_path / "other", runtime_dir=tmp_path / "run", port=6544)
