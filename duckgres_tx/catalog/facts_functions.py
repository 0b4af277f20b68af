"""The macros that the facts are made with; they depend on nothing but their arguments and static tables."""

from __future__ import annotations

from typing import Final

from duckgres_tx.catalog import names, pg_builtin_types, pg_keywords

# PostgreSQL's quote_ident quotes every key word but the unreserved ones. One text, as a list of so many constants takes
# DuckDB a millisecond to bind wherever it is used.
_QUOTED_WORDS = names.literal(
    " " + " ".join(str(word) for word, category, *_ in pg_keywords.ROWS if category != "U") + " "
)

# DuckDB's name to PostgreSQL's OID; the same answers as duckgres_tx.engine.pg_types, which a test compares.
SCALAR_TYPES: Final[dict[str, int]] = {
    "BOOLEAN": 16,
    "TINYINT": 21,
    "SMALLINT": 21,
    "INTEGER": 23,
    "BIGINT": 20,
    "UTINYINT": 21,
    "USMALLINT": 23,
    "UINTEGER": 20,
    "UBIGINT": 1700,
    "HUGEINT": 1700,
    "UHUGEINT": 1700,
    "BIGNUM": 1700,
    "FLOAT": 700,
    "DOUBLE": 701,
    "VARCHAR": 25,
    "BLOB": 17,
    "DATE": 1082,
    "TIME": 1083,
    "TIME_NS": 1083,
    "TIMESTAMP": 1114,
    "TIMESTAMP_S": 1114,
    "TIMESTAMP_MS": 1114,
    "TIMESTAMP_NS": 1114,
    "TIMESTAMP WITH TIME ZONE": 1184,
    "TIME WITH TIME ZONE": 1266,
    "INTERVAL": 1186,
    "UUID": 2950,
    "JSON": 114,
    "VARIANT": 114,
    "BIT": 1562,
    "GEOMETRY": 17,
    "pg_oid": 26,
    "pg_xid": 28,
    "pg_name": 19,
    "pg_char": 18,
    "pg_node_tree": 194,
    "pg_aclitem": 1033,
    "pg_void": 2278,
    "pg_bpchar": 1042,
    "pg_cstring": 2275,
    "pg_unknown": 705,
    "pg_inet": 869,
    "pg_cidr": 650,
    "pg_macaddr": 829,
    "pg_point": 600,
    "pg_regproc": 24,
    "pg_regclass": 2205,
    "pg_regtype": 2206,
    "pg_regnamespace": 4089,
    "pg_regrole": 4096,
    "pg_int2vector": 22,
    "pg_oidvector": 30,
}
_OIDS = "MAP {" + ", ".join(f"{names.literal(name)}: {oid}" for name, oid in SCALAR_TYPES.items()) + "}"

# format_type.c's names for those.
_SQL_NAMES = {
    16: "boolean",
    17: "bytea",
    18: '"char"',
    19: "name",
    20: "bigint",
    21: "smallint",
    22: "int2vector",
    23: "integer",
    24: "regproc",
    25: "text",
    26: "oid",
    28: "xid",
    30: "oidvector",
    114: "json",
    194: "pg_node_tree",
    700: "real",
    701: "double precision",
    1033: "aclitem",
    1082: "date",
    1083: "time without time zone",
    1114: "timestamp without time zone",
    1184: "timestamp with time zone",
    1186: "interval",
    1266: "time with time zone",
    1562: "bit varying",
    1700: "numeric",
    2205: "regclass",
    2206: "regtype",
    2278: "void",
    2950: "uuid",
    4089: "regnamespace",
    4096: "regrole",
}
_SQL_NAME_OF = "MAP {" + ", ".join(f"{oid}: {names.literal(name)}" for oid, name in _SQL_NAMES.items()) + "}"

