"""The service manager hears the right things, from the right process, and never stands in the way."""

from __future__ import annotations

import array
import os
import socket

import pytest
from twisted.internet.task import Clock

from duckgres_tx.handover import notify
from duckgres_tx.handover.notify import MAX_PENDING, RETRY_INTERVAL_S, Standing, for_a_successor, notifier


class ServiceManager:
    """The other end of ``NOTIFY_SOCKET``."""

    def __init__(self, address) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(address)

    def heard(self) -> list[list[str]]:
        """The messages that have come since the last time, as lists of assignments."""
        messages = []
        while True:
            try:
                messages.append(self.socket.recv(4096).decode().split("\n"))
            except BlockingIOError:
                return messages

    def heard_with_descriptor(self) -> tuple[list[str], int]:
        """One message and what came with it."""
        data, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(4))
        fds = array.array("i")
        fds.frombytes(ancillary[0][2])
        return data.decode().split("\n"), fds[0]


@pytest.fixture
def manager(tmp_path):
    """A service manager at a path."""
    manager = ServiceManager(str(tmp_path / "notify"))
    yield manager
    manager.socket.close()


@pytest.fixture
def clock():
    """Time."""
    return Clock()


@pytest.fixture
def speaking(tmp_path, manager, clock):
    """A notifier that the manager hears."""
    made = notifier(clock, {"NOTIFY_SOCKET": str(tmp_path / "notify")})
    made._monotonic = lambda: 12.5
    made.standing = Standing.MAIN
    yield made
    made.close()


def fill(manager) -> int:
    """Leave no room in the manager's queue; how many messages it took."""
    count = 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as other:
        while True:
            try:
                other.sendto(b"X=1", manager.socket.getsockname())
            except BlockingIOError:
                return count
            count += 1


def test_a_server_s_life_is_told(speaking, manager):
    """Start, reload, stop: each with what `systemctl status` shows."""
    speaking.ready("2 workers")
    speaking.reloading("reading the configuration")
    speaking.ready("2 workers")
    speaking.stopping("letting transactions finish", 45.0)

    me = f"MAINPID={os.getpid()}"
    assert manager.heard() == [
        ["READY=1", me, "STATUS=2 workers"],
        ["RELOADING=1", "MONOTONIC_USEC=12500000", "STATUS=reading the configuration"],
        ["READY=1", me, "STATUS=2 workers"],
        ["STOPPING=1", "STATUS=letting transactions finish", "EXTEND_TIMEOUT_USEC=45000000"],
    ]


def test_a_status_is_told_when_it_changes(speaking, manager):
    """And can't smuggle in another assignment."""
    speaking.ready("2 workers")
    speaking.status("2 workers")
    speaking.status("3 workers\nSTOPPING=1")

    assert [message[-1] for message in manager.heard()] == ["STATUS=2 workers", "STATUS=3 workers STOPPING=1"]


def test_an_abstract_socket_is_an_address_too(clock):
    """With @ for the zero byte."""
    name = f"duckgres-test-{os.getpid()}"
    manager = ServiceManager(b"\0" + name.encode())
    notifier(clock, {"NOTIFY_SOCKET": "@" + name}).ready("hello")
    assert manager.heard()[0][0] == "READY=1"
    manager.socket.close()


@pytest.mark.parametrize("address", [None, "", "vsock:2:1234", "relative/path", "/" + "x" * 200])
def test_without_a_usable_address_nothing_happens(clock, address):
    """Most servers have no service manager."""
    made = notifier(clock, {} if address is None else {"NOTIFY_SOCKET": address})
    assert not made.is_heard
    made.ready("alone")
    made.store("listener", 0)
    assert not made._pending


def test_a_dead_service_manager_is_one_line_in_the_log(speaking, manager, tmp_path):
    """The server doesn't care."""
    lines = []
    speaking._log = type("Log", (), {"warn": lambda self, text, **values: lines.append(text.format(**values))})()
    manager.socket.close()
    (tmp_path / "notify").unlink()

    speaking.ready("1 worker")
    speaking.status("2 workers")

    assert lines == ["can't notify the service manager: No such file or directory"]
    assert not speaking._pending


def test_a_full_queue_is_tried_again(speaking, manager, clock):
    """In order, and without blocking."""
    taken = fill(manager)
    speaking.ready("1 worker")
    speaking.status("2 workers")
    assert len(manager.heard()) == taken

    clock.advance(RETRY_INTERVAL_S)

    assert [message[-1] for message in manager.heard()] == ["STATUS=1 worker", "STATUS=2 workers"]
    assert clock.getDelayedCalls() == []


