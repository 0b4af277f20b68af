"""A server that is process 1 does what is left to process 1."""

from __future__ import annotations

import os
import subprocess

import pytest
from twisted.internet.process import reapProcessHandlers
from twisted.internet.task import Clock

from duckgres_tx.handover import first_process
from duckgres_tx.handover.first_process import REAP_INTERVAL_S, FirstProcess, is_first_process


@pytest.fixture
def done(monkeypatch):
    """What it did."""
    calls = []
    monkeypatch.setattr(first_process, "become", lambda *arguments: calls.append(("become", *arguments)))
    monkeypatch.setattr(first_process, "forward_signals", lambda pid: calls.append(("forward", pid)))
    return calls


@pytest.fixture
def file(tmp_path):
    """Who serves stands there."""
    return tmp_path / "server.pid"


@pytest.fixture
def first(done, file):
    """Process 1."""
    return FirstProcess(
        Clock(), file, {"A": "b"}, lambda: done.append("signals"), lambda last: done.append(("at exit", last))
    )


def test_a_test_is_not_the_first_process():
    """Unless it runs in a container of its own."""
    assert is_first_process() == (os.getpid() == 1)


def test_the_first_server_just_ends(first, done):
    """And the container with it."""
    first.put_up()
    first.take_down()
    assert done == []


def test_after_a_takeover_it_becomes_another_program(first, done, file):
    """At the very end; until then it passes signals on."""
    first.put_up()
    first.abandon(7)
    assert done == [("forward", 7)]
    first.take_down()
    name, last = done[1]
    assert name == "at exit"
    last()
    assert done[2:] == [("become", file, {"A": "b"})]


def test_whoever_serves_is_not_killed_with_the_container(first, done, file):
    """Such as a server that workers obey, though it hasn't taken over in order."""
    first.put_up()
    before = len(os.listdir("/proc/self/fd"))
    file.write_text(f"{os.getppid()}\n", encoding="ascii")
    first.take_down()
    assert [name for name, _ in done] == ["at exit"]
    assert len(os.listdir("/proc/self/fd")) == before


def test_what_is_taken_back_is_served_as_before(first, done):
    """Signals are this server's again."""
    first.abandon(7)
    first.put_up()
    first.take_down()
    assert done == [("forward", 7), "signals"]


def test_processes_without_parents_are_collected(first, done):
    """Twisted's own children are left to Twisted."""
    first.begin()
    with subprocess.Popen(["/bin/sh", "-c", "exit 3"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        reapProcessHandlers[process.pid] = object()
        try:
            first._clock.advance(REAP_INTERVAL_S)
            assert os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
        finally:
            del reapProcessHandlers[process.pid]
        first._clock.advance(REAP_INTERVAL_S)
        with pytest.raises(ChildProcessError):
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    first.take_down()
    assert first._clock.getDelayedCalls() == []
