"""Each command says what people, or programs, want to know, and fails when it wasn't done."""

from __future__ import annotations

import json

import pytest
from attrs import define, evolve, field
from pairs import result_of
from twisted.internet.defer import Deferred

from duckgres_tx.console.commands import COMMANDS
from duckgres_tx.console.conversation import NotDone
from duckgres_tx.console.options import Options
from duckgres_tx.handover.status import EventStatus, RollStatus, ServerStatus, WorkerStatus

IDLE = ServerStatus(pid=7, state="serving", workers=(WorkerStatus(slot=1, pid=11), WorkerStatus(slot=2, pid=12)))
ROLLED = evolve(IDLE, last_roll=EventStatus(at=1.0))


@define
class FakeServer:
    """A server that goes through a number of states."""

    states: list[ServerStatus] = field(factory=lambda: [IDLE])
    asked: list[object] = field(factory=list)

    async def status(self):
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    async def roll(self):
        self.asked.append("roll")
        return "the roll has begun"

    async def drain(self, slot):
        self.asked.append(slot)
        return f"worker {slot} is going to be replaced"

    async def succeed(self, timeout_s):
        self.asked.append(timeout_s)
        return 8

    async def wait_for(self, finished, show, timeout_s):
        self.asked.append(timeout_s)
        while True:
            current = await self.status()
            show(current)
            if finished(current):
                return current


def said(server, *words):
    """What a command line says."""
    lines = []
    options = Options()
    options.parseOptions(list(words))
    result_of(Deferred.fromCoroutine(COMMANDS[options.subCommand](server, options.subOptions, lines.append)))
    return lines


def test_status_is_for_people():
    """Unless a program asks."""
    assert "pid 7: serving" in said(FakeServer(), "status")[0]
    (document,) = said(FakeServer(), "status", "--json")
    assert [worker["pid"] for worker in json.loads(document)["workers"]] == [11, 12]


def test_a_roll_is_begun():
    """And not waited for."""
    server = FakeServer()
    assert said(server, "roll") == ["the roll has begun"]
    assert server.asked == ["roll"]


def test_a_roll_is_followed():
    """A line for each change; the deadline that comes nearer is none."""
    rolling = RollStatus(total=2, draining=1, sessions_left=3, deadline_s=60)
    steps = [rolling, evolve(rolling, deadline_s=59), evolve(rolling, replaced=1, draining=0, sessions_left=0)]
    server = FakeServer([*(evolve(IDLE, roll=step) for step in steps), ROLLED])
    assert said(server, "roll", "--wait", "--timeout", "5m") == [
        "the roll has begun",
        "0 of 2 replaced; 3 sessions left on worker 1, deadline in 60 s",
        "1 of 2 replaced",
        "all workers are replaced",
    ]
    assert server.asked == ["roll", 300.0]


def test_a_roll_that_stops_is_a_failure():
    """With the reason."""
    server = FakeServer([evolve(IDLE, last_roll=EventStatus(outcome="worker 3 exited with status 1"))])
    with pytest.raises(NotDone, match="worker 3 exited with status 1"):
        said(server, "roll", "--wait")


def test_a_worker_is_drained():
    """Its number may be a new worker's afterwards."""
    gone = evolve(IDLE, workers=(WorkerStatus(slot=2, pid=13), WorkerStatus(slot=1, pid=11)))
    server = FakeServer([IDLE, evolve(IDLE, roll=RollStatus(total=1, draining=2)), gone])
    assert said(server, "drain", "-w", "2") == [
        "worker 2 is going to be replaced",
        "0 of 1 replaced; 0 sessions left on worker 2, deadline in 0 s",
        "worker 2 is replaced",
    ]
    assert server.asked == [2, 0.0]


def test_a_worker_that_isn_t_there_can_t_be_drained():
    """Nothing is asked for."""
    server = FakeServer()
    with pytest.raises(NotDone, match="there is no worker 3"):
        said(server, "drain", "3")
    assert server.asked == []


def test_a_drain_that_fails_is_a_failure():
    """The worker is still there."""
    server = FakeServer([IDLE, evolve(IDLE, last_roll=EventStatus(outcome="worker 3 exited with status 1"))])
    with pytest.raises(NotDone, match="worker 3 exited"):
        said(server, "drain", "--wait", "2")


def test_a_takeover_says_who_serves():
    """It always waits."""
    server = FakeServer()
    assert said(server, "takeover") == ["process 8 has taken over"]
    assert said(server, "takeover", "--wait", "--timeout=2m") == ["process 8 has taken over"]
    assert server.asked == [60.0, 120.0]
