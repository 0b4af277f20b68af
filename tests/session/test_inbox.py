"""What a client sends while the server is busy is read ahead so far and no farther, and never so that both wait."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from duckgres_tx.session.inbox import MAX_READ_AHEAD_BYTES, Inbox
from duckgres_tx.wire.frames import FrameReader
from duckgres_tx.wire.frontend import Query

LARGE = Query("x" * (4 * MAX_READ_AHEAD_BYTES)).encode()
SMALL = Query("x" * (MAX_READ_AHEAD_BYTES // 8)).encode()


class Transport:
    """Knows whether it is read from."""

    def __init__(self):
        self.reading = True

    def pauseProducing(self):
        self.reading = False

    def resumeProducing(self):
        self.reading = True


@pytest.fixture
def transport():
    """Where the client's bytes come from."""
    return Transport()


@pytest.fixture
def inbox(transport):
    """Nothing waits in it."""
    inbox = Inbox(SimpleNamespace(transport=transport))
    inbox.begin(FrameReader())
    return inbox


def take_all(inbox):
    """As a session does that waits for nothing; gives the number of frames."""
    count = 0
    while inbox.take() is not None:
        count += 1
    return count


def test_little_is_read_ahead(inbox, transport):
    """A pipeline of small messages goes on being read while one of them runs."""
    inbox.feed(SMALL)
    inbox.pause_when_full()

    assert transport.reading


def test_reading_stops_when_much_waits_and_goes_on_when_it_is_taken_up(inbox, transport):
    """The bound."""
    inbox.feed(SMALL * 9)
    inbox.pause_when_full()
    assert not transport.reading

    inbox.take()
    inbox.take()
    inbox.resume_when_emptied()
    assert transport.reading


def test_reading_stays_stopped_while_much_waits_whole(inbox, transport):
    """One statement of many was taken up."""
    inbox.feed(SMALL * 30)
    inbox.pause_when_full()
    inbox.take()
    inbox.resume_when_emptied()

    assert not transport.reading


@pytest.mark.parametrize("ahead", [MAX_READ_AHEAD_BYTES + 1, 2 * MAX_READ_AHEAD_BYTES, len(LARGE) - 1])
def test_the_rest_of_a_large_message_is_read_though_much_of_it_waits(inbox, transport, ahead):
    """It came while a statement ran; with reading stopped the rest would never come, and without it there is nothing to take up."""
    inbox.feed(LARGE[:ahead])
    inbox.pause_when_full()
    assert not transport.reading

    assert take_all(inbox) == 0
    inbox.resume_when_emptied()
    assert transport.reading

    inbox.feed(LARGE[ahead:])
    assert take_all(inbox) == 1
