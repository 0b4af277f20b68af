"""Messages as they may be made up: every class comes back as it was, and rubbish is refused in bounded time and memory.

``FUZZ_SECONDS`` has each go on for so long instead of for the few examples that a run of all tests has time for.
"""

from __future__ import annotations

import os
import time
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from duckgres_tx.errors import PgError
from duckgres_tx.wire import frontend, startup
from duckgres_tx.wire.frames import FRAME_HEADER_BYTES, FrameReader

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
EXAMPLES = 1000 if SECONDS else 60
# What reading may cost in memory: the bytes, what they are cut into, and little else.
MOST_MEMORY = 64 * 1024

MALFORMED = frozenset({"08P01", "22021", "22023"})

names = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=40)
values = st.none() | st.binary(max_size=60)
formats = st.lists(st.sampled_from([0, 1]), max_size=5).map(tuple)


@st.composite
def arguments(draw):
    """Values and their formats: none, one for all, or one for each."""
    given_values = draw(st.lists(values, max_size=5))
    count = draw(st.sampled_from([0, 1, len(given_values)]))
    return tuple(draw(st.lists(st.sampled_from([0, 1]), min_size=count, max_size=count))), given_values


targets = st.sampled_from(list(frontend.Target))
oids = st.lists(st.integers(0, 2**32 - 1), max_size=5).map(tuple)

MESSAGES = st.one_of(
    st.builds(frontend.Query, names),
    st.builds(frontend.Parse, names, names, oids),
    st.builds(
        lambda portal, name, bound, results: frontend.Bind(portal, name, *bound, results),
        names,
        names,
        arguments(),
        formats,
    ),
    st.builds(frontend.Describe, targets, names),
    st.builds(frontend.Execute, names, st.integers(-(2**31), 2**31 - 1)),
    st.builds(frontend.Close, targets, names),
    st.builds(frontend.CopyData, st.binary(max_size=200)),
    st.builds(frontend.CopyFail, names),
    st.builds(lambda oid, bound: frontend.FunctionCall(oid, *bound, 1), st.integers(0, 2**32 - 1), arguments()),
    st.sampled_from([frontend.Sync(), frontend.Flush(), frontend.CopyDone(), frontend.Terminate()]),
)


def fuzz(*strategies):
    """Few examples, or as many as there is time for."""

    def decorate(function):
        checked = settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=not SECONDS,
            suppress_health_check=list(HealthCheck),
        )(given(st.tuples(*strategies))(lambda example: function(*example)))

        def run():
            began = time.monotonic()
            checked()
            while time.monotonic() - began < SECONDS:
                checked()

        run.__name__, run.__doc__ = function.__name__, function.__doc__
        return pytest.mark.timeout(max(180, 3 * SECONDS))(run)

    return decorate


def refused(function, *arguments_, states):
    """Call something; whether it was refused, with one of these SQLSTATEs."""
    try:
        function(*arguments_)
    except PgError as error:
        if error.sqlstate not in states:
            raise
        return True
    return False


def cut(data, places):
    """Data in pieces."""
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(ends)]


def frames(pieces, limit=1 << 20):
    """What a reader makes of pieces; the error that ended it, if one did."""
    reader = FrameReader(limit)
    found = []
    try:
        for piece in pieces:
            reader.feed(piece)
            found.extend(reader)
    except PgError as error:
        return found, error
    return found, None


@fuzz(st.lists(MESSAGES, max_size=8), st.lists(st.integers(0, 4000), max_size=8))
def test_messages_come_back_as_they_were(messages, places):
    """Wherever the stream is cut."""
    data = b"".join(message.encode() for message in messages)
    found, error = frames(cut(data, places))
    assert error is None
    assert [frontend.decode(*frame) for frame in found] == messages


@fuzz(MESSAGES, st.integers(0, 10**6), st.integers(0, 255))
def test_a_message_with_a_wrong_byte_is_another_or_none(message, place, byte):
    """Decoded or refused; nothing else comes of it."""
    data = bytearray(message.encode())
    data[place % len(data)] = byte
    found, _ = frames([bytes(data)])
    for frame in found:
        refused(frontend.decode, *frame, states=MALFORMED)


@fuzz(st.sampled_from(sorted(frontend.MESSAGE_CLASSES)), st.binary(max_size=300))
def test_a_body_of_rubbish_is_refused(type_byte, body):
    """Or it is a message by chance, which is then encoded as something that says the same."""
    if not refused(frontend.decode, type_byte, body, states=MALFORMED):
        message = frontend.decode(type_byte, body)
        again = message.encode()
        assert frontend.decode(again[:1], again[FRAME_HEADER_BYTES:]) == message


@fuzz(st.lists(st.binary(max_size=400), max_size=12), st.integers(4, 5000))
def test_a_stream_of_rubbish_holds_no_more_than_its_bytes(pieces, limit):
    """However long the messages in it claim to be."""
    size = sum(map(len, pieces))
    tracemalloc.start()
    try:
        found, _ = frames(pieces, limit)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 4 * size + MOST_MEMORY
    assert sum(FRAME_HEADER_BYTES + len(body) for _, body in found) <= size


@fuzz(
    st.dictionaries(names.filter(bool), names, max_size=6),
    st.integers(0, 9),
    st.lists(st.integers(0, 2000), max_size=5),
)
def test_startup_messages_come_back_as_they_were(parameters, minor, places):
    """Wherever they are cut."""
    message = startup.StartupMessage(3, minor, parameters)
    reader = startup.StartupReader()
    *pieces, last = cut(message.encode(), places)
    for piece in pieces:
        reader.feed(piece)
        assert reader.read() is None
    reader.feed(last + b"rest")
    assert reader.read() == message
    assert reader.take_leftover() == b"rest"


@fuzz(
    st.lists(
        st.binary(max_size=200) | st.sampled_from([b"\0\0\0\x08\x04\xd2\x16\x2f", b"\0\0\0\x08\x04\xd2\x16\x30"]),
        max_size=8,
    )
)
def test_rubbish_before_a_startup_message_is_refused(pieces):
    """A packet at a time, and none that is too long is waited for."""
    reader = startup.StartupReader()

    def read_all():
        # TLS isn't the reader's to go on with
        while not isinstance(reader.read(), startup.DirectTLS | None):
            assert len(reader.leftover) < sum(map(len, pieces))

    for piece in pieces:
        reader.feed(piece)
        if refused(read_all, states={"08P01", "0A000", "22021"}):
            return


@fuzz(st.binary(max_size=300))
def test_options_of_a_startup_message_are_read_or_refused(data):
    """Whatever stands in them."""
    refused(startup.parse_options, data.decode(errors="replace"), states={"42601"})


@fuzz(st.binary(max_size=200))
def test_sasl_messages_of_rubbish_are_refused(body):
    """As the first and as the second."""
    response = frontend.decode(b"p", body)
    for read in (response.as_sasl_initial_response, response.as_sasl_response):
        refused(read, states=MALFORMED)
