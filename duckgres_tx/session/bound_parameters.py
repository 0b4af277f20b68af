"""What Bind brings: the values as the engine reads them, and what they say about their types that the statement doesn't.

PostgreSQL's ``int[]`` has any number of dimensions, DuckDB's type one a bracket. A statement is prepared for one, and anew
(`with_dimensions`) when an array of more is bound to it.

Spec: protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY, arrays.html#ARRAYS-DECLARATION
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from duckgres_tx.engine.database import DuckDBError
from duckgres_tx.session.date_parameters import USUAL_ORDER, ordered_dates
from duckgres_tx.session.execution import refresh
from duckgres_tx.session.preparation import prepare_native
from duckgres_tx.session.prepared_statements import PreparedStatement
from duckgres_tx.session.session import Session
from duckgres_tx.sql.array_literals import MOST_DIMENSIONS
from duckgres_tx.wire.fields import spread
from duckgres_tx.wire.frontend import Bind

# Parameters of more bytes than this are read when their portal runs, on a native thread, and not at Bind as well.
MAX_READ_AT_BIND = 64 * 1024


def values_of(session: Session, statement: PreparedStatement, message: Bind) -> Sequence[bytes | None]:
    """The parameters as the engine is given them: in UTF-8, dates in the order year, month, day.

    Raises:
        PgError: 22P02 and others of class 22: one of them can't be read.
    """
    values: Sequence[bytes | None] = message.parameters
    if session.transcoder is not None:
        values = session.transcoder.parameters(values, message.parameter_formats, statement.parameter_oids)
    if session.date_order != USUAL_ORDER:
        values = ordered_dates(values, statement.parameter_oids, message.parameter_formats, session.date_order)
    _check(session, statement, values, message.parameter_formats)
    return values


def _check(
    session: Session, statement: PreparedStatement, values: Sequence[bytes | None], formats: Sequence[int]
) -> None:
    """Find what can't be read."""
    native = statement.native
    if native is None or not values:
        return
    if sum(len(value) for value in values if value is not None) > MAX_READ_AT_BIND:
        return
    try:
        native.check_parameters(values, formats, statement.reading_oids)
    except DuckDBError as error:
        raise session.pg_error(error) from error


def dimensions(statement: PreparedStatement, message: Bind) -> dict[int, int]:
    """The numbers (from 1) of the parameters that are arrays of more than one dimension, and how many they have."""
    count = len(message.parameters)
    if count != len(statement.parameter_oids):
        return {}
    codes = spread(message.parameter_formats, count)
    found = {}
    for index in statement.array_parameters:
        value = message.parameters[index]
        depth = 0 if value is None or index >= len(codes) else _depth(value, binary=codes[index] == 1)
        if 1 < depth <= MOST_DIMENSIONS:
            found[index + 1] = depth
    return found


def _depth(value: bytes, *, binary: bool) -> int:
    if binary:
        return int.from_bytes(value[:4])
    first = value.find(b"{")
    if first < 0:
        return 0
    braces = value[first:].replace(b" ", b"")
    return len(braces) - len(braces.lstrip(b"{"))


async def with_dimensions(
    session: Session, statement: PreparedStatement, wanted: Mapping[int, int]
) -> PreparedStatement:
    """The same statement, with types of so many dimensions for some of its parameters.

    Raises:
        PgError: DuckDB refuses it so.
    """
    await refresh(session, statement)
    widened = statement.widened
    if widened is None or widened.dimensions != wanted:
        widened = attrs.evolve(statement, dimensions=wanted, descriptions={})
        await prepare_native(session, widened)
        statement.widened = widened
    return widened
