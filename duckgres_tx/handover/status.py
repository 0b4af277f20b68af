"""What a server says of itself to people: plain data, made by `Status` on the handover socket, shown by ``python -m duckgres_tx status``.

Every attribute has a default, and unknown ones are ignored, so that a server and a console of different releases understand each other.
"""

from __future__ import annotations

import json
from typing import Any

import attrs
import cattrs
from attrs import frozen


@frozen(kw_only=True)
class WorkerStatus:
    """One worker process; a server without any says this of itself, as worker 0.

    Attributes:
        slot: Its number.
        generation: Which roll it came with.
        pid: Its pid.
        state: ``starting``, ``ready``, ``draining``, ``ending``, ``hanging``.
        adopted: Whether another control plane has started it.
        stale: Why it needs replacing: ``code``, or names of settings; empty when it doesn't.
        sessions: Connections served.
        running: Statements that run now.
        resident_bytes: Its memory.
        databases: Those that it has open.
    """

    slot: int = 0
    generation: int = 0
    pid: int = 0
    state: str = ""
    adopted: bool = False
    stale: tuple[str, ...] = ()
    sessions: int = 0
    running: int = 0
    resident_bytes: int = 0
    databases: tuple[str, ...] = ()


@frozen(kw_only=True)
class RollStatus:
    """A roll that is under way.

    Attributes:
        reason: Who wanted it.
        replaced: Workers replaced so far.
        total: Workers to replace.
        draining: The worker that is let go now; 0 for none.
        sessions_left: How many sessions it still has.
        deadline_s: In how many seconds they are ended.
        queued: Another roll follows.
    """

    reason: str = ""
    replaced: int = 0
    total: int = 0
    draining: int = 0
    sessions_left: int = 0
    deadline_s: float = 0.0
    queued: bool = False


@frozen(kw_only=True)
class EventStatus:
    """Something that was done, and how it went.

    Attributes:
        at: When it ended, in seconds since 1970.
        outcome: One line; empty for success.
        detail: One line more, such as who took over from whom.
    """

    at: float = 0.0
    outcome: str = ""
    detail: str = ""


@frozen(kw_only=True)
class ServerStatus:
    """A server.

    Attributes:
        pid: Of the process that serves.
        epoch: Which control plane it is, counted over takeovers and crashes.
        version: Its release.
        state: ``starting``, ``serving``, ``taken over``, ``standing by``, ``stopping``.
        started_at: When it began to serve, in seconds since 1970.
        listeners: The addresses that clients connect to.
        connections: Those that were admitted and are open.
        max_connections: How many there may be.
        waiting: Connections that wait for a worker, or haven't said yet what they want.
        generation: That of the newest workers.
        workers: By their numbers.
        roll: The one that is under way.
        last_roll: The one before.
        last_takeover: The last one that this process took part in.
        last_reload: The last time that it read its configuration again.
    """

    pid: int = 0
    epoch: int = 0
    version: str = ""
    state: str = ""
    started_at: float = 0.0
    listeners: tuple[str, ...] = ()
    connections: int = 0
    max_connections: int = 0
    waiting: int = 0
    generation: int = 0
    workers: tuple[WorkerStatus, ...] = ()
    roll: RollStatus | None = None
    last_roll: EventStatus | None = None
    last_takeover: EventStatus | None = None
    last_reload: EventStatus | None = None

    def encode(self) -> bytes:
        """As JSON."""
        return json.dumps(attrs.asdict(self)).encode()


def decode(document: bytes) -> ServerStatus:
    """The reverse of `ServerStatus.encode`.

    Raises:
        ValueError: It is no such document.
    """
    parsed: Any = json.loads(document)
    if not isinstance(parsed, dict):
        raise ValueError("not a server's status: no object")  # noqa: TRY004  it is what came that is wrong
    try:
        return cattrs.structure(parsed, ServerStatus)
    except (cattrs.BaseValidationError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"not a server's status: {error}") from error
