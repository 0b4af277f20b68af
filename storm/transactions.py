"""Transactions that stay open for a while, and the ledger of what the server said was committed."""

from __future__ import annotations

import itertools

from attrs import define, field

from storm import frames
from storm.client import Session, SessionEndedError
from storm.parts import Part

TABLE = "ledger"
CREATE = f"create table if not exists {TABLE} (writer integer, number bigint)"


@define
class Writer(Part):
    """Begins, waits, inserts, waits, and commits or rolls back.

    The journal says ``committed`` for what was acknowledged, ``doubtful`` for what was sent without an answer, and ``undone``
    for what must not be there.
    """

    _numbers: itertools.count[int] = field(factory=itertools.count)

    async def write(self, session: Session) -> None:
        """Some transactions in one session."""
        for _ in range(8):
            if self.around.time_left <= 0:
                return
            await self._transaction(session, next(self._numbers), keep=self.around.choice.random() < 0.8)
            self.doing = "idle"
            await session.rest(self.around.choice.uniform(0.05, 1.0))

    async def _transaction(self, session: Session, number: int, *, keep: bool) -> None:
        self.doing = "begin"
        await session.ask(frames.query("begin"))
        self.doing = "rest in a transaction"
        await session.rest(self.around.choice.uniform(0.1, 1.5))
        self.doing = "insert"
        await session.ask(frames.query(f"insert into {TABLE} values ({self.number}, {number})"))
        self.doing = "rest after an insert"
        await session.rest(self.around.choice.uniform(0.1, 1.5))
        if not keep:
            self.doing = "rollback"
            await session.ask(frames.query("rollback"))
            self._note("undone", number)
            return
        self.doing = "commit"
        try:
            await session.ask(frames.query("commit"))
        except SessionEndedError:
            self._note("doubtful", number)
            raise
        self._note("committed", number)

    def _note(self, kind: str, number: int) -> None:
        self.around.journal.note(kind, self.name, database=self.database, writer=self.number, number=number)
