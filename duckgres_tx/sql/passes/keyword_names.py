"""Names and labels that PostgreSQL takes and DuckDB reads as key words: ``CREATE TABLE log (at timestamptz)``, ``SELECT count(*) value``.

DuckDB reserves some words for syntax of its own; where one of them can't be that syntax it is a name, and is quoted. And it takes fewer key
words for a label without AS than PostgreSQL since 14; these get an AS.

Spec: sql-keywords-appendix.html, queries-select-lists.html#QUERIES-COLUMN-LABELS
"""

from __future__ import annotations

from duckgres_tx.catalog.pg_keywords import ROWS
from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.names import bare_labels
from duckgres_tx.sql.tokens import Kind, quote_name
from duckgres_tx.sql.translation_context import TranslationContext
from duckgres_tx.sql.type_positions import definition_items, table_definition

# Key words that may be a column's name and a label without AS. Reserved ones may be labels too, but hardly are.
_LABELS = frozenset(str(word) for word, category, may_be_label, *_ in ROWS if category in ("U", "C") and may_be_label)

# Where these are DuckDB's own syntax they stand before a statement's or a clause's body …
_HEADS = frozenset(
    [
        "describe",
        "show",
        "summarize",
        "pivot",
        "pivot_wider",
        "pivot_longer",
        "unpivot",
        "qualify",
        "unpack",
        "glob",
        "lambda",
    ]
)
# … and these before the rest of a join.
_JOINS = frozenset(("anti", "semi", "asof", "positional"))
_RESERVED = _HEADS | _JOINS | {"at", "by"}

_REST_OF_JOIN = frozenset(("join", "left", "right", "inner", "full", "outer"))
_BEFORE_BY = frozenset(("group", "order", "partition", "increment", "owned", "generated"))
_BEFORE_NAME = frozenset(("column", "add", "drop", "rename", "to"))
_BEHIND_NAME = frozenset(
    [
        "as",
        "is",
        "from",
        "and",
        "or",
        "in",
        "like",
        "ilike",
        "between",
        "asc",
        "desc",
        "nulls",
        "then",
        "else",
        "end",
        "when",
        "where",
        "group",
        "order",
        "limit",
        "offset",
        "having",
        "union",
        "except",
        "intersect",
        "collate",
        "at",
    ]
)


def quote_reserved_names(edit: StatementEdit, context: TranslationContext) -> None:
    """Quote what is a name for PostgreSQL and no syntax of DuckDB's in its place."""
    if edit.words.isdisjoint(_RESERVED):
        return
    definitions = table_definition(edit)
    defined: set[int] = set() if definitions is None else {first for first, _ in definition_items(edit, *definitions)}
    for index, token in enumerate(edit.tokens):
        if index and token.word in _RESERVED and (index in defined or _is_name(edit, index)):
            edit.replace(token.start, token.end, quote_name(token.word))


def label_by_as(edit: StatementEdit, context: TranslationContext) -> None:
    """Put AS before a label that is a key word."""
    if edit.words.isdisjoint(_LABELS):
        return
    for index, token in enumerate(edit.tokens):
        if token.is_word("select", "returning"):
            for label in bare_labels(edit.brackets, index):
                if edit.tokens[label].word in _LABELS:
                    edit.insert(edit.tokens[label].start, "AS ")


def _is_name(edit: StatementEdit, index: int) -> bool:
    """Whether a word that DuckDB reserves can only be a name here."""
    tokens = edit.tokens
    word, before = tokens[index].word, tokens[index - 1]
    behind = tokens[index + 1] if index + 1 < len(tokens) else None
    if before.text == "." or (behind is not None and behind.text == "."):
        return True
    if word == "at":
        # x AT TIME ZONE z; t AT (VERSION => 1)
        return behind is None or not (behind.is_word("time") or behind.text == "(")
    if word == "by":
        # GROUP BY; UNION ALL BY NAME
        return before.word not in _BEFORE_BY and not (behind is not None and behind.is_word("name", "position"))
    if word in _JOINS:
        return behind is None or behind.word not in _REST_OF_JOIN
    return (
        before.word in _BEFORE_NAME
        or behind is None
        or behind.text in (",", ")")
        or behind.kind is Kind.OPERATOR
        or behind.word in _BEHIND_NAME
    )
