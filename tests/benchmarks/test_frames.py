"""Counting frames and finding the end of a result without parsing rows."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.frames import BrokenFrameError, FrameCounter, closing_tag, ends_with_ready, rows_of


def message(kind: bytes, body: bytes) -> bytes:
    """One typed message."""
    return kind + struct.pack("!I", len(body) + 4) + body


READY = message(b"Z", b"I")


def complete(tag: bytes) -> bytes:
    """CommandComplete."""
    return message(b"C", tag + b"\0")


@pytest.mark.parametrize("status", [b"I", b"T", b"E"])
def test_ready_for_query_is_seen_at_the_end(status: bytes) -> None:
    """A drain ends in every transaction status."""
    assert ends_with_ready(b"whatever" + message(b"Z", status))


@pytest.mark.parametrize("tail", [b"", b"Z", b"\0\0\0\5I", message(b"Z", b"X"), READY + b"\0", b"Z\0\0\0\6I"])
def test_what_is_no_ready_for_query(tail: bytes) -> None:
    """Bytes that only resemble the end do not end a drain."""
    assert not ends_with_ready(tail)


def test_the_closing_tag_is_read() -> None:
    """The tag right before ReadyForQuery tells the rows."""
    assert closing_tag(message(b"D", b"x" * 80) + complete(b"SELECT 6001215") + READY) == "SELECT 6001215"


def test_a_tag_is_found_although_it_contains_a_c() -> None:
    """COPY starts with the same letter as the message's type."""
    assert closing_tag(complete(b"COPY 5") + READY) == "COPY 5"


@pytest.mark.parametrize(
    "tail",
    [
        READY,
        complete(b"SELECT 1"),
        message(b"E", b"SERROR\0C42P01\0Mno\0\0") + READY,
        b"C\0\0\0\x7f" + b"SELECT 1\0" + READY,
        complete(b"SELECT 1") + message(b"S", b"a\0b\0") + READY,
    ],
)
def test_no_tag_where_none_stands_before_ready(tail: bytes) -> None:
    """An error's end, a wrong length and other messages in between are not taken for a result's end."""
    assert closing_tag(tail) is None


@pytest.mark.parametrize(
    ("tag", "rows"), [("SELECT 5", 5), ("INSERT 0 7", 7), ("COPY 0", 0), ("BEGIN", 0), ("CREATE TABLE", 0)]
)
def test_rows_of_tags(tag: str, rows: int) -> None:
    """The last word of a tag is its count, if it is a number."""
    assert rows_of(tag) == rows


messages = st.lists(
    st.tuples(st.sampled_from([b"T", b"D", b"C", b"N", b"Z"]), st.binary(max_size=40)), min_size=1, max_size=12
)


@given(messages, st.data())
def test_counting_does_not_depend_on_the_slicing(sent: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    """However the kernel cuts the stream, each message is counted once, and only once whole is a boundary reached."""
    stream = b"".join(message(kind, body) for kind, body in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    counter = FrameCounter()
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        counter.feed(stream[start:stop])

    assert {bytes([kind]): count for kind, count in counter.types.items()} == {
        kind: sum(other == kind for other, _ in sent) for kind, _ in sent
    }
    assert counter.at_boundary
    assert counter.finished == (sent[-1][0] == b"Z")


def test_half_a_message_is_no_boundary() -> None:
    """A stream cut within a body, or within a header, is not at an end."""
    counter = FrameCounter()
    counter.feed(message(b"D", b"abc")[:-1])
    assert not counter.at_boundary
    counter.feed(b"c" + b"Z\0")
    assert not counter.at_boundary
    counter.feed(b"\0\0\5I")
    assert counter.at_boundary
    assert counter.finished


def test_an_impossible_length_is_refused() -> None:
    """A length below four would make the count go backwards."""
    with pytest.raises(BrokenFrameError, match="length 3"):
        FrameCounter().feed(b"D\0\0\0\3")
