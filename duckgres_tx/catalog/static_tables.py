"""Tables that don't depend on the database: PostgreSQL's own types, functions and relations, DuckDB's functions.

And three that the host fills: databases, roles and settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from duckgres_tx.catalog import names, pg_builtin_functions, pg_builtin_types, pg_columns, pg_keywords
from duckgres_tx.catalog.names import literal
from duckgres_tx.engine.procedures import name_procedures

# A regproc that a query gives shows these.
name_procedures({int(row[0]): str(row[1]) for row in pg_builtin_functions.ROWS})

# format_type.c: types that SQL calls otherwise than pg_type.
SQL_NAMES: Final[dict[str, str]] = {
    "bit": "bit",
    "bool": "boolean",
    "bpchar": "character",
    "char": '"char"',
    "float4": "real",
    "float8": "double precision",
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "time": "time without time zone",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "timetz": "time with time zone",
    "varbit": "bit varying",
    "varchar": "character varying",
}
_TYPE_COLUMNS = (
    "oid BIGINT, typname VARCHAR, typlen SMALLINT, typbyval BOOLEAN, typtype VARCHAR, typcategory VARCHAR, "
    "typispreferred BOOLEAN, typdelim VARCHAR, typelem BIGINT, typarray BIGINT, typinput BIGINT, typoutput BIGINT, "
    "typreceive BIGINT, typsend BIGINT, typmodin BIGINT, typmodout BIGINT, typalign VARCHAR, typstorage VARCHAR, "
    "typcollation BIGINT, typsubscript BIGINT, sql_name VARCHAR, is_array BOOLEAN"
)
_ARRAY_OF: Final = {int(row[8]): int(row[0]) for row in pg_builtin_types.ROWS if row[5] == "A" and row[8]}
_OID_OF_NAME: Final = {str(row[1]): int(row[0]) for row in pg_builtin_types.ROWS}

# DuckDB's own functions and its extensions'; several overloads may look alike in PostgreSQL's types, and the first stands
# for them. OIDs are made of their places in the list, as entries of their own depend on what an instance has loaded; no
# object of a database has an entry below 20000. Types: 2283 anyelement, 2277 anyarray, 2276 "any", 2249 record.
_FUNCTIONS: Final = """
CREATE TABLE {s}.functions AS
WITH listed AS (
  SELECT *, row_number() OVER () AS id FROM duckdb_functions()
  WHERE internal AND database_name = 'system' AND function_type <> 'pragma'
), type_names AS (
  SELECT return_type AS name FROM listed UNION SELECT unnest(parameter_types) FROM listed
), bases AS (
  SELECT name, regexp_replace(name, '\\[\\]$', '') AS base FROM type_names WHERE name IS NOT NULL
), elements AS (
  SELECT name, CASE WHEN base IN ('ANY', 'T', 'K', 'V', 'STRUCT', 'ENUM', 'LAMBDA', 'TABLE', 'UNION', 'MAP', 'ARRAY') THEN 2283
                    ELSE {s}.scalar_type_oid(base) END AS element FROM bases
), types AS (
  SELECT e.name, CASE WHEN ends_with(e.name, '[]') THEN coalesce(nullif(b.typarray, 0), 2277) ELSE e.element END AS oid
  FROM elements e LEFT JOIN {s}.builtin_types b ON b.oid = e.element
), arguments AS (
  SELECT p.id, list(coalesce(t.oid, 2276) ORDER BY p.position) AS arguments
  FROM (SELECT id, unnest(parameter_types) AS name, generate_subscripts(parameter_types, 1) AS position FROM listed) p
  LEFT JOIN types t ON t.name = p.name GROUP BY p.id
), numbered AS (
  SELECT l.*, coalesce(a.arguments, []) AS arguments, row_number() OVER (PARTITION BY function_name, a.arguments ORDER BY l.id) AS twin
  FROM listed l LEFT JOIN arguments a ON a.id = l.id
)
SELECT {s}.derived_oid(row_number() OVER (ORDER BY n.function_name, n.id), 0) AS oid, function_name AS name,
       CASE WHEN starts_with(function_type, 'table') THEN 2249 ELSE coalesce(t.oid, 2276) END AS result, arguments,
       parameters AS argument_names,
       CASE stability WHEN 'CONSISTENT' THEN 'i' WHEN 'CONSISTENT_WITHIN_QUERY' THEN 's' ELSE 'v' END AS volatile,
       CASE function_type WHEN 'aggregate' THEN 'a' ELSE 'f' END AS kind, starts_with(function_type, 'table') AS is_set,
       CASE WHEN varargs IS NULL THEN 0 ELSE 2276 END AS any_more, description
