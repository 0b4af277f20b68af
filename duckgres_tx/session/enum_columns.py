"""What a statement's client is told of the ENUM types in it; a statement without any is looked at and left alone."""

from __future__ import annotations

from collections.abc import Sequence

from duckgres_tx.catalog.enum_query import enum_query, read_enums
from duckgres_tx.engine.database import Column, DuckDBError, Statement
from duckgres_tx.engine.enum_types import NO_ENUMS, EnumTypes
from duckgres_tx.engine.logical_types import LogicalType
from duckgres_tx.engine.pg_types import duckdb_type_name
from duckgres_tx.session.parameter_types import UNKNOWN_OIDS
from duckgres_tx.session.session import Session
from duckgres_tx.wire import oids


async def enum_types(session: Session) -> EnumTypes:
    """The ENUM types that a session sees.

    Raises:
        PgError: They can't be asked for.
    """
    if session.has_temporary_objects or session.block.catalog_changed:
        return read_enums(await session.run(enum_query(session.database.catalog)))
    try:
        return await session.database.enum_types()
    except DuckDBError as error:
        raise session.pg_error(error) from error


def speaks_of_enums(declared_oids: Sequence[int]) -> bool:
    """Whether a client has declared a parameter of a type that isn't PostgreSQL's own."""
    return any(oid not in UNKNOWN_OIDS and duckdb_type_name(oid) is None for oid in declared_oids)


def enum_parameters(declared_oids: Sequence[int], enums: EnumTypes) -> frozenset[int]:
    """The numbers (from 1) of the parameters that a client has declared as enums."""
    return frozenset(number for number, oid in enumerate(declared_oids, 1) if enums.of_oid(oid) is not None)


def has_enums(native: Statement, columns: Sequence[Column]) -> bool:
    """Whether there is an ENUM, or an array of such, among a statement's columns and parameters."""
    return any(column.type.enum for column in columns) or any(kind.enum for kind in native.parameter_types)


def tell_enums(native: Statement, columns: Sequence[Column], enums: EnumTypes) -> None:
    """Tell the engine the OIDs and names that it is to use; once for each statement."""
    element_oids = [_element_oid(column.type, enums) for column in columns]
    native.tell_enums(
        element_oids if len(columns) == len(native.columns) else [0] * len(native.columns),
        [_name(kind, enums) for kind in native.parameter_types],
    )


def reading_oids(parameter_oids: tuple[int, ...], enums: EnumTypes) -> tuple[int, ...]:
    """The types as which the engine reads parameters: a label is a text."""
    if enums is NO_ENUMS:
        return parameter_oids
    found = []
    for oid in parameter_oids:
        enum = enums.of_oid(oid)
        found.append(oid if enum is None else oids.TEXT if oid == enum.oid else oids.TEXT_ARRAY)
    return tuple(found)


def _element_oid(kind: LogicalType, enums: EnumTypes) -> int:
    enum = None if kind.child is None else kind.enum
    found = None if enum is None else enums.of_labels(enum.dictionary)
    return 0 if found is None else found.oid


def _name(kind: LogicalType, enums: EnumTypes) -> str | None:
    enum = kind.enum
    found = None if enum is None else enums.of_labels(enum.dictionary)
    return None if found is None else found.name
