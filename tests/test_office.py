"""What people ask for is done or refused, and the service manager hears of it."""

from __future__ import annotations

import os
import socket
from types import SimpleNamespace

import pytest
from attrs import define, field
from pairs import has_no_result, result_of
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from duckgres_tx.handover.commands import Refused
from duckgres_tx.handover.incumbent import Phase
from duckgres_tx.handover.status import WorkerStatus, decode
from duckgres_tx.office import SUCCESSOR_DEADLINE_S, ServerOffice


@define(eq=False)
class Surroundings:
    """What an office works with, in a test's hands."""

    phase: Phase = Phase.SERVING
    told: list = field(factory=list)
    decided: Deferred = field(factory=Deferred)
    reported: Deferred = field(factory=Deferred)
    clock: Clock = field(factory=Clock)
    can_start: bool = True

    def when_decided(self):
        return self.decided

    def begins(self, what):
        self.told.append(what)

    def ended(self, outcome):
        self.told.append(outcome)

    def start(self):
        if not self.can_start:
            raise OSError(11, "Resource temporarily unavailable")
        return self


@pytest.fixture
def around():
    """Its surroundings."""
    return Surroundings()


@pytest.fixture
def office(around):
    """The office of a server with workers."""
    made = ServerOffice(around.clock, around, around.start, around)
    made.opened(SimpleNamespace(workforce=SimpleNamespace(roll=lambda reason: reason, retire=lambda slot: slot == 1)))
    return made


def test_a_successor_is_waited_for(office, around):
    """The service manager hears of the beginning; the end is the successor's to tell."""
    answer = Deferred.fromCoroutine(office.succeed())
    assert has_no_result(answer)
    with pytest.raises(Refused, match="starting already"):
        result_of(Deferred.fromCoroutine(office.succeed()))
    around.decided.callback(4711)
    assert result_of(answer) == 4711
    assert around.told == ["starting a successor", ""]
    assert office.last_takeover is None


def test_a_successor_that_fails_is_told_and_remembered(office, around):
    """With its own words."""
    answer = Deferred.fromCoroutine(office.succeed())
    around.decided.callback(0)
    around.reported.callback("can't read duckgres.yaml")
    with pytest.raises(Refused, match=r"^the successor did not take over: can't read duckgres.yaml$"):
        result_of(answer)
    outcome = "the successor did not take over: can't read duckgres.yaml"
    assert around.told == ["starting a successor", outcome]
    assert office.last_takeover.outcome == outcome


def test_a_successor_that_hangs_is_told(office, around):
    """The wait is bounded."""
    answer = Deferred.fromCoroutine(office.succeed())
    around.clock.advance(SUCCESSOR_DEADLINE_S)
    with pytest.raises(Refused, match="within 60 s"):
        result_of(answer)
    assert around.told == ["starting a successor", "the successor did not take over within 60 s"]


def test_a_successor_that_can_t_start_is_told(office, around):
    """With the system's reason."""
    around.can_start = False
    with pytest.raises(Refused, match=r"can't be started: .*Resource temporarily unavailable"):
        result_of(Deferred.fromCoroutine(office.succeed()))
    assert len(around.told) == 2


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.STOPPING, Phase.STANDING_BY])
def test_a_server_that_doesn_t_serve_does_nothing(office, around, phase):
    """And the service manager hears nothing."""
    around.phase = phase
    for ask in (office.roll, lambda: office.drain_worker(1)):
        with pytest.raises(Refused, match="the server is"):
            ask()
    with pytest.raises(Refused, match="takeover: the server is"):
        result_of(Deferred.fromCoroutine(office.succeed()))
    assert around.told == []


def test_workers_are_replaced(office):
    """All, or one that is there."""
    assert office.roll("SIGUSR2") == "SIGUSR2"
    assert office.drain_worker(1) == "worker 1 is being replaced"
    with pytest.raises(Refused, match="there is no worker 2 that serves"):
        office.drain_worker(2)


def test_a_reload_is_told_and_remembered(office, around):
    """From its beginning to its end."""
    office.reload_began()
    office.reload_ended("unknown setting 'prot'")
    assert around.told == ["reading the configuration again", "unknown setting 'prot'"]
    assert office.last_reload.outcome == "unknown setting 'prot'"


def test_a_successor_that_serves_something_else_is_told(office, around):
    """Its configuration names another server."""
    answer = Deferred.fromCoroutine(office.succeed())
    around.reported.callback("")
    with pytest.raises(Refused, match="it serves something else"):
        result_of(answer)


def test_a_server_that_starts_says_so(around):
    """There is nothing else to say yet."""
    around.phase = Phase.STARTING
    status = decode(ServerOffice(around.clock, around, around.start, around).status())

    assert (status.pid, status.state, status.workers) == (os.getpid(), "starting", ())


def test_a_server_says_what_it_consists_of(office):
    """From its parts."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = SimpleNamespace(
            epoch=5,
            serving_since=12.5,
            waiting=2,
            crew=SimpleNamespace(describe=lambda: {"generation": 3, "workers": [{"slot": 1, "drain_left_s": None}]}),
            admission=SimpleNamespace(open_connections=3),
            prepared=SimpleNamespace(
                listeners=SimpleNamespace(sockets=[listener]), config=SimpleNamespace(max_connections=100)
            ),
        )
        office.opened(server)
        status = decode(office.status())

    assert (status.state, status.epoch, status.generation, status.started_at) == ("serving", 5, 3, 12.5)
    assert (status.connections, status.max_connections, status.waiting) == (3, 100, 2)
    assert status.listeners[0].startswith("127.0.0.1 port ")
    assert status.workers == (WorkerStatus(slot=1),)
