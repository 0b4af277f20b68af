"""Statements that take seconds, and statements that are cancelled while they run."""

from __future__ import annotations

import asyncio
import time

from storm import frames
from storm.client import Session, SessionEndedError, StatementFailedError, cancel
from storm.parts import Part

CANCELED = "57014"
# how long a cancelled statement may go on; a machine with one processor is slow
_CANCEL_DEADLINE_S = 10.0
# mostly such as leave the processors to the others
_CANCELLED_STATEMENTS = (
    "select pg_sleep(30)",
    "select pg_sleep(60)",
    "select count(*) from range(1000000000000) t(i) where (i * 7) % 11 = 3",
    "select i, repeat('x', 500) from range(100000000000) t(i)",
)


class Sleeper(Part):
    """Asks for what takes seconds: of the processor, of nothing, and of a slow reader's patience."""

    async def ask(self, session: Session) -> None:
        """One of each, then a rest."""
        await self._count(session)
        await self._read_slowly(session)
        self.doing = "sleep"
        await session.ask(frames.query("select pg_sleep(2)"))
        self.doing = "idle"
        await session.rest(self.around.choice.uniform(0.5, 3.0))

    async def _count(self, session: Session) -> None:
        self.doing = "count"
        limit = self.around.choice.randrange(1_000_000, 10_000_000)
        # 7i = 3 (mod 11) has the one solution i = 2
        wanted = (limit - 2 + 10) // 11
        counted = await session.value(f"select count(*) from range({limit}) t(i) where (i * 7) % 11 = 3")
        self.expect("a count", counted, str(wanted))

    async def _read_slowly(self, session: Session) -> None:
        self.doing = "read slowly"
        rows = 20_000
        session.send(frames.query(f"select i, repeat('x', 500) from range({rows}) t(i)"))
        total = seen = 0
        async for kind, body in session.answers():
            if kind != b"D":
                continue
            total += int(str(frames.values(body)[0]))
            seen += 1
            if seen % 2000 == 0:
                session.pause()
                await asyncio.sleep(0.2)
                session.resume()
        self.expect("a sum over a slowly read result", (seen, total), (rows, rows * (rows - 1) // 2))


class Canceller(Part):
    """Starts a statement and cancels it from a connection of its own, plain or over TLS."""

    async def cancel(self, session: Session) -> None:
        """A few in one session."""
        for _ in range(6):
            if self.around.time_left <= 0:
                return
            await self._one(session, self.around.choice.choice(_CANCELLED_STATEMENTS))
            self.doing = "idle"
            await session.rest(self.around.choice.uniform(0.1, 1.0))

    async def _one(self, session: Session, statement: str) -> None:
        self.doing = "run what is cancelled"
        session.send(frames.query(statement))
        # a result that nobody reads stops in the middle; it must be cancelled all the same
        session.pause()
        await asyncio.sleep(self.around.choice.uniform(0.3, 0.6))
        sent = time.monotonic()
        how = "ok"
        over_tls = self.around.choice.random() < 0.5
        try:
            await cancel(
                self.around.endpoint, session.backend_pid, session.secret_key, self.around.tls if over_tls else None
            )
            session.resume()
            await asyncio.wait_for(self._drain(session), _CANCEL_DEADLINE_S)
            how = "not cancelled"
        except TimeoutError:
            how = "lost"
        except StatementFailedError as failure:
            how = "ok" if failure.sqlstate == CANCELED else failure.sqlstate
        except SessionEndedError as ended:
            how = ended.how
            raise
        finally:
            self.around.journal.note(
                "cancel",
                self.name,
                sent=sent,
                seconds=time.monotonic() - sent,
                how=how,
                tls=over_tls,
                statement=statement,
            )
        if how == "lost":
            raise SessionEndedError("unreached", "a cancel did not reach its query", status=session.status)

    async def _drain(self, session: Session) -> None:
        async for _ in session.answers():
            pass
