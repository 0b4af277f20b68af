"""A server is ended whatever state it is in, and nobody else is."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest

from duckgres_tx.bootstrap import LOCK_NAME
from duckgres_tx.console.processes import processes_of, wait_for_end
from duckgres_tx.console.stopping import stop

LOG_NAME = "worker-1-0a1b2c3d.log"
# a process that has a file open, says so, and deals with SIGTERM in its own way
PROGRAM = """
import os, signal, sys
path, number, behaviour = sys.argv[1:]
os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), int(number), inheritable=False)
asked = 0
def told(*_):
    global asked
    asked += 1
    if behaviour == "ends" or (behaviour == "hurries" and asked > 1):
        os._exit(0)
signal.signal(signal.SIGTERM, told)
os.write(0, b"ready")
while True:
    signal.pause()
"""


@pytest.fixture
def running(tmp_path):
    """Start processes that look like parts of a server; they are gone after the test."""
    started = []

    def start(name, number, behaviour="ends"):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            arguments = [sys.executable, "-c", PROGRAM, str(tmp_path / name), str(number), behaviour]
            process = subprocess.Popen(arguments, stdin=theirs.fileno())
            started.append(process)
            theirs.close()
            assert ours.recv(5) == b"ready"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait(10)


@pytest.fixture
def said():
    """What people are told."""
    return []


def test_processes_are_known_by_what_they_have_open(running, tmp_path):
    """A control plane by its lock, a worker by its log; whoever else has files there isn't one."""
    control_plane = running(LOCK_NAME, 7)
    worker = running(LOG_NAME, 2)
    running("worker-1-0a1b2c3d.sock", 2)
    running("other.log", 2)
    before = len(os.listdir("/proc/self/fd"))
    found = processes_of(tmp_path)
    assert [(process.pid, process.is_worker) for process in found] == [(control_plane.pid, False), (worker.pid, True)]
    for process in found:
        with process:
            assert not process.has_ended
    assert len(os.listdir("/proc/self/fd")) == before
    assert processes_of(tmp_path / "elsewhere") == []


def test_a_worker_whose_log_is_unlinked_is_still_one(running, tmp_path):
    """Its control plane may have cleaned up too early."""
    worker = running(LOG_NAME, 2)
    (tmp_path / LOG_NAME).unlink()
    (found,) = processes_of(tmp_path)
    assert found.pid == worker.pid
    worker.kill()
    assert wait_for_end([found], 30) == []
    found.send(signal.SIGTERM)
    found.close()


def test_a_server_that_ends_in_order(running, tmp_path, said):
    """One signal is enough."""
    control_plane = running(LOCK_NAME, 7)
    assert stop(tmp_path, 30, said.append)
    assert control_plane.wait(10) == 0
    assert said == [f"server {control_plane.pid}: ended"]


def test_a_server_that_takes_its_time_is_told_twice(running, tmp_path, said):
    """As it would be by an impatient operator."""
    control_plane = running(LOCK_NAME, 7, "hurries")
    assert stop(tmp_path, 0.2, said.append, 30)
    assert control_plane.wait(10) == 0
    assert said == [f"server {control_plane.pid}: told to hurry, for not ending within 0.2 s"]


def test_a_server_that_hangs_is_killed_and_its_workers_end(running, tmp_path, said):
    """Those that listen are asked, those that don't are killed too."""
    control_plane = running(LOCK_NAME, 7, "hangs")
    listening, deaf = running(LOG_NAME, 2), running("worker-2-0a1b2c3d.log", 2, "hangs")
    assert not stop(tmp_path, 0.1, said.append, 0.5)
    statuses = [process.wait(10) for process in (control_plane, listening, deaf)]
    assert statuses == [-signal.SIGKILL, 0, -signal.SIGKILL]
    both = ", ".join(str(pid) for pid in sorted([listening.pid, deaf.pid]))
    assert said[1:] == [
        f"server {control_plane.pid}: killed, for not ending within 0.5 s",
        f"workers {both}: told to end, without a server",
        f"worker {deaf.pid}: killed, for not ending within 0.5 s",
    ]


def test_workers_of_a_server_that_was_killed_are_ended(running, tmp_path, said):
    """There is nobody else who could."""
    worker = running(LOG_NAME, 2)
    assert stop(tmp_path, 30, said.append)
    assert worker.wait(10) == 0
    assert said == [f"no server uses {tmp_path}", f"worker {worker.pid}: told to end, without a server"]


def test_nothing_to_stop_is_no_error(tmp_path, said):
    """It is what was wanted."""
    assert stop(tmp_path, 30, said.append)
    assert said == [f"no server uses {tmp_path}"]
