"""Command tags: what CommandComplete says.

Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-COMMANDCOMPLETE
"""

from __future__ import annotations

from duckgres_tx.sql.tokens import Token

_COUNTED = frozenset(("update", "delete", "merge", "move", "fetch", "copy"))
_QUERIES = frozenset(
    ("select", "with", "values", "table", "from", "pivot", "pivot_wider", "unpivot", "pivot_longer", "execute", "(")
)
# DuckDB's own that give rows: a client library expects a tag that it knows.
_ROW_STATEMENTS = frozenset(("describe", "desc", "summarize", "pragma", "call"))
_OBJECT_WORDS = {
    "materialized": 2,
    "foreign": 2,
    "event": 2,
    "access": 2,
    "user": 1,
}
_SKIPPED_BEFORE_OBJECT = frozenset(
    ("or", "replace", "temp", "temporary", "global", "local", "unlogged", "unique", "recursive", "persistent")
)


def command_tag(tokens: tuple[Token, ...], rows: int) -> str:
    """The tag of a statement that DuckDB has carried out.

    Args:
        tokens: The statement's tokens, as the client wrote it.
        rows: Rows given back by a query, or changed by INSERT, UPDATE, DELETE, MERGE or CREATE TABLE AS.
    """
    word = main_word(tokens)
    if word == "insert":
        return f"INSERT 0 {rows}"
    if word in _QUERIES:
        return f"SELECT {rows}"
    if word in _COUNTED:
        return f"{word.upper()} {rows}"
    if word in _ROW_STATEMENTS:
        return f"SELECT {rows}"
    if word == "create":
        return _create_tag(tokens, rows)
    if word in ("alter", "drop"):
        return f"{word.upper()} {_object(tokens, 1)}"
    if word == "truncate":
        return "TRUNCATE TABLE"
    return word.upper() or "SELECT"


def main_word(tokens: tuple[Token, ...]) -> str:
    """The lower-case keyword that says what a statement does: of ``WITH … INSERT`` it is ``insert``.

    ``(`` for a parenthesised query.
    """
    first = tokens[0]
    if first.text == "(":
        return "("
    if not first.is_word("with"):
        return first.word
    depth = 0
    for token in tokens:
        if token.text == "(":
            depth += 1
        elif token.text == ")":
            depth -= 1
        elif depth == 0 and token.is_word("insert", "update", "delete", "merge", "select", "values", "table", "from"):
            return token.word
    return "select"


def _create_tag(tokens: tuple[Token, ...], rows: int) -> str:
    what = _object(tokens, 1)
    if what == "TABLE" and _has_query(tokens):
        return f"SELECT {rows}"
    # A macro is what PostgreSQL would call a function.
    return "CREATE FUNCTION" if what == "MACRO" else f"CREATE {what}"


def _has_query(tokens: tuple[Token, ...]) -> bool:
    """Whether CREATE TABLE says AS outside of its parentheses."""
    depth = 0
    for token in tokens:
        if token.text == "(":
            depth += 1
        elif token.text == ")":
            depth -= 1
        elif depth == 0 and token.is_word("as"):
            return True
    return False


def _object(tokens: tuple[Token, ...], index: int) -> str:
    while index < len(tokens) and tokens[index].word in _SKIPPED_BEFORE_OBJECT:
        index += 1
    if index >= len(tokens):
        return ""
    count = _OBJECT_WORDS.get(tokens[index].word, 1)
    return " ".join(token.text.upper() for token in tokens[index : index + count])
