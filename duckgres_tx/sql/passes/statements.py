"""Statements whose first words DuckDB spells otherwise: SHOW and SET of its own settings, EXPLAIN's options."""

from __future__ import annotations

from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.settings_of_duckdb import is_duckdb_setting
from duckgres_tx.sql.tokens import quote_name, quote_string
from duckgres_tx.sql.translation_context import TranslationContext


def translate_settings(edit: StatementEdit, context: TranslationContext) -> None:
    """SHOW of a DuckDB setting becomes a query; SET and RESET of one say SESSION, so that no other session sees it."""
    tokens = edit.tokens
    if len(tokens) < 2 or not is_duckdb_setting(tokens[1].name):
        return
    name = tokens[1].name
    if tokens[0].is_word("show") and len(tokens) == 2:
        query = f"SELECT value AS {quote_name(name)} FROM duckdb_settings() WHERE name = {quote_string(name)}"
        edit.replace_tokens(0, 2, query)
    elif tokens[0].is_word("set", "reset"):
        edit.insert(tokens[1].start, "SESSION ")


# What PostgreSQL's EXPLAIN shows beside the plan; DuckDB shows what it shows.
_PRESENTATION = frozenset(
    ("verbose", "costs", "settings", "generic_plan", "buffers", "wal", "timing", "summary", "memory", "serialize")
)


def translate_explain(edit: StatementEdit, context: TranslationContext) -> None:
    """Leave out EXPLAIN's options that only choose what is shown: VERBOSE, COSTS, BUFFERS …."""
    tokens = edit.tokens
    if not tokens[0].is_word("explain") or len(tokens) < 3:
        return
    index = 2 if tokens[1].is_word("analyze", "analyse") else 1
    if tokens[index].is_word("verbose"):
        edit.delete_tokens(index, index + 1)
        index += 1
    closing = edit.brackets.partner(index) if index < len(tokens) else None
    if index == 1 and tokens[1].text == "(" and closing is not None:
        _filter_options(edit, closing)


def _filter_options(edit: StatementEdit, closing: int) -> None:
    tokens = edit.tokens
    commas = edit.brackets.commas(2, closing)
    options = list(zip([2, *(comma + 1 for comma in commas)], [*commas, closing], strict=True))
    if not all(tokens[first].word for first, _ in options) or tokens[2].is_word("select", "with", "values"):
        return
    kept = [edit.text_of(first, past) for first, past in options if _is_kept(edit, first, past)]
    if len(kept) < len(options):
        edit.replace_tokens(1, closing + 1, f"({', '.join(kept)})" if kept else "")


def _is_kept(edit: StatementEdit, first: int, past: int) -> bool:
    tokens = edit.tokens
    if tokens[first].word in _PRESENTATION:
        return False
    # ANALYZE off, FORMAT text
    off = past - first == 2 and tokens[first + 1].text.lower() in ("off", "false", "0")
    text_format = tokens[first].is_word("format") and tokens[past - 1].is_word("text")
    return not (off or text_format)
