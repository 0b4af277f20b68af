"""What clients say, and what they may not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duckgres_tx.errors import LocalProtocolError, PgError, ProtocolViolation, Severity
from duckgres_tx.wire.frontend import (
    MESSAGE_CLASSES,
    AuthenticationResponse,
    Bind,
    Close,
    CopyData,
    CopyDone,
    CopyFail,
    Describe,
    Execute,
    Flush,
    FunctionCall,
    Parse,
    PasswordMessage,
    Query,
    SASLInitialResponse,
    SASLResponse,
    Sync,
    Target,
    Terminate,
    decode,
)

END = "invalid message format"
SHORT = "insufficient data left in message"
STRING = "invalid string in message"


@pytest.mark.parametrize(
    ("type_byte", "body", "message"),
    [
        (b"Q", b"", STRING),
        (b"Q", b"select 1", STRING),
        (b"Q", b"select 1\0x", END),
        (b"P", b"", STRING),
        (b"P", b"s\0select 1", STRING),
        (b"P", b"\0select 1\0", SHORT),
        (b"P", b"\0select 1\0\0", SHORT),
        (b"P", b"\0select 1\0\0\2\0\0\0\x17", SHORT),
        (b"P", b"\0select 1\0\xff\xff\0\0\0\x17", SHORT),
        (b"P", b"\0select 1\0\0\0x", END),
        (b"P", b"\0select 1\0\0\1\0\0\0\x17x", END),
        (b"B", b"", STRING),
        (b"B", b"p", STRING),
        (b"B", b"p\0s", STRING),
        (b"B", b"\0\0", SHORT),
        (b"B", b"\0\0\0", SHORT),
        (b"B", b"\0\0\0\2\0\1", SHORT),
        (b"B", b"\0\0\xff\xff\0\1", SHORT),
        (b"B", b"\0\0\0\0", SHORT),
        (b"B", b"\0\0\0\0\xff\xff", SHORT),
        (b"B", b"\0\0\0\0\0\1", SHORT),
        (b"B", b"\0\0\0\0\0\1\xff\xff\xff\xfe\0\0", SHORT),
        (b"B", b"\0\0\0\0\0\1\x80\0\0\0\0\0", SHORT),
        (b"B", b"\0\0\0\0\0\1\0\0\0\x09a\0\0", SHORT),
        (b"B", b"\0\0\0\0\0\1\x7f\xff\xff\xffa\0\0", SHORT),
        (b"B", b"\0\0\0\0\0\0", SHORT),
        (b"B", b"\0\0\0\0\0\0\0\1\0", SHORT),
        (b"B", b"\0\0\0\0\0\0\0\0x", END),
        (b"B", b"\0\0\0\2\0\0\0\0\0\0\0\0", "bind message has 2 parameter formats but 0 parameters"),
        (b"D", b"", "no data left in message"),
        (b"D", b"S", STRING),
        (b"D", b"Sname", STRING),
        (b"D", b"Sname\0x", END),
        (b"D", b"X\0", "invalid DESCRIBE message subtype 88"),
        (b"C", b"", "no data left in message"),
        (b"C", b"X\0", "invalid CLOSE message subtype 88"),
        (b"C", b"P\0x", END),
        (b"E", b"", STRING),
        (b"E", b"\0", SHORT),
        (b"E", b"\0\0\0\0", SHORT),
        (b"E", b"\0\0\0\0\0x", END),
        (b"S", b"x", END),
        (b"H", b"x", END),
        (b"f", b"why", STRING),
        (b"f", b"why\0x", END),
        (b"F", b"\0\0\0", SHORT),
        (b"F", b"\0\0\0\1\0\0\0\0", SHORT),
        (b"F", b"\0\0\0\1\0\0\0\0\0\0x", END),
        (
            b"F",
            b"\0\0\0\1\0\2\0\0\0\0\0\0\0\0",
            "function call message contains 2 argument formats but 0 arguments",
        ),
    ],
)
def test_a_body_that_does_not_fit_is_refused(type_byte, body, message):
    """In PostgreSQL's words, as an ERROR: the frame was whole, so the conversation goes on."""
    with pytest.raises(ProtocolViolation) as caught:
        decode(type_byte, body)

    assert ("08P01", message, Severity.ERROR) == (caught.value.sqlstate, caught.value.message, caught.value.severity)


