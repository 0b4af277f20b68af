"""``FROM generate_series(1, 3) i``: in PostgreSQL the alias of a function that gives one column is the column's name too.

In DuckDB it is the table's only, and ``i`` would be a struct.

Spec: sql-select.html#SQL-FROM
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from duckgres_tx.catalog import vocabulary
from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.tokens import Kind, Token
from duckgres_tx.sql.translation_context import TranslationContext

_FUNCTION_WORDS: Final = """
    generate_series unnest generate_subscripts string_to_table regexp_split_to_table json_array_elements
    json_array_elements_text jsonb_array_elements jsonb_array_elements_text json_object_keys jsonb_object_keys
"""
_FUNCTIONS: Final = frozenset(_FUNCTION_WORDS.split())
# Functions of one value, which DuckDB doesn't take for a relation of one row.
_SCALAR_WORDS: Final = """
    string_to_array current_schemas parse_ident version now current_setting pg_sleep pg_backend_pid current_database current_schema
    clock_timestamp txid_current pg_cancel_backend pg_terminate_backend to_regclass to_regtype
"""
_SCALARS: Final = frozenset(_SCALAR_WORDS.split())
_NO_ALIAS_WORDS: Final = """
    where join left right inner cross full natural on using order group having limit offset fetch union intersect except
    window for with tablesample as qualify positional asof semi anti returning set
"""
_NO_ALIAS: Final = frozenset(_NO_ALIAS_WORDS.split())
_CLAUSES: Final = frozenset(("select", "where", "group", "order", "having", "values", "with", "set", "on", "limit"))


def name_function_columns(edit: StatementEdit, context: TranslationContext) -> None:
    """Give the alias to the column as well."""
    for index, token in enumerate(edit.tokens):
        if token.name == "unnest" and _unnest_together(edit, index):
            continue
        is_scalar = token.name in _SCALARS
        if (
            (is_scalar or token.name in _FUNCTIONS)
            and index + 1 < len(edit.tokens)
            and edit.tokens[index + 1].text == "("
        ):
            alias = _alias(edit, index)
            if alias is not None:
                edit.insert(alias.end, f"({alias.text})")
            if is_scalar:
                _select_scalar(edit, index)


def _select_scalar(edit: StatementEdit, index: int) -> None:
    """Make a relation of one row of a function of one value."""
    first = index - 2 if edit.tokens[index - 1].text == "." else index
    closing = edit.brackets.partner(index + 1)
    if closing is None or not stands_in_from(edit, first):
        return
    name = edit.tokens[index].text
    edit.wrap_tokens(first, closing + 1, "(SELECT ", ")" if has_alias(edit, closing + 1) else f") AS {name}({name})")


def _unnest_together(edit: StatementEdit, index: int) -> bool:
    """``FROM unnest(a, b) WITH ORDINALITY``: DuckDB does several at once in a select list only."""
    tokens = edit.tokens
    closing = edit.brackets.partner(index + 1) if index + 1 < len(tokens) and tokens[index + 1].text == "(" else None
    first = index - 2 if index > 1 and tokens[index - 1].text == "." else index
    if closing is None or not stands_in_from(edit, first):
        return False
    commas = edit.brackets.commas(index + 2, closing)
    if not commas:
        return False
    edit.replace(tokens[first].start, tokens[index + 1].end, "(SELECT unnest(")
    for comma in commas:
        edit.replace(tokens[comma].start, tokens[comma].end, "), unnest(")
    ordinality = ""
    past = closing + 1
    if past + 1 < len(tokens) and tokens[past].is_word("with") and tokens[past + 1].is_word("ordinality"):
        list_type = vocabulary.VECTORS.get(tokens[commas[0] - 1].name)
        value = edit.text_of(index + 2, commas[0])
        ordinality = f", generate_subscripts({value if list_type is None else f'CAST({value} AS {list_type})'}, 1)"
        edit.delete_tokens(past, past + 2)
    edit.insert(tokens[closing].end, f"{ordinality})")
    return True


def _alias(edit: StatementEdit, index: int) -> Token | None:
    tokens = edit.tokens
    closing = edit.brackets.partner(index + 1)
    first = index - 2 if index > 1 and tokens[index - 1].text == "." else index
    if closing is None or not stands_in_from(edit, first):
        return None
    at = closing + 1
    if at < len(tokens) and tokens[at].is_word("as"):
        at += 1
    if at >= len(tokens) or (at + 1 < len(tokens) and tokens[at + 1].text == "("):
        return None
    return tokens[at] if _may_be_alias(tokens[at]) else None


def has_alias(edit: StatementEdit, past: int) -> bool:
    """Whether a relation of FROM that ends before token ``past`` has an alias."""
    return past < len(edit.tokens) and (edit.tokens[past].is_word("as") or _may_be_alias(edit.tokens[past]))


def _may_be_alias(token: Token) -> bool:
    return token.kind is Kind.QUOTED_NAME or (token.word != "" and token.word not in _NO_ALIAS)


def stands_in_from(edit: StatementEdit, index: int) -> bool:
    """Whether what begins at token ``index`` is a relation of FROM."""
    if index == 0:
        return False
    tokens = edit.tokens
    before = tokens[index - 1]
    if before.is_word("from"):
        return _begins_clause(edit, index - 1)
    if before.is_word("join", "lateral"):
        return True
    if before.text != ",":
        return False
    for at in _before(edit, index - 1):
        if tokens[at].is_word("from"):
            return _begins_clause(edit, at)
        if tokens[at].word in _CLAUSES:
            return False
    return False


def _begins_clause(edit: StatementEdit, at: int) -> bool:
    """Whether a FROM begins a clause: not that of ``extract(day FROM now())``, nor that of IS DISTINCT FROM."""
    tokens = edit.tokens
    if at > 1 and tokens[at - 1].is_word("distinct") and tokens[at - 2].is_word("is", "not"):
        return False
    if at == 0 or tokens[at - 1].text == "(":
        return True
    return any(tokens[index].is_word("select", "delete", "update", "returning") for index in _before(edit, at))


def _before(edit: StatementEdit, index: int) -> Iterator[int]:
    """The tokens before one, backwards, in the same brackets and in none of their own."""
    while index > 0:
        index -= 1
        text = edit.tokens[index].text
        if text in (")", "]", "}"):
            index = edit.brackets.partner(index) or 0
        elif text in ("(", "[", "{"):
            return
        else:
            yield index
