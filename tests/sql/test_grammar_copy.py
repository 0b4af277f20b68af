"""COPY's two spellings of its options, and what may be copied."""

from __future__ import annotations

import pytest

from duckgres_tx.errors import PgError
from duckgres_tx.sql.classify import classify
from duckgres_tx.sql.forms import CopyOption, CopyStandardStream
from duckgres_tx.sql.session_statements import parse
from duckgres_tx.sql.split import split


def read(text: str) -> CopyStandardStream:
    """The form of a statement."""
    (statement,) = split(text)
    form = parse(statement, classify(statement))
    assert isinstance(form, CopyStandardStream)
    return form


def options(text: str) -> dict[str, object]:
    """A statement's options by name."""
    return {option.name: option.argument for option in read(text).options}


@pytest.mark.parametrize(
    ("text", "relation", "columns", "to_client"),
    [
        ("copy t from stdin", ("t",), None, False),
        ("COPY t(a,b) FROM STDIN", ("t",), ("a", "b"), False),
        ('copy "My table" ( "A" , b ) to stdout', ("My table",), ("A", "b"), True),
        ("copy public.T to stdout", ("public", "t"), None, True),
        ("copy db.s.t to stdin", ("db", "s", "t"), None, True),
        ("copy binary to stdout", ("binary",), None, True),
        ("copy binary t to stdout", ("t",), None, True),
        ("copy binary(a) from stdin", ("binary",), ("a",), False),
    ],
)
def test_what_is_copied(text, relation, columns, to_client):
    """Names are folded unless quoted; STDIN and STDOUT are as good as each other."""
    form = read(text)

    assert (relation, columns, to_client) == (form.relation, form.columns, form.to_client)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("copy t from stdin csv", {"format": "csv"}),
        ("copy binary t from stdin", {"format": "binary"}),
        ("copy t from stdin with binary", {"format": "binary"}),
        ("copy t from stdin using delimiters '|' with null as ''", {"delimiter": "|", "null": ""}),
        ("copy t from stdin delimiters ';'", {"delimiter": ";"}),
        (
            "copy t to stdout with delimiter as '|' null 'x' csv header quote as '''' escape '\\' force quote a, \"B\"",
            {
                "delimiter": "|",
                "null": "x",
                "format": "csv",
                "header": "true",
                "quote": "'",
                "escape": "\\",
                "force_quote": ("a", "B"),
            },
        ),
        ("copy t to stdout csv force quote *", {"format": "csv", "force_quote": "*"}),
        ("copy t from stdin csv force not null a force null b", {"format": "csv", "force_not_null": ("a",), "force_null": ("b",)}),
        ("copy t from stdin freeze encoding 'utf8'", {"freeze": "true", "encoding": "utf8"}),
        ("copy t from stdin (format csv, header match, null '')", {"format": "csv", "header": "match", "null": ""}),
        ("copy t from stdin (format 'csv', header, force_null (a, \"B c\"))", {"format": "csv", "header": None, "force_null": ("a", "B c")}),
        ("copy t to stdout with (header on, freeze 0, null -1, force_quote *)", {"header": "on", "freeze": "0", "null": "-1", "force_quote": "*"}),
        ("copy t to stdout (delimiter E'\\t')", {"delimiter": "\t"}),
    ],
)  # fmt: skip
def test_options_in_both_spellings(text, expected):
    """What was written in 7.3, 9.0 and today means the same."""
    assert expected == options(text)


def test_positions_count_in_the_whole_text():
    """An option's error points at the option."""
    (_, statement) = split("select 1; copy t from stdin (nonsense)")

    form = parse(statement, classify(statement))

    assert (CopyOption("nonsense", None, 30),) == form.options


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("copy (select 1) to stdout", "select 1"),
        ("copy ((select 1) union (select 2)) to stdout csv", "(select 1) union (select 2)"),
        ("copy (delete from t returning *) to stdout", "delete from t returning *"),
        ("copy (with a as (select ')') table a) to stdout", "with a as (select ')') table a"),
    ],
)
def test_queries(text, query):
    """A query in parentheses, whatever is in it."""
    form = read(text)

    assert form.query is not None
    assert (query, text.index(query)) == (form.query.text, form.query.offset)


def test_condition():
    """WHERE stands behind the options."""
    form = read("copy t from stdin (format csv) where a > 1 and b")

    assert form.condition is not None
    assert (form.condition.text, form.condition.offset) == ("a > 1 and b", 37)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("copy t from stdin (format csv", 30),
        ("copy t from stdin csv force a", 29),
        ("copy (create table t()) to stdout", 7),
        ("copy (select 1) from stdin", 17),
        ("copy t from stdin delimiter 5", 29),
        ("copy t using delimiters '|' from stdin", 8),
        ("copy t to stdout where a", 18),
        ("copy t from stdin where", 24),
        ("copy t from stdin (format csv) csv", 32),
        ("copy t from stdin ()", 20),
    ],
)
def test_syntax_errors(text, position):
    """PostgreSQL's code, at its place."""
    with pytest.raises(PgError) as raised:
        read(text)

    assert ("42601", position) == (raised.value.sqlstate, raised.value.position)
