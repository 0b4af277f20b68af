"""``'31.12.2000'::date``, ``timestamptz '2000-01-01 0:00+2'``, ``interval 'P1D'``: constants that only PostgreSQL reads, for DuckDB.

Spec: datatype-datetime.html#DATATYPE-DATETIME-INPUT
"""

from __future__ import annotations

from duckgres_tx.sql import interval_constants, time_constants
from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.tokens import Kind, quote_string, string_value
from duckgres_tx.sql.translation_context import TranslationContext
from duckgres_tx.sql.type_positions import Place, TypePosition, type_positions

_TIMES = frozenset(("date", "time", "timetz", "timestamp", "timestamptz"))


def translate_temporal_constants(edit: StatementEdit, context: TranslationContext) -> None:
    """Rewrite the constants of casts and the typed ones; what can't be read is left as it is, for DuckDB to read or to refuse."""
    for position in type_positions(edit):
        if position.name not in _TIMES and position.name != "interval":
            continue
        if position.place is Place.COLUMN or position.operand_past - position.operand != 1:
            continue
        token = edit.tokens[position.operand]
        is_array = edit.tokens[position.past - 1].text == "]"
        if token.kind is not Kind.STRING or is_array or edit.is_replaced(token.start, token.end):
            continue
        written = _written(edit, position, string_value(token.text), context.date_order)
        if written is not None:
            edit.replace(token.start, token.end, quote_string(written))


def _written(edit: StatementEdit, position: TypePosition, text: str, order: str) -> str | None:
    if position.name != "interval":
        return None if time_constants.is_common(text) else time_constants.read_constant(text, position.name, order)
    past = max(position.operand_past, position.past)
    if past < len(edit.tokens) and edit.tokens[past].kind is Kind.WORD and text.strip().isdigit():
        # INTERVAL '1' DAY
        return None
    return None if interval_constants.is_common(text) else interval_constants.read_interval(text)
