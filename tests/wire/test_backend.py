"""What the server says, read back by a reader that shares nothing with the writer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duckgres_tx.errors import LocalProtocolError, PgError, ProtocolViolation, Severity
from duckgres_tx.wire import backend
from duckgres_tx.wire.backend import (
    AuthenticationSASL,
    AuthenticationSASLContinue,
    AuthenticationSASLFinal,
    BackendKeyData,
    CommandComplete,
    CopyBothResponse,
    CopyInResponse,
    CopyOutResponse,
    DataRow,
    ErrorResponse,
    FieldDescription,
    NegotiateProtocolVersion,
    NoticeResponse,
    NotificationResponse,
    ParameterDescription,
    ParameterStatus,
    ReadyForQuery,
    RowDescription,
    TransactionStatus,
)


class Reader:
    """Takes a message apart as the spec's page lays it out."""

    def __init__(self, data):
        self.type_byte = data[:1]
        assert len(data) == 1 + int.from_bytes(data[1:5])
        self.rest = data[5:]

    def take(self, count):
        """Byten."""
        taken, self.rest = self.rest[:count], self.rest[count:]
        assert len(taken) == count
        return taken

    def unsigned(self, count):
        """An integer without a sign."""
        return int.from_bytes(self.take(count))

    def signed(self, count):
        """Int16 or Int32."""
        return int.from_bytes(self.take(count), signed=True)

    def string(self):
        """String."""
        text, nul, self.rest = self.rest.partition(b"\0")
        assert nul
        return text.decode()

    def strings(self):
        """Strings up to an empty one that ends the message."""
        texts = []
        while self.rest != b"\0":
            texts.append(self.string())
        self.rest = b""
        return tuple(texts)

    def value(self):
        """A value with its length; None for -1."""
        length = self.signed(4)
        return None if length == -1 else self.take(length)

    def done(self, answer):
        """The answer, when nothing is left."""
        assert self.rest == b""
        return answer


def read_fields(reader):
    """The columns of a RowDescription."""
    return [
        FieldDescription(
            *(reader.string(), reader.unsigned(4), reader.signed(2), reader.unsigned(4), reader.signed(2)),
            *(reader.signed(4), reader.signed(2)),
        )
        for _ in range(reader.unsigned(2))
    ]


def read_report(reader, message_class):
    """An ErrorResponse or NoticeResponse."""
    fields = {text[0]: text[1:] for text in reader.strings()}
    assert fields["S"] == fields["V"]
    return message_class(
        fields["C"],
        fields["M"],
        Severity(fields["S"]),
        fields.get("D"),
        fields.get("H"),
        int(fields["P"]) if "P" in fields else None,
        fields.get("W"),
    )


def read_authentication(reader):
    """The kinds that carry something."""
    kind = reader.unsigned(4)
    if kind == 10:
        return AuthenticationSASL(reader.strings())
    message_class = {11: AuthenticationSASLContinue, 12: AuthenticationSASLFinal}[kind]
    return message_class(reader.take(len(reader.rest)))


def read_negotiation(reader):
    """NegotiateProtocolVersion."""
    assert reader.unsigned(2) == 3
    minor = reader.unsigned(2)
    return NegotiateProtocolVersion(minor, tuple(reader.string() for _ in range(reader.unsigned(4))))


def read_copy(message_class):
    """One of the three answers to COPY."""
    return lambda reader: message_class(reader.unsigned(1), tuple(reader.signed(2) for _ in range(reader.unsigned(2))))


