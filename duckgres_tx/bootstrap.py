"""The data directory: made at the first start, locked while a server uses it.

===================  ====  =========================================================================
``<data-dir>``       0700  ``<name>.duckdb`` files, made by the workers
``users.json``       0600  user name to SCRAM-SHA-256 verifier; no password is stored
``pgpass``           0600  the password of ``postgres`` that was made up at the first start, for libpq
``server.crt/.key``  0600  see `certificates`
``duckgres.lock``    0600  locked while a server runs
``run/``             0700  sockets of the workers and a lock, unless ``runtime_dir`` says otherwise
``tmp/``             0700  where DuckDB spills
===================  ====  =========================================================================
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from scramp import ScramMechanism

FIRST_USER = "postgres"
LOCK_NAME = "duckgres.lock"
_PASSWORD_BYTES = 24
_ITERATIONS = 4096
_VERIFIER = re.compile(r"SCRAM-SHA-256\$\d+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+")


class BootstrapFailed(Exception):
    """The data directory can't be used; one line of text names what is wrong."""


class InUse(BootstrapFailed):
    """Another server uses the directory."""


def prepare_directory(path: Path, what: str) -> None:
    """Make a directory that only this user can enter, or check that the one that is there can be used.

    Args:
        path: Absolute.
        what: The option that names it, for the message.

    Raises:
        BootstrapFailed: It can't be made, is no directory, or can't be written to.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError as error:
        raise BootstrapFailed(f"{what} {path} is not a directory") from error
    except OSError as error:
        raise BootstrapFailed(f"can't make {what} {path}: {error.strerror}") from error
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        raise BootstrapFailed(f"{what} {path} is not writable")
    try:
        path.chmod(0o700)
    except PermissionError as error:
        raise BootstrapFailed(f"{what} {path} belongs to another user") from error


def lock_directory(path: Path, what: str) -> int:
    """Make sure that no other server uses a directory.

    Args:
        path: The directory.
        what: The option that names it, for the message.

    Returns:
        The lock, a descriptor that the caller owns; it holds until it and its copies in other processes are closed.

    Raises:
        InUse: Another one does.
    """
    lock = os.open(path / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise InUse(f"{what} {path} is in use by another server") from error
    return lock


def verifiers(data_dir: Path, configured: Mapping[str, str]) -> dict[str, str]:
    """Who may log in: the users in ``users.json``, and over them those of the configuration.

    When there are none at all, this is the first start: `FIRST_USER` is made with a random password, which goes to ``pgpass``.

    Args:
        data_dir: The data directory.
        configured: User name to password, or to a verifier that is in PostgreSQL's form already.

    Raises:
        BootstrapFailed: ``users.json`` is not what it should be.
    """
    stored = _load_users(data_dir / "users.json")
    if not stored and not configured:
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
        stored = {FIRST_USER: make_verifier(password)}
        _write_private(data_dir / "pgpass", f"*:*:*:{FIRST_USER}:{password}\n")
        _write_private(data_dir / "users.json", json.dumps(stored, indent=2) + "\n")
    return stored | {user: _as_verifier(secret) for user, secret in configured.items()}


def make_verifier(password: str) -> str:
    """A password in the form in which PostgreSQL stores it: ``SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>``."""
    salt, stored_key, server_key, iterations = ScramMechanism("SCRAM-SHA-256").make_auth_info(
        password, iteration_count=_ITERATIONS
    )
    salt_text, stored_text, server_text = (base64.b64encode(part).decode() for part in (salt, stored_key, server_key))
    return f"SCRAM-SHA-256${iterations}:{salt_text}${stored_text}:{server_text}"


def _as_verifier(secret: str) -> str:
    return secret if _VERIFIER.fullmatch(secret) else make_verifier(secret)


def _load_users(path: Path) -> dict[str, str]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BootstrapFailed(f"can't read {path}: {error.strerror}") from error
    except ValueError as error:
        raise BootstrapFailed(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise BootstrapFailed(f"{path} does not hold an object of user names and verifiers")
    for user, verifier in document.items():
        if not isinstance(verifier, str) or not _VERIFIER.fullmatch(verifier):
            raise BootstrapFailed(f"{path}: what is stored for user {user!r} is not a SCRAM-SHA-256 verifier")
    return document


def _write_private(path: Path, text: str) -> None:
    """Replace a file at once; nobody else can read it at any moment."""
    partial = path.with_name(path.name + ".new")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
