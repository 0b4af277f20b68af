"""What a storm's client saw, written down as it happens: one JSON line per event, whole even if its process dies.

Times are `time.monotonic`, which all processes of a machine share.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from attrs import define

from storm.client import SessionEndedError, StatementFailedError

Event = dict[str, Any]


@define(eq=False)
class Journal:
    """One process's lines."""

    _file: TextIO

    def note(self, kind: str, client: str, **details: Any) -> None:
        """Write one event down."""
        self._file.write(json.dumps({"at": time.monotonic(), "kind": kind, "client": client, **details}) + "\n")
        self._file.flush()

    def connected(
        self, client: str, began: float, *, tls: bool, how: str = "ok", text: str = "", full: bool = False
    ) -> None:
        """A connect, from before the socket to the answer of the first query (``full``), or to the first ReadyForQuery."""
        seconds = time.monotonic() - began
        self.note("connect", client, began=began, seconds=seconds, tls=tls, how=how, text=text, full=full)

    def lasted(self, client: str, began: float, *, may_end: bool) -> None:
        """A session was closed by us."""
        self.note("lasted", client, began=began, may_end=may_end)

    def ended(self, client: str, error: SessionEndedError, doing: str, *, may_end: bool) -> None:
        """A session ended that we hadn't closed; a roll may do so to one that can't go on in another worker (``may_end``)."""
        self.note(
            "ended", client, how=error.how, text=str(error), status=error.status, answered=error.answered,
            waited_s=error.waited_s, doing=doing, may_end=may_end,
        )  # fmt: skip

    def failed(self, client: str, error: StatementFailedError, doing: str) -> None:
        """A statement that should have worked did not."""
        self.note("failed", client, sqlstate=error.sqlstate, text=str(error), doing=doing)

    def wrong(self, client: str, text: str) -> None:
        """An answer was not the right one."""
        self.note("wrong", client, text=text)

    def checked(self, client: str) -> None:
        """Something was looked at and found right."""
        self.note("checked", client)


def read(path: Path) -> Iterator[Event]:
    """The events of a journal, in the order in which they were written."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            # the last line of a process that was killed may be torn
            if line.endswith("\n"):
                yield json.loads(line)
