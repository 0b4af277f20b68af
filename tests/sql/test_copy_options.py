"""COPY's options together: defaults, and what PostgreSQL refuses in which words."""

from __future__ import annotations

import pytest

from duckgres_tx.errors import PgError
from duckgres_tx.sql.copy_options import CopyFormat, CopyOptions, Header, read_options
from duckgres_tx.sql.forms import CopyOption


def settle(to_client: bool = False, **named: object) -> CopyOptions:
    """The options of these names and arguments, read."""
    return read_options((CopyOption(name, value, 7) for name, value in named.items()), to_client=to_client)


def test_defaults_depend_on_the_format():
    r"""Tab and \N; comma, nothing and quotes."""
    assert settle() == CopyOptions()
    csv = settle(format="csv")
    assert (csv.delimiter, csv.null, csv.quote, csv.escape) == (",", "", '"', '"')
    assert settle(format="binary").format is CopyFormat.BINARY


def test_the_escape_is_the_quote_unless_given():
    """QUOTE alone changes both."""
    assert settle(format="csv", quote="'").escape == "'"
    assert settle(format="csv", quote="'", escape="\\").escape == "\\"


@pytest.mark.parametrize(
    ("value", "header"),
    [
        (None, Header.PRESENT),
        ("TRUE", Header.PRESENT),
        ("off", Header.NONE),
        ("0", Header.NONE),
        ("Match", Header.MATCH),
    ],
)
def test_header(value, header):
    """A Boolean, or MATCH."""
    assert settle(header=value).header is header


@pytest.mark.parametrize(
    ("named", "sqlstate", "message"),
    [
        ({"format": "xml"}, "22023", 'COPY format "xml" not recognized'),
        ({"on_error": "ignore"}, "42601", 'option "on_error" not recognized'),
        ({"header": "maybe"}, "42601", 'header requires a Boolean value or "match"'),
        ({"freeze": "maybe"}, "42601", "freeze requires a Boolean value"),
        ({"format": None}, "42601", "format requires a parameter"),
        ({"encoding": "latin1"}, "0A000", 'conversion between "latin1" and UTF8 is not supported'),
        ({"encoding": "klingon"}, "22023", 'argument to option "encoding" must be a valid encoding name'),
        ({"delimiter": "ab"}, "0A000", "COPY delimiter must be a single one-byte character"),
        ({"delimiter": "ä"}, "0A000", "COPY delimiter must be a single one-byte character"),
        ({"delimiter": "a"}, "22023", 'COPY delimiter cannot be "a"'),
        ({"delimiter": "\n"}, "22023", "COPY delimiter cannot be newline or carriage return"),
        ({"null": "a\r"}, "22023", "COPY null representation cannot use newline or carriage return"),
        ({"null": "a\tb"}, "0A000", "COPY delimiter must not appear in the NULL specification"),
        ({"format": "csv", "null": '"'}, "0A000", "CSV quote character must not appear in the NULL specification"),
        ({"format": "csv", "quote": ","}, "22023", "COPY delimiter and quote must be different"),
        ({"quote": "'"}, "0A000", "COPY quote available only in CSV mode"),
        ({"escape": "'"}, "0A000", "COPY escape available only in CSV mode"),
        ({"format": "csv", "quote": "ab"}, "0A000", "COPY quote must be a single one-byte character"),
        ({"format": "binary", "delimiter": "|"}, "42601", "cannot specify DELIMITER in BINARY mode"),
        ({"format": "binary", "null": ""}, "42601", "cannot specify NULL in BINARY mode"),
        ({"format": "binary", "default": ""}, "42601", "cannot specify DEFAULT in BINARY mode"),
        ({"format": "binary", "header": None}, "0A000", "cannot specify HEADER in BINARY mode"),
        ({"force_null": ("a",)}, "0A000", "COPY force null available only in CSV mode"),
        ({"format": "csv", "force_quote": "*"}, "0A000", "COPY force quote only available using COPY TO"),
        (
            {"format": "csv", "force_null": "a"},
            "22023",
            'argument to option "force_null" must be a list of column names',
        ),
        ({"default": "\\N"}, "0A000", "NULL specification and DEFAULT specification cannot be the same"),
        ({"default": "a\tb"}, "0A000", "COPY delimiter must not appear in the DEFAULT specification"),
    ],
)
def test_refusals(named, sqlstate, message):
    """PostgreSQL's code and words."""
    with pytest.raises(PgError) as raised:
        settle(**named)

    assert (sqlstate, message) == (raised.value.sqlstate, raised.value.message)


def test_what_only_one_direction_has():
    """DEFAULT and FORCE_NULL read, FORCE_QUOTE writes."""
    assert settle(to_client=True, format="csv", force_quote="*").force_quote == "*"
    for named in ({"default": "x"}, {"format": "csv", "force_null": ("a",)}, {"header": "match"}):
        with pytest.raises(PgError) as raised:
            settle(to_client=True, **named)
        assert raised.value.sqlstate == "0A000"


def test_an_option_may_be_given_once():
    """Also in two spellings of the format."""
    with pytest.raises(PgError) as raised:
        read_options((CopyOption("format", "csv", 1), CopyOption("format", "text", 9)), to_client=False)

    assert (raised.value.message, raised.value.position) == ("conflicting or redundant options", 9)
