"""A start stands back behind those who serve, until it is ready; against a file as the kernel shows it."""

from __future__ import annotations

import os

import pytest
from twisted.internet.task import Clock
from twisted.logger import Logger

from duckgres_tx.courtesy import BEHIND, Courtesy

UNTOUCHED = "/autogroup-123 nice 0\n"


@pytest.fixture
def autogroup(tmp_path):
    """As ``/proc/self/autogroup`` reads; what is written to it replaces that."""
    path = tmp_path / "autogroup"
    path.write_text(UNTOUCHED)
    return path


@pytest.fixture
def session(monkeypatch):
    """Led by us, until a test says otherwise."""
    sessions = [os.getpid()]
    monkeypatch.setattr(os, "getsid", lambda pid: sessions[-1])
    return sessions


def test_a_session_of_its_own_stands_back_and_comes_forward_again(autogroup, session):
    """Between the two it is behind all others."""
    courtesy = Courtesy.begin(autogroup)
    assert autogroup.read_text() == str(BEHIND)
    courtesy.end(Clock())
    assert autogroup.read_text() == "0"


def test_somebody_else_s_session_is_left_alone(autogroup, session):
    """A shell's other jobs have nothing to do with us."""
    session.append(os.getpid() + 1)
    Courtesy.begin(autogroup).end(Clock())
    assert autogroup.read_text() == UNTOUCHED


@pytest.mark.parametrize("nice", ["-5", "7"])
def test_what_the_operator_has_chosen_is_left_alone(autogroup, session, nice):
    """It could not be given back, or means more than we know."""
    chosen = f"/autogroup-123 nice {nice}\n"
    autogroup.write_text(chosen)
    Courtesy.begin(autogroup).end(Clock())
    assert autogroup.read_text() == chosen


@pytest.mark.parametrize("content", [None, "", "something else\n"])
def test_a_kernel_without_such_groups_is_no_reason_to_fail(autogroup, session, content):
    """No file, or not that one."""
    if content is None:
        autogroup.unlink()
    else:
        autogroup.write_text(content)
    clock = Clock()
    Courtesy.begin(autogroup).end(clock)
    assert not clock.getDelayedCalls()


def test_a_daemon_has_a_new_session_which_is_left_alone(autogroup, session):
    """Only the command that has started it stood back."""
    courtesy = Courtesy.begin(autogroup)
    session.append(os.getpid() + 1)
    autogroup.write_text(UNTOUCHED)
    courtesy.end(Clock())
    assert autogroup.read_text() == UNTOUCHED


def test_a_kernel_that_takes_no_change_yet_is_asked_again(autogroup, session):
    """It takes one in a tenth of a second, and somebody else's counts too."""
    clock = Clock()
    courtesy = Courtesy.begin(autogroup)
    autogroup.unlink()
    autogroup.mkdir()
    courtesy.end(clock)
    clock.advance(0.05)
    autogroup.rmdir()
    clock.advance(0.05)
    assert autogroup.read_text() == "0"
    assert not clock.getDelayedCalls()


def test_a_kernel_that_takes_none_at_all_is_told_of(autogroup, session):
    """The server goes on as it is, and the operator knows."""
    clock = Clock()
    events = []
    courtesy = Courtesy.begin(autogroup)
    courtesy._log = Logger(observer=events.append)
    autogroup.unlink()
    autogroup.mkdir()
    courtesy.end(clock)
    clock.pump([0.05] * 101)
    assert not clock.getDelayedCalls()
    assert [event["nice"] for event in events] == [BEHIND]
