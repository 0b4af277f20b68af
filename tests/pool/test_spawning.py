"""The socket that a worker inherits."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.python.failure import Failure

from duckgres_tx.logs import WorkerOutput
from duckgres_tx.pool.spawning import SpawnedProcess, _environment, bind_worker_socket, spawn_worker


class FakeProcesses:
    """Remembers what was to be spawned, or refuses."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure, self.spawned = failure, None

    def spawnProcess(self, protocol, executable, args, env, path, childFDs):
        """Like the reactor's."""
        if self.failure:
            raise self.failure
        self.spawned = (protocol, args, env, childFDs, stat.S_ISSOCK(os.fstat(childFDs[3]).st_mode))


def test_a_worker_inherits_its_listener_and_nothing_secret(tmp_path):
    """The control plane keeps no copy, so the worker's death is heard."""
    before = len(os.listdir("/proc/self/fd"))
    reactor = FakeProcesses()
    process = spawn_worker(reactor, "worker 1", 1, tmp_path)
    _, args, _, descriptors, is_socket = reactor.spawned

    assert is_socket
    assert set(descriptors) == {0, 1, 2, 3}
    assert args[1:] == ["-P", "-m", "duckgres_tx.pool.child"]
    assert process.path.parent == tmp_path
    assert len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(ConnectionRefusedError), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(process.path))


def test_a_process_that_can_t_be_made_leaves_no_socket(tmp_path):
    """Nor a descriptor."""
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(BlockingIOError):
        spawn_worker(FakeProcesses(BlockingIOError(11, "no more processes")), "worker 1", 1, tmp_path)

    assert list(tmp_path.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_names_of_sockets_are_never_used_again(tmp_path):
    """A worker that is slow to die can't be mistaken for its successor."""
    paths = {spawn_worker(FakeProcesses(), "worker 1", 1, tmp_path).path for _ in range(5)}

    assert len(paths) == 5


def test_a_path_that_is_too_long_names_the_setting(tmp_path):
    """The operator can set a shorter one."""
    with pytest.raises(OSError, match="longer than 107 bytes: set a shorter runtime_dir"):
        bind_worker_socket(tmp_path / ("x" * 120))


def test_the_child_runs_the_same_code():
    """Wherever that was imported from."""
    assert _environment({"A": "b"})["A"] == "b"
    first, second = _environment({"PYTHONPATH": "/mine"})["PYTHONPATH"].split(os.pathsep)
    assert (Path(first) / "duckgres_tx").is_dir()
    assert second == "/mine"


@pytest.mark.parametrize(
    ("reason", "words", "told"),
    [
        (ProcessTerminated(signal=9), b"", "was killed by SIGKILL"),
        (ProcessTerminated(exitCode=1), b"ImportError: x\n", "exited with status 1 (ImportError: x)"),
        (ProcessDone(0), b"chatter\n", "exited with status 0"),
    ],
)
def test_how_it_ended_is_told_once_with_its_last_words(tmp_path, reason, words, told):
    """To whoever asked before or asks afterwards."""
    process = SpawnedProcess("worker 1", tmp_path / "s", WorkerOutput("worker 1"))
    heard = []
    process.when_ended(heard.append)
    process.childDataReceived(2, words)
    process.processEnded(Failure(reason))
    process.when_ended(heard.append)

    assert heard == [told, told]
    assert process.pid is None
    process.kill()
