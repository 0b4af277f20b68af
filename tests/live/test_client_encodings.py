"""Clients that don't speak UTF-8: what they write and read is converted, and what can't be is told, as PostgreSQL does."""

from __future__ import annotations

import psycopg
import pytest
import raw
from psycopg import sql

TEXT = "Grüße, señor"


@pytest.fixture
def latin(server):
    """A session in LATIN1."""
    with psycopg.connect(server.dsn(client_encoding="latin1"), autocommit=True) as connection:
        yield connection


def raw_session(server, encoding):
    """The same, byte by byte."""
    client = raw.RawClient((server.host, server.port))
    client.login(server.user, server.password, client_encoding=encoding)
    return client


def test_it_is_the_encoding_s_name_whatever_the_client_calls_it(server):
    """SHOW, ParameterStatus and pg_client_encoding() agree."""
    with psycopg.connect(server.dsn(client_encoding="iso-8859-15")) as connection:
        assert connection.info.parameter_status("client_encoding") == "LATIN9"
        assert connection.execute("SHOW client_encoding").fetchone() == ("LATIN9",)
        assert connection.execute("SELECT pg_client_encoding()").fetchone() == ("LATIN9",)


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize(("value", "kind"), [(TEXT, "text"), ([TEXT, None, "a"], "text[]"), ("", "varchar")])
def test_a_text_comes_back(latin, value, kind, binary):
    """As parameter and as result, in both formats, in arrays too, and in the statement itself."""
    cursor = latin.cursor(binary=binary)
    placeholder = "%b" if binary else "%t"
    assert cursor.execute(f"SELECT {placeholder}::{kind}, 200", (value,)).fetchone() == (value, 200)
    assert cursor.execute(sql.SQL("SELECT {}::" + kind).format(value)).fetchone() == (value,)


def test_names_are_converted_too(latin):
    """Columns, tables, prepared statements, errors."""
    latin.execute('CREATE TEMP TABLE "größe" ("länge" int)')
    assert latin.execute('SELECT * FROM "größe"').description[0].name == "länge"
    with pytest.raises(psycopg.errors.UndefinedColumn, match='"höhe"'):
        latin.execute('SELECT "höhe" FROM "größe"')


@pytest.mark.parametrize("binary", [False, True])
def test_what_the_client_can_t_read_is_an_error(latin, binary):
    """22P05, and the session goes on; also behind rows that could be read."""
    for query in (
        "SELECT chr(8364)",
        "SELECT CASE WHEN i = 90000 THEN chr(8364) ELSE 'ä' END FROM range(1000000) t(i)",
    ):
        with pytest.raises(psycopg.errors.UntranslatableCharacter, match='0xe2 0x82 0xac in encoding "UTF8"'):
            latin.cursor(binary=binary).execute(query).fetchall()
        assert latin.execute("SELECT 'ä'").fetchone() == ("ä",)


def test_nothing_is_written_that_can_t_be_returned(latin):
    """INSERT … RETURNING of a text that the client lacks."""
    latin.execute("CREATE TEMP TABLE kept (t text)")
    for prepare in (False, True):
        with pytest.raises(psycopg.errors.UntranslatableCharacter):
            latin.execute("INSERT INTO kept VALUES (chr(8364)) RETURNING t", prepare=prepare)
    assert latin.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_what_is_no_text_is_refused(server):
    """22021 for bytes that the encoding doesn't have, and nothing happens to bytes that are no text."""
    with raw_session(server, "EUC_JP") as client:
        client.send(raw.frame(b"Q", b"SELECT '\xff'\0"))
        error = raw.error_fields(client.until()[0][1])
        assert (error["C"], error["M"]) == ("22021", 'invalid byte sequence for encoding "EUC_JP": 0xff')
        client.send(raw.frame(b"Q", "SELECT '日本'".encode("euc_jp") + b"\0"))
        assert client.until()[1] == ("D", b"\0\1" + (4).to_bytes(4) + "日本".encode("euc_jp"))


