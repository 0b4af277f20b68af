"""What PostgreSQL calls DuckDB's types: the type columns are announced as, and the way back.

Every type has an answer. Where PostgreSQL lacks a type the nearest that loses nothing stands in: numeric for integers
beyond bigint, json for structs, maps and unions. ``docs/types.md`` has the whole table.

Spec: catalog-pg-type.html
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from attrs import frozen

from duckgres_tx.engine.enum_types import NO_ENUMS, EnumTypes
from duckgres_tx.engine.logical_types import LogicalType, TypeId

if TYPE_CHECKING:
    from collections.abc import Mapping


@frozen
class PgType:
    """How RowDescription announces a column.

    Attributes:
        oid: ``pg_type.oid``.
        size: ``pg_type.typlen``; -1 is variable.
        modifier: ``atttypmod``; -1 is none.
    """

    oid: int
    size: int
    modifier: int = -1


@frozen
class _Known:
    """One row of :data:`_KNOWN`."""

    name: str
    sql_name: str
    oid: int
    array_oid: int
    size: int
    duckdb: str | None


# name, the name in SQL and in messages, oid, its array's oid, typlen, what DuckDB calls it in a cast.
# numeric has no fixed counterpart: DECIMAL alone would be DECIMAL(18,3).
_KNOWN: Final = tuple(
    _Known(*row)
    for row in (
        ("bool", "boolean", 16, 1000, 1, "BOOLEAN"),
        ("bytea", "bytea", 17, 1001, -1, "BLOB"),
        ("char", '"char"', 18, 1002, 1, "VARCHAR"),
        ("name", "name", 19, 1003, 64, "VARCHAR"),
        ("int8", "bigint", 20, 1016, 8, "BIGINT"),
        ("int2", "smallint", 21, 1005, 2, "SMALLINT"),
        ("int2vector", "int2vector", 22, 1006, -1, "SMALLINT[]"),
        ("int4", "integer", 23, 1007, 4, "INTEGER"),
        ("regproc", "regproc", 24, 1008, 4, "VARCHAR"),
        ("text", "text", 25, 1009, -1, "VARCHAR"),
        ("oid", "oid", 26, 1028, 4, "BIGINT"),
        ("xid", "xid", 28, 1011, 4, "pg_xid"),
        ("cid", "cid", 29, 1012, 4, "BIGINT"),
        ("oidvector", "oidvector", 30, 1013, -1, "BIGINT[]"),
        ("json", "json", 114, 199, -1, "JSON"),
        ("xml", "xml", 142, 143, -1, "VARCHAR"),
        ("pg_node_tree", "pg_node_tree", 194, 0, -1, "VARCHAR"),
        ("point", "point", 600, 1017, 16, "pg_point"),
        ("cidr", "cidr", 650, 651, -1, "pg_cidr"),
        ("float4", "real", 700, 1021, 4, "FLOAT"),
        ("float8", "double precision", 701, 1022, 8, "DOUBLE"),
        ("unknown", "unknown", 705, 0, -2, "VARCHAR"),
        ("macaddr", "macaddr", 829, 1040, 6, "pg_macaddr"),
        ("inet", "inet", 869, 1041, -1, "pg_inet"),
        ("aclitem", "aclitem", 1033, 1034, 16, "VARCHAR"),
        ("bpchar", "character", 1042, 1014, -1, "VARCHAR"),
        ("varchar", "character varying", 1043, 1015, -1, "VARCHAR"),
        ("date", "date", 1082, 1182, 4, "DATE"),
        ("time", "time without time zone", 1083, 1183, 8, "TIME"),
        ("timestamp", "timestamp without time zone", 1114, 1115, 8, "TIMESTAMP"),
        ("timestamptz", "timestamp with time zone", 1184, 1185, 8, "TIMESTAMPTZ"),
        ("interval", "interval", 1186, 1187, 16, "INTERVAL"),
        ("timetz", "time with time zone", 1266, 1270, 12, "TIMETZ"),
        ("bit", "bit", 1560, 1561, -1, "BIT"),
        ("varbit", "bit varying", 1562, 1563, -1, "BIT"),
        ("numeric", "numeric", 1700, 1231, -1, "DECIMAL(38,10)"),
        ("regprocedure", "regprocedure", 2202, 2207, 4, "VARCHAR"),
        ("regclass", "regclass", 2205, 2210, 4, "VARCHAR"),
        ("regtype", "regtype", 2206, 2211, 4, "VARCHAR"),
        ("cstring", "cstring", 2275, 1263, -2, "VARCHAR"),
        ("record", "record", 2249, 2287, -1, None),
        ("void", "void", 2278, 0, 4, "VARCHAR"),
        ("uuid", "uuid", 2950, 2951, 16, "UUID"),
        ("jsonb", "jsonb", 3802, 3807, -1, "JSON"),
        ("regnamespace", "regnamespace", 4089, 4090, 4, "VARCHAR"),
        ("regrole", "regrole", 4096, 4097, 4, "VARCHAR"),
    )
)

_BY_OID: Final[Mapping[int, _Known]] = MappingProxyType({known.oid: known for known in _KNOWN})
_BY_NAME: Final[Mapping[str, _Known]] = MappingProxyType({known.name: known for known in _KNOWN})
_BY_ARRAY_OID: Final[Mapping[int, _Known]] = MappingProxyType(
    {known.array_oid: known for known in _KNOWN if known.array_oid}
)

_BY_TYPE_ID: Final[Mapping[TypeId, str]] = MappingProxyType(
    {
        TypeId.INVALID: "text",
        TypeId.BOOLEAN: "bool",
        TypeId.TINYINT: "int2",
        TypeId.SMALLINT: "int2",
        TypeId.INTEGER: "int4",
        TypeId.BIGINT: "int8",
        TypeId.UTINYINT: "int2",
        TypeId.USMALLINT: "int4",
        TypeId.UINTEGER: "int8",
        TypeId.UBIGINT: "numeric",
        TypeId.FLOAT: "float4",
        TypeId.DOUBLE: "float8",
        TypeId.TIMESTAMP: "timestamp",
        TypeId.DATE: "date",
        TypeId.TIME: "time",
        TypeId.INTERVAL: "interval",
        TypeId.HUGEINT: "numeric",
        TypeId.VARCHAR: "text",
        TypeId.BLOB: "bytea",
        TypeId.DECIMAL: "numeric",
        TypeId.TIMESTAMP_S: "timestamp",
        TypeId.TIMESTAMP_MS: "timestamp",
        TypeId.TIMESTAMP_NS: "timestamp",
        TypeId.ENUM: "text",
        TypeId.STRUCT: "json",
        TypeId.MAP: "json",
        TypeId.UUID: "uuid",
        TypeId.UNION: "json",
        TypeId.BIT: "varbit",
        TypeId.TIME_TZ: "timetz",
        TypeId.TIMESTAMP_TZ: "timestamptz",
        TypeId.UHUGEINT: "numeric",
        TypeId.ANY: "text",
        TypeId.BIGNUM: "numeric",
        TypeId.SQLNULL: "text",
        TypeId.STRING_LITERAL: "text",
        TypeId.INTEGER_LITERAL: "int4",
        TypeId.TIME_NS: "time",
        TypeId.GEOMETRY: "bytea",
        TypeId.VARIANT: "json",
    }
)

_MOST_DIGITS: Final = 38

# The alias types of the catalog, whose columns must look exactly as PostgreSQL's do; drivers switch on these OIDs.
ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "json": "json",
        "pg_oid": "oid",
        "pg_name": "name",
        "pg_char": "char",
        "pg_text": "text",
        "pg_int2vector": "int2vector",
        "pg_oidvector": "oidvector",
        "pg_regproc": "regproc",
        "pg_regclass": "regclass",
        "pg_regtype": "regtype",
        "pg_regnamespace": "regnamespace",
        "pg_regrole": "regrole",
        "pg_xid": "xid",
        "pg_node_tree": "pg_node_tree",
        "pg_aclitem": "aclitem",
        "pg_void": "void",
        "pg_bpchar": "bpchar",
        "pg_cstring": "cstring",
        "pg_unknown": "unknown",
        "pg_inet": "inet",
        "pg_cidr": "cidr",
        "pg_macaddr": "macaddr",
        "pg_point": "point",
    }
)


def pg_type_of(logical_type: LogicalType, enums: EnumTypes = NO_ENUMS) -> PgType:
    """The PostgreSQL type that a column of this type is announced as; text for an ENUM that is none of ``enums``."""
    enum = logical_type.enum
    named = None if enum is None else enums.of_labels(enum.dictionary)
    if named is not None:
        return PgType(named.oid, 4) if enum is logical_type else PgType(named.array_oid, -1)
    known, is_array = _resolve(logical_type)
    modifier = _modifier(logical_type)
    if not is_array:
        return PgType(known.oid, known.size, modifier)
    return PgType(known.array_oid or _BY_NAME["text"].array_oid, -1, modifier)


def _resolve(logical_type: LogicalType) -> tuple[_Known, bool]:
    """The PostgreSQL type, and whether it is an array of that. Arrays of any number of dimensions have one type."""
    name = None if logical_type.alias is None else ALIASES.get(logical_type.alias.lower())
    if name is not None:
        return _BY_NAME[name], False
    if logical_type.id in (TypeId.LIST, TypeId.ARRAY) and logical_type.child is not None:
        element, _ = _resolve(logical_type.child)
        return element, True
    if logical_type.id is TypeId.STRUCT and logical_type.members and not logical_type.members[0][0]:
        return _BY_NAME["record"], False
    return _BY_NAME[_BY_TYPE_ID[logical_type.id]], False


def _modifier(logical_type: LogicalType) -> int:
    """``atttypmod``: a DECIMAL's precision and scale, that of its elements for a list.

    One of 38 digits is what numeric without a precision is kept as, and what sums are.
    """
    while logical_type.child is not None:
        logical_type = logical_type.child
    if logical_type.id is not TypeId.DECIMAL or logical_type.width == _MOST_DIGITS:
        return -1
    # numeric.c, make_numeric_typmod: ((precision << 16) | scale) + VARHDRSZ
    return ((logical_type.width << 16) | logical_type.scale) + 4


def duckdb_type_name(oid: int, enums: EnumTypes = NO_ENUMS) -> str | None:
    """What a cast to this PostgreSQL type is called in DuckDB, such as ``INTEGER[]``; ``None`` for an unknown OID.

    numeric, which says nothing of its digits when it is the type of a parameter, becomes DECIMAL(38,10).
    """
    if oid in _BY_OID:
        return _BY_OID[oid].duckdb
    if oid in _BY_ARRAY_OID:
        element = _BY_ARRAY_OID[oid].duckdb
        return None if element is None else f"{element}[]"
    return enums.duckdb_name(oid)


def pg_type_name(oid: int) -> str | None:
    """``pg_type.typname`` of an OID that this server knows (arrays: ``_int4``), else ``None``."""
    if oid in _BY_OID:
        return _BY_OID[oid].name
    if oid in _BY_ARRAY_OID:
        return f"_{_BY_ARRAY_OID[oid].name}"
    return None


def sql_type_name(oid: int) -> str | None:
    """What PostgreSQL's ``format_type`` says, which its messages use: ``integer``, ``numeric[]``; else ``None``."""
    if oid in _BY_OID:
        return _BY_OID[oid].sql_name
    if oid in _BY_ARRAY_OID:
        return f"{_BY_ARRAY_OID[oid].sql_name}[]"
    return None
