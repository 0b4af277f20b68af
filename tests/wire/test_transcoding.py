"""Messages to and from a client that doesn't speak UTF-8."""

from __future__ import annotations

import struct

import pytest

from duckgres_tx.errors import PgError
from duckgres_tx.wire import oids
from duckgres_tx.wire.backend import (
    CommandComplete,
    CopyData,
    CopyInResponse,
    CopyOutResponse,
    DataRow,
    ErrorResponse,
    FieldDescription,
    ParameterStatus,
    RowDescription,
)
from duckgres_tx.wire.encodings import find
from duckgres_tx.wire.frontend import Bind, Close, Describe, Execute, Parse, Query, Target, decode
from duckgres_tx.wire.transcoding import Transcoder


@pytest.fixture
def latin():
    """LATIN1."""
    return Transcoder(find("LATIN1"))


def told(transcoder, *messages):
    """What the client gets."""
    return b"".join(transcoder.messages(b"".join(message.encode() for message in messages)))


@pytest.mark.parametrize(
    "message",
    [
        Query("SELECT 'ä'"),
        Parse("größe", "SELECT 'ä', $1", (25, 200)),
        Bind("tür", "größe", (1,), [b"\xc3\xa4"], (1,)),
        Describe(Target.PORTAL, "tür"),
        Close(Target.STATEMENT, "größe"),
        Execute("tür", 200),
    ],
)
def test_strings_of_the_client_s(latin, message):
    """Its strings are converted, its numbers and values aren't."""
    body = message.encode()[5:]
    for word in ("ä", "größe", "tür"):
        if not (isinstance(message, Bind) and word == "ä"):
            body = body.replace(word.encode(), word.encode("latin1"))
    assert decode(message.type_byte, latin.frame(message.type_byte, body)) == message


def test_a_message_without_its_strings_is_left_to_be_refused(latin):
    """The decoder says what is wrong with it."""
    assert latin.frame(b"P", b"\xe4\0\xe4") == b"\xe4\0\xe4"


def array(*elements, oid=oids.TEXT):
    """A one-dimensional array in binary."""
    head = struct.pack(">iiIii", 1, 1, oid, len(elements), 1)
    return head + b"".join(b"\xff\xff\xff\xff" if e is None else len(e).to_bytes(4) + e for e in elements)


BINARY = [
    (oids.TEXT, "ä".encode(), b"\xe4"),
    (oids.VARCHAR, "ä".encode(), b"\xe4"),
    (oids.FIRST_OF_USERS + 2, "ä".encode(), b"\xe4"),
    (oids.FIRST_OF_USERS + 3, array("ä".encode(), oid=0xFFFFFFF0), array(b"\xe4", oid=0xFFFFFFF0)),
    (oids.INT4, b"\0\0\xc3\xa4", b"\0\0\xc3\xa4"),
    (oids.BYTEA, b"\xc3\xa4", b"\xc3\xa4"),
    (oids.JSONB, b'\1"\xc3\xa4"', b'\1"\xe4"'),
    (oids.TEXT_ARRAY, array("ä".encode(), None, b"", b"a"), array(b"\xe4", None, b"", b"a")),
    (oids.INT4_ARRAY, array(b"\0\0\xc3\xa4"), array(b"\0\0\xc3\xa4")),
]


@pytest.mark.parametrize(("oid", "here", "there"), BINARY)
def test_values_in_binary(latin, oid, here, there):
    """Those that are text by their type, in arrays too, both ways."""
    assert latin.parameters([there, None], [1], [oid, oid]) == [here, None]
    latin.columns_are([oid, oid], [1])
    assert told(latin, DataRow([here, None])) == DataRow([there, None]).encode()


def test_values_in_text(latin):
    """All of them, whatever their type."""
    assert latin.parameters([b"\xe4"], [], [oids.INT4]) == ["ä".encode()]
    assert told(latin, DataRow(["ä".encode(), b"1"])) == DataRow([b"\xe4", b"1"]).encode()


def test_a_description_tells_of_the_rows_behind_it(latin):
    """Names are converted; a column in binary that is no text stays."""
    fields = [FieldDescription("größe", type_oid=23, format=1), FieldDescription("b", type_oid=23)]
    description, row = RowDescription(fields).encode(), DataRow([b"\0\0\xc3\xa4", "ä".encode()]).encode()
    expected = RowDescription([FieldDescription("gr__e", type_oid=23, format=1), fields[1]]).encode()
    found = b"".join(latin.messages(description + row))
    assert found == expected.replace(b"gr__e", "größe".encode("latin1")) + DataRow([b"\0\0\xc3\xa4", b"\xe4"]).encode()


def test_what_is_told_never_fails(latin):
    """Errors, notices and variables have "?" for what the client can't read."""
    error = ErrorResponse.from_error(PgError("42703", 'column "ä€" does not exist'))
    assert b'"\xe4?"' in told(latin, error)
    assert told(latin, ParameterStatus("application_name", "€")) == ParameterStatus("application_name", "?").encode()
    assert told(latin, CommandComplete("SELECT 1")) == CommandComplete("SELECT 1").encode()


def test_rows_before_one_that_fails_are_given(latin):
    """As PostgreSQL sends them."""
    rows = b"".join(DataRow([text.encode()]).encode() for text in ("ä", "€", "ö"))
    given = []
    with pytest.raises(PgError, match="LATIN1"):
        given.extend(latin.messages(rows))
    assert given == [DataRow([b"\xe4"]).encode()]


def test_a_copy_out_in_text_and_in_binary(latin):
    """Text is text throughout; binary has a header, tuples and an end."""
    assert told(latin, CopyOutResponse(0, [0]), CopyData("ä\n".encode())).endswith(CopyData(b"\xe4\n").encode())
    latin.columns_are([oids.TEXT, oids.INT4], [1])
    head = b"PGCOPY\n\xff\r\n\0" + bytes(8)
    tuples = [
        b"\0\2" + len(text).to_bytes(4) + text + (4).to_bytes(4) + b"\0\0\xc3\xa4" for text in ("ä".encode(), b"\xe4")
    ]
    data = told(latin, CopyOutResponse(1, [1, 1]), CopyData(head + tuples[0] * 2), CopyData(b"\xff\xff"))
    assert data.endswith(CopyData(head + tuples[1] * 2).encode() + CopyData(b"\xff\xff").encode())


def test_a_copy_in_is_cut_anywhere():
    """Also within a character; the next copy begins anew."""
    transcoder = Transcoder(find("EUC_JP"))
    data = "日本\n".encode("euc_jp")
    assert b"".join(transcoder.copy_data(data[i : i + 1]) for i in range(len(data))) == "日本\n".encode()
    transcoder.copy_data(data[:1])
    with pytest.raises(PgError, match="EUC_JP"):
        transcoder.copy_ends()
    told(transcoder, CopyInResponse(0, [0]))
    assert transcoder.copy_data(data) == "日本\n".encode()
