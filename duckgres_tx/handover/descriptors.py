"""Sockets, and other file descriptors, on their way from one owner to another.

A descriptor has one owner at any moment, and the owner closes it. Each function here says who owns the number before and
after. Nothing else in the package takes a socket from a transport, receives a descriptor, or sets close-on-exec.

The rules that the callers keep:

- Twisted only queues the integer when it is told to send a descriptor, so a sender closes its copy when the command that
  carries it has *answered*: closed earlier, the number may already stand for another client's socket.
- O_NONBLOCK belongs to the open file description, which both processes share: nobody makes a passed socket blocking.
- ``shutdown(2)`` and SO_LINGER act on the shared socket too, so a transport that gave its socket away must neither
  ``loseConnection()`` nor ``abortConnection()``: see `detach_socket`.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import termios
from typing import Any, Self

from attrs import define, frozen
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

# struct sockaddr_un of <sys/un.h> has room for 108, with the end.
MAX_SOCKET_PATH_BYTES = 107

_UCRED = struct.Struct("=iII")
_READ_BYTES = 1 << 20

# struct tcp_info of <linux/tcp.h>: tcpi_bytes_received since Linux 4.1, tcpi_bytes_sent since 4.19
_U64 = struct.Struct("=Q")
_BYTES_RECEIVED_AT = 128
_BYTES_SENT_AT = 200
_TCP_INFO_BYTES = 208


@frozen
class PeerCredentials:
    """Who is at the other end of a UNIX socket, as the kernel says (SO_PEERCRED)."""

    pid: int
    uid: int
    gid: int


@define(eq=False)
class OwnedDescriptor:
    """A descriptor with an owner: closed at the end of a ``with`` block unless it was released before."""

    _fd: int

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def fd(self) -> int:
        """The number; still owned by this object. -1 when it is gone."""
        return self._fd

    def release(self) -> int:
        """Give the ownership to the caller."""
        fd, self._fd = self._fd, -1
        return fd

    def close(self) -> None:
        """Close it, if it is still here."""
        fd = self.release()
        if fd >= 0:
            os.close(fd)


def detach_socket(transport: Any) -> int:
    """Take the socket out of a connected TCP or UNIX transport without the peer noticing anything.

    Args:
        transport: A Twisted transport. It owned the socket; afterwards it is disconnected and owns nothing.

    Returns:
        The descriptor; the caller owns it. Bytes that the transport had read are the caller's too.
    """
    transport.stopReading()
    transport.stopWriting()
    fd: int = transport.getHandle().detach()
    # the transport closes what its handle still names (nothing), and tells its protocol
    transport.connectionLost(Failure(ConnectionDone()))
    return fd


def received(fd: int) -> int:
    """Mark a descriptor that came with SCM_RIGHTS as close-on-exec, at once, before anything can fork.

    The caller owns it, before and after.
    """
    flags = fcntl.fcntl(fd, fcntl.F_GETFD)
    fcntl.fcntl(fd, fcntl.F_SETFD, flags | fcntl.FD_CLOEXEC)
    return fd


def duplicate(fd: int) -> int:
    """A second descriptor of the same socket, close-on-exec. The caller owns both."""
    return os.dup(fd)


def inode_of(fd: int) -> int:
    """The identity of what a descriptor names; the same number in every process that has it. Doesn't own it."""
    return os.fstat(fd).st_ino


def is_untouched(fd: int, bytes_taken: int) -> bool:
    """Whether nobody but the caller has read from a TCP socket, and nobody has written to it. Doesn't own it.

    The kernel counts what a connection has sent and received (`TCP_INFO`), and what has been received and not been read.

    Args:
        fd: The socket.
        bytes_taken: What the caller has read from it.

    Returns:
        False also for a socket that is not TCP, where there is no telling.
    """
    with socket.socket(fileno=os.dup(fd)) as connection:
        if connection.family not in (socket.AF_INET, socket.AF_INET6):
            return False
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        unread = struct.unpack("i", fcntl.ioctl(connection, termios.FIONREAD, b"\0\0\0\0"))[0]
    if len(info) < _TCP_INFO_BYTES:
        return False
    (received,) = _U64.unpack_from(info, _BYTES_RECEIVED_AT)
    (sent,) = _U64.unpack_from(info, _BYTES_SENT_AT)
    # the peer's FIN counts as a byte received
    return sent == 0 and received - unread - bytes_taken in (0, 1)


def has_unread_output(fd: int) -> bool:
    """Whether something was written to a UNIX socket that its peer has not read yet. Doesn't own it."""
    return bool(struct.unpack("i", fcntl.ioctl(fd, termios.TIOCOUTQ, b"\0\0\0\0"))[0])


def peer_credentials(fd: int) -> PeerCredentials:
    """Ask the kernel who connected a UNIX socket. Doesn't own it."""
    with socket.socket(fileno=os.dup(fd)) as peer:
        raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return PeerCredentials(*_UCRED.unpack(raw))


def process_descriptor(pid: int) -> int:
    """Open a descriptor of a process (a pidfd): it stays with that process, and becomes readable when the process ends.

    Returns:
        A close-on-exec descriptor that the caller owns.

    Raises:
        ProcessLookupError: There is no such process.
    """
    return os.pidfd_open(pid)


def memory_file(content: bytes, name: str) -> int:
    """Put bytes into an anonymous file that only holders of the descriptor can read.

    Args:
        content: What to put there; never on disk.
        name: Shown under ``/proc/<pid>/fd``.

    Returns:
        A descriptor that the caller owns.
    """
    with OwnedDescriptor(os.memfd_create(name, os.MFD_CLOEXEC)) as file:
        fill_memory_file(file.fd, content)
        return file.release()


def fill_memory_file(fd: int, content: bytes) -> None:
    """Write something into an empty file that `memory_file` made, perhaps in another process. Doesn't own it."""
    written = 0
    while written < len(content):
        written += os.pwrite(fd, content[written:], written)


def read_memory_file(fd: int, limit_bytes: int) -> bytes:
    """Read the whole of a file that `memory_file` made. Doesn't own it; the file position is left alone.

    Raises:
        ValueError: It is longer than the limit.
    """
    size = os.fstat(fd).st_size
    if size > limit_bytes:
        raise ValueError(f"{size} bytes are more than the limit of {limit_bytes}")
    parts: list[bytes] = []
    offset = 0
    while part := os.pread(fd, _READ_BYTES, offset):
        parts.append(part)
        offset += len(part)
    return b"".join(parts)
