"""A process dies exactly where a test wants it to, and never otherwise."""

from __future__ import annotations

import os
import signal

import pytest

from duckgres_tx import fault_points
from duckgres_tx.fault_points import FaultPoint, reached


@pytest.fixture
def faults(tmp_path, monkeypatch):
    """The file, and the signals that were sent."""
    path, sent = tmp_path / "faults", []
    path.touch()
    monkeypatch.setenv("DUCKGRES_FAULTS", str(path))
    monkeypatch.setattr(fault_points.os, "kill", lambda pid, number: sent.append((pid, number)))
    return path, sent


def test_without_the_variable_nothing_happens(tmp_path, monkeypatch):
    """No file is looked for."""
    monkeypatch.delenv("DUCKGRES_FAULTS", raising=False)
    monkeypatch.chdir(tmp_path)

    reached(FaultPoint.ROLL_DONE)

    assert list(tmp_path.iterdir()) == []


def test_a_line_is_carried_out_once_at_its_point(faults):
    """And the others wait for theirs."""
    path, sent = faults
    path.write_text("roll-hired SIGSTOP 4711\nroll-begins SIGKILL self\nroll-begins SIGTERM 12\n", encoding="ascii")

    reached(FaultPoint.ROLL_DONE)
    assert sent == []
    reached(FaultPoint.ROLL_BEGINS)
    assert sent == [(os.getpid(), signal.SIGKILL)]
    assert path.read_text(encoding="ascii") == "roll-hired SIGSTOP 4711\nroll-begins SIGTERM 12\n"
    reached(FaultPoint.ROLL_BEGINS)
    reached(FaultPoint.ROLL_BEGINS)
    reached(FaultPoint.ROLL_HIRED)

    assert sent[1:] == [(12, signal.SIGTERM), (4711, signal.SIGSTOP)]
    assert path.read_text(encoding="ascii") == ""


def test_what_was_reached_is_noted(faults):
    """So that a test knows that it has walked all of them."""
    path, _ = faults
    reached(FaultPoint.ROLL_BEGINS)
    reached(FaultPoint.ROLL_DONE)

    notes = (path.parent / "faults.reached").read_text(encoding="ascii")
    assert notes == f"roll-begins {os.getpid()}\nroll-done {os.getpid()}\n"


@pytest.mark.parametrize("line", ["", "roll-begins", "roll-starts SIGKILL self", "roll-begins KILL self", "x y z w"])
def test_a_mistake_in_the_file_is_told(faults, line):
    """A test that waits for a fault which never comes would say nothing."""
    path, _ = faults
    path.write_text(line + "\n", encoding="ascii")

    with pytest.raises(ValueError, match="DUCKGRES_FAULTS"):
        reached(FaultPoint.ROLL_BEGINS)
