"""What the commands do that ask a running server."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import attrs
from attrs import define

from duckgres_tx.console.conversation import NotDone
from duckgres_tx.console.rendering import progress, render
from duckgres_tx.handover.status import ServerStatus

Say = Callable[[str], None]


class Server(Protocol):
    """See `RunningServer`."""

    async def status(self) -> ServerStatus:
        """What it says of itself."""

    async def roll(self) -> str:
        """Replace the workers."""

    async def drain(self, slot: int) -> str:
        """Replace one worker."""

    async def succeed(self, timeout_s: float) -> int:
        """Start a successor."""

    async def wait_for(
        self, finished: Callable[[ServerStatus], bool], show: Callable[[ServerStatus], None], timeout_s: float
    ) -> ServerStatus:
        """Ask until something is true."""


async def status(server: Server, options: Any, say: Say) -> None:
    """``status``: for people, or with ``--json`` for programs."""
    current = await server.status()
    say(json.dumps(attrs.asdict(current), indent=2) if options["json"] else render(current, time.time()))


async def roll(server: Server, options: Any, say: Say) -> None:
    """``roll``; with ``--wait`` until all workers are replaced."""
    say(await server.roll())
    if options["wait"]:
        finished = await server.wait_for(lambda now: now.roll is None, _Progress(say), options.seconds("timeout"))
        _check_roll(finished)
        say("all workers are replaced")


async def drain(server: Server, options: Any, say: Say) -> None:
    """``drain``; with ``--wait`` until the worker is gone."""
    slot = options["slot"]
    before = await server.status()
    pids = {worker.pid for worker in before.workers if worker.slot == slot}
    if not pids:
        raise NotDone(f"there is no worker {slot}")
    say(await server.drain(slot))
    if options["wait"]:

        def gone(now: ServerStatus) -> bool:
            return not any(worker.pid in pids for worker in now.workers) or (now.roll is None and _failed(now))

        finished = await server.wait_for(gone, _Progress(say), options.seconds("timeout"))
        if any(worker.pid in pids for worker in finished.workers):
            _check_roll(finished)
        say(f"worker {slot} is replaced")


async def takeover(server: Server, options: Any, say: Say) -> None:
    """``takeover``: returns when the successor serves."""
    pid = await server.succeed(options.seconds("timeout"))
    say(f"process {pid} has taken over")


COMMANDS: dict[str, Callable[[Server, Any, Say], Awaitable[None]]] = {
    "status": status,
    "roll": roll,
    "drain": drain,
    "takeover": takeover,
}


@define
class _Progress:
    """Says how far a roll is, when that has changed. The deadline goes by; it is no news."""

    _say: Say
    _last: tuple[int, int, int] | None = None

    def __call__(self, now: ServerStatus) -> None:
        if now.roll is None:
            return
        current = (now.roll.replaced, now.roll.draining, now.roll.sessions_left)
        if current != self._last:
            self._last = current
            self._say(progress(now.roll))


def _failed(now: ServerStatus) -> bool:
    return now.last_roll is not None and now.last_roll.outcome != ""


def _check_roll(finished: ServerStatus) -> None:
    if finished.last_roll is not None and finished.last_roll.outcome:
        raise NotDone(finished.last_roll.outcome)