_ELEMENTS = {int(row[0]): int(row[8]) for row in pg_builtin_types.ROWS if row[5] == "A" and row[19] == 6179}
_ALL_NAMES = {int(row[0]): _SQL_NAMES.get(int(row[0]), str(row[1])) for row in pg_builtin_types.ROWS}
_ANY_SQL_NAME_OF = (
    "MAP {"
    + ", ".join(
        f"{oid}: {names.literal(_ALL_NAMES[_ELEMENTS[oid]] + '[]' if oid in _ELEMENTS else name)}"
        for oid, name in _ALL_NAMES.items()
    )
    + "}"
)

FACTS_MACROS: Final[tuple[tuple[str, str, str], ...]] = (
    # An OID for the i-th thing that belongs to a catalog entry. Entry OIDs lie so close together (a new one every few
    # statements) that the remainder tells them apart for 33 million of them.
    ("derived_oid", "entry, i", "2147483648 + (entry * 64 + i) % 2147483648"),
    ("quoted", "x", "'''' || replace(x, '''', '''''') || ''''"),
    (
        "quoted_name",
        "x",
        f"CASE WHEN regexp_full_match(x, '[a-z_][a-z0-9_]*') AND NOT contains({_QUOTED_WORDS}, ' ' || x || ' ') THEN x "
        "ELSE '\"' || replace(x, '\"', '\"\"') || '\"' END",
    ),
    ("name_list", "x", "array_to_string(list_transform(x, lambda n: {s}.quoted_name(n)), ', ')"),
    (
        "quoted_if_needed",
        "x",
        "CASE WHEN regexp_full_match(x, '[a-z_][a-z0-9_]*') THEN x ELSE '\"' || replace(x, '\"', '\"\"') || '\"' END",
    ),
    (
        # The column that an index's expression is; NULL if it is more than one's name.
        "column_of",
        "x",
        'CASE WHEN regexp_full_match(x, \'[a-z_][a-z0-9_]*\') THEN x WHEN regexp_full_match(x, \'"([^"]|"")*"\') '
        "THEN replace(substr(x, 2, length(x) - 2), '\"\"', '\"') END",
    ),
    (
        "scalar_type_oid",
        "x",
        f"coalesce({_OIDS}[x], CASE WHEN starts_with(x, 'DECIMAL') THEN 1700 WHEN starts_with(x, 'STRUCT(') "
        "OR starts_with(x, 'MAP(') OR starts_with(x, 'UNION(') THEN 114 WHEN starts_with(x, 'GEOMETRY') THEN 17 ELSE 25 END)",
    ),
    ("scalar_sql_name", "x", f"{_SQL_NAME_OF}[x]"),
    ("any_sql_name", "x", f"coalesce({_ANY_SQL_NAME_OF}[CAST(x AS BIGINT)], '???')"),
    (
        # numeric.c, make_numeric_typmod: precision in the upper half, scale in the lower, and the length of a header. One of
        # 38 digits is what numeric without a precision is kept as.
        "scalar_typmod",
        "x",
        "CASE WHEN starts_with(x, 'DECIMAL(') AND NOT starts_with(x, 'DECIMAL(38,') THEN regexp_extract(x, '\\((\\d+),', 1)::INTEGER * 65536 "
        "+ regexp_extract(x, ',\\s*(\\d+)\\)', 1)::INTEGER + 4 ELSE -1 END",
    ),
    (
        # As DuckDB keeps them, except where every client knows PostgreSQL's spelling.
        "default_text",
        "x",
        "CASE WHEN x = 'CAST(''t'' AS BOOLEAN)' THEN 'true' WHEN x = 'CAST(''f'' AS BOOLEAN)' THEN 'false' "
        "WHEN lower(x) IN ('current_timestamp', 'get_current_timestamp()') THEN 'CURRENT_TIMESTAMP' "
        "WHEN lower(x) = 'current_date' THEN 'CURRENT_DATE' "
        "WHEN regexp_full_match(x, 'nextval\\(''([^'']|'''')*''\\)') THEN left(x, length(x) - 1) || '::regclass)' "
        "WHEN regexp_full_match(x, '''([^'']|'''')*''') THEN x || '::text' ELSE x END",
    ),
)
"""(name, parameters, body); ``{s}`` is the schema they live in."""
