"""``f($1::void)``: an argument of type void is none, and the parameter is there nevertheless.

JDBC's drivers write one where a call's result goes (``{? = call f()}``). PostgreSQL's parser drops them from the call; for DuckDB, which
must know of every parameter, it is put beside the call.

Spec: ParseFuncOrColumn in PostgreSQL's parse_func.c
"""

from __future__ import annotations

from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.tokens import Kind
from duckgres_tx.sql.translation_context import TranslationContext
from duckgres_tx.sql.type_positions import Place, TypePosition, type_positions


def drop_void_arguments(edit: StatementEdit, context: TranslationContext) -> None:
    """Take them out, and say which parameters they were."""
    if "void" not in edit.words:
        return
    for position in type_positions(edit):
        operand = edit.tokens[position.operand]
        is_parameter = operand.kind is Kind.PARAMETER and position.operand_past - position.operand == 1
        if position.name == "void" and position.place is Place.CAST and is_parameter and operand.text[1:].isdigit():
            _drop(edit, position, operand.text)


def _drop(edit: StatementEdit, position: TypePosition, parameter: str) -> None:
    tokens = edit.tokens
    before, past = position.whole - 1, position.whole_past
    calls = [
        index
        for index in range(1, position.whole)
        if tokens[index].text == "(" and tokens[index - 1].name and (edit.brackets.partner(index) or 0) >= past
    ]
    if not calls or tokens[past].text not in (",", ")") or tokens[before].text not in (",", "("):
        return
    opening = calls[-1]
    closing = edit.brackets.partner(opening) or opening
    if before == opening:
        edit.replace_tokens(position.whole, past + (tokens[past].text == ","), "")
    else:
        edit.replace_tokens(before, past, "")
    first = edit.brackets.operand_start(closing + 1)
    edit.wrap_tokens(first, closing + 1, f"(CASE WHEN true OR {parameter}::VARCHAR IS NULL THEN ", " END)")
    edit.void_parameters.add(int(parameter[1:]))
