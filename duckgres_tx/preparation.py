"""What is done before the server becomes a daemon: everything that can go wrong without workers goes wrong here, where the
operator's terminal still is.

Nothing here starts a thread or a process: they would not survive becoming a daemon. A server that takes over from another one only
checks (`check`); it makes and opens things (`occupy`) when the other one has let it.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import resource
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import cattrs
from attrs import define, frozen

from duckgres_tx import bootstrap, certificates, extensions
from duckgres_tx.bootstrap import BootstrapFailed, InUse
from duckgres_tx.certificates import BadCertificate, Certificate
from duckgres_tx.config import Config
from duckgres_tx.extensions import UnknownExtension
from duckgres_tx.handover.activation import Passed, UnwantedSockets
from duckgres_tx.handover.descriptors import MAX_SOCKET_PATH_BYTES
from duckgres_tx.handover.handover_socket import longest_path, who_listens
from duckgres_tx.handover.offers import Offers
from duckgres_tx.listeners import CannotListen, Listeners, listen
from duckgres_tx.pool import resources
from duckgres_tx.session.settings import WorkerSettings

EMPTY: Mapping[str, int] = MappingProxyType({})
# beside the clients': listeners, links, logs, the databases' files of a standalone server
_SPARE_DESCRIPTORS = 256


class CannotStart(Exception):
    """The server can't start; one line of text says why."""


@frozen
class Material:
    """What the configuration names and doesn't hold itself; read at the start, and again when it is reloaded.

    Attributes:
        verifiers: Who may log in.
        certificate: What the server shows; None without TLS.
        client_authorities: Who signs clients' certificates, PEM text; None when clients aren't asked for one.
        extension_files: What to LOAD.
    """

    verifiers: dict[str, str]
    certificate: Certificate | None
    client_authorities: str | None
    extension_files: tuple[str, ...]


