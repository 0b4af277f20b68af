"""Log lines on their way: from a worker to its control plane, and as JSON for machines.

A worker writes each event as one JSON line to its standard error, a file; the control plane says it again in its own log, at its level,
with the worker's number before it (`WorkerOutput`). ``twistd --logger duckgres_tx.logs.json_lines`` makes the control plane's
log JSON lines too.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from attrs import define, field
from twisted.logger import (
    ILogObserver,
    LogEvent,
    Logger,
    LogLevel,
    eventAsText,
    formatTime,
)
from zope.interface import implementer

# longer lines are cut, so that one event can't fill the file
MAX_LINE_BYTES = 16_384
# the control plane empties the file long before that; there may be none for a while
MAX_FILE_BYTES = 64 << 20
_CRASH = "Fatal Python error"
_MARK = "duckgres_log"


@implementer(ILogObserver)
@define(eq=False)
class WorkerLog:
    """Writes events to a descriptor that may be full or closed: the worker goes on, and counts what was lost.

    The descriptor appends, so whoever reads the file may empty it at any time.
    """

    _fd: int
    _max_file_bytes: int = MAX_FILE_BYTES
    _lost: int = 0
    _torn: bool = False

    def __call__(self, event: LogEvent) -> None:
        """Write one event, unless it is Twisted telling of its ports and loops."""
        if _is_chatter(event):
            return
        document = _document(event)
        if self._lost:
            document["lost_before"] = self._lost
        if self._write(json.dumps({_MARK: document}).encode() + b"\n"):
            self._lost = 0
        else:
            self._lost += 1

    def flush(self) -> None:
        """Nothing is buffered here; for callers that flush whatever they log to."""

    def _write(self, line: bytes) -> bool:
        if self._torn:
            line = b"\n" + line
        try:
            if os.fstat(self._fd).st_size > self._max_file_bytes:
                return False
            written = os.write(self._fd, line)
        except OSError:
            # the disk is full, or it is a pipe that nobody reads; there is no other place to say so
            return False
        self._torn = written < len(line)
        return not self._torn


@define(eq=False)
class WorkerOutput:
    """Turns what a worker writes to its standard output and error into events of this process's log.

    Attributes:
        last_words: The last line that was not an event, or the last error: why it died, as far as it could say.
    """

    _name: str
    last_words: str = ""
    _buffer: bytes = b""
    _log: Logger = field(factory=lambda: Logger(namespace="duckgres_tx.worker"))

    def feed(self, data: bytes) -> None:
        """Take bytes as they come; whole lines are logged."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._line(line)
        if len(self._buffer) > 8 * MAX_LINE_BYTES:
            self.finish()

    def finish(self) -> None:
        """The pipe is closed: what is left is a line too."""
        if self._buffer:
            line, self._buffer = self._buffer, b""
            self._line(line)

    def _line(self, raw: bytes) -> None:
        text = raw.decode("utf-8", "replace")
        event = _parse(text)
        if event is None:
            if text.strip():
                # a crash report goes on for many lines, and its first says what happened
                if not self.last_words.startswith(_CRASH):
                    self.last_words = text.strip()
                self._log.warn("{worker}: {line}", worker=self._name, line=text)
            return
        level = LogLevel.lookupByName(event.get("level", "info"))
        if level in (LogLevel.error, LogLevel.critical):
            self.last_words = str(event.get("message", "")).splitlines()[0] if event.get("message") else ""
        if event.get("lost_before"):
            self._log.warn("{worker}: {count} log lines were lost", worker=self._name, count=event["lost_before"])
        self._log.emit(
            level,
            "{worker}: [{source}] {line}",
            worker=self._name,
            source=event.get("namespace", ""),
            line=event.get("message", ""),
        )


@implementer(ILogObserver)
@define(eq=False)
class JsonLines:
    """A log observer that writes one JSON object per event: ``time``, ``level``, ``namespace``, ``message``."""

    _stream: TextIO
    _clock: Callable[[], float] = time.time

    def __call__(self, event: LogEvent) -> None:
        """Write one event."""
        document = {"time": formatTime(event.get("log_time", self._clock())), **_document(event)}
        self._stream.write(json.dumps(document, ensure_ascii=False) + "\n")
        self._stream.flush()


def share_log_file(path: Path) -> None:
    """Have this process write to the end of a log file, wherever that is by then: during a takeover two processes write to it.

    `twistd` opens its log at a place that it has looked up, so two of them would write over each other's lines.

    Args:
        path: Absolute. Nothing happens if this process hasn't opened it.
    """
    for link in Path("/proc/self/fd").iterdir():
        # the descriptor with which the directory is read is gone again
        with contextlib.suppress(FileNotFoundError):
            if link.readlink() == path:
                number = int(link.name)
                fcntl.fcntl(number, fcntl.F_SETFL, fcntl.fcntl(number, fcntl.F_GETFL) | os.O_APPEND)


def json_lines() -> JsonLines:
    """For ``twistd --logger duckgres_tx.logs.json_lines``: JSON lines on standard output."""
    return JsonLines(sys.stdout)


def _is_chatter(event: LogEvent) -> bool:
    namespace = event.get("log_namespace", "")
    return event.get("log_level") is LogLevel.info and (namespace == "log_legacy" or namespace.startswith("twisted."))


def _document(event: LogEvent) -> dict[str, Any]:
    level: Any = event.get("log_level")
    text = eventAsText(event, includeTimestamp=False, includeSystem=False)
    return {
        "level": level.name if level is not None else "info",
        "namespace": event.get("log_namespace", "-"),
        "message": text if len(text) <= MAX_LINE_BYTES // 2 else text[: MAX_LINE_BYTES // 2] + " [cut]",
    }


def _parse(text: str) -> dict[str, Any] | None:
    if not text.startswith('{"' + _MARK):
        return None
    try:
        document = json.loads(text)[_MARK]
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
