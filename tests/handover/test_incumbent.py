"""The incumbent's part: every input in every state."""

from __future__ import annotations

import pytest
from automat import NoTransition

from duckgres_tx.handover.incumbent import GIVEN_AWAY, UNDER_WAY, IncumbentRecord, Phase, begin_incumbency

# how each state is reached
WAYS = {
    Phase.STARTING: [],
    Phase.SERVING: ["opened"],
    Phase.GREETED: ["opened", "greeted"],
    Phase.PREPARED: ["opened", "greeted", "prepared"],
    Phase.COMMITTING: ["opened", "greeted", "prepared", "commit_asked"],
    Phase.COMMITTED: ["opened", "greeted", "prepared", "commit_asked", "committed"],
    Phase.STANDING_BY: ["opened", "greeted", "prepared", "commit_asked", "committed", "serving"],
    Phase.RECLAIMING: ["opened", "greeted", "prepared", "commit_asked", "committed", "broken"],
    Phase.STOPPING: ["stopped"],
    Phase.LEFT: ["superseded"],
}
INPUTS = [
    "opened",
    "greeted",
    "prepared",
    "commit_asked",
    "committed",
    "serving",
    "broken",
    "reclaimed",
    "standby_over",
    "dismissed",
    "superseded",
    "stopped",
]
# state and input: the state that follows, and what is done; nothing is said of those that are ignored or raise
TABLE = {
    (Phase.STARTING, "opened"): (Phase.SERVING, []),
    (Phase.STARTING, "superseded"): (Phase.LEFT, ["leave"]),
    (Phase.STARTING, "stopped"): (Phase.STOPPING, []),
    (Phase.SERVING, "greeted"): (Phase.GREETED, []),
    (Phase.SERVING, "superseded"): (Phase.LEFT, ["leave"]),
    (Phase.SERVING, "stopped"): (Phase.STOPPING, []),
    (Phase.GREETED, "prepared"): (Phase.PREPARED, []),
    (Phase.PREPARED, "commit_asked"): (Phase.COMMITTING, ["hold"]),
    (Phase.COMMITTING, "committed"): (Phase.COMMITTED, ["committed"]),
    (Phase.COMMITTED, "serving"): (Phase.STANDING_BY, ["relieved"]),
    (Phase.STANDING_BY, "standby_over"): (Phase.LEFT, ["leave"]),
    (Phase.RECLAIMING, "reclaimed"): (Phase.SERVING, []),
    (Phase.RECLAIMING, "superseded"): (Phase.LEFT, ["leave"]),
    (Phase.RECLAIMING, "stopped"): (Phase.STOPPING, []),
    (Phase.STOPPING, "superseded"): (Phase.LEFT, []),
    **{(phase, "broken"): (Phase.SERVING, ["abort: why"]) for phase in UNDER_WAY},
    **{(phase, "stopped"): (Phase.STOPPING, ["abort: the server is stopping"]) for phase in UNDER_WAY},
    **{
        (phase, "superseded"): (Phase.LEFT, ["abort: another server is in charge of the workers", "leave"])
        for phase in UNDER_WAY
    },
    **{(phase, "broken"): (Phase.RECLAIMING, ["reclaim: why"]) for phase in (Phase.COMMITTED, Phase.STANDING_BY)},
    **{
        (phase, given): (Phase.LEFT, ["leave"])
        for phase in (Phase.COMMITTED, Phase.STANDING_BY)
        for given in ("dismissed", "superseded", "stopped")
    },
}
QUIET = (Phase.STARTING, Phase.SERVING, Phase.RECLAIMING, Phase.STOPPING, Phase.LEFT)
IGNORED = {
    *((phase, given) for phase in QUIET for given in ("broken", "dismissed")),
    *(
        (phase, given)
        for phase in (Phase.STOPPING, Phase.LEFT)
        for given in ("opened", "reclaimed", "standby_over", "stopped")
    ),
    (Phase.LEFT, "superseded"),
}


def reached(phase):
    """A life in that state, its record, and what it does from now on."""
    did = []
    record = IncumbentRecord(
        lambda: did.append("hold"),
        lambda reason: did.append(f"abort: {reason}"),
        lambda: did.append("committed"),
        lambda: did.append("relieved"),
        lambda reason: did.append(f"reclaim: {reason}"),
        lambda: did.append("leave"),
    )
    life = begin_incumbency(record)
    for given in WAYS[phase]:
        give(life, given)
    assert record.phase is phase
    did.clear()
    return life, record, did


def give(life, given) -> None:
    """One input."""
    getattr(life, given)(*(["why"] if given == "broken" else []))


@pytest.mark.parametrize("given", INPUTS)
@pytest.mark.parametrize("phase", Phase)
def test_every_input_in_every_state(phase, given):
    """It goes on, or nothing happens, or it is a mistake of ours."""
    life, record, did = reached(phase)
    if (phase, given) in TABLE:
        after, deeds = TABLE[phase, given]
        give(life, given)
        assert (record.phase, did) == (after, deeds)
    elif (phase, given) in IGNORED:
        give(life, given)
        assert (record.phase, did) == (phase, [])
    else:
        with pytest.raises(NoTransition):
            give(life, given)


def test_the_groups_are_what_they_say():
    """Another takeover can't begin, another process is in charge: never both."""
    assert not UNDER_WAY & GIVEN_AWAY
