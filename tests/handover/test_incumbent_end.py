"""What people are answered on the handover socket."""

from __future__ import annotations

import os

import pytest
from pairs import result_of
from theatre import DIRECTORIES, FakeSignposts, HandledPair, Reactor

from duckgres_tx.handover.commands import DrainWorker, Refused, Roll, Status, Succeed
from duckgres_tx.handover.descriptors import OwnedDescriptor, memory_file, read_memory_file
from duckgres_tx.handover.incumbency import Incumbency
from duckgres_tx.handover.incumbent_end import IncumbentEnd
from duckgres_tx.pool.link import Link


class FakeOffice:
    """An `Office`."""

    def status(self):
        return b"{" + b" " * 100_000 + b"}"

    def roll(self):
        return "rolling"

    def drain_worker(self, slot):
        if slot != 1:
            raise Refused(f"there is no worker {slot}")
        return "worker 1 is being replaced"

    async def succeed(self):
        return 4711


@pytest.fixture
def link():
    """A link to a server; no descriptor may be left."""
    before = len(os.listdir("/proc/self/fd"))
    incumbency = Incumbency(Reactor(), DIRECTORIES, FakeSignposts("x", []), 3.0, lambda: None)
    made = Link(lambda lost: None)
    made.pair = HandledPair(made, IncumbentEnd(incumbency, FakeOffice(), lambda lost: None))
    yield made
    made.pair.cut()
    assert len(os.listdir("/proc/self/fd")) == before


def ask(link, command, **arguments):
    """Ask, and be answered."""
    answer = link.ask(command, **arguments)
    link.pair.carry()
    return result_of(answer)


def test_the_status_comes_in_a_memory_file(link):
    """It may be long."""
    with OwnedDescriptor(memory_file(b"", "status")) as document:
        assert ask(link, Status, document=document.fd) == {}
        assert len(read_memory_file(document.fd, 1 << 20)) == 100_002


def test_commands_are_answered_in_words(link):
    """Or refused in one line."""
    assert ask(link, Roll) == {"answer": "rolling"}
    assert ask(link, DrainWorker, slot=1) == {"answer": "worker 1 is being replaced"}
    assert ask(link, Succeed) == {"pid": 4711}
    with pytest.raises(Refused, match="there is no worker 2"):
        ask(link, DrainWorker, slot=2)
