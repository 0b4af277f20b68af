"""Names for the unnamed columns of derived tables, so that they are called in DuckDB what they are in PostgreSQL.

``CREATE TABLE t AS SELECT count(*) FROM s`` makes a column ``count``, and ``SELECT sum FROM (SELECT sum(x) FROM s)``
finds its column. Those of VALUES are ``column1`` and so on, where DuckDB counts from ``col0``. The columns of the outermost select list
are named in RowDescription (``names``), not here.
"""

from __future__ import annotations

from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.names import UNNAMED, list_names
from duckgres_tx.sql.tokens import quote_name
from duckgres_tx.sql.translation_context import TranslationContext


def name_derived_columns(edit: StatementEdit, context: TranslationContext) -> None:
    """Add aliases in subqueries of FROM, in WITH queries, and in what CREATE TABLE AS and CREATE VIEW store."""
    tokens = edit.tokens
    if "select" not in edit.words:
        return
    stored = _stored_select(edit)
    for index, token in enumerate(tokens):
        if token.is_word("select") and index and (index == stored or _makes_table(edit, index)):
            for past, name in list_names(edit.brackets, index):
                if name != UNNAMED:
                    edit.insert(tokens[past - 1].end, f" AS {quote_name(name)}")


def name_columns_of_values(edit: StatementEdit, context: TranslationContext) -> None:
    """``FROM (VALUES (1, 2)) v``, in WITH and CREATE TABLE AS too, becomes a SELECT from it with names; not where it has some."""
    tokens = edit.tokens
    if "values" not in edit.words:
        return
    for index, token in enumerate(tokens[:-1]):
        if not token.is_word("values") or tokens[index + 1].text != "(" or not index:
            continue
        if not _is_stored(edit, index) and (not _makes_table(edit, index) or _has_column_list(edit, index - 1)):
            continue
        past = first = index + 1
        while past < len(tokens) and tokens[past].text == "(" and (closing := edit.brackets.partner(past)) is not None:
            past = closing + 1
            if past + 1 >= len(tokens) or tokens[past].text != "," or tokens[past + 1].text != "(":
                break
            past += 1
        columns = len(edit.brackets.items(first + 1, edit.brackets.partner(first) or first))
        names = ", ".join(f"column{number}" for number in range(1, columns + 1))
        edit.wrap_tokens(index, past, "SELECT * FROM (", f') AS "*VALUES*"({names})')


def _is_stored(edit: StatementEdit, index: int) -> bool:
    """``CREATE TABLE t AS VALUES …``."""
    tokens = edit.tokens
    return tokens[0].is_word("create") and tokens[index - 1].is_word("as") and index - 1 in edit.brackets.depth_zero()


def _has_column_list(edit: StatementEdit, opening: int) -> bool:
    """``(VALUES …) AS v(a, b)``, or ``WITH v(a, b) AS (VALUES …)``."""
    tokens, closing = edit.tokens, edit.brackets.partner(opening)
    before = opening - 1
    while before > 1 and tokens[before].is_word("not", "materialized"):
        before -= 1
    if closing is None or (before > 0 and tokens[before].is_word("as") and tokens[before - 1].text == ")"):
        return True
    alias = closing + 2 if closing + 1 < len(tokens) and tokens[closing + 1].is_word("as") else closing + 1
    return alias + 1 < len(tokens) and bool(tokens[alias].name) and tokens[alias + 1].text == "("


def _stored_select(edit: StatementEdit) -> int | None:
    """The SELECT whose result CREATE TABLE AS or CREATE VIEW stores, unless it is in brackets."""
    tokens = edit.tokens
    if not tokens[0].is_word("create") or not any(token.is_word("table", "view") for token in tokens[1:5]):
        return None
    return next((index for index in edit.brackets.depth_zero() if tokens[index].is_word("select")), None)


def _makes_table(edit: StatementEdit, index: int) -> bool:
    """Whether the SELECT at ``index`` is a query in brackets whose columns are referred to by name."""
    tokens = edit.tokens
    if tokens[index - 1].text != "(" or index < 2:
        return False
    outer = tokens[index - 2]
    if outer.text == ",":
        return _in_from_list(edit, index - 1)
    return outer.is_word("from", "join", "lateral", "using", "as", "materialized")


def _in_from_list(edit: StatementEdit, index: int) -> bool:
    """Whether the parenthesis at ``index`` stands in a FROM list: the last clause word before it is FROM."""
    depth = 0
    for at in range(index - 1, -1, -1):
        text = edit.tokens[at].text
        if text in (")", "]", "}"):
            depth += 1
        elif text in ("(", "[", "{"):
            depth -= 1
            if depth < 0:
                return False
        elif depth == 0 and edit.tokens[at].is_word("from"):
            return True
        elif depth == 0 and edit.tokens[at].is_word("select", "where", "group", "order", "values", "with", "set"):
            return False
    return False
