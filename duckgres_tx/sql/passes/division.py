"""``a / b`` and ``a % b``: division by zero is an error in PostgreSQL, where DuckDB gives NULL.

Both operands go through a macro that looks at what has become NULL only. A divisor that is a constant, and not zero, needs no look.

Not looked at: operands with a subquery or a window in them, which the macro would have computed more than once; parameters that say nothing
of their type, which DuckDB finds by the operator only; and definitions, which would be kept with a function that only this server has.

Spec: functions-math.html#FUNCTIONS-MATH-OP-TABLE
"""

from __future__ import annotations

from typing import Final

from duckgres_tx.catalog import vocabulary
from duckgres_tx.errors import PgError
from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.tokens import Kind, Token
from duckgres_tx.sql.translation_context import TranslationContext
from duckgres_tx.sql.type_positions import is_definition

_MACROS: Final = {"/": "quotient", "%": "remainder"}
_AS_TIGHT: Final = frozenset(("*", "/", "%", "^"))
_EXPENSIVE: Final = frozenset(("select", "over"))
# What goes on after a right operand in a way that isn't understood here.
_GOES_ON: Final = frozenset((".", "^", "[", "::"))
_GOES_ON_WORDS: Final = frozenset(("over", "filter", "within", "collate", "at", "escape"))


def check_divisors(edit: StatementEdit, context: TranslationContext) -> None:
    """Have each division by something that may be zero look for that; constants tell it when they are planned."""
    tokens = edit.tokens
    operators = [index for index, token in enumerate(tokens) if token.text in _MACROS and token.kind is Kind.OPERATOR]
    if not operators or not context.checks_divisors or is_definition(edit):
        return
    for index in operators:
        past = _operand_past(edit, index + 1)
        start = _chain_start(edit, index)
        if past is None or start is None or _is_not_zero(tokens[index + 1 : past]):
            continue
        if any(token.word in _EXPENSIVE for token in tokens[start:past]):
            continue
        if past - index == 2 and index - start == 1 and tokens[start].kind is tokens[index + 1].kind is Kind.NUMBER:
            _check_constants(edit)
        if past - index == 2 and _has_no_type(tokens[index + 1], context):
            continue
        if index - start == 1 and _has_no_type(tokens[start], context):
            continue
        function = vocabulary.function_name(_MACROS[tokens[index].text], live=context.live)
        edit.wrap_tokens(start, past, f"{function}(", ")")
        edit.replace_tokens(index, index + 1, ",")


def _has_no_type(token: Token, context: TranslationContext) -> bool:
    """Whether it is a parameter whose type DuckDB finds by the operator only."""
    if token.kind is not Kind.PARAMETER:
        return False
    return not token.text[1:].isdigit() or int(token.text[1:]) not in context.typed_parameters


def _check_constants(edit: StatementEdit) -> None:
    """``1 / 0`` is computed when a statement is planned, whether a row comes of it or not; but not where a CASE may go round it."""
    if "case" not in edit.words and "coalesce" not in edit.words:
        edit.fault = PgError("22012", "division by zero")


def _chain_start(edit: StatementEdit, index: int) -> int | None:
    """Where what is divided begins: ``a * b`` of ``a * b / c``."""
    tokens = edit.tokens
    start = index
    while start > 0:
        first = edit.brackets.operand_start(start)
        token = tokens[first]
        # an operator, or a word that begins or ends a clause, is no operand
        if first == start - 1 and not (token.name or token.kind in _CONSTANTS or token.text in (")", "]")):
            return None
        start = first
        if start == 0 or tokens[start - 1].text not in _AS_TIGHT:
            return start
        start -= 1
    return None


_CONSTANTS: Final = frozenset((Kind.NUMBER, Kind.STRING, Kind.PARAMETER))


def _operand_past(edit: StatementEdit, index: int) -> int | None:
    """Where the divisor ends that begins here; None where that isn't plain to see."""
    tokens = edit.tokens
    if index < len(tokens) and tokens[index].text in ("-", "+"):
        index += 1
    past = edit.brackets.operand_past(index)
    if past == index or tokens[index].is_word("case", "select", "not"):
        return None
    if past < len(tokens) and (tokens[past].text in _GOES_ON or tokens[past].word in _GOES_ON_WORDS):
        return None
    return past


def _is_not_zero(tokens: tuple[Token, ...]) -> bool:
    """Whether a divisor is a number, perhaps with a sign or a cast, and one that isn't zero."""
    first = 1 if tokens[0].text in ("-", "+") else 0
    number = tokens[first]
    if number.kind is not Kind.NUMBER or (len(tokens) > first + 1 and tokens[first + 1].text != "::"):
        return False
    return any(digit in "123456789" for digit in number.text.lower().partition("e")[0])
