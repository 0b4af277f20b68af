r"""How a host lets go of its clients: asked first, sent away later, stopped at last.

::

    staying --grace_s--> asked --HANDSHAKE_S--> handshakes over --(timeout_s)--> stopped

- Until it is *asked*, a client that is idle may go on; nobody new comes meanwhile.
- Who is asked ends at the first moment at which nothing of its own would be lost: idle, outside a transaction, its answers sent.
- Then whoever could have logged in and has not is told to connect elsewhere.
- At last whatever goes on is cancelled.

Who logs in only then is served all the same: it is asked after a grace of its own, or at once if it can go on in another worker.

The steps only ever come closer: who drains a host that is draining already can hurry it, not hold it up.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from duckgres_tx.session.client import Stage

# what a client that is still logging in gets when the others have been asked: a silent connection must not hold up the end
HANDSHAKE_S = 5.0


class Step(enum.Enum):
    """What has been done, in this order."""

    STAYING = 0
    ASKED = 1
    HANDSHAKES_OVER = 2
    STOPPED = 3


@define(eq=False)
class Leaving:
    """The departure of all clients of one host.

    Attributes:
        step: How far it is.
    """

    _clock: IReactorTime
    # those that are there now
    _stages: Callable[[], Iterable[Stage]]
    step: Step = Step.STAYING
    _grace_s: float = 0.0
    _pending: dict[Step, IDelayedCall] = field(factory=dict)
    _newcomers: dict[Stage, IDelayedCall] = field(factory=dict)

    def begin(self, timeout_s: float, grace_s: float = 0.0) -> None:
        """Let all go, or let them go sooner than was said before.

        Args:
            timeout_s: Seconds from now until whatever goes on is stopped.
            grace_s: Seconds from now until the idle ones have to leave; not later than the timeout.
        """
        asked_after_s = min(grace_s, timeout_s)
        self._grace_s = max(self._grace_s, grace_s)
        self._at(Step.STOPPED, timeout_s)
        self._at(Step.HANDSHAKES_OVER, min(asked_after_s + HANDSHAKE_S, timeout_s))
        self._at(Step.ASKED, asked_after_s)

    def stop(self) -> None:
        """Whatever goes on is stopped now."""
        self._reach(Step.STOPPED)

    def until_stopped_s(self) -> float:
        """Seconds until whatever goes on is stopped; 0 when that has been done."""
        pending = self._pending.get(Step.STOPPED)
        return 0.0 if pending is None else max(0.0, pending.getTime() - self._clock.seconds())

    def arrived(self, stage: Stage, *, is_to_move: bool) -> None:
        """A client has logged in meanwhile: what was said to the others holds for it too.

        Args:
            stage: Its own.
            is_to_move: It loses nothing when it is asked at once.
        """
        if self.step is Step.STAYING:
            return
        if is_to_move or self.step is Step.STOPPED or self._grace_s <= 0:
            stage.leave(now=self.step is Step.STOPPED)
        else:
            self._newcomers[stage] = self._clock.callLater(self._grace_s, self._ask, stage)

    def _at(self, step: Step, delay_s: float) -> None:
        if step.value <= self.step.value:
            return
        earlier = self._pending.get(step)
        when = self._clock.seconds() + delay_s
        if earlier is not None:
            if earlier.getTime() <= when:
                return
            earlier.cancel()
            del self._pending[step]
        if delay_s <= 0:
            self._reach(step)
        else:
            self._pending[step] = self._clock.callLater(delay_s, self._reach, step)

    def _ask(self, stage: Stage) -> None:
        del self._newcomers[stage]
        if stage in self._stages():
            stage.leave(now=False)

    def _reach(self, step: Step) -> None:
        """Do a step, which takes the place of all before it."""
        for each in [each for each in self._pending if each.value <= step.value]:
            pending = self._pending.pop(each)
            if pending.active():
                pending.cancel()
        if step.value <= self.step.value and step is not Step.STOPPED:
            return
        self.step = step
        if step is Step.STOPPED:
            newcomers, self._newcomers = self._newcomers, {}
            for newcomer in newcomers.values():
                newcomer.cancel()
        for stage in list(self._stages()):
            if step is not Step.HANDSHAKES_OVER:
                stage.leave(now=step is Step.STOPPED)
            elif not stage.logged_in:
                stage.leave(now=True)
