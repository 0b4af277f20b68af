"""A relation of pg_catalog or information_schema: PostgreSQL's columns, and where their values come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from duckgres_tx.catalog import pg_columns

# PostgreSQL's type to the one here. What has its own OID on the wire is an alias type (engine/alias_types.pyx).
_TYPES: Final = {
    "oid": "pg_oid",
    "name": "pg_name",
    "char": "pg_char",
    "xid": "pg_xid",
    "regproc": "pg_regproc",
    "regtype": "pg_regtype",
    "int2vector": "pg_int2vector",
    "oidvector": "pg_oidvector",
    "pg_node_tree": "pg_node_tree",
    "aclitem": "pg_aclitem",
    "bool": "BOOLEAN",
    "int2": "SMALLINT",
    "int4": "INTEGER",
    "int8": "BIGINT",
    "float4": "FLOAT",
    "float8": "DOUBLE",
    "numeric": "DECIMAL(38,0)",
    "timestamptz": "TIMESTAMPTZ",
    "interval": "INTERVAL",
    "bytea": "BLOB",
}
# What a column holds that a definition doesn't mention.
_DEFAULTS: Final = {"bool": "false", "oid": "0", "regproc": "0", "int2": "0", "int4": "0", "int8": "0", "xid": "1"}


def duckdb_type(pg_type: str) -> str:
    """The column type for a ``pg_type.typname``; what isn't listed is text."""
    if pg_type.startswith("_"):
        return f"{duckdb_type(pg_type[1:])}[]"
    return _TYPES.get(pg_type, "VARCHAR")


@frozen
class Relation:
    """One relation.

    Attributes:
        name: As PostgreSQL has it.
        columns: Each column's expression; a column that isn't there gets its type's zero, or NULL if it is text.
        source: What follows ``FROM``; ``{f}`` facts, ``{s}`` static tables, ``{h}`` the host's, ``{p}`` pg_catalog's
            relations, ``{i}`` information_schema's. Empty: the relation has no rows.
        info: It belongs to information_schema.
    """

    name: str
    columns: Mapping[str, str] = field(factory=dict)
    source: str = ""
    info: bool = False

    def listed_columns(self) -> list[tuple[str, str]]:
        """(name, ``pg_type.typname``) of PostgreSQL's columns, in order."""
        lists = pg_columns.INFORMATION_SCHEMA if self.info else pg_columns.PG_CATALOG
        return [(name, kind) for name, _, kind in (item.partition(":") for item in lists[self.name].split())]

    def select(self) -> str:
        """The template of the SELECT, all of PostgreSQL's columns in order and of their types."""
        listed = self.listed_columns()
        unknown = set(self.columns) - {name for name, _ in listed}
        if unknown:
            message = f"{self.name} has no columns {sorted(unknown)}"
            raise ValueError(message)
        items = []
        for name, kind in listed:
            value = self.columns.get(name, _DEFAULTS.get(kind, "NULL") if not self.info else "NULL")
            items.append(f'CAST({value} AS {duckdb_type(kind)}) AS "{name}"')
        return f"SELECT {', '.join(items)}" + (f" FROM {self.source}" if self.source else " WHERE false")
