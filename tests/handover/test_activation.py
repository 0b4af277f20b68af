"""What the service manager passes is taken, recognised, and never left listening unheard."""

from __future__ import annotations

import os
import socket

import pytest

from duckgres_tx.handover import activation
from duckgres_tx.handover.activation import UnwantedSockets, passed_sockets, storage_name

FIRST = 200


@pytest.fixture
def passed(monkeypatch):
    """Sockets at the numbers where they are looked for, with the environment that says so."""
    monkeypatch.setattr(activation, "FIRST_FD", FIRST)

    def give(*named, pid=None):
        for offset, (_, given) in enumerate(named):
            os.dup2(given.fileno(), FIRST + offset)
        return {
            "LISTEN_PID": str(os.getpid() if pid is None else pid),
            "LISTEN_FDS": str(len(named)),
            "LISTEN_FDNAMES": ":".join(name for name, _ in named),
            "HOME": "/",
        }

    return give


@pytest.fixture
def listener():
    """A listening socket."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen()
        yield made


def test_sockets_are_taken_and_the_environment_is_cleaned(passed, listener):
    """Close-on-exec, non-blocking, and no child believes them its own."""
    environment = passed(("duckgres.socket", listener))
    found = passed_sockets(environment)
    assert environment == {"HOME": "/"}
    (taken,) = found.sockets
    assert taken.name == "duckgres.socket"
    assert taken.socket.fileno() == FIRST
    assert not os.get_inheritable(FIRST)
    assert not taken.socket.getblocking()
    assert found.offers.take_tcp(socket.AF_INET, *listener.getsockname()) is taken.socket
    assert found.settle() == ()
    taken.socket.close()


@pytest.mark.parametrize("change", [{"LISTEN_PID": "1"}, {"LISTEN_FDS": "some"}, {"LISTEN_PID": ""}])
def test_what_is_another_s_is_not_ours(passed, listener, change):
    """The variables are inherited; the sockets are for one process."""
    environment = {**passed(("duckgres.socket", listener)), **change}
    assert passed_sockets(environment).sockets == ()
    os.close(FIRST)


def test_nothing_is_passed_to_most():
    """No variables, no sockets."""
    assert passed_sockets({}).sockets == ()


def test_what_can_t_be_listened_on_is_closed(passed, listener):
    """A connection, a number that is not open, names that are missing."""
    with socket.socket(type=socket.SOCK_DGRAM) as datagram:
        environment = {**passed(("x", datagram), ("y", listener)), "LISTEN_FDS": "3", "LISTEN_FDNAMES": ""}
        (taken,) = passed_sockets(environment).sockets
    assert taken.name == "unknown"
    assert taken.socket.fileno() == FIRST + 1
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(FIRST)
    taken.socket.close()


def test_a_stored_socket_that_nobody_wants_is_let_go(passed, listener):
    """The configuration has changed since: it is closed here, and its name says what to forget."""
    name = storage_name(listener)
    found = passed_sockets(passed((name, listener)))
    assert found.offers.lent == frozenset()
    assert found.settle() == (name,)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(FIRST)


def test_a_unit_s_socket_that_nobody_wants_is_an_error(passed, listener):
    """Clients would be accepted by the kernel, and by nobody else."""
    found = passed_sockets(passed(("duckgres.socket", listener)))
    with pytest.raises(UnwantedSockets, match=f"listens on 127.0.0.1 port {listener.getsockname()[1]}, and the conf"):
        found.settle()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(FIRST)


def test_storage_names_are_such_as_the_service_manager_takes(tmp_path):
    """ASCII, no colon, at most 255 characters, one for an address."""
    with socket.socket(socket.AF_INET6) as six, socket.socket(socket.AF_UNIX) as unix:
        six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        six.bind(("::1", 0))
        unix.bind(str(tmp_path / "ü"))
        assert storage_name(six) == f"duckgres-__1-{six.getsockname()[1]}"
        assert storage_name(unix).isascii()
