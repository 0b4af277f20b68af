"""Casts to PostgreSQL's object identifier types: ``'t'::regclass``, ``oid::regtype::text``, ``x::oid``.

DuckDB has no such types. What a cast gives depends on what is done with it: an OID where it is compared or cast on to
a number, the object's name where it is shown. Constants give OIDs, as they are looked up to be compared.

Spec: datatype-oid.html
"""

from __future__ import annotations

import re
from typing import Final

from duckgres_tx.catalog import vocabulary
from duckgres_tx.errors import PgError
from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.passes.catalog_operators import array_items
from duckgres_tx.sql.tokens import Kind, string_value
from duckgres_tx.sql.translation_context import TranslationContext
from duckgres_tx.sql.type_positions import Place, TypePosition, replace_cast, type_positions

# The functions that read and show each; see catalog/of_definitions.py.
_REG_TYPES: Final = frozenset(("regclass", "regtype", "regproc", "regprocedure", "regnamespace", "regrole"))
# Kinds of objects that DuckDB hasn't: nothing to look up, numbers are shown as they are.
_FOREIGN_REG_TYPES: Final = frozenset(("regoper", "regoperator", "regconfig", "regdictionary", "regcollation"))
_ALIASES: Final = {
    "oid": "pg_oid",
    "name": "pg_name",
    '"char"': "pg_char",
    "xid": "pg_xid",
    "cid": "pg_xid",
    "cstring": "pg_cstring",
    "unknown": "pg_unknown",
    "inet": "pg_inet",
    "cidr": "pg_cidr",
    "macaddr": "pg_macaddr",
    "point": "pg_point",
    "int2vector": "pg_int2vector",
    "oidvector": "pg_oidvector",
}
# In what is stored, DuckDB's own types where they do: another program that opens the file knows no alias.
_STORED: Final = {
    "oid": "BIGINT",
    "name": "VARCHAR",
    '"char"': "VARCHAR",
    "xid": "BIGINT",
    "cid": "BIGINT",
    # It could not check these.
    "inet": "pg_inet",
    "cidr": "pg_cidr",
    "macaddr": "pg_macaddr",
    "point": "pg_point",
}
_VECTORS: Final = {"int2vector": "smallint", "oidvector": "oid"}
_NUMBER: Final = re.compile(r"[+-]?[0-9]+")
_TEXT_TYPES: Final = frozenset(("text", "varchar", "name", "bpchar", "cstring"))
_COMPARISONS: Final = frozenset(("=", "<>", "!=", "<", ">", "<=", ">="))


def translate_catalog_casts(edit: StatementEdit, context: TranslationContext) -> None:
    """Rewrite casts to object identifier types and to the types that only PostgreSQL's catalogs have."""
    positions = type_positions(edit)
    # The cast whose operand is just another cast, by that one's extent.
    outer = {
        (position.operand, position.operand_past): position for position in positions if position.place is Place.CAST
    }
    for position in positions:
        is_array = edit.tokens[position.past - 1].text == "]"
        name = _type_name(edit, position)
        if name in _REG_TYPES and position.place is not Place.COLUMN:
            if is_array:
                _translate_array(edit, position, name)
            else:
                _translate_reg(edit, context, position, outer.get((position.whole, position.whole_past)))
        elif name in _FOREIGN_REG_TYPES:
            edit.replace_tokens(position.first, position.past, "VARCHAR[]" if is_array else "VARCHAR")
        elif name in _ALIASES:
            _rename(edit, position, name, is_array=is_array)
        elif position.place is Place.CAST and name in _TEXT_TYPES and not is_array:
            _show_function(edit, context, position)


def _type_name(edit: StatementEdit, position: TypePosition) -> str:
    """The type's name; ``"char"`` is not ``char``."""
    for index in range(position.first, position.past):
        if edit.tokens[index].text == '"char"':
            return '"char"'
    return position.name


