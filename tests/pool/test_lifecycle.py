"""A worker's life: every input in every phase, and its death only once."""

from __future__ import annotations

import pytest
from automat import NoTransition

from duckgres_tx.pool.lifecycle import LifeRecord, Phase, begin_life

PATHS = {
    Phase.SPAWNING: [],
    Phase.CONFIGURING: ["connected"],
    Phase.READY: ["connected", "configured"],
    Phase.DRAINING: ["connected", "configured", "drained"],
    Phase.GONE: ["connected", "worker_gone"],
}
# what each input leads to; None where it must not come
TABLE = {
    Phase.SPAWNING: {"connected": Phase.CONFIGURING, "configured": None, "drained": None},
    Phase.CONFIGURING: {"connected": Phase.CONFIGURING, "configured": Phase.READY, "drained": Phase.DRAINING},
    Phase.READY: {"connected": Phase.READY, "configured": Phase.READY, "drained": Phase.DRAINING},
    Phase.DRAINING: {"connected": Phase.DRAINING, "configured": Phase.DRAINING, "drained": Phase.DRAINING},
    Phase.GONE: {"connected": Phase.GONE, "configured": Phase.GONE, "drained": Phase.GONE},
}


def live(phase: Phase):
    """A life that has come to that phase, its record, and what it did."""
    done = []
    record = LifeRecord(
        lambda: done.append("ready"),
        lambda: done.append("draining"),
        lambda phase, reason: done.append((phase, reason)),
    )
    life = begin_life(record)
    for step in PATHS[phase]:
        life.worker_gone("early") if step == "worker_gone" else getattr(life, step)()
    assert record.phase is phase
    return life, record, done


@pytest.mark.parametrize(
    ("phase", "given", "wanted"), [(phase, given, to) for phase, row in TABLE.items() for given, to in row.items()]
)
def test_every_input_in_every_phase(phase, given, wanted):
    """What is not planned is refused, and changes nothing."""
    life, record, _ = live(phase)
    if wanted is None:
        with pytest.raises(NoTransition):
            getattr(life, given)()
        assert record.phase is phase
    else:
        getattr(life, given)()
        assert record.phase is wanted


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.GONE])
def test_death_is_told_once_with_the_phase_that_it_came_in(phase):
    """A process that ends, a link that is lost and a heartbeat that stops are one death."""
    life, record, done = live(phase)
    life.worker_gone("was killed by SIGKILL")
    life.worker_gone("can't be reached")

    assert done[-1:] == [(phase, "was killed by SIGKILL")]
    assert sum(isinstance(item, tuple) for item in done) == 1
    assert record.phase is Phase.GONE


def test_ready_is_told_once():
    """Clients are sent from then on."""
    _, _, done = live(Phase.READY)

    assert done == ["ready"]


def test_the_owner_may_look_at_the_phase_while_it_is_told():
    """Whoever hears of readiness finds the worker ready."""
    seen = []
    record = LifeRecord(
        lambda: seen.append(record.phase),
        lambda: seen.append(record.phase),
        lambda phase, reason: seen.append(record.phase),
    )
    life = begin_life(record)
    life.connected()
    life.configured()
    life.drained()
    life.worker_gone("x")

    assert seen == [Phase.READY, Phase.DRAINING, Phase.GONE]
