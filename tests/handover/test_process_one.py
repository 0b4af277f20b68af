"""The first process of a container passes signals on, buries the dead, and knows when to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from duckgres_tx.handover import process_one
from duckgres_tx.handover.process_one import GRACE_S, Serving, become, reap, run


class Cast:
    """Who serves, as a test says it."""

    def __init__(self, *pids, left=False) -> None:
        self.pids, self.pid, self.left = list(pids), 0, left

    def find(self):
        found = self.pids.pop(0) if len(self.pids) > 1 else self.pids[0]
        self.pid = found or self.pid
        return found

    def is_left(self):
        return self.left


@pytest.fixture
def nobody_dies(monkeypatch):
    """No process of the test's own is collected."""
    dead: list[list[tuple[int, int]]] = []
    monkeypatch.setattr(process_one, "reap", lambda: dead.pop(0) if dead else [])
    return dead


def signals(*numbers):
    """What the wait for a signal returns, one after the other."""
    waiting = iter(numbers)
    return lambda: next(waiting)


def test_signals_go_to_whoever_serves(nobody_dies):
    """Before and after the next takeover; SIGCHLD is nobody's."""
    sent = []
    cast = Cast(7, 7, 8, None)
    assert run(cast, signals(signal.SIGHUP, signal.SIGCHLD, signal.SIGTERM, None), send=lambda *a: sent.append(a)) == 0
    assert sent == [(7, signal.SIGHUP), (8, signal.SIGTERM)]


def test_it_ends_with_the_last_server_s_status(nobody_dies):
    """An exit status as it is, a signal as a shell says it."""
    nobody_dies[:] = [[], [(5, 0), (7, 3 << 8)]]
    assert run(Cast(7, None), signals(None, None)) == 3
    nobody_dies[:] = [[], [(7, signal.SIGKILL)]]
    clock = iter([0.0, GRACE_S])
    assert run(Cast(7, None, left=True), signals(None, signal.SIGCHLD), lambda: next(clock)) == 128 + signal.SIGKILL


def test_a_server_that_died_may_have_a_successor(nobody_dies):
    """It is waited for, and served; the wait is bounded."""
    times = iter([0.0, 5.0, 20.0, 29.0, 31.0])
    cast = Cast(7, None, 8, None, None, None, left=True)
    waits = signals(None, None, None, None, None, None)
    assert run(cast, waits, lambda: next(times)) == 1
    assert cast.pid == 8


def test_told_to_end_it_waits_for_nobody(nobody_dies):
    """There is no server that could be told."""
    assert run(Cast(None, left=True), signals(signal.SIGTERM), lambda: 0.0) == 1


def test_who_serves_stands_in_the_file(tmp_path):
    """As long as that process lives; its number isn't believed again when it has ended."""
    file = tmp_path / "server.pid"
    serving = Serving(file)
    assert serving.find() is None
    assert not serving.is_left()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        file.write_text(f"{process.pid}\n", encoding="ascii")
        assert serving.find() == process.pid
        assert serving.find() == process.pid
        process.communicate(b"\n")
    assert serving.find() is None
    assert serving.pid == process.pid
    assert serving.is_left()

    file.write_text(str(os.getpid()), encoding="ascii")
    assert serving.find() == os.getpid()
    file.write_text("nonsense", encoding="ascii")
    assert serving.find() == os.getpid()
    serving.close()


def test_the_dead_are_buried_unless_somebody_waits_for_them():
    """A server that is the first process has children of its own."""
    with subprocess.Popen(["/bin/sh", "-c", "exit 5"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert reap(lambda pid: pid == process.pid) == []
        assert reap() == [(process.pid, 5 << 8)]
        assert reap() == []


def test_it_becomes_another_program_with_signals_waiting(monkeypatch, tmp_path):
    """None is lost in between."""
    seen = []
    monkeypatch.setattr(os, "execve", lambda *call: seen.append((call, signal.pthread_sigmask(signal.SIG_BLOCK, []))))
    try:
        become(tmp_path / "server.pid", {"A": "b"})
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, process_one._WATCHED)
    (((program, arguments, environment), blocked),) = seen
    assert program == sys.executable
    assert arguments[1:] == ["-P", "-m", "duckgres_tx.handover.process_one", str(tmp_path / "server.pid")]
    assert environment == {"A": "b"}
    assert blocked >= set(process_one.FORWARDED)


def test_a_server_that_left_sends_signals_on():
    """Until it has become that program; a successor that is gone is no error."""
    before = {number: signal.getsignal(number) for number in process_one.FORWARDED}
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        try:
            process_one.forward_signals(process.pid)
            os.kill(os.getpid(), signal.SIGTERM)
            assert process.wait(30) == -signal.SIGTERM
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def test_as_a_program(tmp_path):
    """It ends by itself when nobody serves; it wants one argument."""
    command = [sys.executable, "-P", "-m", "duckgres_tx.handover.process_one"]
    wrong = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert wrong.returncode == 1
    assert wrong.stderr == "usage: python -m duckgres_tx.handover.process_one <pid file>\n"
    assert subprocess.run([*command, str(tmp_path / "none")], timeout=60, check=False).returncode == 0
