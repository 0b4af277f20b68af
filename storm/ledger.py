"""What the server acknowledged, and what is there at the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import define, field

from storm.client import Endpoint, Session
from storm.journal import Event
from storm.transactions import TABLE

Row = tuple[int, int]


@define
class Ledger:
    """Of each database: rows that must be there, that may be there, and that must not."""

    committed: dict[str, set[Row]] = field(factory=dict)
    doubtful: dict[str, set[Row]] = field(factory=dict)

    @classmethod
    def of(cls, events: Iterable[Event]) -> Ledger:
        """What the journals say."""
        ledger = cls()
        for event in events:
            if event["kind"] in {"committed", "doubtful"}:
                book = ledger.committed if event["kind"] == "committed" else ledger.doubtful
                book.setdefault(event["database"], set()).add((event["writer"], event["number"]))
        return ledger

    @property
    def acknowledged(self) -> int:
        """Commits that were acknowledged."""
        return sum(map(len, self.committed.values()))

    def differences(self, found: Mapping[str, list[Row]]) -> list[str]:
        """Compare with what is there; one line for each kind of difference in a database."""
        told = []
        for database in sorted({*self.committed, *self.doubtful, *found}):
            there = found.get(database, [])
            must, may = self.committed.get(database, set()), self.doubtful.get(database, set())
            told += [
                f"ledger of {database}: {len(rows)} {what}, such as writer {min(rows)[0]} number {min(rows)[1]}"
                for what, rows in (
                    ("acknowledged commits are lost", must - set(there)),
                    ("rows are there that were not committed", set(there) - must - may),
                    (
                        "rows are there twice",
                        {row for row in there if there.count(row) > 1} if len(set(there)) < len(there) else set(),
                    ),
                )
                if rows
            ]
        return told


async def found(endpoint: Endpoint, databases: Iterable[str]) -> dict[str, list[Row]]:
    """What is there.

    Raises:
        SessionEndedError: The server ended a session.
        StatementFailedError: It can't be read.
    """
    rows: dict[str, list[Row]] = {}
    for name in databases:
        async with await Session.connect(endpoint, name, None) as session:
            rows[name] = [
                (int(str(writer)), int(str(number))) for writer, number in await session.rows(f"select * from {TABLE}")
            ]
    return rows
