"""Sockets that listen already are found by their addresses."""

from __future__ import annotations

import os
import socket

import pytest

from duckgres_tx.handover.offers import Offers, describe, describe_all, is_usable
from duckgres_tx.listeners import CannotListen, listen


def listening(family, address, *, ipv6_only=True):
    """A listening socket."""
    listener = socket.socket(family)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(ipv6_only))
    listener.bind(address)
    listener.listen()
    return listener


@pytest.fixture
def local():
    """One on 127.0.0.1."""
    listener = listening(socket.AF_INET, ("127.0.0.1", 0))
    yield listener
    listener.close()


def test_an_address_is_taken_once(local):
    """By its host and port."""
    offers = Offers([local])
    port = local.getsockname()[1]
    assert offers.take_tcp(socket.AF_INET, "127.0.0.2", port) is None
    assert offers.take_tcp(socket.AF_INET, "127.0.0.1", port + 1) is None
    assert offers.take_tcp(socket.AF_INET6, "::1", port) is None
    assert offers.take_tcp(socket.AF_INET, "127.0.0.1", port) is local
    assert offers.take_tcp(socket.AF_INET, "127.0.0.1", port) is None


def test_port_zero_is_any(local):
    """A server that let the system choose keeps what it has chosen."""
    assert Offers([local]).take_tcp(socket.AF_INET, "127.0.0.1", 0) is local


def test_a_socket_for_both_families_is_not_one_for_ipv6():
    """IPv4 clients would come with addresses that nothing else here expects."""
    both = listening(socket.AF_INET6, ("::", 0), ipv6_only=False)
    six = listening(socket.AF_INET6, ("::", 0))
    offers = Offers([both, six])
    assert offers.take_tcp(socket.AF_INET6, "::", both.getsockname()[1]) is None
    assert offers.take_tcp(socket.AF_INET6, "::", 0) is six
    assert describe(both).endswith("(IPv4 too)")
    assert not describe(six).endswith("(IPv4 too)")
    offers.close()
    assert both.fileno() == -1
    six.close()


def test_a_unix_socket_is_found_by_its_path(tmp_path):
    """If its file is still there: without it, nobody can connect."""
    path = tmp_path / ".s.PGSQL.1"
    listener = listening(socket.AF_UNIX, str(path))
    offers = Offers([listener])
    path.rename(tmp_path / "elsewhere")
    assert offers.take_unix(path) is None
    (tmp_path / "elsewhere").rename(path)
    assert offers.take_unix(path) is listener
    listener.close()


def test_the_lock_of_a_unix_socket_comes_with_it(tmp_path):
    """Who takes over goes on with both, and nobody can come between."""
    first = listen([], 6543, tmp_path)
    offers = Offers([first.sockets[0].dup()], unix_lock=os.dup(first.lock))

    second = listen([], 6543, tmp_path, offers)
    first.leave()

    assert (offers.sockets, offers.unix_lock) == ([], -1)
    with pytest.raises(CannotListen, match="another server is listening there"):
        listen([], 6543, tmp_path)
    second.undo()
    assert (tmp_path / ".s.PGSQL.6543").exists()


def test_a_unix_socket_whose_file_is_gone_is_bound_anew(tmp_path):
    """With the lock that came with the old one."""
    first = listen([], 6543, tmp_path)
    offers = Offers([first.sockets[0].dup()], unix_lock=os.dup(first.lock))
    (tmp_path / ".s.PGSQL.6543").unlink()

    second = listen([], 6543, tmp_path, offers)

    assert len(offers.sockets) == 1
    assert (tmp_path / ".s.PGSQL.6543").is_socket()
    offers.close()
    second.undo()
    assert not (tmp_path / ".s.PGSQL.6543").exists()
    first.leave()


@pytest.mark.parametrize("ending", ["close", "abolish"])
def test_a_unix_socket_that_nobody_wants_is_abolished(tmp_path, ending):
    """When it is sure that the one who offered it doesn't want it back."""
    first = listen([], 6543, tmp_path)
    offers = Offers([first.sockets[0].dup()], unix_lock=os.dup(first.lock))
    getattr(offers, ending)()

    assert len(list(tmp_path.iterdir())) == (2 if ending == "close" else 0)
    first.close()


def test_only_listening_streams_are_usable(local):
    """Not a connection, not a datagram."""
    assert is_usable(local)
    with socket.socket() as unbound, socket.socket(type=socket.SOCK_DGRAM) as datagram:
        assert not is_usable(unbound)
        assert not is_usable(datagram)


def test_what_listens_already_is_used(local, tmp_path):
    """The rest is bound; what nobody wants stays with its owner."""
    port = local.getsockname()[1]
    unix = listening(socket.AF_UNIX, str(tmp_path / f".s.PGSQL.{port}"))
    other = listening(socket.AF_INET, ("127.0.0.3", 0))
    offers = Offers([other, unix, local])

    listeners = listen(["127.0.0.1", "127.0.0.2"], port, tmp_path, offers)

    assert listeners.sockets[0] is local
    assert listeners.sockets[1].getsockname() == ("127.0.0.2", port)
    assert listeners.sockets[2] is unix
    assert describe_all(offers.sockets) == f"127.0.0.3 port {other.getsockname()[1]}"
    listeners.close()
    offers.close()
    assert list(tmp_path.iterdir()) == []


def test_a_lent_socket_s_file_stays(tmp_path):
    """It is neither locked nor removed: who lent it listens there still."""
    unix = listening(socket.AF_UNIX, str(tmp_path / ".s.PGSQL.6543"))
    listeners = listen([], 6543, tmp_path, Offers([unix], frozenset({unix})))
    assert listeners.sockets == [unix]
    listeners.close()
    assert [path.name for path in tmp_path.iterdir()] == [".s.PGSQL.6543"]


def test_a_stored_socket_whose_lock_is_another_s_is_refused(tmp_path):
    """And closed."""
    first = listen([], 6543, tmp_path)
    copy = first.sockets[0].dup()
    with pytest.raises(CannotListen, match="another server is listening there"):
        listen([], 6543, tmp_path, Offers([copy]))
    assert copy.fileno() == -1
    first.close()