def _rename(edit: StatementEdit, position: TypePosition, name: str, *, is_array: bool) -> None:
    stored = edit.tokens[0].is_word("create", "alter") or position.place is Place.COLUMN
    new = (_STORED if stored else _ALIASES).get(name)
    if new is None:
        return
    past = position.first + 1
    if position.past - position.first > 2 and edit.tokens[position.first + 1].text == ".":
        past = position.first + 3
    edit.replace_tokens(position.first, past, new)
    if name in _VECTORS and not is_array and position.operand_past - position.operand == 1:
        _translate_vector_text(edit, position.operand, _VECTORS[name])
    if is_array and position.operand_past - position.operand == 1:
        _translate_array_text(edit, position.operand)


def _translate_vector_text(edit: StatementEdit, index: int, element: str) -> None:
    """``'1 2'::int2vector``.

    Raises:
        PgError: 22P02.
    """
    token = edit.tokens[index]
    if token.kind is not Kind.STRING:
        return
    numbers = string_value(token.text).split()
    wrong = next((number for number in numbers if not _NUMBER.fullmatch(number)), None)
    if wrong is not None:
        message = f'invalid input syntax for type {element}: "{wrong}"'
        raise PgError("22P02", message, position=edit.source.offset + token.start + 1)
    edit.replace(token.start, token.end, f"[{', '.join(numbers)}]")


def _translate_array_text(edit: StatementEdit, index: int) -> None:
    token = edit.tokens[index]
    items = array_items(token) if token.kind is Kind.STRING else None
    if items is not None:
        edit.replace(token.start, token.end, items)


def _translate_reg(
    edit: StatementEdit, context: TranslationContext, position: TypePosition, outer: TypePosition | None
) -> None:
    edit.catalog_query = True
    name = position.name

    def function(suffix: str) -> str:
        return vocabulary.function_name(name + suffix, live=context.live)

    constant = _is_constant(edit, position)
    if _is_shown(edit, position, outer, constant=constant):
        before, after = f"{function('_out')}(", ")"
        if constant:
            before, after = f"{before}{function('_in')}(CAST(", " AS VARCHAR)))"
    else:
        before, after = f"{function('_in')}(CAST(", " AS VARCHAR))"
    replace_cast(edit, position, before, after)


def _is_constant(edit: StatementEdit, position: TypePosition) -> bool:
    if position.operand_past - position.operand != 1:
        return False
    return edit.tokens[position.operand].kind in (Kind.STRING, Kind.PARAMETER)


def _is_shown(edit: StatementEdit, position: TypePosition, outer: TypePosition | None, *, constant: bool) -> bool:
    """Whether the object's name is wanted, and not its OID."""
    if outer is not None:
        return outer.name in _TEXT_TYPES
    tokens = edit.tokens
    before = tokens[position.whole - 1] if position.whole else None
    after = tokens[position.whole_past] if position.whole_past < len(tokens) else None
    if constant:
        # SELECT 'pg_class'::regclass on its own.
        return before is not None and before.is_word("select") and after is None
    compared = any(token is not None and token.text in _COMPARISONS for token in (before, after))
    return not compared and not (after is not None and after.is_word("in", "not"))


def _translate_array(edit: StatementEdit, position: TypePosition, name: str) -> None:
    """``proargtypes::regtype[]`` shows names; of other kinds the OIDs stay."""
    if position.place is not Place.CAST:
        return
    if name == "regtype":
        replace_cast(edit, position, "list_transform(", ", lambda element: __pg.facts.any_sql_name(element))")
    else:
        edit.replace_tokens(position.first, position.past, "pg_oid[]")


def _show_function(edit: StatementEdit, context: TranslationContext, position: TypePosition) -> None:
    """``typreceive::text``: a column that holds a function's OID and shows its name."""
    token = edit.tokens[position.operand_past - 1]
    if token.name not in vocabulary.REGPROC_COLUMNS or not edit.catalog_query:
        return
    if any(part.text not in (".",) and not part.name for part in edit.tokens[position.operand : position.operand_past]):
        return
    edit.wrap_tokens(
        position.operand, position.operand_past, f"{vocabulary.function_name('regproc_out', live=context.live)}(", ")"
    )
