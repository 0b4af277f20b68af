"""Aggregates that DuckDB calls otherwise. A macro would not do: it takes no ORDER BY, DISTINCT and FILTER.

Spec: functions-aggregate.html
"""

from __future__ import annotations

from typing import Final

from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.translation_context import TranslationContext

_RENAMED: Final = {"every": "bool_and"}
# What becomes a list first.
_JSON: Final = frozenset(("json_agg", "jsonb_agg"))
_WORDS: Final = _JSON.union(_RENAMED)


def translate_aggregates(edit: StatementEdit, context: TranslationContext) -> None:
    """``json_agg(x ORDER BY y) FILTER (…)`` becomes ``to_json(list(x ORDER BY y) FILTER (…))``."""
    if edit.words.isdisjoint(_WORDS):
        return
    tokens = edit.tokens
    for index, token in enumerate(tokens[:-1]):
        if token.word not in _WORDS or tokens[index + 1].text != "(":
            continue
        closing = edit.brackets.partner(index + 1)
        qualified = index > 0 and tokens[index - 1].text == "."
        if closing is None or (qualified and (index < 2 or not tokens[index - 2].is_word("pg_catalog"))):
            continue
        if token.word in _RENAMED:
            edit.replace_tokens(index, index + 1, _RENAMED[token.word])
            continue
        edit.replace_tokens(index, index + 1, "list")
        edit.wrap_tokens(index - 2 if qualified else index, _call_past(edit, closing + 1), "to_json(", ")")


def _call_past(edit: StatementEdit, past: int) -> int:
    """The token after a call's FILTER and OVER, if it has them."""
    tokens = edit.tokens
    for word in ("filter", "over"):
        if past + 1 >= len(tokens) or not tokens[past].is_word(word):
            continue
        closing = edit.brackets.partner(past + 1) if tokens[past + 1].text == "(" else None
        if closing is not None:
            past = closing + 1
        elif word == "over" and tokens[past + 1].name:
            past += 2
    return past
