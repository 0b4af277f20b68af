"""Connect, log in, ``select 1``, close: fifty times a second, at their times, however long each of them takes.

The pace is given by the clock and not by the answers, so a server that stops for a second shows as fifty slow connects and not as one.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time

from attrs import define

from storm import frames
from storm.client import Endpoint, Session, SessionEndedError, StatementFailedError
from storm.journal import Journal

CLIENT = "connects"


@define
class Connects:
    """The stream of connects.

    Attributes:
        per_s: How many a second.
    """

    endpoint: Endpoint
    databases: tuple[str, ...]
    journal: Journal
    tls: ssl.SSLContext
    per_s: float
    choice: random.Random

    async def run(self, until: float) -> None:
        """Connect until that moment, and wait for the last ones."""
        due = time.monotonic()
        async with asyncio.TaskGroup() as group:
            while (due := due + self.choice.expovariate(self.per_s)) < until:
                await asyncio.sleep(due - time.monotonic())
                group.create_task(self._once(self.choice.choice(self.databases), tls=self.choice.random() < 0.5))

    async def _once(self, database: str, *, tls: bool) -> None:
        began = time.monotonic()
        try:
            async with await Session.connect(self.endpoint, database, self.tls if tls else None) as session:
                answers = await session.ask(frames.query("select 1"))
        except SessionEndedError as ended:
            self.journal.connected(CLIENT, began, tls=tls, how=ended.how, text=str(ended), full=True)
            return
        except StatementFailedError as failure:
            self.journal.failed(CLIENT, failure, "select 1")
            return
        if [frames.values(body) for kind, body in answers if kind == b"D"] != [["1"]]:
            self.journal.wrong(CLIENT, f"select 1 answered {answers}")
        self.journal.connected(CLIENT, began, tls=tls, full=True)