def test_it_can_be_changed_and_changes_back_with_its_transaction(server):
    """SET, SET LOCAL, ROLLBACK, RESET."""
    with raw_session(server, "UTF8") as client:

        def shown(statement: bytes) -> bytes:
            client.send(raw.frame(b"Q", statement + b"\0"))
            return next((body[6:] for kind, body in client.until() if kind == "D"), b"")

        assert shown("SELECT 'ä'".encode()) == "ä".encode()
        shown(b"SET client_encoding TO 'WIN1252'")
        assert shown(b"SELECT '\xe4\x80'") == b"\xe4\x80"
        shown(b"BEGIN; SET LOCAL client_encoding = 'UTF8'")
        assert shown("SELECT '€'".encode()) == "€".encode()
        shown(b"ROLLBACK")
        assert shown(b"SELECT '\x80'") == b"\x80"
        shown(b"RESET client_encoding")
        assert shown("SELECT '€'".encode()) == "€".encode()


@pytest.mark.parametrize("form", ["", "(FORMAT csv)"])
def test_copy_is_converted(latin, form):
    """Both ways, wherever the stream is cut."""
    latin.execute("CREATE TEMP TABLE copied (t text)")
    with latin.cursor().copy(f"COPY copied FROM STDIN {form}") as copy:
        for byte in TEXT.replace(",", "").encode("latin1") + b"\n":
            copy.write(bytes([byte]))
    with latin.cursor().copy(f"COPY copied TO STDOUT {form}") as copy:
        assert b"".join(copy) == TEXT.replace(",", "").encode("latin1") + b"\n"


def test_a_binary_copy_is_converted_on_its_way_out(latin):
    """And refused on its way in."""
    with latin.cursor().copy("COPY (SELECT 'ä', 200, ['ö']) TO STDOUT (FORMAT binary)") as copy:
        copy.set_types(["text", "int4", "text[]"])
        assert list(copy.rows()) == [("ä", 200, ["ö"])]
    latin.execute("CREATE TEMP TABLE refused (t text)")
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="LATIN1"):
        with latin.cursor().copy("COPY refused FROM STDIN (FORMAT binary)") as copy:
            copy.write_row(("ä",))


def test_a_copy_of_what_is_no_text_is_undone(server):
    """22021, within the stream and at its end."""
    with raw_session(server, "EUC_JP") as client:
        client.send(raw.query("CREATE TEMP TABLE broken (t text)"))
        client.until()
        for data in (b"a\n\xff\n", b"a\n\xa4"):
            client.send(raw.query("COPY broken FROM STDIN"))
            client.until("G")
            client.send(raw.frame(b"d", data), raw.frame(b"c"))
            errors = [raw.error_fields(body)["C"] for kind, body in client.until() if kind == "E"]
            assert errors == ["22021"]
        client.send(raw.query("SELECT count(*) FROM broken"))
        assert client.until()[1] == ("D", raw.text_row(0))


def test_cursors_rows_are_converted(latin):
    """Of a cursor that gives text, and of one that is BINARY with a number beside."""
    with latin.transaction():
        latin.execute("DECLARE c BINARY CURSOR FOR SELECT 'ä', 200 FROM range(3)")
        client = latin.cursor(binary=True)
        assert client.execute("FETCH 1 FROM c").fetchall() == [("ä", 200)]
        assert client.execute("FETCH ALL FROM c").fetchall() == [("ä", 200)] * 2


@pytest.mark.parametrize(("name", "state"), [("EUC_TW", "0A000"), ("MULE_INTERNAL", "0A000"), ("klingon", "22023")])
def test_others_are_refused(latin, name, state):
    """What there is no conversion for, and what is no encoding."""
    with pytest.raises(psycopg.Error) as caught:
        latin.execute(f"SET client_encoding = '{name}'")
    assert caught.value.sqlstate == state
