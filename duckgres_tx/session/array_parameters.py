"""The type of a parameter that stands for an array: ``x = ANY ($1)``.

DuckDB finds none there, and by itself would take text. PostgreSQL takes an array of what is compared with it: so DuckDB is asked for the
type that the parameter has in ``x = ($1)``.

Spec: functions-comparisons.html#FUNCTIONS-COMPARISONS-ANY-SOME
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from duckgres_tx.engine.database import DuckDBError
from duckgres_tx.engine.logical_types import LogicalType
from duckgres_tx.session.duckdb_session import DuckDBSession
from duckgres_tx.session.parameter_types import cast_parameters
from duckgres_tx.sql.tokens import Kind, Token, tokenize

_QUANTIFIERS = ("any", "some", "all")


async def array_casts(
    session: DuckDBSession, text: str, missing: Mapping[int, str], casts: Mapping[int, str]
) -> dict[int, str]:
    """Parameter number (from 1) to type name, for those that are a quantifier's array.

    Args:
        session: Asks DuckDB.
        text: The statement.
        missing: The parameters that nothing is known of, as `missing_casts` gives them.
        casts: What is known of the others.

    Raises:
        PgError: 42601, as ``tokenize``.
    """
    arrays = {number for number, _ in _arrays(tokenize(text)) if number in missing}
    if not arrays:
        return {}
    types: tuple[LogicalType, ...] = ()
    # What is wrong with the statement it says when it is prepared as it stands.
    with contextlib.suppress(DuckDBError):
        scalar = await session.prepare_native(cast_parameters(without_quantifiers(text), casts).text)
        types = scalar.parameter_types
    return {
        number: f"{types[number - 1].sql_name() if number <= len(types) and types[number - 1].known else 'VARCHAR'}[]"
        for number in arrays
    }


def without_quantifiers(text: str) -> str:
    """The statement with ``x = ($1)`` for ``x = ANY ($1)``.

    Raises:
        PgError: 42601, as ``tokenize``.
    """
    parts: list[str] = []
    done = 0
    for _, quantifier in _arrays(tokenize(text)):
        parts.append(text[done : quantifier.start])
        done = quantifier.end
    parts.append(text[done:])
    return "".join(parts)


def _arrays(tokens: tuple[Token, ...]) -> Iterator[tuple[int, Token]]:
    """The parameters in the place of arrays, each with the word before its bracket."""
    for index, token in enumerate(tokens[:-3]):
        if (
            token.is_word(*_QUANTIFIERS)
            and tokens[index + 1].text == "("
            and tokens[index + 2].kind is Kind.PARAMETER
            and tokens[index + 2].text[1:].isdigit()
            and tokens[index + 3].text == ")"
        ):
            yield int(tokens[index + 2].text[1:]), token
