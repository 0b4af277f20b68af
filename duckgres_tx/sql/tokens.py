"""PostgreSQL's lexical rules as one compiled regular expression.

Texts are read as with ``standard_conforming_strings = on``: a backslash is an escape only in ``E'…'``.
DuckDB's additions (``{``, ``}``, ``$name``) are read too, so that its own syntax passes through whole.

Spec: sql-syntax-lexical.html#SQL-SYNTAX-LEXICAL
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import NamedTuple

from duckgres_tx.errors import PgError


class Kind(enum.Enum):
    """What a token is."""

    WORD = "word"
    """A keyword or an unquoted identifier."""
    QUOTED_NAME = "quoted name"
    STRING = "string"
    """A string constant in any of its spellings: '…', E'…', U&'…', B'…', X'…', N'…', $tag$…$tag$."""
    NUMBER = "number"
    PARAMETER = "parameter"
    OPERATOR = "operator"
    """An operator; ``::``, ``:=`` and ``*`` among them."""
    PUNCTUATION = "punctuation"
    """One of ``( ) [ ] { } , ; : .``"""
    ROW = "row"
    """``, (1, 'a', NULL)``: a further row of VALUES that holds nothing but constants, in a long text only."""


class Token(NamedTuple):
    """One token; a tuple and not an attrs class because a large INSERT has a hundred thousand of them.

    ``start`` and ``end`` count characters from the start of the statement's text.
    """

    kind: Kind
    text: str
    start: int
    end: int
    word: str
    """The lower-cased text of a ``WORD``; empty for every other kind, so that ``"select"`` is no keyword."""

    @property
    def name(self) -> str:
        """The identifier that this token spells: folded to lower case, or unquoted; empty for other kinds."""
        if self.kind is Kind.QUOTED_NAME:
            return unquote_name(self.text)
        return self.word

    def is_word(self, *words: str) -> bool:
        """Whether this is one of these (lower-case) keywords, unquoted."""
        return self.word in words and self.word != ""


# DuckDB replaces these spaces of Unicode's by ASCII ones before it parses, so they separate tokens here as well;
# all other characters beyond ASCII may be part of a name.
_SPACE = r" \t\n\r\f\u00a0\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff"
_LETTERS_BEYOND_ASCII = (
    r"\u0080-\u009f\u00a1-\u1fff\u200c-\u202e\u2030-\u205e\u2061-\u2fff\u3001-\ufefe\uff00-\U0010ffff"
)
_NAME_START = rf"A-Za-z_{_LETTERS_BEYOND_ASCII}"
_TAG = rf"(?:[{_NAME_START}][0-9{_NAME_START}]*+)?+"

# White space belongs to the token after it. The order is that of frequency, as far as one alternative doesn't have to
# stand before another.
_TOKEN = re.compile(
    rf"""
    [{_SPACE}]*+
    (?:
      (?P<word>(?![eEbBxXnN]'|[uU]&['"])[{_NAME_START}][0-9${_NAME_START}]*+)
    | (?P<number>0[xX][0-9A-Fa-f_]++ | 0[oO][0-7_]++ | 0[bB][01_]++
        | (?:[0-9][0-9_]*+(?:\.(?!\.)[0-9_]*+)?+ | \.[0-9][0-9_]*+)(?:[eE][+-]?[0-9][0-9_]*+)?+)
    | (?P<cast>::|:=)
    | (?P<punctuation>[()\[\]{{}},;:.])
    | (?P<string>(?:[bBxXnN]|[uU]&)?'[^']*+(?:''[^']*+)*+')
    | (?P<quoted>(?:[uU]&)?"[^"]*+(?:""[^"]*+)*+")
    | (?P<line_comment>--[^\r\n]*+)
    | (?P<comment>/\*)
    | (?P<operator>(?:(?!--|/\*)[+\-*/<>=~!@\#%^&|`?])++)
    | (?P<parameter>\$[0-9]++)
    | (?P<escaped>[eE]'[^'\\]*+(?:(?:''|\\.)[^'\\]*+)*+')
    | (?P<dollar>\$(?P<tag>{_TAG})\$.*?\$(?P=tag)\$)
    | (?P<open_string>(?:[eEbBxXnN]|[uU]&)?')
    | (?P<open_name>(?:[uU]&)?")
    | (?P<open_dollar>\${_TAG}\$)
    | (?P<named_parameter>\$[{_NAME_START}][0-9{_NAME_START}]*+)
    | (?P<unknown>.)
    | (?P<end>\Z)
    )
    """,
    re.VERBOSE | re.DOTALL,
)

_KINDS = {
    "number": Kind.NUMBER,
    "punctuation": Kind.PUNCTUATION,
    "cast": Kind.OPERATOR,
    "string": Kind.STRING,
    "quoted": Kind.QUOTED_NAME,
    "parameter": Kind.PARAMETER,
    "escaped": Kind.STRING,
    "dollar": Kind.STRING,
    "named_parameter": Kind.PARAMETER,
    # Anything else is DuckDB's to refuse, with its own message.
    "unknown": Kind.OPERATOR,
}
_UNTERMINATED = {
    "open_string": "unterminated quoted string",
    "open_name": "unterminated quoted identifier",
    "open_dollar": "unterminated dollar-quoted string",
}
_COMMENT_EDGE = re.compile(r"/\*|\*/")
# "A multiple-character operator name cannot end in + or -, unless the name also contains at least one of these"
_MAY_END_IN_SIGN = frozenset("~!@#%^&|`?")
# In a text longer than this, rows of plain constants after the first one of VALUES are a token each: an INSERT of a
# megabyte has half a million constants, which nobody looks at one by one.
_LONG_TEXT = 64 * 1024
_CONSTANT_ROW = re.compile(
    rf"""
    [{_SPACE}]*+ , [{_SPACE}]*+ \( [{_SPACE}]*+
    (?: (?: '[^']*+(?:''[^']*+)*+' | [+-]?[0-9]++(?:\.[0-9]*+)?+(?:[eE][+-]?[0-9]++)?+ | (?i:null|true|false|default) )
        [{_SPACE}]*+ (?: , [{_SPACE}]*+ | (?=\)) )
    )++ \)
    """,
    re.VERBOSE,
)


def tokenize(sql: str) -> tuple[Token, ...]:
    """Cut a text into tokens; comments and white space are left out.

    Raises:
        PgError: 42601 for a string, name or comment that doesn't end, with its position.
    """
    tokens: list[Token] = []
    append = tokens.append
    position, end = 0, len(sql)
    match_at = _TOKEN.match
    kinds = _KINDS
    rows = False
    while position < end:
        match = match_at(sql, position)
        group = match.lastgroup if match is not None else None
        # The last alternatives take any character and the end, so there is always a match.
        if match is None or group is None or group == "end":
            break
        start, position = match.span(group)
        kind = kinds.get(group)
        if kind is not None:
            text = match[group]
            append(Token(kind, text, start, position, ""))
            if rows and text == ")":
                position = _take_rows(sql, position, append)
        elif group == "word":
            text = match[group]
            word = text.lower()
            append(Token(Kind.WORD, text, start, position, word))
            if word == "values":
                rows = end > _LONG_TEXT
            elif rows:
                rows = word in _ROW_WORDS
        elif group == "operator":
            position = _operator_end(match[group], start)
            append(Token(Kind.OPERATOR, sql[start:position], start, position, ""))
        elif group == "comment":
            position = _comment_end(sql, start)
        elif group != "line_comment":
            raise _syntax_error(_UNTERMINATED[group], sql, start)
    return tuple(tokens)


# What may stand in a row of VALUES without ending the list.
_ROW_WORDS = frozenset(("null", "true", "false", "default"))


def _take_rows(sql: str, position: int, append: Callable[[Token], None]) -> int:
    """Read rows of constants as tokens, each with the comma before it; where the last one ends."""
    while True:
        match = _CONSTANT_ROW.match(sql, position)
        if match is None:
            return position
        append(Token(Kind.ROW, match.group(), position, match.end(), ""))
        position = match.end()


def _operator_end(text: str, start: int) -> int:
    """Where the operator that begins this run of operator characters ends: ``=-1`` is ``=`` and ``-1``."""
    length = len(text)
    if _MAY_END_IN_SIGN.isdisjoint(text):
        while length > 1 and text[length - 1] in "+-":
            length -= 1
    return start + length


def _comment_end(sql: str, start: int) -> int:
    """Where the comment ends that starts here; comments nest."""
    depth, position = 0, start
    while True:
        edge = _COMMENT_EDGE.search(sql, position)
        if edge is None:
            raise _syntax_error("unterminated /* comment", sql, start)
        depth += 1 if edge.group() == "/*" else -1
        position = edge.end()
        if depth == 0:
            return position


def _syntax_error(message: str, sql: str, start: int) -> PgError:
    # As PostgreSQL's scanner does, the text shown runs from the open quote to the end of the input.
    return PgError("42601", f'{message} at or near "{sql[start:]}"', position=start + 1)


def unquote_name(text: str) -> str:
    """The name that a quoted identifier spells, ``U&"…"`` with its default escape character included."""
    if text[0] == '"':
        return text[1:-1].replace('""', '"')
    return _unicode_escapes(text[3:-1].replace('""', '"'))


_UNICODE_ESCAPE = re.compile(r"\\(?:\\|([0-9A-Fa-f]{4})|\+([0-9A-Fa-f]{6}))")


def _unicode_escapes(text: str) -> str:
    def character(match: re.Match[str]) -> str:
        digits = match.group(1) or match.group(2)
        return chr(int(digits, 16)) if digits else "\\"

    # Surrogate pairs come as two escapes.
    return _UNICODE_ESCAPE.sub(character, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def string_value(text: str) -> str:
    r"""The value of a string constant's source text.

    Octal and ``\x`` escapes count as characters below 256, which is exact for ASCII; ``B'…'`` and ``X'…'``
    give their digits.
    """
    first = text[0]
    if first == "'":
        return text[1:-1].replace("''", "'")
    if first == "$":
        width = text.index("$", 1) + 1
        return text[width:-width]
    if first in "eE":
        return _ESCAPE.sub(_escaped_character, text[2:-1].replace("''", "'"))
    if first in "uU":
        return _unicode_escapes(text[3:-1].replace("''", "'"))
    return text[2:-1].replace("''", "'")


def _escaped_character(match: re.Match[str]) -> str:
    octal, short, four, eight, other = match.groups()
    if octal:
        return chr(int(octal, 8) & 0xFF)
    digits = short or four or eight
    if digits:
        code = int(digits, 16)
        return chr(code) if code < 0x110000 else "\ufffd"
    return _LETTERS.get(other, other)


def quote_name(name: str) -> str:
    """A name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_string(value: str) -> str:
    """A value as a string constant."""
    return "'" + value.replace("'", "''") + "'"