READERS = {
    b"R": read_authentication,
    b"v": read_negotiation,
    b"K": lambda reader: BackendKeyData(reader.signed(4), reader.take(len(reader.rest))),
    b"S": lambda reader: ParameterStatus(reader.string(), reader.string()),
    b"Z": lambda reader: ReadyForQuery(TransactionStatus(reader.take(1))),
    b"T": lambda reader: RowDescription(read_fields(reader)),
    b"D": lambda reader: DataRow([reader.value() for _ in range(reader.unsigned(2))]),
    b"C": lambda reader: CommandComplete(reader.string()),
    b"t": lambda reader: ParameterDescription(tuple(reader.unsigned(4) for _ in range(reader.unsigned(2)))),
    b"G": read_copy(CopyInResponse),
    b"H": read_copy(CopyOutResponse),
    b"W": read_copy(CopyBothResponse),
    b"A": lambda reader: NotificationResponse(reader.signed(4), reader.string(), reader.string()),
    b"E": lambda reader: read_report(reader, ErrorResponse),
    b"N": lambda reader: read_report(reader, NoticeResponse),
}

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
NAME = TEXT.filter(bool)
OIDS = st.integers(0, 2**32 - 1)
INT16 = st.integers(-(2**15), 2**15 - 1)
INT32 = st.integers(-(2**31), 2**31 - 1)
FORMATS = st.lists(st.integers(0, 1), max_size=5).map(tuple)
REPORT = (
    st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=5, max_size=5),
    TEXT,
    st.sampled_from(Severity),
    *(st.none() | TEXT, st.none() | TEXT, st.none() | st.integers(1, 10**6), st.none() | TEXT),
)
MESSAGES = st.one_of(
    st.builds(AuthenticationSASL, st.lists(NAME, max_size=3).map(tuple)),
    st.builds(AuthenticationSASLContinue, st.binary()),
    st.builds(AuthenticationSASLFinal, st.binary()),
    st.builds(NegotiateProtocolVersion, st.integers(0, 2**16 - 1), st.lists(TEXT, max_size=3).map(tuple)),
    st.builds(BackendKeyData, INT32, st.binary(min_size=4, max_size=256)),
    st.builds(ParameterStatus, TEXT, TEXT),
    st.builds(ReadyForQuery, st.sampled_from(TransactionStatus)),
    st.builds(
        RowDescription, st.lists(st.builds(FieldDescription, TEXT, OIDS, INT16, OIDS, INT16, INT32, INT16), max_size=4)
    ),
    st.builds(DataRow, st.lists(st.none() | st.binary(max_size=20), max_size=5)),
    st.builds(CommandComplete, TEXT),
    st.builds(ParameterDescription, st.lists(OIDS, max_size=5).map(tuple)),
    *(st.builds(each, st.integers(0, 1), FORMATS) for each in (CopyInResponse, CopyOutResponse, CopyBothResponse)),
    st.builds(NotificationResponse, INT32, TEXT, TEXT),
    st.builds(ErrorResponse, *REPORT),
    st.builds(NoticeResponse, *REPORT),
)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(MESSAGES)
def test_any_message_can_be_read_back(message):
    """Nothing that we can say is misread by who follows the spec."""
    reader = Reader(message.encode())

    assert message == reader.done(READERS[reader.type_byte](reader))


def test_an_error_is_told_whole_and_in_postgresqls_order():
    """Clients rely on S, V, C and M; the rest is there when it is known."""
    error = PgError("42601", "wrong", "the detail", "the hint", 3, where="COPY t, line 1")
    expected = b"SERROR\0VERROR\0C42601\0Mwrong\0Dthe detail\0Hthe hint\0P3\0WCOPY t, line 1\0\0"

    told = ErrorResponse.from_error(error).encode()
    # and where it was made
    assert told[5:].startswith(expected[:-1] + b"Ftest_backend.py\0L")
    assert int.from_bytes(told[1:5]) == len(told) - 1
    fatal = ErrorResponse.from_error(ProtocolViolation("m").fatal()).encode()
    assert fatal[5:].startswith(b"SFATAL\0VFATAL\0C08P01\0Mm\0Ftest_backend.py\0L")


def test_a_notice_is_an_error_of_another_severity():
    """The same fields under another letter."""
    notice = PgError("01000", "careful", severity=Severity.WARNING)

    assert NoticeResponse.from_error(notice).encode()[5:].startswith(b"SWARNING\0")


def test_a_report_survives_what_it_quotes():
    """NUL and half characters in what a user or the engine said don't keep the client from hearing of it."""
    assert ErrorResponse("XX000", "a\0b\ud800c").encode()[5:] == b"SERROR\0VERROR\0CXX000\0Ma?b?c\0\0"


@pytest.mark.parametrize(
    "message",
    [
        CommandComplete("a\0b"),
        ParameterStatus("\ud800", ""),
        ParameterDescription((-1,)),
        ParameterDescription((2**32,)),
        RowDescription([FieldDescription("a")] * 65536),
        RowDescription([FieldDescription("a", format=40000)]),
        DataRow([None] * 65536),
        BackendKeyData(2**31, b"1234"),
        CopyInResponse(256, ()),
    ],
)
def test_what_does_not_fit_is_our_mistake(message):
    """It is noticed here, not by a client that loses its place in the stream."""
    with pytest.raises(LocalProtocolError):
        message.encode()


@pytest.mark.parametrize(
    ("constant", "expected"),
    [
        (backend.PARSE_COMPLETE, b"1\0\0\0\4"),
        (backend.BIND_COMPLETE, b"2\0\0\0\4"),
        (backend.CLOSE_COMPLETE, b"3\0\0\0\4"),
        (backend.NO_DATA, b"n\0\0\0\4"),
        (backend.PORTAL_SUSPENDED, b"s\0\0\0\4"),
        (backend.EMPTY_QUERY_RESPONSE, b"I\0\0\0\4"),
        (backend.COPY_DONE, b"c\0\0\0\4"),
        (backend.READY_FOR_QUERY[TransactionStatus.FAILED], b"Z\0\0\0\5E"),
    ],
)
def test_ready_made_messages(constant, expected):
    """Messages without content are bytes already."""
    assert expected == constant


def test_secrets_are_in_no_log():
    """Keys and SASL data aren't shown."""
    for message in (
        BackendKeyData(1, b"geheim"),
        AuthenticationSASLContinue(b"geheim"),
        AuthenticationSASLFinal(b"geheim"),
    ):
        assert "geheim" not in repr(message)
