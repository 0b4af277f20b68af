"""The newcomer's part: every input in every state."""

from __future__ import annotations

import pytest
from automat import NoTransition

from duckgres_tx.handover.newcomer import STOPPED, NewcomerRecord, Stage, begin_candidacy

# how each state is reached; in charge without an incumbent looks like in charge from outside
WAYS = {
    "asking": [],
    "in charge": ["committed"],
    "in charge alone": ["committed", "incumbent_died"],
    "surviving": ["incumbent_died"],
    "serving": ["committed", "opened"],
    "alone": ["committed", "opened", "farewell"],
    "told off": ["failed"],
    "given back": ["committed", "failed"],
    "outranked": ["committed", "called_off"],
}
INPUTS = ["committed", "opened", "failed", "incumbent_died", "called_off", "farewell", "stopped"]
TABLE = {
    ("asking", "committed"): (Stage.IN_CHARGE, []),
    ("asking", "failed"): (Stage.TOLD_OFF, ["told off: why"]),
    ("asking", "called_off"): (Stage.TOLD_OFF, ["told off: why"]),
    ("asking", "incumbent_died"): (Stage.SURVIVING, ["survive"]),
    ("asking", "stopped"): (Stage.TOLD_OFF, [f"told off: {STOPPED}"]),
    ("in charge", "opened"): (Stage.SERVING, []),
    ("in charge", "failed"): (Stage.GIVEN_BACK, ["give back: why"]),
    ("in charge", "called_off"): (Stage.OUTRANKED, ["outranked: why"]),
    ("in charge", "stopped"): (Stage.GIVEN_BACK, [f"give back: {STOPPED}"]),
    ("in charge", "incumbent_died"): (Stage.IN_CHARGE, []),
    ("in charge", "farewell"): (Stage.IN_CHARGE, []),
    ("serving", "called_off"): (Stage.OUTRANKED, ["outranked: why"]),
    ("serving", "farewell"): (Stage.ALONE, ["alone"]),
    ("serving", "incumbent_died"): (Stage.ALONE, ["alone"]),
    **{
        (state, given): outcome
        for state in ("surviving", "in charge alone")
        for given, outcome in (
            ("opened", (Stage.ALONE, ["alone"])),
            ("failed", (Stage.TOLD_OFF, ["told off: why"])),
            ("stopped", (Stage.TOLD_OFF, [f"told off: {STOPPED}"])),
        )
    },
}
OVER = ("told off", "given back", "outranked")
IGNORED = {
    *(
        (state, given)
        for state in (*OVER, "surviving", "in charge alone", "alone")
        for given in ("incumbent_died", "called_off", "farewell")
    ),
    *((state, given) for state in OVER for given in ("failed", "stopped", "opened", "committed")),
    ("serving", "stopped"),
    ("alone", "stopped"),
}


def reached(state):
    """A life in that state, its record, and what it does from now on."""
    did = []
    record = NewcomerRecord(
        lambda reason: did.append(f"told off: {reason}"),
        lambda: did.append("survive"),
        lambda reason: did.append(f"give back: {reason}"),
        lambda reason: did.append(f"outranked: {reason}"),
        lambda: did.append("alone"),
    )
    life = begin_candidacy(record)
    for given in WAYS[state]:
        give(life, given)
    did.clear()
    return life, record, did


def give(life, given) -> None:
    """One input."""
    getattr(life, given)(*(["why"] if given in ("failed", "called_off") else []))


@pytest.mark.parametrize("given", INPUTS)
@pytest.mark.parametrize("state", WAYS)
def test_every_input_in_every_state(state, given):
    """It goes on, or nothing happens, or it is a mistake of ours."""
    life, record, did = reached(state)
    before = record.stage
    if (state, given) in TABLE:
        after, deeds = TABLE[state, given]
        give(life, given)
        assert (record.stage, did) == (after, deeds)
    elif (state, given) in IGNORED:
        give(life, given)
        assert (record.stage, did) == (before, [])
    else:
        with pytest.raises(NoTransition):
            give(life, given)
