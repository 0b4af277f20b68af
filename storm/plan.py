"""What one run of the storm does."""

from __future__ import annotations

from attrs import field, frozen


@frozen
class Load:
    """How much the clients do.

    Attributes:
        connects_per_s: Connects a second, half of them over TLS; they come at their times, however slow the server is.
        holders: Sessions that hold prepared statements, temporary tables, and portals or cursors.
        writers: Sessions with transactions that stay open for a while.
        sleepers: Sessions with statements that take seconds.
        cancels: Sessions whose statements are cancelled.
        copiers: Sessions that copy in and out, if the server can.
        databases: Over which all of them are spread.
    """

    connects_per_s: float = 50.0
    holders: int = 15
    writers: int = 8
    sleepers: int = 3
    cancels: int = 3
    copiers: int = 2
    databases: tuple[str, ...] = ("storm0", "storm1", "storm2", "storm3")


@frozen
class Plan:
    """The run.

    Attributes:
        duration_s: How long load is on.
        takeover_every_s: From one takeover's beginning to the next one's; 0 for none.
        roll_every_s: The same for rolls.
        settle_s: Load without takeovers, before the first one.
        quiet_takeovers: Without load, before and after, to count what the processes hold.
        standby_s: How long an incumbent stands by after each of them.
        workers: Worker processes.
        latency_budget_s: What 99 of 100 connects inside a takeover must keep within.
        seed: For everything that is random.
    """

    duration_s: float = 600.0
    takeover_every_s: float = 10.0
    roll_every_s: float = 60.0
    settle_s: float = 5.0
    quiet_takeovers: int = 3
    standby_s: float = 3.0
    workers: int = 2
    latency_budget_s: float = 0.1
    seed: int = 1
    load: Load = field(factory=Load)
