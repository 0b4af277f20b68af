"""What stands beside a parameter, as a question for DuckDB: the statement in a form in which it finds the parameter's type.

PostgreSQL takes an unknown operand to be of the other operand's type, and ``x = ANY ($1)`` for an array of what is compared. DuckDB
finds no type in either place, but it does in ``coalesce($1, x)`` and in ``x = ($1)``. Such a text is prepared and never run.

Spec: typeconv-oper.html, functions-comparisons.html#FUNCTIONS-COMPARISONS-ANY-SOME
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from attrs import frozen

from duckgres_tx.sql.brackets import Brackets
from duckgres_tx.sql.tokens import Kind, Token, tokenize

_QUANTIFIERS = ("any", "some", "all")
# How tightly they bind; what binds equally is taken from the left.
_STRENGTHS = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2, "%": 2, "^": 3, "**": 3}


@frozen
class Place:
    """Where a parameter of unknown type stands.

    Attributes:
        number: The parameter's, from 1.
        operator: Of the expression that it is an operand of; empty for a quantifier's array.
    """

    number: int
    operator: str = ""


@frozen
class Probe:
    """A question for DuckDB.

    Attributes:
        text: The statement to prepare.
        places: What its answer is about, one for each parameter.
    """

    text: str
    places: tuple[Place, ...]


def probe(text: str, unknown: AbstractSet[int]) -> Probe:
    """Make a statement into a question for the types of some parameters.

    Args:
        text: The statement.
        unknown: The parameters' numbers; those without a neighbour that tells are not in the probe's places.

    Raises:
        PgError: 42601, as ``tokenize``.
    """
    tokens = tokenize(text)
    brackets = Brackets(tokens)
    places: dict[int, Place] = {}
    parts: list[str] = []
    done = 0
    for index, number in _parameters(tokens, unknown):
        if _is_array(tokens, index):
            place, start, end, piece = Place(number), tokens[index - 2].start, tokens[index - 2].end, ""
        elif (operation := _operation(brackets, index)) is not None:
            operator, first, past = operation
            other = text[tokens[first].start : tokens[past - 1].end]
            place, start, end = Place(number, operator), tokens[index].start, tokens[index].end
            piece = f"coalesce(${number}, {other})"
        else:
            continue
        places.setdefault(number, place)
        parts += (text[done:start], piece)
        done = end
    return Probe("".join([*parts, text[done:]]), tuple(places.values()))


def _parameters(tokens: tuple[Token, ...], unknown: AbstractSet[int]) -> Iterator[tuple[int, int]]:
    """Index and number of those that are asked for and have no cast."""
    for index, token in enumerate(tokens):
        if token.kind is not Kind.PARAMETER or not token.text[1:].isdigit():
            continue
        has_cast = index + 1 < len(tokens) and tokens[index + 1].text == "::"
        if int(token.text[1:]) in unknown and not has_cast:
            yield index, int(token.text[1:])


def _is_array(tokens: tuple[Token, ...], index: int) -> bool:
    return (
        1 < index < len(tokens) - 1
        and tokens[index - 1].text == "("
        and tokens[index + 1].text == ")"
        and tokens[index - 2].is_word(*_QUANTIFIERS)
    )


def _operation(brackets: Brackets, index: int) -> tuple[str, int, int] | None:
    """The operator that a parameter is an operand of, and the other operand: its first token and the one past it."""
    tokens = brackets.tokens
    left = tokens[index - 1].text if index > 1 and brackets.ends_operand(index - 2) else ""
    right = tokens[index + 1].text if index + 2 < len(tokens) else ""
    if _STRENGTHS.get(right, 0) > _STRENGTHS.get(left, 0):
        past = brackets.operand_past(index + 2)
        return (right, index + 2, past) if past > index + 2 else None
    if left in _STRENGTHS:
        return left, brackets.operand_start(index - 1), index - 1
    return None
