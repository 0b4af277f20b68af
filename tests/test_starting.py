"""How a start went is told to whoever waits for it."""

from __future__ import annotations

import os

import pytest

from duckgres_tx.starting import StartReport, cannot_start


@pytest.fixture
def made():
    """A report, twistd's options, and the read ends of the pipe and of standard error."""
    status_reader, status_writer = os.pipe()
    error_reader, error_writer = os.pipe()
    at_exit, statuses = [], []
    options = {"statusPipe": status_writer}
    report = StartReport(options, at_exit.append, statuses.append, stderr=error_writer)
    yield report, options, at_exit, statuses, status_reader, error_reader
    os.close(status_reader)
    os.close(error_reader)


def test_twistd_s_parent_waits_for_the_report(made):
    """Twistd finds no pipe and says nothing by itself; ready is "0", and the pipe's end."""
    report, options, at_exit, statuses, status_reader, error_reader = made
    report.take_over()
    assert options["statusPipe"] is None

    report.succeeded()

    assert os.read(status_reader, 100) == b"0"
    assert os.read(status_reader, 100) == b""
    assert os.read(error_reader, 100) == b""
    assert (at_exit, statuses) == ([], [])


def test_a_failure_is_told_everywhere(made):
    """On the operator's terminal at once; to the parent, and as exit status, when everything else is gone."""
    report, _, at_exit, statuses, status_reader, error_reader = made
    report.take_over()

    report.failed("worker 1 can't serve: no such extension")

    assert os.read(error_reader, 1000) == b"duckgres: worker 1 can't serve: no such extension\n"
    assert os.read(error_reader, 1000) == b""
    os.set_blocking(status_reader, False)
    with pytest.raises(BlockingIOError):
        os.read(status_reader, 100)
    assert statuses == []
    for leave in at_exit:
        leave()
    assert os.read(status_reader, 100).startswith(b"1 ")
    assert statuses == [1]


def test_without_a_daemon_there_is_no_pipe():
    """The exit status and standard error are enough."""
    reader, writer = os.pipe()
    at_exit, statuses = [], []
    report = StartReport({}, at_exit.append, statuses.append, stderr=writer)
    report.take_over()
    report.failed("x")
    report.failed("and once more")
    for leave in at_exit:
        leave()

    assert os.read(reader, 100) == b"duckgres: x\n"
    assert statuses == [1]
    os.close(reader)


@pytest.fixture
def wanted(monkeypatch):
    """The read end of a pipe whose other end is given to this process, as a server gives it to its successor."""
    reader, writer = os.pipe()
    monkeypatch.setenv("DUCKGRES_REPORT_FD", str(writer))
    yield reader
    os.close(reader)


def test_who_wanted_a_successor_hears_of_it(wanted):
    """And no child of the successor tells anything."""
    report = StartReport({}, stderr=os.dup(2))
    assert "DUCKGRES_REPORT_FD" not in os.environ
    report.take_over()

    report.succeeded()

    assert (os.read(wanted, 100), os.read(wanted, 100)) == (b"ready", b"")


def test_who_wanted_a_successor_hears_why_there_is_none(wanted):
    """In one line, however early it failed."""
    assert cannot_start("port: 'x' is not a whole number").code == "duckgres: port: 'x' is not a whole number"

    assert (os.read(wanted, 100), os.read(wanted, 100)) == (b"port: 'x' is not a whole number\n", b"")


def test_who_wanted_a_successor_hears_of_a_late_failure(wanted):
    """As the operator does."""
    reader, writer = os.pipe()
    report = StartReport({}, lambda leave: None, stderr=writer)
    report.failed("no such extension")

    assert (os.read(wanted, 100), os.read(reader, 100)) == (b"no such extension\n", b"duckgres: no such extension\n")
    os.close(reader)


def test_a_variable_that_means_nothing_is_ignored(monkeypatch):
    """Such as a descriptor that isn't open."""
    for text in ("", "x", "-1", "987654"):
        monkeypatch.setenv("DUCKGRES_REPORT_FD", text)
        assert cannot_start("x").code == "duckgres: x"
