"""Rows go to the client as it reads them."""

from __future__ import annotations

from twisted.internet.testing import StringTransport

from duckgres_tx.session.outgoing import Outgoing
from duckgres_tx.session.running import Running


class FakeExecution:
    """An execution whose buffers the test fills."""

    def __init__(self):
        self.callback = None
        self.done = False
        self.error = None
        self.buffers = []
        self.taken = 0

    def take(self):
        """All that is there."""
        self.taken += 1
        buffers, self.buffers = self.buffers, []
        return buffers

    def news(self, *buffers, done=False, error=None):
        """The engine has something to say."""
        self.buffers += buffers
        self.done, self.error = done, error
        self.callback(self)


def begun(head=b"", told=b""):
    """A running execution with its transport."""
    transport = StringTransport()
    output = Outgoing(transport)
    running, execution = Running(output, lambda: told and output.write(told)), FakeExecution()
    finished = []
    running.finish(execution, head).addCallback(finished.append)
    output.on_writable = running.pump
    return transport, running, execution, finished


def test_rows_leave_as_they_come():
    """A slow query's first rows aren't held back."""
    transport, running, execution, finished = begun()
    execution.news(b"first ")
    assert transport.value() == b"first "
    assert running.active
    execution.news(b"last", done=True)
    assert finished == [execution]
    assert not running.active
    assert execution.callback is None


def test_the_end_is_gathered_with_what_follows():
    """Rows, tag and ReadyForQuery of a small result are one write."""
    transport, _, execution, finished = begun()
    execution.news(b"row", done=True)
    assert finished == [execution]
    assert transport.value() == b""


def test_nothing_is_taken_while_the_client_does_not_read():
    """So the engine's ring fills up, and its thread has a rest."""
    transport, _, execution, _ = begun()
    transport.producer.pauseProducing()
    execution.news(b"a")
    execution.news(b"b")
    assert (execution.taken, transport.value()) == (0, b"")
    transport.producer.resumeProducing()
    assert (execution.taken, transport.value()) == (1, b"ab")


def test_the_head_comes_before_the_first_row_and_only_once():
    """RowDescription is written when it is sure that there are rows, or none."""
    transport, _, execution, _ = begun(b"T")
    execution.news(b"D1")
    execution.news(b"D2")
    assert transport.value() == b"TD1D2"


def test_the_head_is_written_for_no_rows_and_left_out_for_an_error():
    """An empty result has columns; what failed before its first row has not."""
    for error, expected in ((None, b"T"), (RuntimeError(), b"")):
        transport, running, execution, _ = begun(b"T")
        execution.news(done=True, error=error)
        running._output.flush()
        assert transport.value() == expected


def test_what_a_statement_has_to_tell_stands_before_its_last_rows():
    """A warning that a function has raised: behind the description, before the rows; nothing of one that failed."""
    for error, expected in ((None, b"head warning row"), (RuntimeError(), b"head row")):
        transport, running, execution, _ = begun(head=b"head ", told=b"warning ")
        execution.news(b"row", done=True, error=error)
        running._output.flush()
        assert transport.value() == expected
