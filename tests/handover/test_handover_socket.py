"""At any moment there is one server behind the path."""

from __future__ import annotations

import os
import socket
import stat

import pytest
from twisted.internet.task import Clock

from duckgres_tx.handover import handover_socket
from duckgres_tx.handover.descriptors import PeerCredentials
from duckgres_tx.handover.handover_socket import MAX_LINKS, HandoverSocket, longest_path, who_listens
from duckgres_tx.pool.link import Link


class Reactor(Clock):
    """Remembers who wants to read, and which connections it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.readers, self.links = set(), []

    def addReader(self, reader):
        self.readers.add(reader)

    def removeReader(self, reader):
        self.readers.discard(reader)

    def adoptStreamConnection(self, fd, family, factory):
        assert family == socket.AF_UNIX
        self.links.append(factory.buildProtocol(None))

    def turn(self):
        for reader in list(self.readers):
            reader.doRead()


class End(Link):
    """An end that has no transport."""

    def abort(self):
        self._on_lost(self)


@pytest.fixture
def make(tmp_path):
    """Make sockets at one path; nothing may be left open."""
    before = len(os.listdir("/proc/self/fd"))
    made = []

    def one(needed=()):
        reactor = Reactor()
        made.append(HandoverSocket(reactor, tmp_path / "x.sock", End, lambda link: link in needed))
        return made[-1], reactor

    yield one
    for handover in made:
        handover.remove()
    assert len(os.listdir("/proc/self/fd")) == before


def connect(path) -> socket.socket:
    """A client."""
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(path))
    return client


def test_the_path_is_private_and_names_its_process(make):
    """It is gone when the server is."""
    handover, _ = make()
    assert who_listens(handover.path) is None
    handover.open()

    assert stat.S_IMODE(handover.path.stat().st_mode) == 0o600
    assert who_listens(handover.path) == os.getpid()
    assert handover.is_ours()
    assert os.listdir(handover.path.parent) == ["x.sock"]
    handover.remove()
    assert os.listdir(handover.path.parent) == []


def test_another_one_takes_the_path_in_one_step(make):
    """Who was it before neither removes it nor thinks that it is its own; it can be taken back."""
    old, old_reactor = make()
    new, new_reactor = make()
    old.open()
    new.open()
    assert (old.is_ours(), new.is_ours()) == (False, True)

    with connect(old.path):
        old_reactor.turn()
        new_reactor.turn()
    assert (len(old_reactor.links), len(new_reactor.links)) == (0, 1)
    old.remove()
    assert new.path.exists()

    old.open()
    new.close()
    assert (old.is_ours(), new.is_ours()) == (True, False)


def test_a_socket_that_is_closed_keeps_its_links_and_its_path(make):
    """A takeover goes on over one of them."""
    handover, reactor = make()
    handover.open()
    with connect(handover.path):
        reactor.turn()
    handover.close()

    assert reactor.readers == set()
    assert handover.path.exists()
    assert handover._links == reactor.links


def test_strangers_are_turned_away(make, monkeypatch):
    """Whatever the mode of the file has become."""
    handover, reactor = make()
    handover.open()
    monkeypatch.setattr(
        handover_socket.descriptors, "peer_credentials", lambda fd: PeerCredentials(1, os.geteuid() + 1, 0)
    )
    with connect(handover.path) as client:
        reactor.turn()

        assert client.recv(1) == b""
    assert reactor.links == []


def test_idle_links_make_room(make):
    """The oldest first, but never one over which a takeover goes."""
    needed = []
    handover, reactor = make(needed)
    handover.open()
    clients = [connect(handover.path) for _ in range(MAX_LINKS)]
    reactor.turn()
    needed.append(reactor.links[0])

    clients.append(connect(handover.path))
    reactor.turn()

    assert handover._links == [reactor.links[0], *reactor.links[2:]]
    needed.extend(reactor.links)
    clients.append(connect(handover.path))
    reactor.turn()
    assert clients[-1].recv(1) == b""
    for client in clients:
        client.close()


def test_what_a_dead_newcomer_has_left_is_swept(make, tmp_path):
    """It died between binding and renaming."""
    for pid in (1, 4194305):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(tmp_path / f".handover-{pid}"))
    handover, _ = make()
    handover.open()

    assert sorted(os.listdir(tmp_path)) == [".handover-1", "x.sock"]


def test_nobody_listens_where_there_is_nothing(tmp_path):
    """Or something else, or what a dead process has left."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "left"))
    assert who_listens(tmp_path / "left") is None
    assert who_listens(tmp_path / "left" / "below") is None
    assert who_listens(tmp_path / ("x" * 200)) is None


def test_a_path_has_room_for_what_is_bound_on_the_way(tmp_path):
    """With the longest pid."""
    assert longest_path(tmp_path / "a") == len(str(tmp_path)) + len("/.handover-4194304")
    assert longest_path(tmp_path / ("a" * 30)) == len(str(tmp_path)) + 31
