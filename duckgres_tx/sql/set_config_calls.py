"""Calls of ``set_config(name, value, is_local)`` in a query, with what they are called with.

They are carried out before the query runs, so their arguments must be known beforehand: constants and parameters are, other
expressions are refused.

Spec: functions-admin.html#FUNCTIONS-ADMIN-SET
"""

from __future__ import annotations

from attrs import frozen

from duckgres_tx.errors import FeatureNotSupported, PgError
from duckgres_tx.sql.split import SourceStatement
from duckgres_tx.sql.tokens import Kind, Token, string_value

_FUNCTION = "set_config"


@frozen
class Parameter:
    """An argument that Bind gives, counted from 1."""

    number: int


Argument = str | None | Parameter


@frozen
class SetConfigCall:
    """One call in a statement."""

    name: Argument
    value: Argument
    is_local: Argument


def find_calls(source: SourceStatement) -> tuple[SetConfigCall, ...]:
    """The calls in a statement, in order.

    Raises:
        FeatureNotSupported: An argument is neither a constant nor a parameter.
    """
    if _FUNCTION not in source.text.lower():
        return ()
    tokens = source.tokens
    return tuple(
        _read_call(source, index + 2)
        for index, token in enumerate(tokens[:-1])
        if token.name == _FUNCTION and tokens[index + 1].text == "("
    )


def _read_call(source: SourceStatement, index: int) -> SetConfigCall:
    arguments: list[Argument] = []
    tokens = source.tokens
    while index < len(tokens) and len(arguments) < 3:
        arguments.append(_read_argument(source, tokens[index]))
        index += 1
        # A cast of a constant to text says nothing new.
        while index + 1 < len(tokens) and tokens[index].text == "::":
            index += 2
        if index >= len(tokens) or tokens[index].text not in (",", ")"):
            raise _not_constant(source, tokens[min(index, len(tokens) - 1)])
        if tokens[index].text == ")":
            break
        index += 1
    if len(arguments) != 3:
        raise PgError("42883", "function set_config takes a name, a value and a boolean")
    return SetConfigCall(*arguments)


def _read_argument(source: SourceStatement, token: Token) -> Argument:
    if token.kind is Kind.STRING:
        return string_value(token.text)
    if token.kind is Kind.PARAMETER:
        return Parameter(int(token.text[1:]))
    if token.is_word("true", "false"):
        return token.word
    if token.is_word("null"):
        return None
    raise _not_constant(source, token)


def _not_constant(source: SourceStatement, token: Token) -> FeatureNotSupported:
    return FeatureNotSupported(
        "set_config is only supported with constants and parameters", position=source.offset + token.start + 1
    )
