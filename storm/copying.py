"""COPY in and out, with pauses in the middle of the data."""

from __future__ import annotations

import asyncio

from storm import frames
from storm.client import Session
from storm.parts import Part

_PIECES = 20
_ROWS_PER_PIECE = 500
_ROWS = _PIECES * _ROWS_PER_PIECE


class Copier(Part):
    """Copies rows in, slowly, and out again."""

    async def copy(self, session: Session) -> None:
        """Both ways once."""
        self.doing = "make a table"
        await session.ask(frames.query("create temporary table copied (i integer, t text)"))
        self.holds = True
        if self.around.abilities.copy_in:
            await self._in(session)
        else:
            await session.ask(frames.query(f"insert into copied select i, 'row ' || i from range({_ROWS}) t(i)"))
        await self._out(session)
        self.doing = "idle"
        await session.rest(self.around.choice.uniform(0.5, 2.0))

    async def _in(self, session: Session) -> None:
        self.doing = "copy in"
        session.send(frames.query("copy copied from stdin"))
        kind, body = await session.read()
        if kind != b"G":
            self.around.journal.wrong(self.name, f"COPY FROM STDIN was answered by {kind!r} {body[:200]!r}")
            return
        for piece in range(_PIECES):
            first = piece * _ROWS_PER_PIECE
            lines = "".join(f"{i}\trow {i}\n" for i in range(first, first + _ROWS_PER_PIECE))
            session.send(frames.copy_data(lines.encode()))
            await asyncio.sleep(0.1)
        session.send(frames.COPY_DONE)
        answers = [message async for message in session.answers()]
        self.expect("the tag of a COPY", [body for kind, body in answers if kind == b"C"], [f"COPY {_ROWS}\0".encode()])

    async def _out(self, session: Session) -> None:
        self.doing = "copy out"
        session.send(frames.query("copy (select i, repeat('x', 300) from copied order by i) to stdout"))
        total = seen = 0
        async for kind, body in session.answers():
            if kind != b"d":
                continue
            for line in body.splitlines():
                total += int(line.partition(b"\t")[0])
                seen += 1
                if seen % 2000 == 0:
                    session.pause()
                    await asyncio.sleep(0.2)
                    session.resume()
        self.expect("what COPY gave", (seen, total), (_ROWS, _ROWS * (_ROWS - 1) // 2))