def test_what_waits_is_bounded(speaking, manager, clock):
    """A service manager that reads nothing costs a bounded number of messages and descriptors."""
    fill(manager)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(MAX_PENDING + 10):
        speaking.store(f"listener {number}", manager.socket.fileno())
    assert len(speaking._pending) == MAX_PENDING
    assert len(os.listdir("/proc/self/fd")) == before + MAX_PENDING
    speaking.close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert clock.getDelayedCalls() == []


def test_signs_of_life_come_twice_as_often_as_they_must(tmp_path, manager, clock):
    """From the reactor, from the moment that the server is ready."""
    environment = {
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "WATCHDOG_USEC": "30000000",
        "WATCHDOG_PID": str(os.getpid()),
    }
    made = notifier(clock, environment)
    clock.advance(60)
    assert manager.heard() == []
    made.ready("1 worker")
    manager.heard()
    clock.pump([1.0] * 31)
    assert manager.heard() == [["WATCHDOG=1"]] * 2
    made.close()


@pytest.mark.parametrize(
    "variables", [{}, {"WATCHDOG_USEC": "many"}, {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}]
)
def test_signs_of_life_are_for_whom_they_are_asked(tmp_path, manager, clock, variables):
    """Without a watchdog, or with another process's, there are none."""
    made = notifier(clock, {"NOTIFY_SOCKET": str(tmp_path / "notify"), **variables})
    made.ready("1 worker")
    assert len(manager.heard()) == 1
    assert clock.getDelayedCalls() == []


def test_descriptors_are_stored_and_forgotten(speaking, manager):
    """The service manager gets a duplicate; ours stays ours."""
    with socket.socket() as listener:
        before = len(os.listdir("/proc/self/fd"))
        speaking.store("duckgres-1", listener.fileno())
        assert len(os.listdir("/proc/self/fd")) == before
        message, stored = manager.heard_with_descriptor()
        assert message == ["FDSTORE=1", "FDNAME=duckgres-1"]
        assert os.fstat(stored).st_ino == os.fstat(listener.fileno()).st_ino
        os.close(stored)
    speaking.forget("duckgres-1")
    assert manager.heard() == [["FDSTOREREMOVE=1", "FDNAME=duckgres-1"]]


def test_after_a_takeover_the_old_process_is_silent(tmp_path, manager, clock):
    """It names its successor; its own end is not the service's."""
    made = notifier(clock, {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2000000"})
    made.ready("1 worker")
    made.hand_over(4711)
    made.stopping("leaving", 1.0)
    made.status("leaving")
    made.store("listener", manager.socket.fileno())
    clock.advance(10)
    assert manager.heard()[2:] == [["MAINPID=4711"]]
    assert clock.getDelayedCalls() == []


def test_what_is_taken_back_is_told(tmp_path, manager, clock):
    """The old one is the main process again, and gives signs of life."""
    made = notifier(clock, {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2000000"})
    made.take_back()
    assert manager.heard() == []
    made.ready("1 worker")
    made.hand_over(4711)
    manager.heard()
    made.take_back()
    clock.advance(1)
    assert manager.heard() == [
        ["READY=1", f"MAINPID={os.getpid()}", "STATUS=1 worker"],
        ["WATCHDOG=1"],
        ["WATCHDOG=1"],
    ]
    made.close()
    made.ready("1 worker")
    assert manager.heard() == []


def test_one_that_never_served_is_silent(tmp_path, manager, clock):
    """A newcomer that gives up is not the service's end; only what it stores is heard of it."""
    made = notifier(clock, {"NOTIFY_SOCKET": str(tmp_path / "notify")})
    made.reloading("?")
    made.status("?")
    made.stopping("?", 1.0)
    made.forget("?")
    made.hand_over(4711)
    assert manager.heard() == []
    made.close()


def test_a_successor_doesn_t_believe_what_was_said_to_its_parent():
    """The socket and the watchdog's interval are the service's; the rest is one process's."""
    inherited = dict.fromkeys((*notify.OF_ONE_PROCESS, "NOTIFY_SOCKET", "WATCHDOG_USEC", "HOME"), "1")
    assert set(for_a_successor(inherited)) == {"NOTIFY_SOCKET", "WATCHDOG_USEC", "HOME"}
