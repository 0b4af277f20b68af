"""What the clients' parts have in common: a session that is opened again when a roll has ended it, and what goes wrong written down."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Awaitable, Callable

from attrs import define, frozen

from storm.client import Endpoint, Session, SessionEndedError, StatementFailedError
from storm.journal import Journal

# after something that must not be, so that a server that refuses everybody isn't hammered
_PAUSE_AFTER_A_FAULT_S = 1.0


@frozen
class Abilities:
    """What the server can do of what not every version can; it was asked."""

    copy_out: bool = False
    copy_in: bool = False
    cursors: bool = False

    def __str__(self) -> str:
        told = {"COPY out": self.copy_out, "COPY in": self.copy_in, "cursors": self.cursors}
        return ", ".join(f"{what}: {'yes' if there else 'no'}" for what, there in told.items())


@define
class Surroundings:
    """What every part needs.

    Attributes:
        until: The moment at which all end.
    """

    endpoint: Endpoint
    journal: Journal
    tls: ssl.SSLContext
    choice: random.Random
    databases: tuple[str, ...]
    until: float
    abilities: Abilities

    @property
    def time_left(self) -> float:
        """Seconds."""
        return self.until - time.monotonic()


@define
class Part:
    """One client of a kind; does its work in sessions, one after the other.

    Attributes:
        name: In the journal.
        doing: What it is about to do, for the journal.
        holds: Its session has something that only the worker has that it was made in.
    """

    around: Surroundings
    name: str
    number: int
    doing: str = ""
    holds: bool = False

    @property
    def database(self) -> str:
        """Where its sessions are."""
        return self.around.databases[self.number % len(self.around.databases)]

    @property
    def over_tls(self) -> bool:
        """Every second one is."""
        return self.number // len(self.around.databases) % 2 == 1

    @property
    def may_end(self) -> bool:
        """Whether its session can't go on in another worker, so that a roll may end it."""
        return self.over_tls or self.holds

    async def session(self) -> Session:
        """A new session; a connect that fails is written down and raised."""
        began = time.monotonic()
        tls = self.around.tls if self.over_tls else None
        try:
            session = await Session.connect(self.around.endpoint, self.database, tls)
        except SessionEndedError as ended:
            self.around.journal.connected(self.name, began, tls=self.over_tls, how=ended.how, text=str(ended))
            raise NotConnectedError from ended
        self.around.journal.connected(self.name, began, tls=self.over_tls)
        return session

    async def run(self, work: Callable[[Session], Awaitable[None]]) -> None:
        """Open a session and do the work in it, again and again, until the storm is over.

        Args:
            work: Returns when the session may be closed.
        """
        while self.around.time_left > 0:
            self.holds = False
            try:
                async with await self.session() as session:
                    began = time.monotonic()
                    await work(session)
                self.around.journal.lasted(self.name, began, may_end=self.may_end)
            except SessionEndedError as ended:
                self.around.journal.ended(self.name, ended, self.doing, may_end=self.may_end)
            except StatementFailedError as failure:
                self.around.journal.failed(self.name, failure, self.doing)
                await asyncio.sleep(_PAUSE_AFTER_A_FAULT_S)
            except NotConnectedError:
                await asyncio.sleep(_PAUSE_AFTER_A_FAULT_S)

    def expect(self, what: str, got: object, wanted: object) -> None:
        """Compare, and write down how it came out."""
        if got == wanted:
            self.around.journal.checked(self.name)
        else:
            self.around.journal.wrong(self.name, f"{what} is {got}, not {wanted}")


class NotConnectedError(Exception):
    """A part has no session; why is in the journal."""
