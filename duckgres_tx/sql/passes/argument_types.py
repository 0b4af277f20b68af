"""``pg_sleep($1)``: a parameter that is an argument of a function whose body says nothing of its type.

Spec: functions-admin.html#FUNCTIONS-ADMIN-SIGNAL, functions-datetime.html#FUNCTIONS-DATETIME-DELAY
"""

from __future__ import annotations

from typing import Final

from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.tokens import Kind
from duckgres_tx.sql.translation_context import TranslationContext

_TYPES: Final = {
    "pg_sleep": ("DOUBLE",),
    "pg_sleep_for": ("INTERVAL",),
    "pg_cancel_backend": ("INTEGER",),
    "pg_terminate_backend": ("INTEGER", "BIGINT"),
}


def type_arguments(edit: StatementEdit, context: TranslationContext) -> None:
    """Cast parameters that stand alone as an argument."""
    if edit.words.isdisjoint(_TYPES):
        return
    tokens = edit.tokens
    for index, token in enumerate(tokens[:-1]):
        if token.word not in _TYPES or tokens[index + 1].text != "(":
            continue
        closing = edit.brackets.partner(index + 1)
        if closing is None:
            continue
        arguments = edit.brackets.items(index + 2, closing)
        for (start, past), type_name in zip(arguments, _TYPES[token.word], strict=False):
            if past - start == 1 and tokens[start].kind is Kind.PARAMETER:
                edit.insert(tokens[start].end, f"::{type_name}")
