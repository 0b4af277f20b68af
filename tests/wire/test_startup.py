"""The packets before the first typed message."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duckgres_tx.errors import FeatureNotSupported, PgError, Severity
from duckgres_tx.wire.startup import (
    CancelRequest,
    DirectTLS,
    GSSENCRequest,
    SSLRequest,
    StartupMessage,
    StartupReader,
    parse_options,
)

LAYOUT = "invalid startup packet layout: expected terminator as last byte"
LENGTH = "invalid length of startup packet"


def read(data):
    """The first packet in these bytes."""
    reader = StartupReader()
    reader.feed(data)
    return reader.read()


def packet(body):
    """A body with its length before it."""
    return (len(body) + 4).to_bytes(4) + body


def refusal(data):
    """The error that these bytes bring."""
    with pytest.raises(PgError) as caught:
        read(data)
    assert Severity.FATAL is caught.value.severity
    return caught.value.sqlstate, caught.value.message


@pytest.mark.parametrize("length", [0, 4, 7, 10_001, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_length_out_of_bounds_is_refused_at_once(length):
    """Nobody can make the server wait for, or keep, more than 10,000 bytes before it knows who they are."""
    assert refusal(length.to_bytes(4)) == ("08P01", LENGTH)


def test_the_longest_packet_is_read():
    """10,000 bytes are allowed."""
    message = StartupMessage(3, 0, {"user": "u", "options": "x" * (10_000 - 9 - 7 - 9)})

    assert len(message.encode()) == 10_000
    assert message == read(message.encode())


@pytest.mark.parametrize("first", [b"G", b"\x80", b"\xff", b"\x01"])
def test_another_protocol_is_refused_at_its_first_byte(first):
    """An HTTP client learns it at once; no legal length begins so."""
    assert refusal(first) == ("08P01", LENGTH)


def test_a_tls_hello_is_told_apart_and_left_alone():
    """Direct TLS: every byte belongs to the handshake."""
    reader = StartupReader()
    reader.feed(b"\x16\x03\x01")

    assert DirectTLS() == reader.read()
    assert reader.take_leftover() == b"\x16\x03\x01"
    assert reader.leftover == b""


def test_packets_come_one_at_a_time():
    """What follows a packet stays unread: whose bytes they are depends on the answer (CVE-2021-23214)."""
    message = StartupMessage(3, 0, {"user": "alice"})
    reader = StartupReader()
    reader.feed(SSLRequest().encode() + GSSENCRequest().encode() + message.encode() + b"Q\0\0")

    assert SSLRequest() == reader.read()
    assert reader.leftover.startswith(GSSENCRequest().encode())
    assert GSSENCRequest() == reader.read()
    assert message == reader.read()
    assert reader.take_leftover() == b"Q\0\0"
    assert reader.read() is None


@pytest.mark.parametrize("request_packet", [SSLRequest(), GSSENCRequest()])
def test_an_encryption_request_has_no_more_to_say(request_packet):
    """A longer one is refused rather than half understood."""
    body = request_packet.encode()[4:]

    assert refusal(packet(body + b"x")) == ("08P01", LENGTH)


@pytest.mark.parametrize("key_bytes", [4, 32, 256])
def test_cancel_keys_of_4_to_256_bytes_are_read(key_bytes):
    """Protocol 3.0 has four bytes, 3.2 more."""
    request = CancelRequest(2**31 - 1, bytes(range(256))[:key_bytes])

    assert request == read(request.encode())


@pytest.mark.parametrize("key_bytes", [0, 3, 257])
def test_other_cancel_keys_are_refused(key_bytes):
    """Neither too short to be secret nor without bound."""
    assert refusal(CancelRequest(1, b"x" * key_bytes).encode()) == ("08P01", "invalid length of cancel request packet")


def test_a_cancel_key_is_in_no_log():
    """Who can read the log can't cancel with it."""
    assert repr(CancelRequest(7, b"secret")) == "CancelRequest(backend_pid=7)"


@pytest.mark.parametrize(
    "parameters",
    [
        b"",
        b"user",
        b"user\0",
        b"user\0a",
        b"user\0a\0",
        b"user\0a\0database\0",
        b"user\0\0",
        b"user\0a\0\0\0",
        b"user\0a\0\0x\0",
        b"user\0a\0\0x\0y\0\0",
        b"\0\0",
        b"\0a\0\0",
    ],
)
def test_a_broken_layout_is_refused(parameters):
    """Names and values in pairs, each with its NUL, and one NUL at the very end; nothing else."""
    assert refusal(packet(b"\0\3\0\0" + parameters)) == ("08P01", LAYOUT)


