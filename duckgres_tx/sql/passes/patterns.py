r"""LIKE and SIMILAR TO: PostgreSQL's patterns.

In ``LIKE 'a\_b'`` the backslash is the escape character unless another one is named; DuckDB has none unless one is. Tools
write table names so when they look into the catalog. DuckDB's SIMILAR TO takes a regular expression, PostgreSQL's the
pattern of the SQL standard.

Spec: functions-matching.html
"""

from __future__ import annotations

import re
from typing import Final

from duckgres_tx.catalog import vocabulary
from duckgres_tx.errors import FeatureNotSupported
from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.tokens import Kind, quote_string, string_value
from duckgres_tx.sql.translation_context import TranslationContext

_QUANTIFIERS: Final = frozenset(("any", "some", "all"))
# What can't be a part of a pattern's expression: it binds weaker than LIKE.
_COMPARISONS: Final = frozenset(("=", "<>", "!=", "<", ">", "<=", ">="))
# Before what is no operator: CREATE TABLE t (LIKE s), and calls of functions of these names.
_NO_OPERAND: Final = frozenset(("(", ",", "[", "{", ";"))
# \x, [ … ], and what means something else in a regular expression.
_SIMILAR_PART: Final = re.compile(r"\\(.)|(\[\^?\]?[^\]]*\])|([%_.^$\\])", re.DOTALL)
_SIMILAR_SIGNS: Final = {"%": ".*", "_": ".", ".": r"\.", "^": r"\^", "$": r"\$", "\\": r"\\"}


def translate_patterns(edit: StatementEdit, context: TranslationContext) -> None:
    """Name the escape character of LIKE where it may matter, and make SIMILAR TO's pattern a regular expression."""
    if edit.words.isdisjoint(("like", "ilike", "similar")):
        return
    tokens = edit.tokens
    for index, token in enumerate(tokens[:-1]):
        if not index or tokens[index - 1].text in _NO_OPERAND:
            continue
        if token.is_word("like", "ilike"):
            _name_escape(edit, index + 1)
        elif token.is_word("similar") and tokens[index + 1].is_word("to"):
            _translate_similar(edit, context, index + 2)


def _pattern_past(edit: StatementEdit, first: int) -> int:
    """Where the pattern ends that begins at token ``first``; ``first`` itself when it can't be told."""
    tokens = edit.tokens
    past = edit.brackets.operand_past(first)
    while first < past < len(tokens) and tokens[past].kind is Kind.OPERATOR and tokens[past].text not in _COMPARISONS:
        end = edit.brackets.operand_past(past + 1)
        if end == past + 1:
            return first
        past = end
    return past


def _name_escape(edit: StatementEdit, first: int) -> None:
    tokens = edit.tokens
    past = _pattern_past(edit, first)
    if past == first or tokens[first].word in _QUANTIFIERS or (past < len(tokens) and tokens[past].is_word("escape")):
        return
    pattern = tokens[first:past]
    constant = all(token.kind in (Kind.STRING, Kind.OPERATOR) for token in pattern)
    if constant and not any("\\" in token.text for token in pattern):
        return
    edit.insert(tokens[past - 1].end, r" ESCAPE '\'")


def _translate_similar(edit: StatementEdit, context: TranslationContext, first: int) -> None:
    tokens = edit.tokens
    past = _pattern_past(edit, first)
    if past == first:
        return
    if past < len(tokens) and tokens[past].is_word("escape"):
        raise FeatureNotSupported(
            "SIMILAR TO with ESCAPE is not supported", position=edit.source.offset + tokens[past].start + 1
        )
    token = tokens[first]
    if past == first + 1 and token.kind is Kind.STRING:
        edit.replace_tokens(first, past, quote_string(_regular_expression(string_value(token.text))))
    else:
        edit.wrap_tokens(first, past, f"{vocabulary.function_name('similar_to_escape', live=context.live)}(", ")")


def _regular_expression(pattern: str) -> str:
    """A pattern of the standard as RE2 has it; DuckDB lets it match the whole text."""

    def part(match: re.Match[str]) -> str:
        escaped, bracket, sign = match.groups()
        if escaped is not None:
            return re.escape(escaped)
        return bracket if bracket is not None else _SIMILAR_SIGNS[sign]

    return "(?s)" + _SIMILAR_PART.sub(part, pattern)