@define(eq=False)
class Prepared:
    """A server that is ready to become a daemon and start its workers.

    Attributes:
        config: What the operator wants.
        listeners: Bound sockets; owned by this object until the front door takes them over.
        material: What was read for it.
        locks: The locks on the data and the runtime directory by the settings' names: descriptors, held as long as the process lives.
    """

    config: Config
    listeners: Listeners
    material: Material
    locks: dict[str, int]

    @property
    def runtime_dir(self) -> Path:
        """Where the workers' sockets are."""
        return self.config.runtime_path

    def worker_settings(self) -> WorkerSettings:
        """What each worker is told: the limits are its share. A self-signed certificate is renewed here when it is time."""
        config = self.config
        memory = config.memory_limit or int(resources.machine_memory_bytes() * resources.DEFAULT_MEMORY_SHARE)
        certificate = _certificate(config) if config.tls.cert is None else self.material.certificate
        return WorkerSettings(
            data_dir=str(config.data_dir),
            tls=config.tls.mode,
            certificate_pem=None if certificate is None else certificate.certificate_pem,
            private_key_pem=None if certificate is None else certificate.private_key_pem,
            client_ca_pem=self.material.client_authorities,
            client_cert=config.tls.client_cert,
            plaintext_from="any" if config.allow_plaintext or config.tls.mode == "off" else "local",
            verifiers=self.material.verifiers,
            superusers=config.superusers,
            handshake_timeout_s=config.handshake_timeout,
            idle_timeout_s=config.idle_timeout,
            idle_in_transaction_timeout_s=config.idle_in_transaction_timeout,
            statement_timeout_ms=round(config.statement_timeout * 1000),
            max_connections=config.max_connections,
            memory_limit_bytes=resources.share(memory, config.workers, resources.MIN_WORKER_MEMORY_BYTES),
            threads=resources.share(config.threads or resources.usable_threads(), config.workers, 1),
            extensions=self.material.extension_files,
            allowed_directories=tuple(os.path.realpath(directory) for directory in config.allowed_directories),
            temp_directory=str(config.data_dir / "tmp"),
            idle_database_timeout_s=config.idle_database_timeout,
            drain_timeout_s=config.shutdown_timeout,
            orphan_timeout_s=config.orphan_timeout,
            server_version=f"16.9 (duckgres_tx {importlib.metadata.version('duckgres_tx')})",
        )

    def worker_document(self) -> bytes:
        """`worker_settings` as JSON. Holds secrets: it goes into a memory file only."""
        return json.dumps(cattrs.unstructure(self.worker_settings())).encode()

    def psql_command(self) -> str:
        """A command that connects, for the operator to copy."""
        host = self.config.host[0] if self.config.host else str(self.config.unix_socket_dir)
        host = {"*": "localhost", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        users = self.material.verifiers
        user = bootstrap.FIRST_USER if bootstrap.FIRST_USER in users else next(iter(users))
        sslmode = {"off": "disable", "prefer": "prefer", "require": "require"}[self.config.tls.mode]
        pgpass = self.config.data_dir / "pgpass"
        login = f"PGPASSFILE={pgpass} " if user == bootstrap.FIRST_USER and pgpass.exists() else ""
        port = self.listeners.port
        return f'{login}psql "host={host} port={port} user={user} dbname=postgres sslmode={sslmode}"'

    def renew(self, config: Config, material: Material) -> None:
        """From now on this configuration holds: for what is asked of this object, and for new workers."""
        self.config = config
        self.material = material

    def discard(self) -> None:
        """The server has ended: let everything go, and remove what clients could connect to."""
        self.listeners.close()
        _close_all(self.locks)

    def leave(self) -> None:
        """Another process goes on with everything: let it go without removing anything."""
        self.listeners.leave()
        _close_all(self.locks)

    def undo(self) -> None:
        """There will be no server: remove what was made for it, and leave what belongs to another one."""
        self.listeners.undo()
        _close_all(self.locks)


def prepare(config: Config, offers: Offers | None = None) -> Prepared:
    """`check` and `occupy`, for a server that takes over from nobody.

    Raises:
        CannotStart: Something is missing, in use, or forbidden; nothing is left open.
    """
    check(config)
    return occupy(config, offers)


def check(config: Config) -> None:
    """Look for mistakes. Nothing is made or opened.

    Raises:
        CannotStart: Something is missing or forbidden.
    """
    with _told_in_one_line():
        _extension_files(config)
        if config.handover is not None:
            _check_handover(config)
        if config.tls.mode != "off" and config.tls.cert is not None:
            _certificate(config)
        _client_authorities(config)


def occupy(config: Config, offers: Offers | None = None, locks: Mapping[str, int] = EMPTY) -> Prepared:
    """Make and open all that the server needs.

    Args:
        config: What `check` has found no fault with.
        offers: Sockets that may be listening already where this server shall; what it doesn't need stays there.
        locks: Locks on directories that another server has given, by the settings' names. The caller's, and duplicated here.

    Raises:
        CannotStart: Something is in use or forbidden; nothing is left open.
    """
    with _told_in_one_line():
        held = {name: os.dup(lock) for name, lock in locks.items()}
        try:
            return _occupy(config, offers, held)
        except BaseException:
            _close_all(held)
            raise


def settle(prepared: Prepared, passed: Passed) -> tuple[str, ...]:
    """See what is left of the sockets that the service manager has passed, now that the server has what it needs.

    Returns:
        The names of those that are stored there for nothing.

    Raises:
        CannotStart: The service manager listens where the configuration doesn't; everything that was made for the server is undone.
    """
    try:
        return passed.settle()
    except UnwantedSockets as error:
        prepared.undo()
        raise CannotStart(str(error)) from error


def read_material(config: Config) -> Material:
    """Read what a configuration names, and check what it needs of the system.

    Raises:
        CannotStart: Something can't be used; one line of text.
    """
    with _told_in_one_line():
        _raise_descriptor_limit(config.max_connections)
        return _material(config)


@contextlib.contextmanager
def _told_in_one_line() -> Iterator[None]:
    try:
        yield
    except (BootstrapFailed, BadCertificate, UnknownExtension, CannotListen) as error:
        raise CannotStart(str(error)) from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise CannotStart(f"{where}{error.strerror or error}") from error


def _occupy(config: Config, offers: Offers | None, locks: dict[str, int]) -> Prepared:
    # Databases, write-ahead logs and spilled rows are nobody else's to read; workers inherit this.
    os.umask(0o077)
    for directory, name in ((config.data_dir, "data_dir"), (config.runtime_path, "runtime_dir")):
        bootstrap.prepare_directory(directory, name)
        if name not in locks:
            locks[name] = _lock(config, directory, name)
    bootstrap.prepare_directory(config.data_dir / "tmp", "data_dir")
    material = _material(config)
    _raise_descriptor_limit(config.max_connections)
    listeners = listen(config.host, config.port, config.unix_socket_dir, offers)
    return Prepared(config, listeners, material, locks)


def _lock(config: Config, directory: Path, name: str) -> int:
    try:
        return bootstrap.lock_directory(directory, name)
    except InUse as error:
        if config.handover is None:
            raise
        default = config.runtime_path / "handover.sock"
        elsewhere = f"but at {default}" if who_listens(default) is not None else "or anywhere else"
        raise CannotStart(
            f"{error}, which can't be asked to hand over: it does not answer at {config.handover}, {elsewhere}"
        ) from error


def _material(config: Config) -> Material:
    return Material(
        certificate=_certificate(config),
        client_authorities=_client_authorities(config),
        verifiers=bootstrap.verifiers(config.data_dir, config.users),
        extension_files=_extension_files(config),
    )


def _extension_files(config: Config) -> tuple[str, ...]:
    files = tuple(extensions.resolve(name) for name in config.extensions)
    for directory in config.allowed_directories:
        if not Path(directory).is_dir():
            raise CannotStart(f"allowed_directories: {directory} is not a directory")
    return files


def _check_handover(config: Config) -> None:
    path = config.handover_path
    if longest_path(path) > MAX_SOCKET_PATH_BYTES:
        raise CannotStart(
            f"handover: {path} is too long: paths of UNIX sockets have {MAX_SOCKET_PATH_BYTES} bytes at the most"
        )
    # the runtime directory is made if need be
    if path.parent != config.runtime_path or path.parent.exists():
        if not path.parent.is_dir():
            raise CannotStart(f"handover: {path.parent} is not a directory")
        if not os.access(path.parent, os.W_OK):
            raise CannotStart(f"handover: {path.parent} can't be written to")
    if path.exists() and not path.is_socket():
        raise CannotStart(f"handover: {path} is there and is no socket")


def _certificate(config: Config) -> Certificate | None:
    if config.tls.mode == "off":
        return None
    if config.tls.cert is not None and config.tls.key is not None:
        return certificates.load(config.tls.cert, config.tls.key)
    return certificates.self_signed(config.data_dir)


def _client_authorities(config: Config) -> str | None:
    if config.tls.mode == "off" or config.tls.client_ca is None:
        return None
    return certificates.load_authorities(config.tls.client_ca)


def _close_all(locks: dict[str, int]) -> None:
    while locks:
        os.close(locks.popitem()[1])


def _raise_descriptor_limit(connections: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < connections + _SPARE_DESCRIPTORS:
        raise CannotStart(
            f"max_connections: {connections} connections need {connections + _SPARE_DESCRIPTORS} open files, "
            f"and the limit (ulimit -Hn) is {hard}"
        )
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
