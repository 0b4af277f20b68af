"""What a newcomer has been given is kept, used, or given up; nothing is lost on the way."""

from __future__ import annotations

import os
import socket

import pytest

from duckgres_tx.handover import takings as takings_module
from duckgres_tx.handover.descriptors import inode_of
from duckgres_tx.handover.serving import HeldConnection
from duckgres_tx.handover.takings import Takings, TooMany


@pytest.fixture
def takings():
    """Empty; at the end nothing is open."""
    before = len(os.listdir("/proc/self/fd"))
    made = Takings()
    yield made
    made.close()
    assert len(os.listdir("/proc/self/fd")) == before


def null() -> int:
    """A descriptor."""
    return os.open(os.devnull, os.O_RDONLY)


def test_each_name_has_its_place(takings):
    """Listeners among the offers, locks by what they lock."""
    listeners = [socket.socket(socket.AF_UNIX) for _ in range(2)]
    takings.put("listener", listeners[0].detach())
    takings.put("lent listener", listeners[1].detach())
    takings.put("lock data_dir", null())
    takings.put("lock unix_socket", null())
    takings.put("a thing that only newer servers have", null())

    assert len(takings.offers.sockets) == 2
    assert takings.offers.lent == {takings.offers.sockets[1]}
    assert list(takings.locks) == ["data_dir"]
    assert takings.offers.unix_lock >= 0


def test_clients_leave_in_the_order_in_which_they_came(takings):
    """And are the caller's then."""
    fds = [null(), null()]
    for fd in fds:
        takings.put_connection(HeldConnection(fd, b"", "", 0, 0.0, admitted=True))

    popped = takings.pop_connections()
    assert [connection.fd for connection in popped] == fds
    assert takings.connections == []
    for connection in popped:
        os.close(connection.fd)


def test_there_is_a_limit(takings, monkeypatch):
    """Who comes beyond it is closed."""
    monkeypatch.setattr(takings_module, "MAX_CONNECTIONS", 1)
    first, second = socket.socketpair()
    takings.put_connection(HeldConnection(null(), b"", "", 0, 0.0, admitted=True))
    with pytest.raises(TooMany):
        takings.put_connection(HeldConnection(second.detach(), b"", "", 0, 0.0, admitted=True))

    assert first.recv(1) == b""
    assert inode_of(first.fileno())
    first.close()
