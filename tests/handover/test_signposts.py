"""What tells the world who serves."""

from __future__ import annotations

import os

import pytest
from theatre import Reactor

from duckgres_tx.handover import signposts as signposts_module
from duckgres_tx.handover.pid_file import PidFile
from duckgres_tx.handover.signposts import LOOK_INTERVAL_S, PutUpSignposts


class FakeSocket:
    """A handover socket; `path` says whose it is."""

    def __init__(self, path, name) -> None:
        self.path, self.name, self.is_open = path, name, False

    def open(self):
        self.path.write_text(self.name, encoding="ascii")
        self.is_open = True

    def is_ours(self):
        return self.is_open and self.path.exists() and self.path.read_text(encoding="ascii") == self.name

    def close(self):
        self.is_open = False

    def remove(self):
        if self.is_ours():
            self.path.unlink()
        self.is_open = False


class Street:
    """One process's signposts."""

    def __init__(self, directory, monkeypatch) -> None:
        self.reactor, self.options = Reactor(), {"pidfile": ""}
        self.socket = FakeSocket(directory / "x.sock", "ours")
        self.file = PidFile(directory / "server.pid")
        self.listening = None
        monkeypatch.setattr(signposts_module, "who_listens", lambda path: self.listening)
        self.posts = PutUpSignposts(self.reactor, self.socket, [self.file], self.options)


@pytest.fixture
def street(tmp_path, monkeypatch):
    """Nothing is put up yet; at the end nobody looks any more."""
    made = Street(tmp_path, monkeypatch)
    yield made
    made.posts.take_down()
    assert made.reactor.getDelayedCalls() == []


def test_they_name_this_process_and_are_taken_down(street):
    """Nothing is left."""
    street.posts.put_up()
    assert (street.socket.is_ours(), street.file.names_us()) == (True, True)

    street.posts.take_down()

    assert (street.socket.path.exists(), street.file.path.exists()) == (False, False)


def test_another_one_s_are_left_alone(street):
    """It has put up its own, and this process ends."""
    street.posts.put_up()
    street.socket.path.write_text("theirs", encoding="ascii")
    street.file.path.write_text("1\n", encoding="ascii")
    street.posts.abandon(1)
    street.reactor.advance(10 * LOOK_INTERVAL_S)

    street.posts.take_down()

    assert street.socket.path.read_text(encoding="ascii") == "theirs"
    assert street.file.path.read_text(encoding="ascii") == "1\n"


def test_they_can_be_put_up_again(street):
    """By whoever takes everything back."""
    street.posts.put_up()
    street.posts.abandon(1)
    street.file.path.write_text("1\n", encoding="ascii")
    street.posts.put_up()

    assert (street.socket.is_ours(), street.file.names_us()) == (True, True)


def test_what_is_missing_is_put_up_again(street):
    """Whether somebody has cleaned, or a newcomer that failed has put up its own at the last moment."""
    street.posts.put_up()
    street.socket.path.unlink()
    street.file.path.unlink()
    street.reactor.advance(LOOK_INTERVAL_S)
    assert (street.socket.is_ours(), street.file.names_us()) == (True, True)

    street.socket.path.write_text("of one that is dead", encoding="ascii")
    street.reactor.advance(LOOK_INTERVAL_S)
    assert street.socket.is_ours()


def test_a_living_one_s_are_not_taken_from_it(street):
    """Whose they are is decided otherwise."""
    street.posts.put_up()
    street.socket.path.write_text("theirs", encoding="ascii")
    street.file.path.write_text("1\n", encoding="ascii")
    street.listening = 1
    street.reactor.advance(LOOK_INTERVAL_S)

    assert street.socket.path.read_text(encoding="ascii") == "theirs"
    assert street.file.path.read_text(encoding="ascii") == "1\n"


def test_what_can_t_be_put_up_again_is_tried_later(street, tmp_path):
    """The server goes on."""
    street.posts.put_up()
    street.file.path.unlink()
    (tmp_path / "server.pid").mkdir()
    street.reactor.advance(LOOK_INTERVAL_S)
    (tmp_path / "server.pid").rmdir()
    street.reactor.advance(LOOK_INTERVAL_S)

    assert street.file.names_us()


def test_twistd_s_pid_file_is_looked_after_from_a_takeover_on(street, tmp_path):
    """Twistd would remove it when this process ends, whoever serves by then."""
    theirs = tmp_path / "twistd.pid"
    theirs.write_text(str(os.getpid()), encoding="ascii")
    street.options["pidfile"] = str(theirs)
    street.posts.put_up()
    street.posts.abandon(1)
    assert street.options["pidfile"] == ""
    theirs.write_text("1", encoding="ascii")

    street.posts.put_up()
    assert theirs.read_text(encoding="ascii") == f"{os.getpid()}\n"
    street.posts.take_down()
    assert not theirs.exists()
