"""Cutting the stream into messages."""

from __future__ import annotations

import itertools
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duckgres_tx.errors import ProtocolViolation, Severity
from duckgres_tx.wire.frames import DEFAULT_MAX_MESSAGE_BYTES, PASSWORD_MESSAGE_BYTES, SMALL_MESSAGE_BYTES, FrameReader

TYPES = b"BCDEFHPQSXcdfp"


def frame(type_byte, body=b""):
    """A frame's bytes."""
    return type_byte + (len(body) + 4).to_bytes(4) + body


def refusal(data, limit=DEFAULT_MAX_MESSAGE_BYTES):
    """The error that these bytes bring."""
    reader = FrameReader(limit)
    reader.feed(data)
    with pytest.raises(ProtocolViolation) as caught:
        next(reader)
    assert Severity.FATAL is caught.value.severity
    return caught.value.message


def test_nothing_gives_nothing():
    """A reader that was fed nothing, or nothing yet of the next message, just ends."""
    reader = FrameReader()
    assert list(reader) == []
    reader.feed(b"")
    assert list(reader) == []


@pytest.mark.parametrize("length", [0, 1, 3])
def test_length_below_four_is_refused(length):
    """The length counts its own four bytes, so less is nonsense."""
    assert refusal(b"Q" + length.to_bytes(4)) == "invalid message length"


@pytest.mark.parametrize("length", [-1, -2147483648])
def test_negative_length_is_refused(length):
    """No signed number gets past the limit."""
    assert refusal(b"Q" + length.to_bytes(4, signed=True)) == "invalid message length"


@pytest.mark.parametrize("type_byte", [b"Q", b"P", b"B", b"d", b"F"])
def test_length_above_the_limit_is_refused_before_the_body_comes(type_byte):
    """A client can't make the server collect more than the limit."""
    limit = 100_000
    reader = FrameReader(limit)
    reader.feed(type_byte + limit.to_bytes(4))
    assert list(reader) == []

    assert refusal(type_byte + (limit + 1).to_bytes(4), limit) == "invalid message length"


@pytest.mark.parametrize("type_byte", [b"S", b"H", b"X", b"D", b"C", b"E", b"c", b"f"])
def test_messages_that_hold_a_name_have_a_low_limit(type_byte):
    """As in PostgreSQL, only messages that carry text or data may be long."""
    assert refusal(type_byte + (SMALL_MESSAGE_BYTES + 1).to_bytes(4)) == "invalid message length"


def test_passwords_have_their_own_limit():
    """As in PostgreSQL; whoever hasn't authenticated can't fill the memory."""
    assert refusal(b"p" + (PASSWORD_MESSAGE_BYTES + 1).to_bytes(4)) == "invalid message length"


def test_the_limit_can_be_raised_after_authentication():
    """The same reader goes on with the session's limit."""
    reader = FrameReader(1000)
    reader.feed(frame(b"p", b"secret\0"))
    assert list(reader) == [(b"p", b"secret\0")]

    reader.set_limit(DEFAULT_MAX_MESSAGE_BYTES)
    reader.feed(frame(b"Q", b"x" * 2000))
    assert list(reader) == [(b"Q", b"x" * 2000)]


@pytest.mark.parametrize("code", sorted(set(range(256)) - set(TYPES)))
def test_an_unknown_type_is_refused_at_its_first_byte(code):
    """Another protocol on this port is noticed at once, with PostgreSQL's words."""
    assert refusal(bytes([code])) == f"invalid frontend message type {code}"
    assert refusal(bytes([code]) + b"\0\0\0\4") == f"invalid frontend message type {code}"


def test_iteration_can_be_left_and_taken_up_again():
    """A busy session takes one frame and leaves the rest."""
    reader = FrameReader()
    reader.feed(frame(b"P", b"a") + frame(b"B", b"b") + frame(b"S")[:3])

    assert next(reader) == (b"P", b"a")
    reader.feed(frame(b"S")[3:] + frame(b"Q", b"c"))
    assert list(reader) == [(b"B", b"b"), (b"S", b""), (b"Q", b"c")]


def test_buffered_bytes_counts_what_was_not_given_out():
    """A session that pauses its client by this number must be able to trust it."""
    reader = FrameReader()
    long = frame(b"d", b"x" * 100)
    reader.feed(frame(b"S") + long[:50])
    assert reader.buffered_bytes == 55

    next(reader)
    assert reader.buffered_bytes == 50
    assert list(reader) == []
    reader.feed(long[50:80])
    assert reader.buffered_bytes == 80
    assert list(reader) == []
    reader.feed(long[80:] + b"S")
    assert list(reader) == [(b"d", b"x" * 100)]
    assert reader.buffered_bytes == 1


def test_a_large_message_is_joined_once():
    """A message that comes in many reads costs no more than its size: its pieces are kept, not glued again and again."""
    reader = FrameReader()
    message = frame(b"d", bytes(range(256)) * 4096)
    pieces = [message[position : position + 1000] for position in range(0, len(message), 1000)]
    for number, piece in enumerate(pieces[:-1], start=1):
        reader.feed(piece)
        assert list(reader) == []
        assert number == len(reader._parts)
    reader.feed(pieces[-1])

    assert [(b"d", message[5:])] == list(reader)
    assert reader.buffered_bytes == 0


FRAMES = st.lists(st.tuples(st.sampled_from([bytes([code]) for code in TYPES]), st.binary(max_size=40)), max_size=8)


@settings(deadline=None, derandomize=True)
@given(FRAMES, st.data())
def test_any_cut_gives_the_same_frames(frames, data):
    """Where the network cuts the stream, and whether it is read in between, has no meaning."""
    stream = b"".join(frame(*each) for each in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    reader = FrameReader()
    got = []
    for start, end in itertools.pairwise([0, *cuts, len(stream)]):
        reader.feed(stream[start:end])
        if data.draw(st.booleans()):
            got += reader
    got += reader

    assert frames == got
    assert reader.buffered_bytes == 0


@settings(deadline=None, derandomize=True)
@given(st.lists(st.binary(max_size=50), max_size=10))
def test_garbage_is_frames_or_a_violation(pieces):
    """Whatever comes, the reader answers with frames or refuses; it never breaks and never keeps more than it got."""
    reader = FrameReader(200)
    fed = 0
    with suppress(ProtocolViolation):
        for piece in pieces:
            reader.feed(piece)
            fed += len(piece)
            for type_byte, body in reader:
                assert type_byte in TYPES
                assert len(body) <= 196
            assert reader.buffered_bytes <= fed