FROM numbered n LEFT JOIN types t ON t.name = n.return_type WHERE twin = 1
"""


# Rows as one text that DuckDB splits: its parser takes ten times as long over VALUES.
_FIELD: Final = "|"


def _rows(table: str, columns: str, rows: Iterable[tuple[object, ...]]) -> str:
    text = "\n".join(_FIELD.join("" if value is None else str(value) for value in row) for row in rows)
    casts = ", ".join(
        f"CAST(nullif(r[{number}], '') AS {kind}) AS {name}"
        for number, (name, kind) in enumerate((column.split() for column in columns.split(", ")), 1)
    )
    return (
        f"CREATE TABLE {names.qualified(names.FACTS, table)} AS SELECT {casts} FROM "
        f"(SELECT string_split(unnest(string_split({literal(text)}, chr(10))), '{_FIELD}') AS r)"
    )


def _types() -> Iterator[tuple[object, ...]]:
    sql_names = {int(row[0]): SQL_NAMES.get(str(row[1]), str(row[1])) for row in pg_builtin_types.ROWS}
    for row in pg_builtin_types.ROWS:
        is_array = row[5] == "A" and row[2] == -1 and int(row[8]) in _ARRAY_OF and row[19] == 6179
        yield (*row, sql_names[int(row[8])] if is_array else sql_names[int(row[0])], is_array)


def _relations() -> Iterator[tuple[object, ...]]:
    for info, lists in ((False, pg_columns.PG_CATALOG), (True, pg_columns.INFORMATION_SCHEMA)):
        for number, (name, text) in enumerate(lists.items()):
            # information_schema's views have no fixed OIDs in PostgreSQL either.
            oid = 14000 + number if info else pg_columns.OIDS.get(name, 13999)
            yield oid, name, "v" if info or oid >= 12000 else "r", len(text.split()), info, text


_COLUMNS = """
CREATE TABLE {s}.builtin_columns AS
SELECT c.relid, c.num, c.part[1] AS name, coalesce(t.oid, 25) AS type_oid, starts_with(c.part[2], '_') AS is_array
FROM (SELECT oid AS relid, string_split(unnest(string_split(listed, ' ')), ':') AS part,
             generate_subscripts(string_split(listed, ' '), 1) AS num FROM {s}.builtin_relations) c
LEFT JOIN {s}.builtin_types t ON t.typname = c.part[2]
"""

LATE_TABLES: Final = frozenset(
    ("builtin_types", "builtin_functions", "keywords", "builtin_relations", "builtin_columns", "functions")
)
"""What ``static_tables`` makes."""


def static_tables() -> Iterator[str]:
    """The statements that make the tables of what never changes; ``{s}`` is the facts' schema."""
    yield _rows("builtin_types", _TYPE_COLUMNS, _types())
    yield _rows(
        "builtin_functions",
        "oid BIGINT, proname VARCHAR, prorettype BIGINT, proargtypes BIGINT[], provolatile VARCHAR, proisstrict BOOLEAN",
        ((*row[:3], f"[{', '.join(str(row[3]).split())}]", *row[4:]) for row in pg_builtin_functions.ROWS),
    )
    yield _rows(
        "keywords",
        "word VARCHAR, catcode VARCHAR, barelabel BOOLEAN, catdesc VARCHAR, baredesc VARCHAR",
        pg_keywords.ROWS,
    )
    yield _rows(
        "builtin_relations",
        "oid BIGINT, name VARCHAR, kind VARCHAR, natts INTEGER, info BOOLEAN, listed VARCHAR",
        _relations(),
    )
    yield _COLUMNS
    yield _FUNCTIONS
    yield (
        "CREATE TABLE {s}.settings (name VARCHAR, boot_value VARCHAR, unit VARCHAR, category VARCHAR, description VARCHAR, "
        "context VARCHAR, kind VARCHAR, minimum VARCHAR, maximum VARCHAR, choices VARCHAR[])"
    )


def host_tables() -> Iterator[str]:
    """The statements that make the tables which the host fills, and one of what it has loaded."""
    yield f"CREATE TABLE {names.of_instance('databases')} (oid BIGINT, name VARCHAR)"
    yield f"CREATE TABLE {names.of_instance('roles')} (oid BIGINT, name VARCHAR, superuser BOOLEAN)"
    # Read when the instance is opened: later, DuckDB may no longer look into its extensions' directory.
    yield (
        f"CREATE TABLE {names.of_instance('extensions')} AS SELECT extension_name AS name, "
        "coalesce(nullif(extension_version, ''), '1.0') AS version, loaded, installed, description FROM duckdb_extensions()"
    )
