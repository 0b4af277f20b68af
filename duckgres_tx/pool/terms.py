"""What a control plane tells a worker when it takes charge of it, and what the worker answers: one `Configure`, with its two memory files."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from twisted.internet.defer import CancelledError
from twisted.internet.defer import TimeoutError as DeferredTimeoutError

from duckgres_tx.handover import descriptors
from duckgres_tx.handover.descriptors import OwnedDescriptor
from duckgres_tx.pool.commands import Configure
from duckgres_tx.pool.inventory import Inventory
from duckgres_tx.pool.link import Link
from duckgres_tx.release import running_release

INVENTORY_LIMIT_BYTES = 64 << 20
# named among the settings that need a new worker
OTHER_CODE = "code"


@frozen
class Terms:
    """What a worker is told.

    Attributes:
        configuration: `WorkerSettings` as JSON. It holds secrets, so it travels in a memory file.
        slot: The worker's number.
        generation: Which rolling update it belongs to.
        epoch: That of the control plane that takes charge.
    """

    configuration: bytes
    slot: int
    generation: int
    epoch: int


@frozen
class Agreement:
    """What a worker answers.

    Attributes:
        inventory: What it has, at the very moment from which on it obeys this control plane.
        stale: What only a new worker can bring into force: names of settings, and `OTHER_CODE`.
        takes_sessions: Whether it can go on with a session of another worker's.
    """

    inventory: Inventory
    stale: tuple[str, ...]
    takes_sessions: bool = False


async def agree(link: Link, terms: Terms, clock: Any, deadline_s: float | None) -> Agreement:
    """Take charge of a worker over a link.

    Args:
        link: It is dropped when the answer is late: the descriptors are queued in it, so they may be closed only when the queue is gone too.
        terms: What to tell.
        clock: For the deadline.
        deadline_s: Seconds; None when something else drops a link that says nothing.

    Raises:
        InvalidConfiguration: It can't serve with that; whoever was in charge before still is.
        Superseded: Somebody with a higher epoch is in charge.
        LinkLost: No answer will come.
        twisted.internet.defer.TimeoutError: None has come in time.
    """
    with (
        OwnedDescriptor(descriptors.memory_file(terms.configuration, "configuration")) as configuration,
        OwnedDescriptor(descriptors.memory_file(b"", "inventory")) as sheet,
    ):
        answer = link.ask(
            Configure,
            configuration=configuration.fd,
            inventory=sheet.fd,
            slot=terms.slot,
            generation=terms.generation,
            epoch=terms.epoch,
        )
        if deadline_s is not None:
            answer.addTimeout(deadline_s, clock)
        try:
            response = await answer
        except (DeferredTimeoutError, CancelledError):
            link.abort()
            raise
        inventory = Inventory.from_json(descriptors.read_memory_file(sheet.fd, INVENTORY_LIMIT_BYTES))
    stale = tuple(name for name in response["stale"].split(",") if name)
    if inventory.release != running_release():
        stale = (OTHER_CODE, *stale)
    return Agreement(inventory, stale, bool(response["takes_sessions"]))
