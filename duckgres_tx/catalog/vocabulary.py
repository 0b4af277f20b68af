"""The catalog's names, for who reads SQL: which relations and functions there are, and which read the facts."""

from __future__ import annotations

from typing import Final

from duckgres_tx.catalog import install, names, pg_columns

PG_RELATIONS: Final = frozenset(pg_columns.PG_CATALOG)
INFO_RELATIONS: Final = frozenset(pg_columns.INFORMATION_SCHEMA)

FUNCTIONS: Final = frozenset(piece.name for piece in install.PIECES if piece.schema == names.PG and piece.is_macro)
"""pg_catalog's functions that are macros of ours; every other one is DuckDB's."""

CATALOG_FUNCTIONS: Final = frozenset(
    piece.name for piece in install.PIECES if piece.schema == names.PG and piece.is_macro and piece.key in install.LATE
)
"""Those of them that read relations, so that the snapshot has to be there."""

_LIVE: Final = frozenset((piece.schema, piece.name) for piece in install.PIECES if piece.key in install.CHANGING)

_LIST_TYPES: Final = {"int2vector": "INTEGER[]", "oidvector": "UINTEGER[]"}

VECTORS: Final = {
    column: _LIST_TYPES[kind]
    for text in pg_columns.PG_CATALOG.values()
    for column, _, kind in (item.partition(":") for item in text.split())
    if kind in _LIST_TYPES
}
"""Columns whose subscripts begin at 0, and the list type they are cast to so that DuckDB's list functions take them.

A cast to the type of which they are an alias would be left out as it changes nothing.
"""

REGPROC_COLUMNS: Final = frozenset(
    column.partition(":")[0]
    for text in pg_columns.PG_CATALOG.values()
    for column in text.split()
    if column.endswith(":regproc")
)
"""Columns that hold a function's OID and show its name."""


def relation_name(name: str, *, info: bool, live: bool) -> str:
    """A relation of pg_catalog or information_schema as any session can write it."""
    return _qualified(names.INFO if info else names.PG, name, live=live)


def function_name(name: str, *, live: bool) -> str:
    """One of ``FUNCTIONS`` as any session can write it."""
    return _qualified(names.PG, name, live=live)


def _qualified(schema: str, name: str, *, live: bool) -> str:
    if live and (schema, name) in _LIVE:
        schema = install.LIVE_SCHEMAS[schema]
    return names.qualified(schema, name)
