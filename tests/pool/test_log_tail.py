"""Reading a log that another process writes: whole lines, each once, whoever reads next."""

from __future__ import annotations

import os

import pytest
from twisted.internet.task import Clock

from duckgres_tx.pool.log_tail import EMPTIED_FROM_BYTES, POLL_INTERVAL_S, READ_BYTES, LogTail


class Log:
    """A file, and what was read of it."""

    def __init__(self, path) -> None:
        self.path, self.clock, self.read = path / "worker-1-aa.log", Clock(), []
        self.path.touch()
        self.tail = LogTail(self.clock, self.path, self.read.append)

    def write(self, data: bytes) -> None:
        """The worker writes."""
        with self.path.open("ab") as file:
            file.write(data)

    def poll(self) -> bytes:
        """Let it be read; what was."""
        self.read.clear()
        self.clock.advance(POLL_INTERVAL_S)
        return b"".join(self.read)


@pytest.fixture
def log(tmp_path):
    """A log that nobody reads yet."""
    made = Log(tmp_path)
    yield made
    made.tail.stop()


def test_what_is_appended_is_read_once(log):
    """A few times a second."""
    log.tail.start(0)
    log.write(b"one\n")
    assert log.poll() == b"one\n"
    log.write(b"two\nthree\n")
    assert log.poll() == b"two\nthree\n"
    assert log.poll() == b""


def test_a_line_is_read_when_it_is_whole(log):
    """So the next reader never begins in the middle of one."""
    log.tail.start(0)
    log.write(b"one\ntw")
    assert log.poll() == b"one\n"
    assert log.tail.offset == 4
    log.write(b"o\n")
    assert log.poll() == b"two\n"


def test_the_next_reader_goes_on_where_the_last_one_was(log):
    """Nothing is lost, nothing is said twice."""
    log.write(b"one\ntwo\n")
    log.tail.start(4)
    assert b"".join(log.read) == b"two\n"


def test_without_an_offset_it_begins_at_the_end(log):
    """What was written before is old."""
    log.write(b"old\n")
    log.tail.start(None)
    log.write(b"new\n")
    assert log.poll() == b"new\n"


def test_an_offset_beyond_the_end_means_that_the_file_was_emptied(log):
    """By another reader."""
    log.write(b"one\n")
    log.tail.start(5_000_000)
    assert b"".join(log.read) == b"one\n"


def test_a_file_that_has_been_read_is_kept_small(log):
    """The worker appends, so it notices nothing."""
    log.tail.start(0)
    line = b"x" * 1023 + b"\n"
    log.write(line * (EMPTIED_FROM_BYTES // len(line)))
    total = 0
    while data := log.poll():
        total += len(data)
    assert total == EMPTIED_FROM_BYTES
    assert log.path.stat().st_size == 0
    log.write(b"on\n")
    assert log.poll() == b"on\n"


def test_a_line_without_an_end_is_passed_on_in_pieces(log):
    """Nothing is read again and again."""
    log.tail.start(0)
    log.write(b"x" * (READ_BYTES + 10) + b"\n")
    assert len(log.poll()) == READ_BYTES
    assert log.poll() == b"x" * 10 + b"\n"


def test_the_last_words_are_read_to_the_end(log):
    """A crash report may be long, and its last line torn."""
    log.tail.start(0)
    words = b"Fatal Python error\n" * (READ_BYTES // 10) + b"torn"
    log.write(words)
    log.tail.finish()
    assert b"".join(log.read) == words + b"\n"
    assert log.clock.getDelayedCalls() == []


def test_nothing_is_held_after_the_end(log):
    """Neither a descriptor nor a timer."""
    before = len(os.listdir("/proc/self/fd"))
    log.tail.start(0)
    log.tail.start(0)
    log.tail.stop()
    log.tail.stop()
    log.tail.finish()
    assert len(os.listdir("/proc/self/fd")) == before
    assert log.clock.getDelayedCalls() == []