def test_text_that_is_not_utf8_is_refused():
    """A name that can't be shown is no name here."""
    assert refusal(packet(b"\0\3\0\0user\0\xff\0\0")) == ("22021", 'invalid byte sequence for encoding "UTF8": 0xff')


def test_the_last_of_equal_names_counts():
    """As in PostgreSQL."""
    assert read(packet(b"\0\3\0\0user\0a\0user\0b\0\0")).parameters == {"user": "b"}


def test_the_database_is_named_like_the_user_unless_said():
    """As in PostgreSQL, also if it is named and empty."""
    assert StartupMessage(3, 0, {"user": "alice"}).database == "alice"
    assert StartupMessage(3, 0, {"user": "alice", "database": ""}).database == "alice"
    assert StartupMessage(3, 0, {"user": "alice", "database": "sales"}).database == "sales"


@pytest.mark.parametrize("parameters", [{}, {"user": ""}, {"user": "", "database": ""}])
def test_a_user_must_be_named(parameters):
    """PostgreSQL's words and SQLSTATE."""
    with pytest.raises(PgError) as caught:
        _ = StartupMessage(3, 0, parameters).user

    assert caught.value.sqlstate == "28000"
    assert caught.value.message == "no PostgreSQL user name specified in startup packet"
    assert Severity.FATAL is caught.value.severity


@pytest.mark.parametrize(("major", "minor"), [(2, 0), (4, 1), (1234, 1), (0, 0)])
def test_another_major_version_is_refused(major, minor):
    """Whatever its layout, it is read as far as its number, and refused by it."""
    message = read(packet(major.to_bytes(2) + minor.to_bytes(2) + b"anything"))

    with pytest.raises(FeatureNotSupported) as caught:
        message.check_version()
    assert f"unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.2" == caught.value.message
    assert Severity.FATAL is caught.value.severity


def test_newer_minor_versions_and_options_are_negotiated():
    """They are no error; which options were asked for is known."""
    message = read(StartupMessage(3, 9999, {"user": "a", "_pq_.x": "1", "_pq_.y": ""}).encode())

    message.check_version()
    assert message.minor == 9999
    assert message.protocol_options == ("_pq_.x", "_pq_.y")


@pytest.mark.parametrize(
    ("options", "settings_expected"),
    [
        ("", {}),
        ("   ", {}),
        ("-c geqo=off", {"geqo": "off"}),
        ("-cgeqo=off", {"geqo": "off"}),
        ("--geqo=off", {"geqo": "off"}),
        ("--statement-timeout=5s -c a-b=c", {"statement_timeout": "5s", "a_b": "c"}),
        (r"-c search_path=a,\ b\\", {"search_path": r"a, b" + "\\"}),
        ("-c a=1 -c a=2", {"a": "2"}),
        ("-c a= ", {"a": ""}),
        ("-c a=b=c", {"a": "b=c"}),
        ("\t-c\na=b\\", {"a": "b"}),
    ],
)
def test_options_are_split_as_postgresql_does(options, settings_expected):
    """White space, backslashes, three spellings."""
    assert settings_expected == parse_options(options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("foo", "invalid command-line argument for server process: foo"),
        ("-c", "invalid command-line argument for server process: -c"),
        ("-x 1", "invalid command-line argument for server process: -x"),
        ("-c foo", "-c foo requires a value"),
        ("--foo", "--foo requires a value"),
        ("--=1", "--=1 requires a value"),
    ],
)
def test_other_options_are_refused_in_postgresqls_words(options, message):
    """Nothing is silently ignored."""
    with pytest.raises(PgError) as caught:
        parse_options(options)

    assert ("42601", message, Severity.FATAL) == (caught.value.sqlstate, caught.value.message, caught.value.severity)


WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)


@settings(deadline=None, derandomize=True)
@given(st.dictionaries(WORDS, WORDS | st.just(""), max_size=5), st.integers(0, 0xFFFF))
def test_any_startup_message_comes_back(parameters, minor):
    """Encoding and decoding are each other's opposite: a relayed session starts as the client asked."""
    message = StartupMessage(3, minor, parameters)

    assert message == read(message.encode())


@settings(deadline=None, derandomize=True)
@given(
    st.binary(max_size=60) | st.binary(max_size=60).map(packet) | st.binary().map(lambda each: packet(b"\0\3" + each))
)
def test_garbage_is_a_packet_or_refused(data):
    """Whatever comes first on a connection, the answer is a packet, patience, or a FATAL error."""
    reader = StartupReader()
    reader.feed(data)
    try:
        packet_read = reader.read()
    except PgError as error:
        answer = (error.sqlstate, error.severity)
    else:
        answer = "patience" if packet_read is None else "packet"

    assert answer in {"patience", "packet", ("08P01", Severity.FATAL), ("22021", Severity.FATAL)}
    assert len(reader.leftover) <= len(data)
