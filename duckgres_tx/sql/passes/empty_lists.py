"""``SELECT FROM t``: rows without a column, of which PostgreSQL's users want to know how many there are, or whether.

DuckDB wants a list. It is given one of a NULL, which EXISTS doesn't look at, and which isn't sent to the client.

Spec: sql-select.html#SQL-SELECT-LIST
"""

from __future__ import annotations

from typing import Final

from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.translation_context import TranslationContext

_ENDS: Final = frozenset(
    ("from", "where", "group", "having", "window", "order", "limit", "offset", "fetch", "union", "intersect", "except")
)


def fill_empty_lists(edit: StatementEdit, context: TranslationContext) -> None:
    """Give a list to those at the top of a query and in EXISTS; others must have one column, and DuckDB says so."""
    if "select" not in edit.words:
        return
    for index in _empty_lists(edit):
        edit.insert(edit.tokens[index].end, " NULL")


def gives_no_columns(edit: StatementEdit) -> bool:
    """Whether the statement is a query without a column."""
    tokens = edit.tokens
    if not tokens[0].is_word("select", "with"):
        return False
    select = next((index for index in edit.brackets.depth_zero() if tokens[index].is_word("select")), None)
    return select is not None and _is_empty(edit, select)


def _empty_lists(edit: StatementEdit) -> list[int]:
    tokens = edit.tokens
    if not any(token.is_word("select") and _is_empty(edit, index) for index, token in enumerate(tokens)):
        return []
    found = []
    if tokens[0].is_word("select", "with"):
        found = [index for index in edit.brackets.depth_zero() if tokens[index].is_word("select")]
    for index, token in enumerate(tokens[:-2]):
        if token.is_word("exists") and tokens[index + 1].text == "(" and tokens[index + 2].is_word("select"):
            found.append(index + 2)
    return [index for index in found if _is_empty(edit, index)]


def _is_empty(edit: StatementEdit, index: int) -> bool:
    tokens = edit.tokens
    return index + 1 == len(tokens) or tokens[index + 1].text == ")" or tokens[index + 1].word in _ENDS
