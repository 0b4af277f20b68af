"""The first start makes what is needed, and keeps it to itself."""

from __future__ import annotations

import json
import os
import stat

import pytest
from scramp import ScramClient, ScramMechanism

from duckgres_tx import bootstrap
from duckgres_tx.bootstrap import BootstrapFailed


def mode(path) -> int:
    """The permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def can_log_in(verifier: str, user: str, password: str) -> bool:
    """Run SCRAM against a stored verifier."""
    _, keys = verifier.split("$", 1)
    iterations_salt, stored_server = keys.split("$")
    iterations, salt = iterations_salt.split(":")
    stored_key, server_key = stored_server.split(":")
    import base64

    decoded = [base64.b64decode(part) for part in (salt, stored_key, server_key)]
    server = ScramMechanism("SCRAM-SHA-256").make_server(lambda name: (*decoded, int(iterations)))
    client = ScramClient(["SCRAM-SHA-256"], user, password)
    server.set_client_first(client.get_client_first())
    client.set_server_first(server.get_server_first())
    try:
        server.set_client_final(client.get_client_final())
        client.set_server_final(server.get_server_final())
    except Exception:
        return False
    return True


def test_the_first_start_makes_one_user_with_a_password_of_its_own(tmp_path):
    """Libpq reads the password from pgpass, the server keeps a verifier only."""
    made = bootstrap.verifiers(tmp_path, {})
    line = (tmp_path / "pgpass").read_text(encoding="utf-8")
    host, port, database, user, password = line.strip().split(":")

    assert (host, port, database, user) == ("*", "*", "*", "postgres")
    assert len(password) >= 24
    assert list(made) == ["postgres"]
    assert can_log_in(made["postgres"], "postgres", password)
    assert not can_log_in(made["postgres"], "postgres", password + "x")
    assert password not in (tmp_path / "users.json").read_text(encoding="utf-8")
    assert (mode(tmp_path / "pgpass"), mode(tmp_path / "users.json")) == (0o600, 0o600)


def test_later_starts_change_nothing(tmp_path):
    """The password stays what it was."""
    first = bootstrap.verifiers(tmp_path, {})
    password = (tmp_path / "pgpass").read_bytes()

    assert bootstrap.verifiers(tmp_path, {}) == first
    assert (tmp_path / "pgpass").read_bytes() == password


def test_two_servers_have_different_passwords(tmp_path):
    """It is made up, not built in."""
    passwords = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        bootstrap.verifiers(tmp_path / name, {})
        passwords.add((tmp_path / name / "pgpass").read_bytes())

    assert len(passwords) == 2


def test_configured_users_come_alone(tmp_path):
    """Who names users doesn't get one that nobody asked for."""
    made = bootstrap.verifiers(tmp_path, {"alice": "wonderland"})

    assert list(made) == ["alice"]
    assert can_log_in(made["alice"], "alice", "wonderland")
    assert not (tmp_path / "pgpass").exists()


def test_a_verifier_may_be_configured_instead_of_a_password(tmp_path):
    """Then the file holds no password at all."""
    verifier = bootstrap.make_verifier("wonderland")

    assert bootstrap.verifiers(tmp_path, {"alice": verifier}) == {"alice": verifier}


def test_configured_users_are_added_to_stored_ones(tmp_path):
    """And win over them."""
    stored = bootstrap.verifiers(tmp_path, {})
    both = bootstrap.verifiers(tmp_path, {"alice": "wonderland"})

    assert both["postgres"] == stored["postgres"]
    assert set(both) == {"postgres", "alice"}


@pytest.mark.parametrize("text", ["[", "[]", '{"alice": "secret"}', '{"alice": 5}'])
def test_a_broken_user_file_is_named(tmp_path, text):
    """Nobody is let in by mistake, and the password is not repeated."""
    (tmp_path / "users.json").write_text(text, encoding="utf-8")

    with pytest.raises(BootstrapFailed, match=r"users\.json") as caught:
        bootstrap.verifiers(tmp_path, {})
    assert "secret" not in str(caught.value)


def test_directories_are_private(tmp_path):
    """Also one that was there before."""
    made = tmp_path / "a" / "b"
    bootstrap.prepare_directory(made, "data_dir")
    assert mode(made) == 0o700
    made.chmod(0o755)

    bootstrap.prepare_directory(made, "data_dir")

    assert mode(made) == 0o700


def test_a_file_is_no_directory(tmp_path):
    """The message names the option and the path."""
    path = tmp_path / "file"
    path.write_text("", encoding="utf-8")

    with pytest.raises(BootstrapFailed, match=f"data_dir {path} is not a directory"):
        bootstrap.prepare_directory(path, "data_dir")


def test_a_directory_that_can_t_be_made_is_named(tmp_path):
    """Below a file there are no directories."""
    path = tmp_path / "file"
    path.write_text("", encoding="utf-8")

    with pytest.raises(BootstrapFailed, match="can't make runtime_dir"):
        bootstrap.prepare_directory(path / "below", "runtime_dir")


def test_two_servers_can_t_share_a_data_directory(tmp_path):
    """The second one is told, and when the first has ended it is free."""
    lock = bootstrap.lock_directory(tmp_path, "data_dir")
    with pytest.raises(BootstrapFailed, match="in use by another server"):
        bootstrap.lock_directory(tmp_path, "data_dir")
    os.close(lock)

    os.close(bootstrap.lock_directory(tmp_path, "data_dir"))


def test_verifiers_have_postgresql_s_form():
    """They can be taken from a PostgreSQL's pg_authid, and back."""
    verifier = bootstrap.make_verifier("x")

    assert verifier.startswith("SCRAM-SHA-256$4096:")
    assert bootstrap._VERIFIER.fullmatch(verifier)
    assert json.loads(json.dumps(verifier)) == verifier
