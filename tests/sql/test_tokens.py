"""PostgreSQL's lexical rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duckgres_tx.errors import PgError
from duckgres_tx.sql.tokens import Kind, quote_name, quote_string, string_value, tokenize, unquote_name


def texts(sql):
    """The tokens' texts."""
    return [token.text for token in tokenize(sql)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select a,b.c", ["select", "a", ",", "b", ".", "c"]),
        ("a=-1", ["a", "=", "-", "1"]),
        ("a@-1", ["a", "@-", "1"]),
        ("a<-1+-2", ["a", "<", "-", "1", "+", "-", "2"]),
        ("a->>'b'", ["a", "->>", "'b'"]),
        ("1.5e-3 .5 1. 0x1F 1_000", ["1.5e-3", ".5", "1.", "0x1F", "1_000"]),
        ("$1::int", ["$1", "::", "int"]),
        ("'it''s' E'a\\'b' U&'x' B'1' n'x'", ["'it''s'", "E'a\\'b'", "U&'x'", "B'1'", "n'x'"]),
        ("'a\\' b", ["'a\\'", "b"]),
        ("e bx u", ["e", "bx", "u"]),
        ('"a""b" U&"c"', ['"a""b"', 'U&"c"']),
        ("$$a'b$$ $t$ $$ $t$", ["$$a'b$$", "$t$ $$ $t$"]),
        ("a /* x /* y */ z */ b -- c\nd", ["a", "b", "d"]),
        ("a*--x\n1", ["a", "*", "1"]),
        ("a$b tab\u00e9", ["a$b", "tab\u00e9"]),
        ("a\u00a0b", ["a", "b"]),
        ("{'k':1}[1:2]", ["{", "'k'", ":", "1", "}", "[", "1", ":", "2", "]"]),
        ("x := 1", ["x", ":=", "1"]),
        ("", []),
        (" -- ping", []),
    ],
)
def test_cuts_as_postgresql_does(sql, expected):
    """Quotes, comments, numbers and the sign rule of operators are PostgreSQL's."""
    assert texts(sql) == expected


@pytest.mark.parametrize(
    ("sql", "message", "position"),
    [
        ("select 'abc", 'unterminated quoted string at or near "\'abc"', 8),
        ("select E'a\\'", "unterminated quoted string at or near \"E'a\\'\"", 8),
        ('select "abc', 'unterminated quoted identifier at or near ""abc"', 8),
        ("select $x$ a", 'unterminated dollar-quoted string at or near "$x$ a"', 8),
        ("select /* a /* b */", 'unterminated /* comment at or near "/* a /* b */"', 8),
    ],
)
def test_what_does_not_end_is_a_syntax_error(sql, message, position):
    """The error is PostgreSQL's, with the position of the opening quote."""
    with pytest.raises(PgError) as caught:
        tokenize(sql)
    assert (caught.value.sqlstate, caught.value.message, caught.value.position) == ("42601", message, position)


def test_a_quoted_keyword_is_no_keyword():
    """``"select"`` is a name; its spelling is kept, that of a word is folded."""
    quoted, word = tokenize('"Select" SELECT')
    assert (quoted.word, quoted.name, quoted.is_word("select")) == ("", "Select", False)
    assert (word.word, word.name, word.is_word("select")) == ("select", "select", True)


def test_rows_of_constants_in_a_long_text_are_a_token_each():
    """A big INSERT isn't cut into half a million tokens; a row that is more than constants still is."""
    sql = "insert into t values (1, 'a'), (2, 'b''c') , (NULL, -1.5e3), (f(1), 'x')" + " " * 65536
    rows = [token.text for token in tokenize(sql) if token.kind is Kind.ROW]
    assert rows == [", (2, 'b''c')", " , (NULL, -1.5e3)"]
    assert texts(sql)[-9:] == [",", "(", "f", "(", "1", ")", ",", "'x'", ")"]


def test_calls_in_a_long_text_keep_their_tokens():
    """What follows another clause is never taken for a row of VALUES."""
    sql = "insert into t select (1), (2) from f(3), g('x')" + " " * 65536
    assert not [token for token in tokenize(sql) if token.kind is Kind.ROW]


@given(st.text(alphabet="ab'\"$/*-+e \n1.;:(\\", max_size=30))
def test_tokens_are_their_place_in_the_text(sql):
    """Whatever the text, each token is the text at its place, in order, and only blanks and comments are left out."""
    try:
        tokens = tokenize(sql)
    except PgError:
        return
    end = 0
    for token in tokens:
        assert sql[token.start : token.end] == token.text
        assert token.start >= end
        end = token.end


@given(st.text(max_size=20))
def test_quoting_round_trips(text):
    """What is quoted reads back as the same value, as one token."""
    assert unquote_name(quote_name(text)) == text
    assert string_value(quote_string(text)) == text
    assert len(tokenize(quote_string(text))) == 1


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("'it''s'", "it's"),
        ("E'a\\n\\x41\\101\\u00e9\\'\\\\'", "a\nAA\u00e9'\\"),
        ("$t$a'b$t$", "a'b"),
        ("U&'\\0041\\+01F600\\\\'", "A\U0001f600\\"),
        ("B'101'", "101"),
    ],
)
def test_values_of_constants(source, value):
    """Each spelling of a string constant has PostgreSQL's value."""
    assert string_value(source) == value
