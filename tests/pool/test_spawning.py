"""The socket that a worker inherits."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from duckgres_tx.pool.spawning import SpawnedProcess, bind_worker_socket, child_environment, spawn_worker
from duckgres_tx.pool.worker_files import WorkerFiles


class FakeProcesses(Clock):
    """Remembers what was to be spawned, or refuses."""

    def __init__(self, failure: Exception | None = None) -> None:
        super().__init__()
        self.failure, self.spawned = failure, None

    def spawnProcess(self, protocol, executable, args, env, path, childFDs):
        """Like the reactor's."""
        if self.failure:
            raise self.failure
        os.write(childFDs[2], b"ImportError: x\n")
        self.spawned = (protocol, args, env, childFDs, stat.S_ISSOCK(os.fstat(childFDs[3]).st_mode))


def test_a_worker_inherits_its_listener_and_nothing_secret(tmp_path):
    """The control plane keeps no copy, so the worker's death is heard; and no pipe, so that the worker doesn't hear of ours."""
    before = len(os.listdir("/proc/self/fd"))
    reactor = FakeProcesses()
    process = spawn_worker(reactor, 1, tmp_path)
    _, args, _, descriptors, is_socket = reactor.spawned

    assert is_socket
    assert set(descriptors) == {0, 1, 2, 3}
    assert all(isinstance(descriptor, int) for descriptor in descriptors.values())
    assert descriptors[1] == descriptors[2]
    assert args[1:] == ["-P", "-m", "duckgres_tx.pool.child"]
    assert process.files.socket.parent == tmp_path
    with pytest.raises(ConnectionRefusedError), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(process.files.socket))
    assert stat.S_IMODE(process.files.log.stat().st_mode) == 0o600
    process.processEnded(Failure(ProcessDone(0)))
    assert len(os.listdir("/proc/self/fd")) == before
    assert list(tmp_path.iterdir()) == []
    assert reactor.getDelayedCalls() == []


def test_a_process_that_can_t_be_made_leaves_no_socket(tmp_path):
    """Nor a log, nor a descriptor."""
    before = len(os.listdir("/proc/self/fd"))
    reactor = FakeProcesses(BlockingIOError(11, "no more processes"))
    with pytest.raises(BlockingIOError):
        spawn_worker(reactor, 1, tmp_path)

    assert list(tmp_path.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == before
    assert reactor.getDelayedCalls() == []


def test_a_path_that_is_too_long_names_the_setting(tmp_path):
    """The operator can set a shorter one."""
    with pytest.raises(OSError, match="longer than 107 bytes: set a shorter runtime_dir"):
        bind_worker_socket(tmp_path / ("x" * 120))


def test_the_child_runs_the_same_code():
    """Wherever that was imported from."""
    assert child_environment({"A": "b"})["A"] == "b"
    first, second = child_environment({"PYTHONPATH": "/mine"})["PYTHONPATH"].split(os.pathsep)
    assert (Path(first) / "duckgres_tx").is_dir()
    assert second == "/mine"


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (ProcessTerminated(signal=9), "was killed by SIGKILL (ImportError: x)"),
        (ProcessTerminated(exitCode=1), "exited with status 1 (ImportError: x)"),
        (ProcessDone(0), "exited with status 0"),
    ],
)
def test_how_it_ended_is_told_once_with_its_last_words(tmp_path, reason, told):
    """To whoever asked before or asks afterwards."""
    process = spawn_worker(FakeProcesses(), 1, tmp_path)
    heard = []
    process.when_ended(heard.append)
    process.processEnded(Failure(reason))
    process.when_ended(heard.append)

    assert heard == [told, told]
    assert process.pid is None
    process.kill()


def test_one_that_another_control_plane_is_in_charge_of_keeps_its_files(tmp_path):
    """That one reads the rest of the log, and removes them."""
    process = spawn_worker(FakeProcesses(), 1, tmp_path)
    process.files.leave()
    process.processEnded(Failure(ProcessTerminated(signal=9)))

    assert {path.suffix for path in tmp_path.iterdir()} == {".log", ".sock"}


def test_a_process_that_runs_is_killed_by_its_transport(tmp_path):
    """One that has not been started, or has ended, isn't."""
    process = SpawnedProcess(WorkerFiles.fresh(Clock(), tmp_path, 1))
    process.kill()
    assert process.pid is None
