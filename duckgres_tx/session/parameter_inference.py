"""Types for the parameters that neither the client declares nor DuckDB finds, by PostgreSQL's rules as far as they can be asked for.

Spec: typeconv-oper.html, typeconv-func.html
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from duckgres_tx.engine.database import DuckDBError
from duckgres_tx.engine.logical_types import LogicalType, TypeId
from duckgres_tx.engine.pg_types import duckdb_type_name
from duckgres_tx.session.duckdb_session import DuckDBSession
from duckgres_tx.session.parameter_types import NUMERIC_OID, cast_parameters
from duckgres_tx.sql.parameter_probes import Place, probe

# An argument of a function that isn't text is of the preferred type of numbers, or of the one that counts.
_GUESSES = ("VARCHAR", "DOUBLE", "INTEGER")
# More of them are all taken to be of one type.
_MAX_COMBINED = 3


async def infer(
    session: DuckDBSession, text: str, unknown: AbstractSet[int], casts: Mapping[int, str]
) -> dict[int, str]:
    """Find types by what stands beside the parameters.

    Args:
        session: Asks DuckDB.
        text: The statement.
        unknown: The parameters' numbers, from 1.
        casts: The type names of others.

    Returns:
        Number to type name; those that nothing tells of are not in it.

    Raises:
        PgError: 42601, as ``tokenize``.
    """
    found: dict[int, str] = {}
    while more := await _ask(session, text, unknown - found.keys(), {**casts, **found}):
        found |= more
    return found


async def guess(
    session: DuckDBSession, text: str, unknown: AbstractSet[int], casts: Mapping[int, str]
) -> dict[int, str]:
    """Find types that DuckDB takes, for what it doesn't take as text.

    Args:
        session: Asks DuckDB.
        text: The statement.
        unknown: The parameters' numbers.
        casts: The type names of others.

    Returns:
        Number to type name; nothing where no guess is right, or there is nothing to guess.
    """
    for names in _guesses(len(unknown)):
        guessed = dict(zip(unknown, names, strict=True))
        try:
            await session.prepare_native(cast_parameters(text, {**casts, **guessed}).text)
        except DuckDBError:
            continue
        return guessed
    return {}


def _guesses(count: int) -> Iterable[tuple[str, ...]]:
    if count > _MAX_COMBINED:
        return [(name,) * count for name in _GUESSES[1:]]
    # the first is all text, which has failed
    return itertools.islice(itertools.product(_GUESSES, repeat=count), 1, None)


async def _ask(
    session: DuckDBSession, text: str, unknown: AbstractSet[int], casts: Mapping[int, str]
) -> dict[int, str]:
    question = probe(text, unknown)
    if not question.places:
        return {}
    try:
        answer = await session.prepare_native(cast_parameters(question.text, casts).text)
    except DuckDBError:
        # What is wrong with the statement it says when it is prepared as it stands.
        return {}
    types = answer.parameter_types
    return {
        place.number: name
        for place in question.places
        if place.number <= len(types) and (name := _name(place, types[place.number - 1])) is not None
    }


def _name(place: Place, found: LogicalType) -> str | None:
    if not place.operator:
        return f"{found.sql_name() if found.known else 'VARCHAR'}[]"
    if not found.known:
        return None
    if found.id is TypeId.DECIMAL:
        # not of the other's scale
        return duckdb_type_name(NUMERIC_OID)
    if found.id is TypeId.INTERVAL and place.operator in ("*", "/"):
        return "DOUBLE"
    return found.sql_name()