@pytest.mark.parametrize("formats", [b"\0\1\0\7", b"\0\1\xff\xff", b"\0\2\0\1\0\2"])
def test_a_format_must_be_text_or_binary(formats):
    """PostgreSQL's words and SQLSTATE, for parameters and for results."""
    for body in (b"\0\0" + formats + b"\0\2\0\0\0\0\0\0\0\0\0\0", b"\0\0\0\0\0\0" + formats):
        with pytest.raises(PgError) as caught:
            decode(b"B", body)
        assert caught.value.sqlstate == "22023"
        assert caught.value.message.startswith("unsupported format code: ")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"\xff", "0xff"),
        (b"\xe4bc", "0xe4 0x62 0x63"),
        (b"\xe4\xbcx", "0xe4 0xbc 0x78"),
        (b"\xe4\xbc", "0xe4 0xbc"),
        (b"\xed\xa0\x80", "0xed 0xa0 0x80"),
        (b"\xc0\x80", "0xc0 0x80"),
        (b"\xf5\x80\x80\x80", "0xf5 0x80 0x80 0x80"),
    ],
)
def test_text_that_is_not_utf8_is_refused(text, shown):
    """The same bytes are shown as PostgreSQL shows."""
    for type_byte, body in ((b"Q", text + b"\0"), (b"P", b"\0" + text + b"\0\0\0"), (b"B", text + b"\0\0")):
        with pytest.raises(PgError) as caught:
            decode(type_byte, body + b"\0\0\0\0\0\0" * (type_byte == b"B"))
        assert caught.value.sqlstate == "22021"
        assert caught.value.message == f'invalid byte sequence for encoding "UTF8": {shown}'


@pytest.mark.parametrize("type_byte", [b"?", b"\0", b"q"])
def test_an_unknown_type_is_fatal(type_byte):
    """Its bytes can't be skipped with any sense."""
    with pytest.raises(ProtocolViolation) as caught:
        decode(type_byte, b"")

    assert f"invalid frontend message type {type_byte[0]}" == caught.value.message
    assert Severity.FATAL is caught.value.severity


def test_good_bye_is_understood_however_it_is_said():
    """PostgreSQL doesn't look at these bodies either."""
    assert Terminate() == decode(b"X", b"bye")
    assert CopyDone() == decode(b"c", b"that was all")


@pytest.mark.parametrize("body", [b"", b"x", b"a\0b", b"a\0b\0", b"\0\0"])
def test_a_password_is_one_string(body):
    """PostgreSQL's words; an empty password is a string, and refused by whoever checks it."""
    with pytest.raises(ProtocolViolation, match="invalid password packet size"):
        AuthenticationResponse(body).as_password()
    assert PasswordMessage("") == AuthenticationResponse(b"\0").as_password()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"SCRAM", STRING),
        (b"SCRAM\0", SHORT),
        (b"SCRAM\0\0\0\0\5abc", SHORT),
        (b"SCRAM\0\xff\xff\xff\xfe", SHORT),
        (b"SCRAM\0\0\0\0\2abc", END),
        (b"SCRAM\0\xff\xff\xff\xffabc", END),
    ],
)
def test_a_broken_sasl_response_is_refused(body, message):
    """Who hasn't authenticated gets no further with wrong lengths."""
    with pytest.raises(ProtocolViolation) as caught:
        AuthenticationResponse(body).as_sasl_initial_response()

    assert message == caught.value.message


