"""Log lines on their way from a worker to the control plane."""

from __future__ import annotations

import contextlib
import io
import json
import os

import pytest
from twisted.logger import Logger, LogLevel, LogPublisher

from duckgres_tx.logs import MAX_LINE_BYTES, JsonLines, WorkerLog, WorkerOutput, share_log_file


@pytest.fixture
def pipe():
    """A pipe that doesn't block when it is full."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    yield reader, writer
    for fd in (reader, writer):
        with contextlib.suppress(OSError):
            os.close(fd)


def read(fd: int) -> bytes:
    """All that is there."""
    parts = b""
    while True:
        try:
            part = os.read(fd, 1 << 20)
        except BlockingIOError:
            return parts
        if not part:
            return parts
        parts += part


def output() -> tuple[WorkerOutput, list]:
    """The control plane's end, and the events that it makes."""
    events = []
    publisher = LogPublisher(events.append)
    return WorkerOutput("worker 1", log=Logger(namespace="w", observer=publisher)), events


def test_an_event_arrives_with_its_level(pipe):
    """And with the worker's name; also a failure with its traceback."""
    reader, writer = pipe
    log = Logger(namespace="duckgres_tx.session", observer=WorkerLog(writer))
    log.warn("slow {what}", what="query")
    try:
        raise ValueError("broken")
    except ValueError:
        log.failure("it failed")
    received, events = output()
    received.feed(read(reader))

    assert [event["log_level"] for event in events] == [LogLevel.warn, LogLevel.critical]
    assert (events[0]["worker"], events[0]["source"], events[0]["line"]) == (
        "worker 1",
        "duckgres_tx.session",
        "slow query",
    )
    assert "ValueError: broken" in events[1]["line"]
    assert received.last_words == "it failed"


def test_twisted_s_own_chatter_stays_in_the_worker(pipe):
    """Ports that start and stop are no news; its warnings are."""
    reader, writer = pipe
    observer = WorkerLog(writer)
    Logger(namespace="log_legacy", observer=observer).info("Starting factory")
    Logger(namespace="twisted.internet", observer=observer).warn("trouble")

    assert read(reader).count(b"\n") == 1


def test_lines_arrive_whole_however_they_are_cut():
    """Byte by byte, without a last newline."""
    received, events = output()
    for byte in b"Fatal Python error: Aborted\n  File x\n\nlast":
        received.feed(bytes([byte]))
    received.finish()

    assert [event["line"] for event in events] == ["Fatal Python error: Aborted", "  File x", "last"]
    assert all(event["log_level"] is LogLevel.warn for event in events)
    assert received.last_words == "Fatal Python error: Aborted"


def test_what_only_looks_like_an_event_is_a_line():
    """Nothing that a library prints can break the log."""
    received, events = output()
    received.feed(b'{"duckgres_log": broken\n{"duckgres_log": 5}\n\xff\xfe\n')

    assert len(events) == 3


def test_a_full_pipe_never_blocks_the_worker(pipe):
    """It goes on; when there is room again it says how many lines are missing."""
    reader, writer = pipe
    log = Logger(namespace="x", observer=WorkerLog(writer))
    for _ in range(3000):
        log.info("y" * 200)
    received, events = output()
    received.feed(read(reader))
    arrived = len(events)
    log.info("there is room")
    received.feed(read(reader))

    assert arrived < 3000
    lost = [event for event in events if "count" in event]
    assert lost[0]["count"] + arrived in range(2998, 3002)
    assert events[-1]["line"] == "there is room"


def test_a_closed_pipe_never_kills_the_worker(pipe):
    """The control plane may be gone."""
    reader, writer = pipe
    os.close(reader)

    Logger(namespace="x", observer=WorkerLog(writer)).info("nobody reads this")


def test_a_file_is_appended_to_and_may_be_emptied_by_its_reader(tmp_path):
    """The next event is at its new beginning, whole."""
    path = tmp_path / "worker.log"
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    log = Logger(namespace="n", observer=WorkerLog(fd))
    log.info("first")
    os.truncate(path, 0)
    log.info("second")
    os.close(fd)
    received, events = output()
    received.feed(path.read_bytes())

    assert [event["line"] for event in events] == ["second"]


def test_a_file_that_nobody_reads_is_bounded(tmp_path):
    """A worker may be without a control plane for long; what was lost is counted when somebody reads again."""
    path = tmp_path / "worker.log"
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    log = Logger(namespace="n", observer=WorkerLog(fd, max_file_bytes=1000))
    for _ in range(100):
        log.info("x" * 100)
    assert path.stat().st_size < 1300
    os.truncate(path, 0)
    log.info("again")
    os.close(fd)
    received, events = output()
    received.feed(path.read_bytes())

    assert events[0]["count"] > 80
    assert events[1]["line"] == "again"


def test_long_lines_are_cut(pipe):
    """One event can't fill the pipe."""
    reader, writer = pipe
    Logger(namespace="x", observer=WorkerLog(writer)).info("z" * 100_000)

    assert len(read(reader)) < MAX_LINE_BYTES


def test_a_line_without_end_is_bounded():
    """A worker that writes garbage doesn't eat the control plane's memory."""
    received, events = output()
    for _ in range(40):
        received.feed(b"x" * MAX_LINE_BYTES)

    assert len(received._buffer) <= 9 * MAX_LINE_BYTES
    assert events


def test_json_lines():
    """One object per event, also with non-ASCII text and new lines in it."""
    stream = io.StringIO()
    log = Logger(namespace="n", observer=JsonLines(stream, lambda: 0.0))
    log.info("Grüße\naus {where}", where="Wien")
    log.error("x")

    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["level"], first["namespace"], first["message"]) == ("info", "n", "Grüße\naus Wien")
    assert first["time"].startswith("20")
    assert second["level"] == "error"


def test_two_processes_share_a_log_file(tmp_path):
    """Neither writes over what the other has written, as two that each know the end of the file would."""
    path = tmp_path / "log"
    path.write_bytes(b"before\n")
    with path.open("rb+", 0) as ours, path.open("rb+", 0) as theirs:
        for file in (ours, theirs):
            file.seek(0, os.SEEK_END)
        share_log_file(path)
        ours.write(b"ours\n")
        theirs.write(b"theirs\n")
        ours.write(b"ours again\n")

    assert path.read_bytes() == b"before\nours\ntheirs\nours again\n"


def test_a_log_that_isn_t_a_file_is_left_alone(tmp_path):
    """Standard output, say."""
    share_log_file(tmp_path / "log")
