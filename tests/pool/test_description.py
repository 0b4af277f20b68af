"""What people are told of workers."""

from __future__ import annotations

import json

import pytest
from attrs import define, field

from duckgres_tx.pool.description import describe_worker
from duckgres_tx.pool.lifecycle import Phase
from duckgres_tx.pool.servers import ServerHealth


@define
class Worker:
    """One."""

    phase: Phase = Phase.READY
    is_silent: bool = False
    slot: int = 2
    generation: int = 3
    pid: int | None = 4711
    stale: tuple = ("code",)
    is_adopted: bool = True
    is_linked: bool = True
    health: ServerHealth = field(factory=lambda: ServerHealth(9, 1, 1000, ("sales",)))


def test_a_worker_is_described_in_plain_data():
    """It travels as JSON."""
    described = describe_worker(Worker(), 5, 12.0)

    assert json.loads(json.dumps(described)) == {
        "slot": 2,
        "generation": 3,
        "pid": 4711,
        "state": "ready",
        "adopted": True,
        "linked": True,
        "stale": ["code"],
        "sessions": 5,
        "running": 1,
        "resident_bytes": 1000,
        "databases": ["sales"],
        "drain_left_s": 12.0,
    }


@pytest.mark.parametrize("phase", Phase)
def test_every_state_has_a_word(phase):
    """And one that doesn't answer is said to hang, whatever it did before."""
    assert describe_worker(Worker(phase, pid=None), 0, None)["state"] in {"starting", "ready", "draining", "ending"}
    assert describe_worker(Worker(phase, is_silent=True), 0, None)["state"] == "hanging"
