"""What a control plane says of its workers to people: plain data, with the names of `handover.status`."""

from __future__ import annotations

from typing import Any

import attrs

from duckgres_tx.pool.lifecycle import Phase
from duckgres_tx.pool.remote import RemoteWorker
from duckgres_tx.pool.staff import Staff

_STATES = {
    Phase.SPAWNING: "starting",
    Phase.CONFIGURING: "starting",
    Phase.READY: "ready",
    Phase.DRAINING: "draining",
    Phase.GONE: "ending",
}


def describe_worker(worker: RemoteWorker, sessions: int, drain_left_s: float | None) -> dict[str, Any]:
    """One worker.

    Args:
        worker: The worker.
        sessions: How many the control plane knows of.
        drain_left_s: Seconds until the last of them is ended; None when it doesn't drain.
    """
    return {
        "slot": worker.slot,
        "generation": worker.generation,
        "pid": worker.pid or 0,
        "state": "hanging" if worker.is_silent else _STATES[worker.phase],
        "adopted": worker.is_adopted,
        "linked": worker.is_linked,
        "stale": list(worker.stale),
        "sessions": sessions,
        "running": worker.health.running,
        "resident_bytes": worker.health.resident_bytes,
        "databases": list(worker.health.databases),
        "drain_left_s": drain_left_s,
    }


def describe_last_roll(staff: Staff) -> dict[str, Any] | None:
    """The rolling update that ended last; None when there has been none."""
    return None if staff.rolling.last is None else attrs.asdict(staff.rolling.last)


def describe_roll(staff: Staff) -> dict[str, Any] | None:
    """The rolling update that is under way; None when there is none."""
    rolling = staff.rolling
    if not rolling.is_rolling:
        return None
    draining = [worker for worker in staff.workers if worker.is_draining]
    return {
        "reason": rolling.reason,
        "replaced": rolling.total - sum(worker.generation < staff.generation for worker in staff.workers),
        "total": rolling.total,
        "draining": draining[0].slot if draining else 0,
        "sessions_left": draining[0].health.sessions if draining else 0,
        "deadline_s": staff.retirements.left_s(draining[0]) or 0.0 if draining else 0.0,
        "queued": bool(rolling.next_reason),
    }
