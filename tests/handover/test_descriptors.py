"""Sockets change owners without their peers noticing, and without leaks."""

from __future__ import annotations

import fcntl
import os
import socket

import pytest
from twisted.internet.protocol import Protocol
from twisted.internet.unix import Server

from duckgres_tx.handover import descriptors


class NoReactor:
    """A reactor that only remembers who reads and writes."""

    def __init__(self) -> None:
        self.readers, self.writers = set(), set()

    def addReader(self, reader):
        self.readers.add(reader)

    def addWriter(self, writer):
        self.writers.add(writer)

    def removeReader(self, reader):
        self.readers.discard(reader)

    def removeWriter(self, writer):
        self.writers.discard(writer)


class Recording(Protocol):
    """Remembers what it read, and that it was told of the end."""

    def __init__(self) -> None:
        self.received, self.lost = b"", 0

    def dataReceived(self, data):
        self.received += data

    def connectionLost(self, reason=None):
        self.lost += 1


def open_descriptors() -> set[str]:
    """The numbers that are open in this process."""
    return set(os.listdir("/proc/self/fd"))


@pytest.fixture
def pair():
    """A connected pair: a client, and the server's end."""
    client, server = socket.socketpair()
    client.settimeout(5)
    server.setblocking(False)
    yield client, server
    client.close()
    server.close()


def connected(server: socket.socket, reactor: NoReactor) -> tuple[Server, Recording]:
    """A Twisted transport over a socket, as the reactor would make it."""
    protocol = Recording()
    transport = Server(server, protocol, "", None, 1, reactor)
    transport.startReading()
    protocol.makeConnection(transport)
    return transport, protocol


def test_a_detached_socket_goes_on(pair):
    """The peer of a socket that was taken from its transport sees neither an end nor a reset, and can still talk both ways."""
    client, server = pair
    reactor = NoReactor()
    transport, protocol = connected(server, reactor)
    client.sendall(b"first")
    transport.doRead()

    fd = descriptors.detach_socket(transport)
    with socket.socket(fileno=fd) as again:
        again.sendall(b"from the new owner")
        client.sendall(b"second")

        assert client.recv(100) == b"from the new owner"
        assert again.recv(100) == b"second"

    assert protocol.received == b"first"
    assert protocol.lost == 1
    assert (reactor.readers, reactor.writers) == (set(), set())


def test_detaching_leaks_nothing(pair):
    """After a hand-over and a close, the socket's own descriptor is gone and no other."""
    _, server = pair
    before = len(open_descriptors())
    transport, _ = connected(server, NoReactor())

    os.close(descriptors.detach_socket(transport))

    assert len(open_descriptors()) == before - 1


def test_a_received_descriptor_is_not_inherited():
    """What came from another process is closed in every child."""
    reader, writer = os.pipe()
    try:
        os.set_inheritable(reader, True)

        assert descriptors.received(reader) == reader
        assert fcntl.fcntl(reader, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    finally:
        os.close(reader)
        os.close(writer)


def test_an_owned_descriptor_is_closed_when_its_block_fails():
    """An error on the way doesn't leak the descriptor."""
    before = open_descriptors()
    reader, writer = os.pipe()
    os.close(writer)

    with pytest.raises(ValueError, match="broken"), descriptors.OwnedDescriptor(reader):
        raise ValueError("broken")

    assert open_descriptors() == before


def test_a_released_descriptor_is_its_new_owners():
    """Once it was given away, the block's end leaves it alone."""
    reader, writer = os.pipe()
    os.close(writer)

    with descriptors.OwnedDescriptor(reader) as owned:
        assert owned.release() == reader
        assert owned.fd == -1

    os.close(reader)


def test_the_inode_identifies_a_socket(pair):
    """A duplicate is the same socket, the peer is another one."""
    client, server = pair
    duplicate = descriptors.duplicate(server.fileno())
    try:
        assert descriptors.inode_of(duplicate) == descriptors.inode_of(server.fileno())
        assert descriptors.inode_of(duplicate) != descriptors.inode_of(client.fileno())
    finally:
        os.close(duplicate)


def test_peer_credentials_are_the_kernels(pair):
    """The peer of a socketpair is this very process."""
    peer = descriptors.peer_credentials(pair[1].fileno())

    assert peer == descriptors.PeerCredentials(os.getpid(), os.geteuid(), os.getegid())


def test_peer_credentials_leave_the_socket_alone(pair):
    """Asking who the peer is closes nothing."""
    client, server = pair
    before = open_descriptors()

    descriptors.peer_credentials(server.fileno())
    client.sendall(b"still here")

    assert server.recv(100) == b"still here"
    assert open_descriptors() == before


@pytest.fixture
def tcp():
    """A client and the server's end, over TCP."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    with client, server:
        yield client, server


def test_a_connection_is_untouched_until_somebody_reads_or_writes(tcp):
    """What the caller itself has read doesn't count, what still comes neither."""
    client, server = tcp
    assert descriptors.is_untouched(server.fileno(), 0)
    client.sendall(b"12345678")
    server.recv(8)
    client.sendall(b"more")
    assert descriptors.is_untouched(server.fileno(), 8)
    client.shutdown(socket.SHUT_WR)
    assert descriptors.is_untouched(server.fileno(), 8)
    server.recv(4)
    assert not descriptors.is_untouched(server.fileno(), 8)


def test_a_connection_that_was_written_to_is_touched(tcp):
    """The client has got an answer to its SSLRequest."""
    tcp[1].send(b"S")

    assert not descriptors.is_untouched(tcp[1].fileno(), 0)


def test_of_a_unix_socket_there_is_no_telling(pair):
    """So it is not tried again."""
    assert not descriptors.is_untouched(pair[1].fileno(), 0)


def test_what_a_peer_has_not_read_is_seen(pair):
    """A worker that died after it had begun to answer is told from one that had not."""
    client, server = pair
    assert not descriptors.has_unread_output(server.fileno())
    server.send(b"R")
    assert descriptors.has_unread_output(server.fileno())
    client.recv(1)
    assert not descriptors.has_unread_output(server.fileno())


def test_a_process_has_a_descriptor_that_no_child_inherits():
    """It can be waited for."""
    fd = descriptors.process_descriptor(os.getpid())
    try:
        assert fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    finally:
        os.close(fd)


def test_a_memory_file_holds_more_than_an_amp_value():
    """The configuration may be as long as it likes."""
    content = bytes(range(256)) * 1000
    fd = descriptors.memory_file(content, "test")
    try:
        assert descriptors.read_memory_file(fd, 1 << 20) == content
        # twice, because the position is left alone
        assert descriptors.read_memory_file(fd, 1 << 20) == content
    finally:
        os.close(fd)


def test_a_memory_file_beyond_the_limit_is_refused():
    """Nobody can make a worker read without bound."""
    fd = descriptors.memory_file(b"12345", "test")
    try:
        with pytest.raises(ValueError, match="limit of 4"):
            descriptors.read_memory_file(fd, 4)
    finally:
        os.close(fd)
