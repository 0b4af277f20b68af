"""Listening sockets that are there already: what the configuration asks for is looked for here before anything is bound.

They come from the service manager (`activation`), or from the server that is taken over. A socket that goes on being used has its queue
of connections that nobody has accepted yet, so none of them is lost.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from pathlib import Path

from attrs import define, field


@define(eq=False)
class Offers:
    """Sockets by address; owns those that nobody has taken.

    Attributes:
        sockets: What is left. Listening stream sockets of the Internet or of UNIX.
        lent: Those, taken or not, whose giver goes on listening: the file of such a UNIX socket is not ours to lock or remove.
        unix_lock: The lock beside the UNIX socket, a descriptor that came with it; -1 without one.
    """

    sockets: list[socket.socket] = field(factory=list)
    lent: frozenset[socket.socket] = frozenset()
    unix_lock: int = -1

    def take_tcp(self, family: int, host: str, port: int) -> socket.socket | None:
        """The socket that listens on an address.

        Args:
            family: AF_INET or AF_INET6.
            host: Numeric. An IPv6 socket for every address that takes IPv4 too is none that was asked for.
            port: 0 for any.

        Returns:
            The caller owns it; None if none listens there.
        """
        for listener in self.sockets:
            if listener.family == family and _matches(listener, host, port):
                self.sockets.remove(listener)
                return listener
        return None

    def take_unix(self, path: Path) -> socket.socket | None:
        """The socket that listens at a path, which the caller owns; None if none does, or its file is gone."""
        for listener in self.sockets:
            if listener.family == socket.AF_UNIX and listener.getsockname() == str(path) and path.is_socket():
                self.sockets.remove(listener)
                return listener
        return None

    def take_unix_lock(self, path: Path) -> int:
        """The lock beside the UNIX socket at a path, which the caller owns; -1 if none came, or that of another one."""
        try:
            if self.unix_lock < 0 or not os.path.samestat(os.fstat(self.unix_lock), lock_path(path).stat()):
                return -1
        except FileNotFoundError:
            return -1
        lock, self.unix_lock = self.unix_lock, -1
        return lock

    def close(self) -> None:
        """Close what is left."""
        while self.sockets:
            self.sockets.pop().close()
        if self.unix_lock >= 0:
            os.close(self.unix_lock)
            self.unix_lock = -1

    def abolish(self) -> None:
        """Close what is left for good: nobody listens there any more, so a UNIX socket's files go too."""
        for listener in self.sockets:
            if listener.family == socket.AF_UNIX and listener not in self.lent and self.unix_lock >= 0:
                path = Path(listener.getsockname())
                path.unlink(missing_ok=True)
                lock_path(path).unlink(missing_ok=True)
        self.close()


def lock_path(unix_socket: Path) -> Path:
    """The file beside a UNIX socket whose lock says that a server lives."""
    return unix_socket.with_name(unix_socket.name + ".lock")


def describe(listener: socket.socket) -> str:
    """The address that a socket listens on, for people."""
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return str(name) or "an unnamed UNIX socket"
    both = " (IPv4 too)" if listener.family == socket.AF_INET6 and not _is_ipv6_only(listener) else ""
    return f"{name[0]} port {name[1]}{both}"


def is_usable(candidate: socket.socket) -> bool:
    """Whether clients could come in through it: a listening stream socket of a family that we serve."""
    return (
        candidate.family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)
        and candidate.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_STREAM
        and candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
    )


def describe_all(listeners: Iterable[socket.socket]) -> str:
    """`describe` for each, in one line."""
    return ", ".join(describe(listener) for listener in listeners)


def _matches(listener: socket.socket, host: str, port: int) -> bool:
    if listener.family == socket.AF_INET6 and host == "::" and not _is_ipv6_only(listener):
        return False
    bound_host, bound_port = listener.getsockname()[:2]
    return bound_host == host and port in (0, bound_port)


def _is_ipv6_only(listener: socket.socket) -> bool:
    return listener.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
