"""The end of a process that isn't a child."""

from __future__ import annotations

import os
import select
import subprocess
import sys

import pytest
from theatre import Reactor

from duckgres_tx.handover.process_watch import ProcessWatch


@pytest.fixture
def process():
    """One that lives until it is killed."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as made:
        yield made
        made.kill()


def test_its_end_is_told_once(process):
    """And nothing is left open."""
    before = len(os.listdir("/proc/self/fd"))
    reactor, ends = Reactor(), []
    watch = ProcessWatch.on(reactor, process.pid, lambda: ends.append(1))
    assert reactor.readers == {watch}
    assert not watch.has_ended
    process.kill()
    select.select([watch.fileno()], [], [], 10)

    watch.doRead()

    assert (ends, watch.has_ended, reactor.readers) == ([1], True, set())
    watch.end()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_watch_can_be_ended(process):
    """The process goes on."""
    reactor = Reactor()
    watch = ProcessWatch.on(reactor, process.pid, lambda: None)
    watch.end()
    watch.end()

    assert reactor.readers == set()
    assert process.poll() is None


def test_there_must_be_such_a_process(process):
    """One that is gone can't be watched."""
    process.kill()
    process.wait()

    with pytest.raises(OSError, match="No such process"):
        ProcessWatch.on(Reactor(), process.pid, lambda: None)
