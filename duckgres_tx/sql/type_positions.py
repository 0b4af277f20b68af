"""Where in a statement a type's name stands: casts, typed constants, column definitions."""

from __future__ import annotations

import enum
from collections.abc import Iterator

from attrs import frozen

from duckgres_tx.sql.brackets import LITERAL_TYPES, Brackets
from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.names import type_name
from duckgres_tx.sql.tokens import Kind


class Place(enum.Enum):
    """What a type's name is there for."""

    CAST = "cast"
    """``operand::type``, or ``CAST(operand AS type)``."""
    LITERAL = "literal"
    """``type 'constant'``."""
    COLUMN = "column"
    """A column's definition in CREATE TABLE or ALTER TABLE."""


@frozen
class TypePosition:
    """A type's name; all numbers are tokens' indexes.

    Attributes:
        place: What it is there for.
        name: PostgreSQL's own name of the type, in lower case (``int4``, ``varchar``), without modifiers and ``[]``.
        first: The type name's first token.
        past: The token after its last one.
        operand: The first token of the cast's operand or of the constant; ``first`` for a column.
        operand_past: The token after the operand's last one.
        whole: The first token of the whole expression.
        whole_past: The token after its last one.
    """

    place: Place
    name: str
    first: int
    past: int
    operand: int
    operand_past: int
    whole: int
    whole_past: int


def type_positions(edit: StatementEdit) -> tuple[TypePosition, ...]:
    """All type names of a statement, from left to right as far as the casts go; found once per statement."""
    found = edit.remembered.get(type_positions)
    if not isinstance(found, tuple):
        found = edit.remembered[type_positions] = tuple(_find(edit))
    return found


_SIGNS_OF_TYPES = LITERAL_TYPES | {"cast", "try_cast", "create", "alter"}


def _find(edit: StatementEdit) -> Iterator[TypePosition]:
    tokens, brackets = edit.tokens, edit.brackets
    if edit.words.isdisjoint(_SIGNS_OF_TYPES) and "::" not in edit.source.text:
        return
    for index, token in enumerate(tokens):
        if token.text == "::":
            yield from _cast_operator(brackets, index)
        elif token.is_word("cast", "try_cast") and index + 1 < len(tokens) and tokens[index + 1].text == "(":
            yield from _cast_call(brackets, index)
        elif token.kind is Kind.STRING and index and tokens[index - 1].word in LITERAL_TYPES:
            start = brackets.operand_start(index + 1)
            if start < index and brackets.type_past(start) == index:
                name = type_name(brackets, start)
                yield TypePosition(Place.LITERAL, name, start, index, index, index + 1, start, index + 1)
    for first in _columns(edit):
        past = brackets.type_past(first)
        if past > first:
            yield TypePosition(Place.COLUMN, type_name(brackets, first), first, past, first, first, first, past)


def _cast_operator(brackets: Brackets, index: int) -> Iterator[TypePosition]:
    past = brackets.type_past(index + 1)
    if past > index + 1 and index:
        start = brackets.operand_start(index)
        name = type_name(brackets, index + 1)
        yield TypePosition(Place.CAST, name, index + 1, past, start, index, start, past)


def _cast_call(brackets: Brackets, index: int) -> Iterator[TypePosition]:
    closing = brackets.partner(index + 1)
    if closing is None:
        return
    inner = brackets.depth_zero(index + 2, closing)
    # The last AS: a CASE or a nested query in the operand has its own in brackets.
    as_index = next((i for i in reversed(inner) if brackets.tokens[i].is_word("as")), None)
    if as_index is None:
        return
    past = brackets.type_past(as_index + 1)
    if past == closing:
        name = type_name(brackets, as_index + 1)
        yield TypePosition(Place.CAST, name, as_index + 1, past, index + 2, as_index, index, closing + 1)


_TABLE_CONSTRAINTS = frozenset(("constraint", "primary", "unique", "check", "foreign", "exclude", "like", "period"))


def _columns(edit: StatementEdit) -> Iterator[int]:
    """The tokens at which the types of column definitions begin."""
    tokens = edit.tokens
    if tokens[0].is_word("create"):
        yield from _created_columns(edit)
    elif tokens[0].is_word("alter"):
        for index in edit.brackets.depth_zero():
            after_name = index > 2 and (
                tokens[index - 1].is_word("data") or tokens[index - 2].is_word("alter", "column")
            )
            if tokens[index].is_word("type") and after_name:
                yield index + 1
            elif tokens[index].is_word("add"):
                yield from _added_column(edit, index + 1)


def _added_column(edit: StatementEdit, index: int) -> Iterator[int]:
    tokens = edit.tokens
    if index < len(tokens) and tokens[index].is_word("column"):
        index += 1
    if index + 2 < len(tokens) and tokens[index].is_word("if"):
        index += 3
    if index + 1 < len(tokens) and tokens[index].name and tokens[index].word not in _TABLE_CONSTRAINTS:
        yield index + 1


def table_definition(edit: StatementEdit) -> tuple[int, int] | None:
    """The parentheses of a CREATE TABLE's definitions; None for another statement or CREATE TABLE … AS."""
    tokens = edit.tokens
    index = 1
    while index < len(tokens) and tokens[index].is_word(
        "or", "replace", "temp", "temporary", "global", "local", "unlogged"
    ):
        index += 1
    if not tokens[0].is_word("create") or index >= len(tokens) or not tokens[index].is_word("table"):
        return None
    for opening in edit.brackets.depth_zero(index):
        if tokens[opening].is_word("as"):
            return None
        if tokens[opening].text == "(":
            closing = edit.brackets.partner(opening)
            return None if closing is None else (opening, closing)
    return None


def is_definition(edit: StatementEdit) -> bool:
    """Whether it is a definition that is kept as text; CREATE TABLE … AS isn't."""
    first = edit.tokens[0]
    if not first.is_word("create"):
        return first.is_word("alter")
    return table_definition(edit) is not None or not any(token.is_word("table") for token in edit.tokens[1:5])


def definition_items(edit: StatementEdit, opening: int, closing: int) -> list[tuple[int, int]]:
    """The first token of each definition between the parentheses, and the token after its last one."""
    return edit.brackets.items(opening + 1, closing)


def _created_columns(edit: StatementEdit) -> Iterator[int]:
    found = table_definition(edit)
    if found is None:
        return
    for first, past in definition_items(edit, *found):
        token = edit.tokens[first]
        if past - first > 1 and token.name and token.word not in _TABLE_CONSTRAINTS:
            yield first + 1


def replace_cast(edit: StatementEdit, position: TypePosition, before: str, after: str) -> None:
    """Put something around a cast's operand in place of the cast."""
    tokens = edit.tokens
    start, end = tokens[position.operand].start, tokens[position.operand_past - 1].end
    edit.wrap(start, end, before, after)
    if position.whole < position.operand:
        edit.replace(tokens[position.whole].start, start, "")
    edit.replace(end, tokens[position.whole_past - 1].end, "")
