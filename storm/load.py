"""The clients' processes: one for the connects, so that nothing else delays what they measure, and one for all sessions that last.

Each is started as ``python -m storm.load`` and reads its `Job` from standard input.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import cattrs
from attrs import field, frozen

from storm import client, frames, scram
from storm.client import Session, StatementFailedError
from storm.connects import Connects
from storm.copying import Copier
from storm.holders import CursorHolder, IdleHolder, PortalHolder, TableHolder
from storm.journal import Journal
from storm.parts import Abilities, Part, Surroundings
from storm.plan import Load
from storm.queries import Canceller, Sleeper
from storm.transactions import CREATE, Writer

_NOT_SUPPORTED = "0A000"
_QUERY_CANCELED = "57014"


@frozen
class Job:
    """What a process of clients is told.

    Attributes:
        part: ``connects`` or ``sessions``.
        until: The moment at which load ends.
        journal: The file that the process writes.
    """

    part: str
    host: str
    port: int
    user: str
    password: str
    load: Load
    until: float
    seed: int
    journal: Path
    abilities: Abilities = field(factory=Abilities)

    def endpoint(self) -> client.Endpoint:
        """The way in."""
        return client.Endpoint(self.host, self.port, self.user, scram.Keys(self.password))


def start(job: Job) -> subprocess.Popen[str]:
    """Start one process of clients."""
    home = Path(__file__).resolve().parent.parent
    process = subprocess.Popen(
        [sys.executable, "-m", "storm.load"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(home), os.environ.get("PYTHONPATH", "")])},
        stdin=subprocess.PIPE,
        text=True,
        # clients are machines of their own: their share of the processors shall not depend on each other
        start_new_session=True,
    )
    assert process.stdin is not None
    with process.stdin as told:
        json.dump(cattrs.unstructure(job), told)
    return process


def main() -> None:
    """Be the clients of a job."""
    job = cattrs.structure(json.load(sys.stdin), Job)
    # Ctrl-C is the director's business, and a pause of the collector must not look like a slow connect
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    gc.set_threshold(50_000)
    with job.journal.open("w", encoding="utf-8") as file:
        asyncio.run({"connects": _connects, "sessions": _sessions}[job.part](job, Journal(file)))


async def _connects(job: Job, journal: Journal) -> None:
    stream = Connects(
        job.endpoint(), job.load.databases, journal, client.make_tls(), job.load.connects_per_s, random.Random(job.seed)
    )
    await stream.run(job.until)


async def _sessions(job: Job, journal: Journal) -> None:
    around = Surroundings(
        job.endpoint(),
        journal,
        client.make_tls(),
        random.Random(job.seed),
        job.load.databases,
        job.until,
        job.abilities,
    )
    async with asyncio.TaskGroup() as group:
        for part, work in _parts(job.load, around):
            group.create_task(part.run(work))


def _parts(load: Load, around: Surroundings) -> list[tuple[Part, Callable[[Session], Awaitable[None]]]]:
    parts: list[tuple[Part, Callable[[Session], Awaitable[None]]]] = []
    kinds: list[type[PortalHolder | CursorHolder]] = (
        [PortalHolder, CursorHolder] if around.abilities.cursors else [PortalHolder]
    )
    for number in range(load.holders):
        # two of three hold what outlasts transactions, one of them what can't go on in another worker
        if number % 3:
            idle = (TableHolder if number % 3 == 1 else IdleHolder)(around, f"idle holder {number}", number)
            parts.append((idle, idle.hold))
        else:
            kind = kinds[number // 3 % len(kinds)]
            holder = kind(around, f"{'cursor' if kind is CursorHolder else 'portal'} holder {number}", number)
            parts.append((holder, holder.hold))
    for number in range(load.writers):
        writer = Writer(around, f"writer {number}", number)
        parts.append((writer, writer.write))
    for number in range(load.sleepers):
        sleeper = Sleeper(around, f"sleeper {number}", number)
        parts.append((sleeper, sleeper.ask))
    for number in range(load.cancels):
        canceller = Canceller(around, f"canceller {number}", number)
        parts.append((canceller, canceller.cancel))
    for number in range(load.copiers if around.abilities.copy_out else 0):
        copier = Copier(around, f"copier {number}", number)
        parts.append((copier, copier.copy))
    return parts


async def prepare(endpoint: client.Endpoint, databases: tuple[str, ...]) -> Abilities:
    """Make the databases and their ledgers, and ask the server what it can do.

    Raises:
        SessionEndedError: It ended a session.
        StatementFailedError: A statement that every version must carry out failed.
    """
    async with await Session.connect(endpoint, "postgres", None) as session:
        for name in databases:
            await session.ask(frames.query(f"create database {name}"))
    for name in databases:
        async with await Session.connect(endpoint, name, None) as session:
            await session.ask(frames.query(CREATE))
    async with await Session.connect(endpoint, databases[0], None) as session:
        out = await _works(session, "copy (select 1) to stdout")
        await session.ask(frames.query("create temporary table probe (i integer)"))
        back_in = await _works(session, "copy probe from stdin")
        await session.ask(frames.query("begin"))
        has_cursors = await _works(session, "declare probe cursor for select 1")
        await session.ask(frames.query("rollback"))
    return Abilities(copy_out=out, copy_in=back_in, cursors=has_cursors)


async def _works(session: Session, sql: str) -> bool:
    session.send(frames.query(sql))
    try:
        async for kind, _ in session.answers():
            if kind == b"G":
                session.send(frames.COPY_FAIL)
    except StatementFailedError as failure:
        if failure.sqlstate == _QUERY_CANCELED:
            # what our CopyFail asks for
            return True
        if failure.sqlstate != _NOT_SUPPORTED:
            raise
        return False
    return True


if __name__ == "__main__":
    main()
