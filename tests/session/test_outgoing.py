"""Answers leave in one piece, and nothing is produced for who doesn't read."""

from __future__ import annotations

from twisted.internet.testing import StringTransport

from duckgres_tx.session.outgoing import FLUSH_BYTES, Outgoing


class Counting(StringTransport):
    """Counts the writes."""

    writes = 0

    def write(self, data):
        """One more."""
        self.writes += 1
        super().write(data)


def test_an_answer_is_one_write():
    """Small messages are gathered until the flush."""
    transport = Counting()
    output = Outgoing(transport)
    for message in (b"a", b"b", b"c"):
        output.write(message)
    assert transport.writes == 0
    output.flush()
    output.flush()
    assert (transport.writes, transport.value()) == (1, b"abc")


def test_much_is_not_gathered():
    """A result that grows leaves in pieces."""
    transport = Counting()
    Outgoing(transport).write(b"x" * FLUSH_BYTES)
    assert transport.writes == 1


def test_a_full_transport_pauses_and_says_when_it_is_not():
    """The session asks before it takes more from the engine."""
    transport = StringTransport()
    output = Outgoing(transport)
    calls = []
    output.on_writable = lambda: calls.append(output.paused)
    transport.producer.pauseProducing()
    assert output.paused
    transport.producer.resumeProducing()
    assert calls == [False]


def test_nothing_is_written_to_a_transport_that_is_gone():
    """What a statement still gives is dropped."""
    transport = StringTransport()
    output = Outgoing(transport)
    output.write(b"before")
    output.stopProducing()
    output.write(b"after")
    output.flush()
    assert transport.value() == b""


def test_detaching_lets_the_transport_close():
    """With a producer it would wait for ever."""
    transport = StringTransport()
    output = Outgoing(transport)
    output.write(b"farewell")
    output.detach()
    assert transport.producer is None
    assert transport.value() == b"farewell"
