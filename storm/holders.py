"""Sessions that hold what only they have: temporary tables, prepared statements, variables, portals and cursors half read."""

from __future__ import annotations

from collections.abc import Sequence

from storm import frames
from storm.client import Session
from storm.parts import Part

_ROWS = 1000
_FETCH = 60
_LIFETIME_CHECKS = 40


def _row_values(answers: Sequence[frames.Message]) -> list[int]:
    return [int(str(frames.values(body)[0])) for kind, body in answers if kind == b"D"]


class IdleHolder(Part):
    """Idle most of the time; looks now and then whether all that it holds is still there: a variable, and a prepared statement."""

    async def hold(self, session: Session) -> None:
        """Make things, then check them until the storm is over; now and then begin anew."""
        self.doing = "make what is held"
        mark = f"{self.number}-{session.backend_pid}"
        await self.make(session, mark)
        for turn in range(_LIFETIME_CHECKS):
            self.doing = "idle"
            await session.rest(min(self.around.choice.uniform(0.5, 3.0), max(self.around.time_left, 0.01)))
            if self.around.time_left <= 0:
                return
            self.doing = "check what is held"
            await self.check(session, mark, turn)
        self.doing = "close"

    async def make(self, session: Session, mark: str) -> None:
        """Everything that is held."""
        await session.ask(frames.query(f"set application_name = 'holder {mark}'"))
        await session.ask(frames.parse("kept", f"select $1::int + {self.number}"), frames.SYNC)

    async def check(self, session: Session, mark: str, turn: int) -> None:
        """Whether it is there."""
        self.expect("application_name", await session.value("show application_name"), f"holder {mark}")
        answers = await session.ask(frames.bind("", "kept", str(turn)), frames.execute(), frames.SYNC)
        self.expect("a prepared statement", _row_values(answers), [turn + self.number])


class TableHolder(IdleHolder):
    """The same with a temporary table, which is where it was made."""

    async def make(self, session: Session, mark: str) -> None:
        """See `IdleHolder.make`."""
        await session.ask(
            frames.query(f"create temporary table held as select i, i * {self.number + 1} as x from range(100) t(i)")
        )
        self.holds = True
        await super().make(session, mark)

    async def check(self, session: Session, mark: str, turn: int) -> None:
        """See `IdleHolder.check`."""
        self.expect(
            "the sum of a temporary table",
            await session.value("select sum(x) from held"),
            str(4950 * (self.number + 1)),
        )
        await super().check(session, mark, turn)


class PortalHolder(Part):
    """Reads a result through a portal, some rows at a time, with pauses, inside a transaction."""

    async def hold(self, session: Session) -> None:
        """One result from its first row to its last."""
        self.doing = "open a portal"
        await session.ask(frames.query("begin"))
        await session.ask(frames.parse("numbers", f"select i from range({_ROWS}) t(i) order by i"), frames.SYNC)
        # Flush and not Sync, which would be the same here, inside a transaction
        await session.ask(frames.bind("half", "numbers"), frames.SYNC)
        seen: list[int] = []
        while len(seen) < _ROWS:
            self.doing = "read on in a portal"
            seen += _row_values(await session.ask(frames.execute("half", _FETCH), frames.SYNC))
            self.doing = "rest with a portal half read"
            await session.rest(0.3)
        self.expect("what a portal gave", seen, list(range(_ROWS)))
        self.doing = "commit"
        await session.ask(frames.query("commit"))
        self.doing = "idle"
        await session.rest(self.around.choice.uniform(0.1, 1.0))


class CursorHolder(Part):
    """The same with a cursor: DECLARE, FETCH, CLOSE."""

    async def hold(self, session: Session) -> None:
        """One result from its first row to its last."""
        self.doing = "declare a cursor"
        await session.ask(frames.query("begin"))
        await session.ask(frames.query(f"declare held cursor for select i from range({_ROWS}) t(i) order by i"))
        seen: list[int] = []
        while len(seen) < _ROWS:
            self.doing = "fetch from a cursor"
            seen += _row_values(await session.ask(frames.query(f"fetch {_FETCH} from held")))
            self.doing = "rest with a cursor half read"
            await session.rest(0.3)
        self.expect("what a cursor gave", seen, list(range(_ROWS)))
        self.doing = "commit"
        await session.ask(frames.query("commit"))
        self.doing = "idle"
        await session.rest(self.around.choice.uniform(0.1, 1.0))
