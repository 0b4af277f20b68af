"""The client's character sets are PostgreSQL's, character by character."""

from __future__ import annotations

import psycopg
import pytest

from duckgres_tx.errors import PgError
from duckgres_tx.wire.encodings import ENCODINGS, NUMBERED, find

SINGLE_BYTE = sorted({encoding.name for encoding in ENCODINGS.values() if encoding.single_byte})
MULTI_BYTE = {
    "BIG5": "日本語",
    "EUC_CN": "中文汉字",
    "EUC_JIS_2004": "日本語かな",
    "EUC_JP": "日本語かな",
    "EUC_KR": "한국어",
    "GB18030": "中文𠀀€",
    "GBK": "中文汉字",
    "JOHAB": "한국어",
    "SHIFT_JIS_2004": "日本語かな",
    "SJIS": "日本語かな表",
    "UHC": "한국어",
}


def decoded(encoding, data):
    """What is made of bytes, or the error."""
    try:
        return encoding.to_server(data).decode()
    except PgError as error:
        return error.sqlstate, error.message


@pytest.mark.oracle
@pytest.mark.parametrize("name", SINGLE_BYTE)
def test_every_byte_is_the_oracle_s_character(oracle, name):
    """Or refused in its words."""
    encoding = find(name)
    for byte in range(0x80, 0x100):
        data = bytes([byte])
        try:
            expected = oracle.connection.execute("SELECT convert_from(%s, %s)", (data, name)).fetchone()[0]
        except psycopg.Error as error:
            expected = error.sqlstate, error.diag.message_primary
        assert decoded(encoding, data) == expected, hex(byte)
        if isinstance(expected, str):
            assert encoding.to_client(expected.encode()) == data


@pytest.mark.oracle
@pytest.mark.parametrize("name", MULTI_BYTE)
def test_texts_of_many_bytes_are_the_oracle_s(oracle, name):
    """Both ways."""
    text = MULTI_BYTE[name]
    (data,) = oracle.connection.execute("SELECT convert_to(%s, %s)", (text, name)).fetchone()
    assert find(name).to_client(text.encode()) == data
    assert decoded(find(name), data) == text


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "text"), [("LATIN1", "€"), ("WIN1252", "日"), ("EUC_JP", "€ä"), ("KOI8R", "ß")])
def test_what_an_encoding_lacks_is_said_as_the_oracle_does(oracle, name, text):
    """The same SQLSTATE and the same words."""
    with pytest.raises(psycopg.Error) as expected:
        oracle.connection.execute("SELECT convert_to(%s, %s)", (text, name))
    with pytest.raises(PgError) as caught:
        find(name).to_client(text.encode())
    assert (caught.value.sqlstate, caught.value.message) == (
        expected.value.sqlstate,
        expected.value.diag.message_primary,
    )


@pytest.mark.oracle
def test_numbers_are_the_oracle_s(oracle):
    """pg_encoding_to_char."""
    rows = oracle.connection.execute(
        "SELECT pg_encoding_to_char(n) FROM generate_series(0, %s) n", (len(NUMBERED),)
    ).fetchall()
    assert [name for (name,) in rows if name] == list(NUMBERED)


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("utf-8", "UTF8"),
        ("Unicode", "UTF8"),
        ("latin-1", "LATIN1"),
        ("ISO88591", "LATIN1"),
        ("windows-1252", "WIN1252"),
    ],
)
def test_spellings(spelling, name):
    """Case and punctuation don't matter."""
    assert find(spelling).name == name


def test_what_is_none():
    """Nothing is guessed."""
    assert find("latin11") is None