def test_secrets_are_in_no_log():
    """Messages of authentication don't show what they carry."""
    for message in (
        PasswordMessage("geheim"),
        SASLInitialResponse("SCRAM-SHA-256", b"geheim"),
        SASLResponse(b"geheim"),
        AuthenticationResponse(b"geheim"),
    ):
        assert "geheim" not in repr(message)


def test_a_string_with_nul_is_not_sent():
    """It would be another message for who reads it."""
    with pytest.raises(LocalProtocolError):
        Query("a\0b").encode()


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
OIDS = st.integers(0, 2**32 - 1)
VALUES = st.lists(st.none() | st.binary(max_size=30), max_size=6)
FORMATS = st.lists(st.integers(0, 1), max_size=1).map(tuple)
TARGETS = st.sampled_from(Target)


@st.composite
def formats_and_values(draw):
    """Values, and no format, one, or as many."""
    values = draw(VALUES)
    many = st.lists(st.integers(0, 1), min_size=len(values), max_size=len(values)).map(tuple)
    return draw(FORMATS | many), values


MESSAGES = st.one_of(
    st.builds(Query, TEXT),
    st.builds(Parse, TEXT, TEXT, st.lists(OIDS, max_size=5).map(tuple)),
    st.builds(
        lambda portal, statement, parameters, results: Bind(portal, statement, *parameters, results),
        *(TEXT, TEXT, formats_and_values(), st.lists(st.integers(0, 1), max_size=5).map(tuple)),
    ),
    st.builds(Describe, TARGETS, TEXT),
    st.builds(Execute, TEXT, st.integers(-(2**31), 2**31 - 1)),
    st.builds(Close, TARGETS, TEXT),
    st.sampled_from([Sync(), Flush(), Terminate(), CopyDone()]),
    st.builds(CopyData, st.binary()),
    st.builds(CopyFail, TEXT),
    st.builds(
        lambda oid, arguments, result: FunctionCall(oid, *arguments, result),
        OIDS,
        formats_and_values(),
        st.integers(0, 1),
    ),
    st.builds(AuthenticationResponse, st.binary()),
)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(MESSAGES)
def test_any_message_comes_back(message):
    """Encoding and decoding are each other's opposite."""
    data = message.encode()

    assert len(data) == 1 + int.from_bytes(data[1:5])
    assert message == decode(data[:1], data[5:])


@settings(deadline=None, derandomize=True)
@given(TEXT, st.none() | st.binary(max_size=30))
def test_any_authentication_message_comes_back(text, data):
    """The three messages of type p, each read as what it is."""
    for message, reader in (
        (PasswordMessage(text), AuthenticationResponse.as_password),
        (SASLInitialResponse(text, data), AuthenticationResponse.as_sasl_initial_response),
        (SASLResponse(data or b""), AuthenticationResponse.as_sasl_response),
    ):
        assert message == reader(decode(b"p", message.encode()[5:]))


def outcome(type_byte, body):
    """The class of the message in a frame, or the SQLSTATE of what is wrong with it."""
    try:
        return type(decode(type_byte, body))
    except PgError as error:
        return error.sqlstate


@settings(deadline=None, derandomize=True, max_examples=500)
@given(st.sampled_from(sorted(MESSAGE_CLASSES)), st.data())
def test_garbage_is_a_message_or_refused(type_byte, data):
    """No body, made up or cut off or lengthened, brings anything but a message or an error for the client."""
    made = MESSAGES.filter(lambda message: message.type_byte == type_byte).map(lambda message: message.encode()[5:])
    body = data.draw(st.binary(max_size=40))
    if type_byte in b"QPBDECFf" and data.draw(st.booleans()):
        whole = data.draw(made)
        body = whole[: data.draw(st.integers(0, len(whole)))] + data.draw(st.binary(max_size=3))
    assert outcome(type_byte, body) in {MESSAGE_CLASSES[type_byte], "08P01", "22021", "22023"}
