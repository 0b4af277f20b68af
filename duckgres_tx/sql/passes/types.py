"""PostgreSQL's type names as DuckDB's, where DuckDB hasn't the name or means something else by it.

Spec: datatype.html#DATATYPE
"""

from __future__ import annotations

import re

from duckgres_tx.errors import FeatureNotSupported, PgError
from duckgres_tx.sql.array_literals import read_array
from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.several import SERIAL_TYPES
from duckgres_tx.sql.tokens import Kind, string_value
from duckgres_tx.sql.translation_context import TranslationContext
from duckgres_tx.sql.type_positions import Place, TypePosition, replace_cast, type_positions

NUMERIC = "DECIMAL(38,10)"
"""What ``numeric`` without precision is; DuckDB's own choice, DECIMAL(18,3), would round 1.2345 silently."""

_MOST_DIGITS = 38
_NUMERIC = re.compile(
    r"\s*[+-]?(?:(?P<whole>\d+)?(?:\.(?P<fraction>\d*))?(?:[eE](?P<exponent>[+-]?\d{1,3}))?|(?P<special>nan|inf|infinity))\s*",
    re.IGNORECASE,
)

_RENAMED = {
    "numeric": NUMERIC,
    "jsonb": "JSON",
    "varbit": "BIT",
    "citext": "VARCHAR",
}
# What may stand behind pg_catalog. ; the object identifier types are the catalog passes'.
_BUILT_IN_WORDS = """
    bool bytea int2 int4 int8 float4 float8 numeric text varchar bpchar json jsonb uuid date time timetz timestamp
    timestamptz interval bit varbit
"""
_BUILT_IN = frozenset(_BUILT_IN_WORDS.split())
_SERIALS = frozenset(SERIAL_TYPES)
_WITHOUT_PRECISION = {"timestamptz": "TIMESTAMPTZ", "time": "TIME", "timetz": "TIMETZ"}
_SET_OPERATIONS = frozenset(("union", "intersect", "except"))
_INTERVAL_FIELDS = frozenset(("year", "month", "day", "hour", "minute", "second"))


def translate_types(edit: StatementEdit, context: TranslationContext) -> None:
    """Rewrite the type names of casts, typed constants and column definitions."""
    for position in type_positions(edit):
        if position.place is Place.COLUMN and position.name in _SERIALS:
            raise _no_serial(edit, position)
        if edit.is_replaced(edit.tokens[position.first].start, edit.tokens[position.past - 1].end):
            continue
        if position.name == "anyarray" and position.place is Place.CAST:
            # an array is one already
            replace_cast(edit, position, "", "")
            continue
        if position.name == "interval" and position.place is not Place.COLUMN:
            _check_interval(edit, position)
        _translate_name(edit, position)
        _translate_length(edit, position)
        _translate_array(edit, position)
        _translate_constructor(edit, position)


def _no_serial(edit: StatementEdit, position: TypePosition) -> PgError:
    return FeatureNotSupported(
        f"type {position.name} is not supported",
        hint="Create a sequence, and give the column DEFAULT nextval('that_sequence').",
        position=edit.source.offset + edit.tokens[position.first].start + 1,
    )


def _name_past(edit: StatementEdit, position: TypePosition) -> int:
    """The token after the type's name without its modifier and brackets."""
    for index in range(position.first, position.past):
        if edit.tokens[index].text in ("(", "[") or edit.tokens[index].is_word("array"):
            return index
    return position.past


def _modifier(edit: StatementEdit, position: TypePosition) -> tuple[int, int] | None:
    """The tokens of ``(n)`` within the type's name, and the one after."""
    for index in range(position.first, position.past):
        if edit.tokens[index].text == "(":
            closing = edit.brackets.partner(index)
            return None if closing is None else (index, closing + 1)
    return None


def _translate_name(edit: StatementEdit, position: TypePosition) -> None:
    tokens = edit.tokens
    name_past = _name_past(edit, position)
    modifier = _modifier(edit, position)
    first = tokens[position.first]
    # "int4" is PostgreSQL's type, and no name that DuckDB knows.
    quoted = first.kind is Kind.QUOTED_NAME and name_past - position.first == 1
    known = position.name in _BUILT_IN and (quoted or first.name == "pg_catalog")
    if position.name in _WITHOUT_PRECISION and modifier is not None:
        # DuckDB's zoned types and times always have microseconds.
        past = position.past
        while tokens[past - 1].text == "]":
            past = edit.brackets.partner(past - 1) or past - 1
        edit.replace_tokens(position.first, past, _WITHOUT_PRECISION[position.name])
    elif position.name == "numeric" and modifier is not None:
        if known:
            edit.replace_tokens(position.first, name_past, "numeric")
    elif position.name == "numeric" and position.past == name_past and (exact := _exact_numeric(edit, position)):
        edit.replace_tokens(position.first, name_past, exact)
    elif position.name in _RENAMED:
        past = name_past if modifier is None else modifier[1]
        edit.replace_tokens(position.first, past, _RENAMED[position.name])
    elif known:
        edit.replace_tokens(position.first, name_past, position.name)
    elif position.name[:1] == "_" and position.name[1:] in _BUILT_IN:
        element = position.name[1:]
        edit.replace_tokens(position.first, position.past, f"{_RENAMED.get(element, element)}[]")


