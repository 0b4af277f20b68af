"""The sockets that clients connect to: bound before the server becomes a daemon, so that a port in use is told at once."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
from collections.abc import Iterable
from pathlib import Path

from attrs import define, field

from duckgres_tx.handover.descriptors import MAX_SOCKET_PATH_BYTES
from duckgres_tx.handover.offers import Offers, lock_path

BACKLOG = 1024
DEFAULT_PORT = 5432


class CannotListen(Exception):
    """An address can't be bound; one line of text names it."""


@define(eq=False)
class Listeners:
    """Listening, non-blocking sockets; this object owns them.

    Attributes:
        sockets: All of them, TCP first.
        port: The port, also when the system has chosen it; it names the UNIX socket too.
        unix_path: The UNIX socket's path, if there is one.
        lock: The lock beside it, a descriptor; -1 when the file isn't ours, or there is none.
        bound_unix: Whether the UNIX socket was bound here, and not taken from somebody.
    """

    sockets: list[socket.socket] = field(factory=list)
    port: int = 0
    unix_path: Path | None = None
    lock: int = -1
    bound_unix: bool = False

    def close(self) -> None:
        """Stop listening, and remove the UNIX socket."""
        while self.sockets:
            self.sockets.pop().close()
        if self.unix_path is not None and self.lock >= 0:
            self.unix_path.unlink(missing_ok=True)
            lock_path(self.unix_path).unlink(missing_ok=True)
            os.close(self.lock)
            self.lock = -1

    def undo(self) -> None:
        """There will be no server: what was bound for it goes, what it was offered stays where it came from."""
        if self.bound_unix:
            self.close()
        else:
            self.leave()

    def leave(self) -> None:
        """Close what is here, and leave the UNIX socket to another process that has it too."""
        while self.sockets:
            self.sockets.pop().close()
        if self.lock >= 0:
            os.close(self.lock)
            self.lock = -1


def listen(hosts: Iterable[str], port: int, unix_socket_dir: Path | None, offers: Offers | None = None) -> Listeners:
    """Bind everything that clients may connect to, except what is bound already.

    Args:
        hosts: Names or addresses; ``*`` is every address of the machine. Port 0 lets the system choose one for the first, which
            the others then use too.
        port: The TCP port.
        unix_socket_dir: Where ``.s.PGSQL.<port>`` goes; None for no UNIX socket.
        offers: Sockets that may be listening there already. Those that are used are the result's; the others stay where they are.

    Raises:
        CannotListen: One of them can't be bound; nothing is left bound.
    """
    listeners = Listeners(port=port)
    offers = offers if offers is not None else Offers()
    try:
        for family, address in _resolve(hosts, port):
            bound = offers.take_tcp(family, address[0], listeners.port)
            if bound is None:
                bound = _bind_tcp(family, (address[0], listeners.port, *address[2:]))
            listeners.sockets.append(bound)
            listeners.port = bound.getsockname()[1]
        if unix_socket_dir is not None:
            _add_unix_socket(listeners, unix_socket_dir, offers)
    except BaseException:
        listeners.undo()
        raise
    return listeners


def _resolve(hosts: Iterable[str], port: int) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    found: dict[tuple[socket.AddressFamily, tuple[str, int]], None] = {}
    for host in hosts:
        try:
            answers = socket.getaddrinfo(
                None if host == "*" else host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
        except OSError as error:
            raise CannotListen(f"can't listen on host {host!r}: {error.strerror or error}") from error
        # the same address under two names is bound once
        found.update(dict.fromkeys((answer[0], answer[4]) for answer in answers))  # type: ignore[misc]
    return list(found)


def _bind_tcp(family: socket.AddressFamily, address: tuple[str, int]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # an IPv4 socket of the same port is bound beside it
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotListen(f"can't listen on {address[0]} port {address[1]}: {error.strerror or error}") from error
    return listener


def _add_unix_socket(listeners: Listeners, directory: Path, offers: Offers) -> None:
    # without a TCP socket there is no port that the system could choose
    listeners.port = listeners.port or DEFAULT_PORT
    path = directory / f".s.PGSQL.{listeners.port}"
    if len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES:
        raise CannotListen(f"can't listen on {path}: the path is longer than {MAX_SOCKET_PATH_BYTES} bytes")
    listeners.unix_path = path
    offered = offers.take_unix(path)
    if offered in offers.lent:
        listeners.sockets.append(offered)
        return
    lock = offers.take_unix_lock(path)
    try:
        if lock < 0:
            lock = _take_lock(lock_path(path))
    except OSError as error:
        if offered is not None:
            offered.close()
        raise CannotListen(f"can't listen on {path}: {error.strerror or error}") from error
    if offered is None:
        try:
            offered = _bind_unix(path)
        except BaseException:
            os.close(lock)
            raise
        listeners.bound_unix = True
    listeners.sockets.append(offered)
    listeners.lock = lock


def _bind_unix(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        # with the lock in hand, a socket that is there already was left by a server that died
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
            path.unlink()
        listener.bind(os.fspath(path))
        path.chmod(0o777)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotListen(f"can't listen on {path}: {error.strerror or error}") from error
    return listener


def _take_lock(path: Path) -> int:
    """The lock belongs to the open file, so it survives becoming a daemon and dies with the server."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise OSError(error.errno, "another server is listening there") from error
    return lock
