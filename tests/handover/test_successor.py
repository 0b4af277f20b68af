"""A server starts its successor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.python.failure import Failure

from duckgres_tx.handover.successor import CommandLine, Successor, start_successor


def test_the_command_line_is_that_of_the_process():
    """Whatever Python was told, too; as a fresh process says of itself."""
    code = (
        "import pathlib; from duckgres_tx.handover.successor import CommandLine;"
        "print(CommandLine.of_this_process(pathlib.Path('/x')).arguments)"
    )
    said = subprocess.run(
        [sys.executable, "-X", "dev", "-c", code, "--port", "7", ""],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert said.stdout == f"{('-X', 'dev', '-c', code, '--port', '7', '')}\n"


def test_it_is_told_to_take_over():
    """Whatever it was told itself."""
    line = CommandLine(("-n", "duckgres", "--handover", "/a"), Path("/x")).with_handover(Path("/b"))

    assert line.arguments == ("-n", "duckgres", "--handover", "/a", "--handover", "/b")
    assert line.directory == Path("/x")
    assert line.with_handover(Path("/b")) == line


class Reactor:
    """Remembers what was started."""

    def spawnProcess(self, protocol, executable, args, env, path, childFDs):
        self.started = executable, args, env, path, childFDs
        self.protocol = protocol


def test_it_is_started_where_this_one_was():
    """It writes where this one writes, and reports; what the service manager said to this one isn't said to it."""
    reactor = Reactor()
    environment = {"A": "b", "LISTEN_FDS": "2", "LISTEN_PID": "1", "NOTIFY_SOCKET": "/n"}
    successor = start_successor(reactor, CommandLine(("x.py", "-n"), Path("/srv")), environment)

    executable, args, env, path, fds = reactor.started
    assert (executable, args) == (sys.executable, [sys.executable, "x.py", "-n"])
    assert env == {"A": "b", "NOTIFY_SOCKET": "/n", "DUCKGRES_REPORT_FD": "3"}
    assert (path, fds) == ("/srv", {0: 0, 1: 1, 2: 2, 3: "r"})
    assert reactor.protocol is successor


@pytest.mark.parametrize(
    ("pieces", "outcome"),
    [
        ([b"ready"], ""),
        ([b"port 5", b" is in use\n"], "port 5 is in use"),
        ([b"first\nsecond\n"], "first"),
        ([], "the successor ended without a word; what it wrote to standard error says why"),
        ([b"x" * 9000], "x" * 4096),
    ],
)
def test_its_report_is_one_line(pieces, outcome):
    """Empty when it serves."""
    successor = Successor()
    for piece in pieces:
        successor.childDataReceived(3, piece)
    assert not successor.reported.called
    successor.childConnectionLost(3)
    successor.childConnectionLost(3)

    assert successor.reported.result == outcome


@pytest.mark.parametrize("reason", [ProcessDone(0), ProcessTerminated(1)])
def test_its_end_changes_nothing(reason):
    """It has become a daemon, or has reported why not."""
    Successor().processEnded(Failure(reason))
