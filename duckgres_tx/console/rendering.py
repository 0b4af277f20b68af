"""A server's status as people read it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from duckgres_tx.handover.status import EventStatus, RollStatus, ServerStatus, WorkerStatus

_HEADINGS = ("worker", "generation", "pid", "state", "sessions", "running", "memory", "databases")
# columns of words; the others are numbers, which end where their heading ends
_WORDS = ("state", "databases")
_MB = 1_000_000
_MAX_DATABASES = 8


def render(status: ServerStatus, now: float) -> str:
    """The whole of it.

    Args:
        status: What the server said.
        now: Seconds since 1970.

    Returns:
        Lines without the last line break.
    """
    head = f"duckgres_tx {status.version}, pid {status.pid}: {status.state}"
    if status.started_at:
        head += f" since {_date(status.started_at)} ({duration(now - status.started_at)})"
    facts = [
        ("listens on", "; ".join(status.listeners) or "nothing"),
        ("connections", _connections(status)),
        ("epoch", f"{status.epoch}, workers of generation {status.generation}"),
        ("takeover", event(status.last_takeover)),
        ("reload", event(status.last_reload)),
        ("roll", progress(status.roll) if status.roll is not None else event(status.last_roll)),
    ]
    width = max(len(name) for name, _ in facts) + 2
    lines = [head, *(f"{name:<{width}}{text}" for name, text in facts)]
    if status.workers:
        lines += ["", *table(_HEADINGS, [_row(worker) for worker in status.workers])]
    return "\n".join(lines)


def progress(roll: RollStatus) -> str:
    """How far a roll has come, in one line."""
    text = f"{roll.replaced} of {roll.total} replaced"
    if roll.draining:
        sessions = "1 session" if roll.sessions_left == 1 else f"{roll.sessions_left} sessions"
        text += f"; {sessions} left on worker {roll.draining}, deadline in {duration(roll.deadline_s)}"
    if roll.queued:
        text += "; another roll follows"
    return text + (f" ({roll.reason})" if roll.reason else "")


def event(happened: EventStatus | None) -> str:
    """Something that was done, in one line."""
    if happened is None:
        return "none"
    text = f"{_date(happened.at)}: {happened.outcome or 'ok'}"
    return text + (f" ({happened.detail})" if happened.detail else "")


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines with the columns below each other."""
    all_rows = [tuple(headings), *(tuple(row) for row in rows)]
    widths = [max(len(row[column]) for row in all_rows) for column in range(len(headings))]
    return [
        "  ".join(
            f"{cell:<{width}}" if heading in _WORDS else f"{cell:>{width}}"
            for heading, cell, width in zip(headings, row, widths, strict=True)
        ).rstrip()
        for row in all_rows
    ]


def duration(seconds: float) -> str:
    """``40 s``, ``3 min``, ``2 h 5 min``, ``3 d 4 h``; what is over is 0."""
    whole = max(0, round(seconds))
    for unit_s, unit, part_s, part in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if whole >= unit_s:
            rest = whole % unit_s // part_s
            return f"{whole // unit_s} {unit}" + (f" {rest} {part}" if rest else "")
    return f"{whole // 60} min" if whole >= 120 else f"{whole} s"


def _row(worker: WorkerStatus) -> tuple[str, ...]:
    notes = (["adopted"] if worker.adopted else []) + ([f"old {', '.join(worker.stale)}"] if worker.stale else [])
    databases = list(worker.databases[:_MAX_DATABASES])
    if len(worker.databases) > _MAX_DATABASES:
        databases.append(f"and {len(worker.databases) - _MAX_DATABASES} more")
    return (
        str(worker.slot),
        str(worker.generation),
        str(worker.pid),
        worker.state + (f" ({'; '.join(notes)})" if notes else ""),
        str(worker.sessions),
        str(worker.running),
        f"{worker.resident_bytes // _MB} MB",
        ", ".join(databases),
    )


def _connections(status: ServerStatus) -> str:
    text = f"{status.connections} of {status.max_connections}"
    return text + (f", {status.waiting} waiting" if status.waiting else "")


def _date(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