def _exact_numeric(edit: StatementEdit, position: TypePosition) -> str | None:
    """The type with just the digits that a constant has: PostgreSQL keeps its scale. None for anything but a constant.

    Raises:
        PgError: 0A000 for NaN and the infinities, which DECIMAL hasn't.
    """
    token = edit.tokens[position.operand]
    if position.operand_past - position.operand != 1 or token.kind not in (Kind.STRING, Kind.NUMBER):
        return None
    text = string_value(token.text) if token.kind is Kind.STRING else token.text
    match = _NUMERIC.fullmatch(text)
    if match is None:
        return None
    if match["special"]:
        raise FeatureNotSupported(
            f"numeric can't be {match['special']}",
            hint="double precision can.",
            position=edit.source.offset + token.start + 1,
        )
    scale = len(match["fraction"] or "") - int(match["exponent"] or 0)
    digits = len((match["whole"] or "").lstrip("0")) + len(match["fraction"] or "")
    return f"DECIMAL(38,{scale})" if 0 <= scale <= _MOST_DIGITS and digits <= _MOST_DIGITS else None


def _translate_length(edit: StatementEdit, position: TypePosition) -> None:
    """A cast to ``varchar(n)`` cuts the text off at n characters; DuckDB ignores the length.

    ``char(n)`` is filled up with blanks where it is shown; wherever something is done with it they don't count.
    """
    modifier = _modifier(edit, position)
    cast = position.place is Place.CAST
    if not cast or position.name not in ("varchar", "bpchar") or modifier is None or modifier[1] != position.past:
        return
    length = edit.tokens[modifier[0] + 1]
    if length.kind is not Kind.NUMBER or modifier[1] - modifier[0] != 3:
        return
    if position.name == "bpchar" and _is_shown(edit, position):
        after = f", {length.text}), {length.text}, ' ') AS pg_bpchar)"
        edit.wrap_tokens(position.whole, position.whole_past, 'CAST(rpad("left"(', after)
    else:
        edit.wrap_tokens(position.whole, position.whole_past, '"left"(', f", {length.text})")


def _is_shown(edit: StatementEdit, position: TypePosition) -> bool:
    """Whether an expression is, whole, a column of the result."""
    tokens = edit.tokens
    if not tokens[0].is_word("select") or not edit.words.isdisjoint(_SET_OPERATIONS):
        return False
    shown = edit.brackets.depth_zero()
    if position.whole not in shown or any(tokens[index].is_word("from") for index in shown if index < position.whole):
        return False
    before, past = tokens[position.whole - 1], position.whole_past
    ends = past == len(tokens) or tokens[past].text == "," or tokens[past].is_word("from", "as")
    return ends and (before.text == "," or before.is_word("select", "all"))


def _check_interval(edit: StatementEdit, position: TypePosition) -> None:
    """``'2'::interval day`` is two days in PostgreSQL and two seconds in DuckDB."""
    past = position.past if position.place is Place.CAST else position.operand_past
    if position.place is Place.CAST and past < len(edit.tokens) and edit.tokens[past].word in _INTERVAL_FIELDS:
        raise FeatureNotSupported(
            "interval fields in a cast are not supported",
            hint="Write INTERVAL '…' with the unit inside of the constant.",
            position=edit.source.offset + edit.tokens[past].start + 1,
        )


def _translate_array(edit: StatementEdit, position: TypePosition) -> None:
    """``'{1,2}'::int[]``: DuckDB writes its lists with square brackets."""
    is_array = edit.tokens[position.past - 1].text == "]" or position.name[:1] == "_"
    if position.place is not Place.CAST or not is_array or position.operand_past - position.operand != 1:
        return
    token = edit.tokens[position.operand]
    if token.kind is not Kind.STRING or edit.is_replaced(token.start, token.end):
        return
    try:
        literal = read_array(string_value(token.text))
    except PgError as error:
        error.position = edit.source.offset + token.start + 1
        raise
    if literal is not None:
        edit.replace(token.start, token.end, literal.items)
        _set_dimensions(edit, position, len(literal.sizes) or 1, is_whole=bool(literal.sizes))


def _translate_constructor(edit: StatementEdit, position: TypePosition) -> None:
    """``ARRAY[ARRAY[1]]::int[]`` has two dimensions in spite of its type's one bracket."""
    tokens = edit.tokens
    if position.place is not Place.CAST or tokens[position.past - 1].text != "]":
        return
    if not tokens[position.operand].is_word("array") or edit.brackets.partner(position.operand + 1) != (
        position.operand_past - 1
    ):
        return
    depth, index = 0, position.operand
    while tokens[index].text == "[" or tokens[index].is_word("array"):
        depth += tokens[index].text == "["
        index += 1
    _set_dimensions(edit, position, depth, is_whole=False)


def _set_dimensions(edit: StatementEdit, position: TypePosition, depth: int, *, is_whole: bool) -> None:
    """PostgreSQL's int[] and int[][] have any number of dimensions, DuckDB's one a bracket.

    Args:
        edit: The statement.
        position: The type.
        depth: How many dimensions the value has.
        is_whole: It can't have more, so that surplus brackets are taken off.
    """
    past = position.past
    written = 0
    while edit.tokens[past - 1 - 2 * written].text == "]" and edit.tokens[past - 2 - 2 * written].text == "[":
        written += 1
    has = max(written, 1)
    if depth > has:
        edit.wrap_tokens(position.first, past, "", "[]" * (depth - has))
    elif is_whole and depth < has:
        edit.delete_tokens(past - 2 * (has - depth), past)
