"""A process that somebody else has started: its end is noticed, and it can be killed, but never another one of the same pid."""

from __future__ import annotations

import os
import select
import subprocess

import pytest
from twisted.internet.task import Clock

from duckgres_tx.pool.adopted_process import (
    AdoptedProcess,
    NoSuchWorker,
    is_worker,
    process_logging_to,
    start_time,
)
from duckgres_tx.pool.worker_files import WorkerFiles


class FakeReactor(Clock):
    """Remembers who wants to read."""

    def __init__(self) -> None:
        super().__init__()
        self.readers = []

    def addReader(self, reader):
        self.readers.append(reader)

    def removeReader(self, reader):
        self.readers.remove(reader)

    def read(self) -> None:
        """What epoll would say, once."""
        readable, _, _ = select.select(self.readers, [], [], 10)
        for reader in readable:
            reader.doRead()


@pytest.fixture
def adopted(tmp_path):
    """A process that is not our worker, adopted; its reactor; the process itself."""
    with subprocess.Popen(["/bin/sleep", "60"]) as sleeping:
        reactor = FakeReactor()
        files = WorkerFiles.fresh(reactor, tmp_path, 1)
        process = AdoptedProcess.adopt(reactor, sleeping.pid, start_time(sleeping.pid), files)
        yield process, reactor, sleeping
        sleeping.kill()
    if process.pid is not None:
        reactor.read()


def test_its_end_is_noticed(adopted):
    """Once, by whoever asks before or afterwards, although it is nobody's child here."""
    process, reactor, sleeping = adopted
    heard = []
    process.when_ended(heard.append)
    assert process.pid == sleeping.pid
    sleeping.kill()
    reactor.read()
    process.when_ended(heard.append)

    assert heard == ["is no more", "is no more"]
    assert process.pid is None
    assert reactor.readers == []
    process.kill()


def test_it_can_be_killed(adopted):
    """Through its pidfd."""
    process, reactor, sleeping = adopted
    process.kill()
    assert sleeping.wait(10) == -9
    process.kill()
    reactor.read()
    assert process.pid is None


def test_its_last_words_are_told(adopted):
    """From its log."""
    process, reactor, sleeping = adopted
    heard = []
    process.files.log.write_bytes(b"Fatal Python error: Aborted\n")
    process.files.follow(0)
    process.when_ended(heard.append)
    sleeping.kill()
    reactor.read()

    assert heard == ["is no more (Fatal Python error: Aborted)"]
    assert not process.files.log.exists()


def test_another_process_with_the_same_pid_is_not_adopted(adopted, tmp_path):
    """It was started at another time."""
    _, reactor, sleeping = adopted
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(NoSuchWorker, match="another one"):
        AdoptedProcess.adopt(reactor, sleeping.pid, 1, WorkerFiles.fresh(reactor, tmp_path, 1))
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_process_is_found_by_its_log(tmp_path):
    """Nobody else writes there."""
    path = tmp_path / "worker-1-aa.log"
    assert process_logging_to(path) == 0
    with path.open("ab") as log, subprocess.Popen(["/bin/sleep", "60"], stderr=log) as process:
        assert process_logging_to(path) == process.pid
        process.kill()


def test_a_process_that_is_gone_is_not_adopted(tmp_path):
    """Nobody has its pid."""
    with subprocess.Popen(["/bin/true"]) as process:
        process.wait(10)
    with pytest.raises(NoSuchWorker):
        AdoptedProcess.adopt(FakeReactor(), process.pid, 1, WorkerFiles.fresh(Clock(), tmp_path, 1))
    with pytest.raises(ProcessLookupError):
        start_time(process.pid)
    assert not is_worker(process.pid)
    assert not is_worker(os.getpid())
