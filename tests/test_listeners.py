"""What is listened on."""

from __future__ import annotations

import socket
import stat

import pytest

from duckgres_tx.listeners import CannotListen, listen


def test_a_unix_socket_has_postgresql_s_name(tmp_path):
    """So that libpq finds it; it is gone when the server is."""
    listeners = listen([], 6543, tmp_path)
    path = tmp_path / ".s.PGSQL.6543"
    assert stat.S_ISSOCK(path.stat().st_mode)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))

    listeners.close()

    assert list(tmp_path.iterdir()) == []


def test_two_servers_can_t_have_one_unix_socket(tmp_path):
    """The second is told; the first goes on."""
    first = listen([], 6543, tmp_path)
    with pytest.raises(CannotListen, match="another server is listening there"):
        listen([], 6543, tmp_path)

    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / ".s.PGSQL.6543"))
    first.close()


def test_a_socket_that_a_dead_server_left_is_replaced(tmp_path):
    """Its lock is not held."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / ".s.PGSQL.6543"))

    listeners = listen([], 6543, tmp_path)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / ".s.PGSQL.6543"))
    listeners.close()


def test_a_file_of_that_name_is_left_alone(tmp_path):
    """It is no socket, so it is somebody's."""
    (tmp_path / ".s.PGSQL.6543").write_text("mine", encoding="ascii")

    with pytest.raises(CannotListen, match="Address already in use"):
        listen([], 6543, tmp_path)
    assert (tmp_path / ".s.PGSQL.6543").read_text(encoding="ascii") == "mine"


def test_what_can_t_be_listened_on_is_named(tmp_path):
    """One line each."""
    with pytest.raises(CannotListen, match=r"can't listen on .*No such file or directory"):
        listen([], 6543, tmp_path / "none")
    with pytest.raises(CannotListen, match="longer than 107 bytes"):
        listen([], 6543, tmp_path / ("x" * 200))
    with pytest.raises(CannotListen, match=r"can't listen on host '999\.0\.0\.1'"):
        listen(["999.0.0.1"], 0, None)


def test_a_port_in_use_is_named_and_nothing_stays_bound(tmp_path):
    """Neither the other addresses nor the UNIX socket."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CannotListen, match=f"can't listen on 127.0.0.1 port {port}: Address already in use"):
            listen(["127.0.0.2", "127.0.0.1"], port, tmp_path)
        with socket.socket() as again:
            again.bind(("127.0.0.2", port))

    assert list(tmp_path.iterdir()) == []


def test_port_0_is_one_port_for_all_addresses():
    """The one that the system chose for the first."""
    listeners = listen(["127.0.0.1", "127.0.0.2", "127.0.0.1"], 0, None)
    ports = {listener.getsockname() for listener in listeners.sockets}
    listeners.close()

    assert ports == {("127.0.0.1", listeners.port), ("127.0.0.2", listeners.port)}
