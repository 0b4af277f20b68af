"""A server is asked, waited for, and found again when another process has taken over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from attrs import define, evolve, field
from pairs import Pair, has_no_result, result_of
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectError
from twisted.internet.task import Clock

from duckgres_tx.console.conversation import (
    ANSWER_DEADLINE_S,
    POLL_INTERVAL_S,
    NotDone,
    NotReachable,
    RunningServer,
)
from duckgres_tx.handover.commands import DrainWorker, Refused, Roll, Status, Succeed
from duckgres_tx.handover.status import RollStatus, ServerStatus
from duckgres_tx.pool.link import Link, LinkLost, answering


class Serving(Link):
    """What answers at a handover socket."""

    said = ServerStatus(pid=7)
    successor: Deferred[dict[str, int]] | None = None

    @answering(Status)
    def status(self, document):
        os.write(document, self.said.encode())
        os.close(document)

    @answering(Roll)
    def roll(self):
        raise Refused("a roll is under way")

    @answering(DrainWorker)
    def drain(self, slot):
        return {"answer": f"worker {slot} is replaced"}

    @answering(Succeed)
    async def succeed(self):
        self.successor = Deferred()
        return await self.successor


@define(eq=False)
class Socket:
    """A handover socket, in a test's hands."""

    clock: Clock = field(factory=Clock)
    said: ServerStatus = field(factory=lambda: ServerStatus(pid=7))
    there: bool = True
    pairs: list[Pair] = field(factory=list)

    def connect(self, link):
        if not self.there:
            return fail(ConnectError(2))
        serving = Serving(lambda lost: None)
        serving.said = self.said
        self.pairs.append(Pair(link, serving))
        return succeed(link)

    def carry(self, seconds=0.0):
        """Let time pass, and everything arrive."""
        self.clock.advance(seconds)
        for _ in range(3):
            for pair in self.pairs:
                pair.carry()

    @property
    def serving(self):
        return self.pairs[-1].right.protocol


@pytest.fixture
def socket():
    """A socket with a server behind it."""
    made = Socket()
    yield made
    for pair in made.pairs:
        if pair.left.connected:
            pair.left.lose()


@pytest.fixture
def server(socket):
    """Who asks."""
    made = RunningServer(socket.clock, Path("/run/handover.sock"), socket.connect)
    yield made
    made.close()


def asked(socket, coroutine, seconds=0.0):
    """The answer to a question."""
    answer = Deferred.fromCoroutine(coroutine)
    socket.carry(seconds)
    return result_of(answer)


def test_a_status_is_read(socket, server):
    """And no descriptor is left."""
    before = len(os.listdir("/proc/self/fd"))
    assert asked(socket, server.status()) == ServerStatus(pid=7)
    assert asked(socket, server.status()) == ServerStatus(pid=7)
    assert len(os.listdir("/proc/self/fd")) == before
    assert len(socket.pairs) == 1


def test_what_the_server_says_is_passed_on(socket, server):
    """A refusal as an error with its own words."""
    assert asked(socket, server.drain(3)) == "worker 3 is replaced"
    with pytest.raises(NotDone, match=r"^a roll is under way$"):
        asked(socket, server.roll())


def test_nobody_there_is_said_with_the_path(socket, server):
    """The first thing to look at."""
    socket.there = False
    with pytest.raises(NotReachable, match=r"^no server answers at /run/handover.sock: No such file or directory$"):
        asked(socket, server.status())


def test_a_server_that_hangs_is_given_up(socket, server):
    """After a while."""
    answer = Deferred.fromCoroutine(server.status())
    socket.clock.advance(ANSWER_DEADLINE_S)
    with pytest.raises(NotReachable, match="doesn't answer within 10 s"):
        result_of(answer)


def test_a_successor_is_waited_for(socket, server):
    """Its pid is the answer."""
    answer = Deferred.fromCoroutine(server.succeed(60.0))
    socket.carry()
    socket.carry(30.0)
    assert has_no_result(answer)
    socket.serving.successor.callback({"pid": 8})
    socket.carry()
    assert result_of(answer) == 8


def test_a_successor_that_fails_is_told(socket, server):
    """In the server's words."""
    answer = Deferred.fromCoroutine(server.succeed(60.0))
    socket.carry()
    socket.serving.successor.errback(Refused("the new server ended with status 1: can't read duckgres.yaml"))
    socket.carry()
    with pytest.raises(NotDone, match="ended with status 1"):
        result_of(answer)


def test_a_server_that_left_before_it_could_answer_has_a_successor(socket, server):
    """Which answers at the same path."""
    answer = Deferred.fromCoroutine(server.succeed(60.0))
    socket.carry()
    socket.said = ServerStatus(pid=8)
    socket.there = False
    socket.pairs[-1].right.lose()
    socket.carry()
    assert has_no_result(answer)
    socket.there = True
    socket.carry(POLL_INTERVAL_S)
    assert result_of(answer) == 8


def test_a_server_that_hung_up_and_goes_on_has_none(socket, server):
    """It is the same one."""
    answer = Deferred.fromCoroutine(server.succeed(60.0))
    socket.carry()
    socket.pairs[-1].right.lose()
    socket.carry()
    with pytest.raises(NotDone, match="goes on"):
        result_of(answer)


def test_progress_is_followed_over_a_takeover(socket, server):
    """Whoever serves is asked."""
    rolling = ServerStatus(pid=7, roll=RollStatus(total=2))
    socket.said = rolling
    shown = []
    answer = Deferred.fromCoroutine(server.wait_for(lambda now: now.roll is None, shown.append, 0))
    socket.carry()
    socket.said = evolve(rolling, pid=8, roll=None)
    socket.pairs[-1].right.lose()
    socket.carry(POLL_INTERVAL_S)
    assert result_of(answer).pid == 8
    assert [now.pid for now in shown] == [7, 8]


def test_progress_is_followed_so_long_and_no_longer(socket, server):
    """If a time was given."""
    answer = Deferred.fromCoroutine(server.wait_for(lambda now: False, lambda now: None, 1.0))
    socket.carry()
    socket.carry(POLL_INTERVAL_S)
    socket.carry(POLL_INTERVAL_S)
    with pytest.raises(NotDone, match="not finished within 1 s"):
        result_of(answer)


def test_a_server_that_is_gone_for_good_is_noticed(socket, server):
    """Nobody takes its place."""
    answer = Deferred.fromCoroutine(server.wait_for(lambda now: False, lambda now: None, 0))
    socket.carry()
    socket.there = False
    socket.pairs[-1].right.lose()
    for _ in range(30):
        socket.carry(POLL_INTERVAL_S)
    with pytest.raises((NotReachable, LinkLost)):
        result_of(answer)
