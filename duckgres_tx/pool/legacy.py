"""What a control plane tells the one that follows it about the workers, beyond what these say themselves."""

from __future__ import annotations

from attrs import Factory, frozen

from duckgres_tx.handover.status import EventStatus


@frozen(kw_only=True)
class Legacy:
    """Plain values only, so that it travels as JSON. Workers are named by the file names of their sockets.

    Attributes:
        generation: That of the workers that are started now; 0 when nobody has said so.
        roll: Why a rolling update is under way; "" when none is.
        roll_total: How many workers it replaces in all.
        next_roll: Why another one follows it; "" when none does.
        last_roll: How the one before ended; None when there was none.
        drains: Seconds that each draining worker has left.
        log_offsets: How much of each worker's log has been read, in bytes.
    """

    generation: int = 0
    roll: str = ""
    roll_total: int = 0
    next_roll: str = ""
    last_roll: EventStatus | None = None
    drains: dict[str, float] = Factory(dict)
    log_offsets: dict[str, int] = Factory(dict)
