"""DuckDB's types as values: what a column or a parameter is, without a handle into the library.

``database`` makes them from the C API's logical types (:func:`duckgres_tx.engine.encoder.describe_type`);
:mod:`duckgres_tx.engine.pg_types` says what PostgreSQL calls them.

Spec: https://duckdb.org/docs/stable/sql/data_types/overview
"""

from __future__ import annotations

import enum

from attrs import frozen


class TypeId(enum.IntEnum):
    """The C API's ``duckdb_type``. A parameter that DuckDB could not resolve is ``INVALID``."""

    INVALID = 0
    BOOLEAN = 1
    TINYINT = 2
    SMALLINT = 3
    INTEGER = 4
    BIGINT = 5
    UTINYINT = 6
    USMALLINT = 7
    UINTEGER = 8
    UBIGINT = 9
    FLOAT = 10
    DOUBLE = 11
    TIMESTAMP = 12
    DATE = 13
    TIME = 14
    INTERVAL = 15
    HUGEINT = 16
    VARCHAR = 17
    BLOB = 18
    DECIMAL = 19
    TIMESTAMP_S = 20
    TIMESTAMP_MS = 21
    TIMESTAMP_NS = 22
    ENUM = 23
    LIST = 24
    STRUCT = 25
    MAP = 26
    UUID = 27
    UNION = 28
    BIT = 29
    TIME_TZ = 30
    TIMESTAMP_TZ = 31
    UHUGEINT = 32
    ARRAY = 33
    ANY = 34
    BIGNUM = 35
    SQLNULL = 36
    STRING_LITERAL = 37
    INTEGER_LITERAL = 38
    TIME_NS = 39
    GEOMETRY = 40
    VARIANT = 41


_SQL_NAMES = {
    TypeId.SQLNULL: '"NULL"',
    TypeId.TIME_TZ: "TIME WITH TIME ZONE",
    TypeId.TIMESTAMP_TZ: "TIMESTAMP WITH TIME ZONE",
}


@frozen
class LogicalType:
    """One DuckDB type, nested ones as a tree.

    Attributes:
        id: The kind of type.
        alias: The name of a user-defined type or of an extension's (``JSON``); ``None`` for a plain type.
        width: Of a DECIMAL, its precision in digits, 1 to 38.
        scale: Of a DECIMAL, its digits after the point, 0 to ``width``.
        child: Of a LIST or an ARRAY, the type of an element.
        members: Of a STRUCT or a UNION, its fields in order; of a MAP, ``key`` and ``value``.
        size: Of an ARRAY, the number of its elements.
        dictionary: Of an ENUM, its labels in order.
    """

    id: TypeId
    alias: str | None = None
    width: int = 0
    scale: int = 0
    child: LogicalType | None = None
    members: tuple[tuple[str, LogicalType], ...] = ()
    size: int = 0
    dictionary: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether DuckDB resolved the type; a parameter used nowhere telling has none."""
        return self.id is not TypeId.INVALID

    @property
    def enum(self) -> LogicalType | None:
        """The ENUM that it is, or that its elements are; None for everything else."""
        leaf = self
        while leaf.child is not None:
            leaf = leaf.child
        return leaf if leaf.id is TypeId.ENUM else None

    def sql_name(self) -> str:
        """How DuckDB's SQL spells the type, such as ``DECIMAL(15,2)[]``."""
        if self.alias is not None:
            return self.alias
        if self.id is TypeId.DECIMAL:
            return f"DECIMAL({self.width},{self.scale})"
        if self.id is TypeId.ENUM:
            return f"ENUM({', '.join(_quoted(label, chr(39)) for label in self.dictionary)})"
        if self.id is TypeId.LIST and self.child is not None:
            return f"{self.child.sql_name()}[]"
        if self.id is TypeId.ARRAY and self.child is not None:
            return f"{self.child.sql_name()}[{self.size}]"
        if self.id is TypeId.MAP:
            return f"MAP({', '.join(member.sql_name() for _, member in self.members)})"
        if self.id in (TypeId.STRUCT, TypeId.UNION):
            fields = ", ".join(f"{_quoted(name, chr(34))} {member.sql_name()}" for name, member in self.members)
            return f"{self.id.name}({fields})"
        return _SQL_NAMES.get(self.id, self.id.name)


def _quoted(text: str, mark: str) -> str:
    return mark + text.replace(mark, mark * 2) + mark
