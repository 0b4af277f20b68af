"""``FROM generate_series(1, 3) i``: in PostgreSQL the alias of a function that gives one column is the column's name too.

In DuckDB it is the table's only, and ``i`` would be a struct.

Spec: sql-select.html#SQL-FROM
"""

from __future__ import annotations

from typing import Final

from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.tokens import Kind, Token
from duckgres_tx.sql.translation_context import TranslationContext

_FUNCTIONS: Final = frozenset(
    (
        "generate_series unnest generate_subscripts string_to_table regexp_split_to_table json_array_elements "
        "json_array_elements_text jsonb_array_elements jsonb_array_elements_text json_object_keys jsonb_object_keys"
    ).split()
)
_NO_ALIAS: Final = frozenset(
    (
        "where join left right inner cross full natural on using order group having limit offset fetch union intersect except "
        "window for with tablesample as qualify positional asof semi anti returning set"
    ).split()
)
_CLAUSES: Final = frozenset(("select", "where", "group", "order", "having", "values", "with", "set", "on", "limit"))


def name_function_columns(edit: StatementEdit, context: TranslationContext) -> None:
    """Give the alias to the column as well."""
    for index, token in enumerate(edit.tokens):
        if token.name in _FUNCTIONS and index + 1 < len(edit.tokens) and edit.tokens[index + 1].text == "(":
            alias = _alias(edit, index)
            if alias is not None:
                edit.insert(alias.end, f"({alias.text})")


def _alias(edit: StatementEdit, index: int) -> Token | None:
    tokens = edit.tokens
    closing = edit.brackets.partner(index + 1)
    first = index - 2 if index > 1 and tokens[index - 1].text == "." else index
    if closing is None or not _stands_in_from(edit, first):
        return None
    at = closing + 1
    if at < len(tokens) and tokens[at].is_word("as"):
        at += 1
    if at >= len(tokens) or (at + 1 < len(tokens) and tokens[at + 1].text == "("):
        return None
    alias = tokens[at]
    if alias.kind is Kind.QUOTED_NAME or (alias.word and alias.word not in _NO_ALIAS):
        return alias
    return None


def _stands_in_from(edit: StatementEdit, index: int) -> bool:
    if index == 0:
        return False
    tokens = edit.tokens
    before = tokens[index - 1]
    if before.is_word("from", "join", "lateral"):
        return True
    if before.text != ",":
        return False
    depth = 0
    for at in range(index - 1, -1, -1):
        text = tokens[at].text
        if text in (")", "]", "}"):
            depth += 1
        elif text in ("(", "[", "{"):
            depth -= 1
            if depth < 0:
                return False
        elif depth == 0 and tokens[at].is_word("from"):
            return True
        elif depth == 0 and tokens[at].word in _CLAUSES:
            return False
    return False
