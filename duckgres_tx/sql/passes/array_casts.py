"""``array::text``: PostgreSQL's text of an array, ``{1,NULL,"a b"}``, where DuckDB has its list's, ``[1, NULL, a b]``.

What is an array is seen where the operand is a cast to one, ARRAY[…], array_agg, or a parameter that is declared as one; DuckDB's own list literals (``[1, 2]::text``) keep
DuckDB's text. Not in definitions, which would be kept with a function that only this server has.

Spec: arrays.html#ARRAYS-IO
"""

from __future__ import annotations

from typing import Final

from duckgres_tx.catalog import vocabulary
from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.tokens import Kind, Token
from duckgres_tx.sql.translation_context import TranslationContext
from duckgres_tx.sql.type_positions import Place, TypePosition, is_definition, replace_cast, type_positions

_TEXT_TYPES: Final = frozenset(("text", "varchar"))
_MAKERS: Final = frozenset(("array", "array_agg"))


def show_arrays(edit: StatementEdit, context: TranslationContext) -> None:
    """Have casts of arrays to text give PostgreSQL's text."""
    casts = [position for position in type_positions(edit) if position.place is Place.CAST]
    shown = [position for position in casts if position.name in _TEXT_TYPES and not _is_array_type(edit, position)]
    if not shown or is_definition(edit):
        return
    inner = {(position.whole, position.whole_past): position for position in casts}
    for position in shown:
        first, past = _without_parentheses(edit, position.operand, position.operand_past)
        cast = inner.get((first, past))
        if cast is not None:
            is_array = _is_array_type(edit, cast)
        else:
            is_maker = edit.tokens[first].word in _MAKERS and edit.brackets.operand_start(past) == first
            is_array = is_maker or (past - first == 1 and _is_parameter(edit.tokens[first], context))
        if is_array and not edit.is_replaced(edit.tokens[past - 1].end, edit.tokens[position.whole_past - 1].end):
            function = vocabulary.function_name("array_out", live=context.live)
            replace_cast(edit, position, f"{function}(", ")")


def _is_parameter(token: Token, context: TranslationContext) -> bool:
    return token.kind is Kind.PARAMETER and token.text[1:].isdigit() and int(token.text[1:]) in context.array_parameters


def _is_array_type(edit: StatementEdit, position: TypePosition) -> bool:
    return edit.tokens[position.past - 1].text == "]" or position.name[:1] == "_"


def _without_parentheses(edit: StatementEdit, first: int, past: int) -> tuple[int, int]:
    while edit.tokens[first].text == "(" and edit.brackets.partner(first) == past - 1 and past - first > 2:
        first, past = first + 1, past - 1
    return first, past
