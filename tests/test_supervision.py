"""The service manager is told at the right moments."""

from __future__ import annotations

import socket

import pytest
from attrs import define, evolve, field
from twisted.internet.task import Clock

from duckgres_tx.handover.status import EventStatus, RollStatus, ServerStatus, WorkerStatus
from duckgres_tx.supervision import STATUS_INTERVAL_S, Supervision, summary

STATUS = ServerStatus(workers=(WorkerStatus(slot=1), WorkerStatus(slot=2)), connections=1)


@define(eq=False)
class Ear:
    """A notifier that remembers."""

    heard: list = field(factory=list)
    is_heard: bool = False
    back: bool = False

    def ready(self, status):
        self.is_heard = True
        self.heard.append(("ready", status))

    def hand_over(self, pid):
        self.is_heard, self.back = False, True
        self.heard.append(("hand over", pid))

    def take_back(self):
        if self.back:
            self.ready("back")

    def close(self):
        self.is_heard = False

    def __getattr__(self, name):
        return lambda *arguments: self.heard.append((name, *arguments))


@pytest.fixture
def made():
    """A supervision, its ear, its clock, and what the server says of itself."""
    ear, clock, said = Ear(), Clock(), [STATUS]
    supervision = Supervision(clock, ear, lambda: said[0])
    yield supervision, ear, clock, said
    supervision.take_down()
    assert clock.getDelayedCalls() == []


def test_sockets_are_stored_before_the_server_is_ready(made):
    """What isn't listened on any more is dropped afterwards."""
    supervision, ear, _, _ = made
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        supervision.serves([listener], ["duckgres-old"])
        assert ear.heard == [
            ("store", f"duckgres-127.0.0.1-{port}", listener.fileno()),
            ("ready", "2 workers, 1 connection"),
            ("forget", "duckgres-old"),
        ]


def test_the_status_is_kept_up_to_date(made):
    """Now and then, as long as this process serves."""
    supervision, ear, clock, said = made
    supervision.serves([], [])
    said[0] = evolve(STATUS, connections=7)
    clock.advance(STATUS_INTERVAL_S)
    assert ear.heard[-1] == ("status", "2 workers, 7 connections")
    supervision.abandon(4711)
    clock.advance(STATUS_INTERVAL_S)
    assert ear.heard[-1] == ("hand over", 4711)
    supervision.put_up()
    clock.advance(STATUS_INTERVAL_S)
    assert ear.heard[-2:] == [("ready", "back"), ("status", "2 workers, 7 connections")]


def test_what_begins_ends(made):
    """With its outcome, unless another process serves by then."""
    supervision, ear, _, _ = made
    supervision.serves([], [])
    supervision.begins("reading the configuration again")
    supervision.ended("")
    supervision.begins("starting a successor")
    supervision.ended("the successor did not start")
    supervision.begins("starting a successor")
    supervision.abandon(4711)
    supervision.ended("")
    assert ear.heard[1:] == [
        ("reloading", "reading the configuration again"),
        ("ready", "2 workers, 1 connection"),
        ("reloading", "starting a successor"),
        ("ready", "the successor did not start"),
        ("reloading", "starting a successor"),
        ("hand over", 4711),
    ]


def test_the_stop_has_its_time(made):
    """As long as the configuration gives to transactions, and some more."""
    supervision, ear, clock, _ = made
    supervision.serves([], [])
    supervision.stops(300.0)
    assert ear.heard[-1] == ("stopping", "stopping", 330.0)
    clock.advance(STATUS_INTERVAL_S)
    assert ear.heard[-1] == ("stopping", "stopping", 330.0)


def test_a_start_is_no_end_of_anything(made):
    """The signposts are put up before the server is ready."""
    supervision, ear, _, _ = made
    supervision.put_up()
    assert ear.heard == []


def test_a_server_is_one_line():
    """What matters most."""
    assert summary(ServerStatus()) == "0 workers, 0 connections"
    status = evolve(
        STATUS, roll=RollStatus(replaced=1, total=2), last_reload=EventStatus(outcome="unknown setting 'prot'")
    )
    assert summary(status) == (
        "2 workers, 1 connection; rolling: 1 of 2 replaced; the last reload failed: unknown setting 'prot'"
    )
