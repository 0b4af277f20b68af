"""What the service manager passes is taken, recognised, and never left listening unheard."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from duckgres_tx.handover import activation
from duckgres_tx.handover.activation import UnwantedSockets, passed_sockets, storage_name
from duckgres_tx.handover.offers import Offers

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
        }

    return give


@pytest.fixture
def listener():
    """A listening socket."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen()
        yield made


def test_sockets_are_taken(passed, listener):
    """Close-on-exec, non-blocking."""
    found = passed_sockets(passed(("duckgres.socket", listener)))
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
        environment = {**passed(("x", datagram), ("y", listener)), "LISTEN_FDS": "3", "LISTEN_FDNAMES": "x"}
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


def test_the_variables_are_found_although_twisted_removes_them():
    """As a server sees them: after everything was imported."""
    program = (
        "import os; from twisted.python.systemd import ListenFDs\n"
        "ListenFDs.fromEnvironment(); assert 'LISTEN_FDS' not in os.environ\n"
        "from duckgres_tx.handover.activation import environment_at_start\n"
        "assert environment_at_start() == {'LISTEN_PID': str(os.getpid()), 'LISTEN_FDS': '1', 'LISTEN_FDNAMES': 'a'}\n"
    )
    start = (
        "import os, sys; os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1', LISTEN_FDNAMES='a')\n"
        "os.execv(sys.executable, [sys.executable, '-c', sys.argv[1]])"
    )
    done = subprocess.run(
        [sys.executable, "-c", start, program], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_what_a_running_server_gives_too_is_closed(passed, listener):
    """It is the same socket; what only the service manager has is offered beside it."""
    with socket.socket() as other:
        other.bind(("127.0.0.3", 0))
        other.listen()
        found = passed_sockets(passed((storage_name(listener), listener), ("duckgres.socket", other)))
        given = Offers([listener.dup()])
        found.join(given)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(FIRST)
        given.take_tcp(socket.AF_INET, "127.0.0.1", 0).close()
        taken = given.take_tcp(socket.AF_INET, "127.0.0.3", 0)
        assert taken in given.lent
        unwanted = listener.dup()
        given.sockets.append(unwanted)
        assert found.settle() == ()
        # what the running server gives is its own business
        assert given.sockets == [unwanted]
        taken.close()
        given.close()
