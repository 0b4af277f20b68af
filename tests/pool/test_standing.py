"""Whether a control plane is the one that commands the workers: every input in every state."""

from __future__ import annotations

import pytest

from duckgres_tx.pool.standing import Charge, Standing

PATHS = {
    Standing.LOOKING: [],
    Standing.IN_CHARGE: ["promoted"],
    Standing.STANDING_BY: ["promoted", "stood_down"],
    Standing.ENDING: ["promoted", "ended"],
    Standing.LEFT: ["superseded"],
}
INPUTS = ("promoted", "stood_down", "superseded", "ended")
TABLE = {
    Standing.LOOKING: (Standing.IN_CHARGE, Standing.STANDING_BY, Standing.LEFT, Standing.LEFT),
    Standing.IN_CHARGE: (Standing.IN_CHARGE, Standing.STANDING_BY, Standing.LEFT, Standing.ENDING),
    Standing.STANDING_BY: (Standing.IN_CHARGE, Standing.STANDING_BY, Standing.LEFT, Standing.LEFT),
    Standing.ENDING: (Standing.ENDING, Standing.ENDING, Standing.LEFT, Standing.ENDING),
    Standing.LEFT: (Standing.LEFT, Standing.LEFT, Standing.LEFT, Standing.LEFT),
}


def charge_that_is(standing: Standing) -> tuple[Charge, list]:
    """A charge in that state, and how often its owner was told to leave."""
    told: list = []
    charge = Charge(lambda: told.append(True))
    for step in PATHS[standing]:
        charge.promoted(1) if step == "promoted" else getattr(charge, step)()
    assert charge.standing is standing
    return charge, told


@pytest.mark.parametrize(
    ("standing", "given", "wanted"),
    [(standing, given, wanted) for standing, row in TABLE.items() for given, wanted in zip(INPUTS, row, strict=True)],
)
def test_every_input_in_every_state(standing, given, wanted):
    """Nothing that comes late brings a charge back."""
    charge, _ = charge_that_is(standing)
    charge.promoted(2) if given == "promoted" else getattr(charge, given)()

    assert charge.standing is wanted
    assert charge.is_ours is (wanted in (Standing.IN_CHARGE, Standing.ENDING))


@pytest.mark.parametrize("standing", Standing)
def test_being_outranked_is_told_once(standing):
    """Whatever else happens afterwards."""
    charge, told = charge_that_is(standing)
    for _ in range(3):
        charge.superseded()
        charge.ended()

    assert told == [True]
