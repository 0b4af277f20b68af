"""What DuckDB knows about a database, once per fact: the only readers of ``duckdb_tables()`` and its siblings.

Each fact is one SELECT. The snapshot keeps its rows as a table for all sessions; a session with uncommitted DDL or
temporary objects keeps them in temporary tables of its own. The relations of pg_catalog and information_schema are
views over the one or the other.

Templates: ``{raw}`` goes before the names of ``RAW``, ``{scope}`` is the condition that picks the session's database, ``{f}`` where the other facts are read
from, ``{s}`` the schema of what never changes. Facts are listed in the order in which they build on one another.

OIDs: DuckDB's own entry OIDs (20000 and up, unique in an instance, kept through ALTER) serve for schemas, tables,
views, sequences, indexes and macros. What has no entry of its own (constraints and their indexes, array types,
overloads) gets one from 2147483648 up, made of its owner's by ``derived_oid``. Users' types have theirs of their names (``type_oid``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from duckgres_tx.catalog import names
from duckgres_tx.wire import oids

# What is read once and used more than once, without the columns that nobody needs: temporary tables of whoever builds.
# A constraint has the name that PostgreSQL would choose, before it is made unique.
RAW: Final[dict[str, str]] = {
    "tables": """
SELECT table_oid, schema_oid, table_name, comment, temporary, column_count, check_constraint_count, index_count, estimated_size,
       CASE WHEN contains(sql, 'GENERATED ALWAYS AS') THEN sql END AS generating_sql
FROM duckdb_tables() WHERE {scope} AND NOT internal AND NOT starts_with(table_name, '__pg_')
""",
    "columns": """
SELECT table_oid, schema_oid, table_name, column_name, column_index, is_nullable, data_type, comment, column_default
FROM duckdb_columns() WHERE {scope} AND NOT internal AND NOT starts_with(table_name, '__pg_')
""",
    "constraints": """
SELECT table_oid, schema_oid, table_name, constraint_index, constraint_type, expression, constraint_column_indexes,
       constraint_column_names, referenced_table, referenced_column_names,
       table_name || CASE constraint_type
         WHEN 'PRIMARY KEY' THEN '_pkey'
         WHEN 'UNIQUE' THEN '_' || array_to_string(constraint_column_names, '_') || '_key'
         WHEN 'FOREIGN KEY' THEN '_' || array_to_string(constraint_column_names, '_') || '_fkey'
         ELSE CASE WHEN len(constraint_column_names) = 1 THEN '_' || constraint_column_names[1] ELSE '' END || '_check'
       END AS base_name
FROM duckdb_constraints() WHERE {scope} AND constraint_type <> 'NOT NULL'
""",
}

SCHEMAS = """
SELECT CASE WHEN database_name = 'temp' THEN oid WHEN schema_name = 'public' THEN {oid_public} ELSE oid END AS oid,
       CASE WHEN database_name = 'temp' THEN 'pg_temp_1' ELSE schema_name END AS name, comment, database_name AS db, oid AS entry
FROM duckdb_schemas() WHERE {scope} AND schema_name NOT IN ('pg_catalog', 'information_schema')
UNION ALL SELECT {oid_pg_catalog}, 'pg_catalog', 'system catalog schema', NULL, -1
UNION ALL SELECT {oid_information_schema}, 'information_schema', NULL, NULL, -2
UNION ALL SELECT {oid_pg_toast}, 'pg_toast', 'reserved schema for TOAST tables', NULL, -3
"""


def type_oid(schema: str, name: str) -> str:
    """SQL for the OID of a user's type; its array has the next.

    It is made of the name, so that clients that have looked it up can rely on it when the database was closed and opened again, or
    has moved to another worker while they were connected.

    Args:
        schema: SQL for its schema's name.
        name: SQL for its name.
    """
    return f"({oids.FIRST_OF_USERS} + CAST(md5_number_lower({schema} || '.' || {name}) % 500000000 AS BIGINT) * 2)"


USER_TYPES = f"""
SELECT {type_oid("s.name", "t.type_name")} AS oid, s.oid AS nsp, s.name AS schema, t.type_name AS name, t.logical_type AS base, t.labels, t.comment,
       {type_oid("s.name", "t.type_name")} + 1 AS array_oid, t.type_oid AS entry,
       CASE WHEN t.logical_type = 'ENUM' THEN
         'ENUM(' || array_to_string(list_transform(t.labels, lambda x: {{s}}.quoted(x)), ', ') || ')' END AS data_type
FROM duckdb_types() t JOIN {{f}}.schemas s ON s.entry = t.schema_oid
WHERE {{scope}} AND NOT t.internal AND t.type_oid IS NOT NULL
"""

# The PostgreSQL type of every type text that occurs.
TYPE_NAMES = """
WITH texts AS (
  SELECT DISTINCT data_type FROM {raw}columns
  UNION SELECT DISTINCT logical_type FROM duckdb_types() WHERE {scope} AND NOT internal
), parts AS (
  SELECT data_type, regexp_replace(data_type, '(\\[[0-9]*\\])+$', '') AS element,
         ends_with(data_type, ']') AS is_array,
         len(regexp_extract_all(regexp_extract(data_type, '(\\[[0-9]*\\])+$'), '\\[')) AS dimensions
  FROM texts
), found AS (
  SELECT p.*, coalesce(u.oid, {s}.scalar_type_oid(p.element)) AS element_oid, u.array_oid AS user_array
  FROM parts p LEFT JOIN (SELECT data_type, arg_min(oid, entry) AS oid, arg_min(array_oid, entry) AS array_oid FROM {f}.user_types
                          WHERE data_type IS NOT NULL GROUP BY data_type) u ON u.data_type = p.element
)
SELECT data_type, CASE WHEN f.is_array THEN coalesce(user_array, b.typarray) ELSE element_oid END AS oid, element_oid,
       {s}.scalar_typmod(element) AS typmod, f.is_array, dimensions
FROM found f LEFT JOIN {s}.builtin_types b ON b.oid = f.element_oid
"""

# DuckDB's constraints without NOT NULL, numbered within their table, under the names that PostgreSQL would give. They are
# numbered apart from their lists, which a window function is slow to carry along.
CONSTRAINTS = """
WITH numbers AS (
  SELECT constraint_index, row_number() OVER (PARTITION BY table_oid ORDER BY constraint_index) AS number,
         row_number() OVER (PARTITION BY schema_oid, base_name ORDER BY table_oid, constraint_index) AS twin
  FROM {raw}constraints
), final AS (
  SELECT c.*, s.oid AS nsp, s.name AS schema, m.number, m.twin
  FROM {raw}constraints c JOIN numbers m ON m.constraint_index = c.constraint_index
  JOIN {f}.schemas s ON s.entry = c.schema_oid
)
SELECT {s}.derived_oid(n.table_oid, n.number) AS oid,
       n.base_name || CASE WHEN n.twin > 1 THEN (n.twin - 1)::VARCHAR ELSE '' END AS name,
       n.nsp, n.schema, n.table_oid AS relid, n.table_name, n.number,
       CASE n.constraint_type WHEN 'PRIMARY KEY' THEN 'p' WHEN 'UNIQUE' THEN 'u' WHEN 'FOREIGN KEY' THEN 'f' ELSE 'c' END AS kind,
       list_transform(n.constraint_column_indexes, lambda x: x + 1)::INTEGER[] AS key, n.constraint_column_names AS key_names,
       coalesce(r.table_oid, 0) AS ref_relid, n.referenced_table AS ref_table, n.referenced_column_names AS ref_names,
       k.ref_key, n.expression,
       CASE n.constraint_type
         WHEN 'PRIMARY KEY' THEN 'PRIMARY KEY (' || {s}.name_list(n.constraint_column_names) || ')'
         WHEN 'UNIQUE' THEN 'UNIQUE (' || {s}.name_list(n.constraint_column_names) || ')'
         WHEN 'FOREIGN KEY' THEN 'FOREIGN KEY (' || {s}.name_list(n.constraint_column_names) || ') REFERENCES '
           || CASE WHEN n.schema IN ('public', 'main') THEN '' ELSE {s}.quoted_name(n.schema) || '.' END
           || {s}.quoted_name(n.referenced_table) || '(' || {s}.name_list(n.referenced_column_names) || ')'
         ELSE 'CHECK ' || CASE WHEN starts_with(n.expression, '(') THEN n.expression ELSE '(' || n.expression || ')' END
       END AS definition
FROM final n LEFT JOIN {raw}tables r
  ON r.schema_oid = n.schema_oid AND r.table_name = n.referenced_table
LEFT JOIN (SELECT u.table_oid, u.number, list(a.num ORDER BY u.position)::INTEGER[] AS ref_key
           FROM (SELECT table_oid, number, nsp, referenced_table, unnest(referenced_column_names) AS ref_name,
                        generate_subscripts(referenced_column_names, 1) AS position
                 FROM final WHERE constraint_type = 'FOREIGN KEY') u
           JOIN {f}.columns a ON a.nsp = u.nsp AND a.table_name = u.referenced_table AND a.name = u.ref_name
           GROUP BY u.table_oid, u.number) k ON k.table_oid = n.table_oid AND k.number = n.number
"""

# Tables, views, sequences and indexes; an index that a constraint makes has the constraint's OID and name.
RELATIONS = """
SELECT t.table_oid AS oid, s.oid AS nsp, s.name AS schema, t.table_name AS name, 'r' AS kind, t.comment,
       CASE WHEN t.temporary THEN 't' ELSE 'p' END AS persistence, t.column_count AS natts,
       t.check_constraint_count AS nchecks,
       (t.index_count > 0 OR t.table_oid IN (SELECT relid FROM {f}.constraints WHERE kind IN ('p', 'u'))) AS has_index,
       t.estimated_size AS tuples, NULL::VARCHAR AS sql, 0 AS relid, NULL::VARCHAR AS on_table, false AS is_unique, false AS is_primary,
       NULL::VARCHAR[] AS keys, t.table_oid IN (SELECT relid FROM {f}.constraints WHERE kind = 'f'
         UNION ALL SELECT ref_relid FROM {f}.constraints WHERE kind = 'f') AS has_foreign_keys
FROM {raw}tables t JOIN {f}.schemas s ON s.entry = t.schema_oid
UNION ALL
SELECT v.view_oid, s.oid, s.name, v.view_name, 'v', v.comment, CASE WHEN v.temporary THEN 't' ELSE 'p' END, v.column_count,
       0, false, 0, v.sql, 0, NULL, false, false, NULL, false
FROM duckdb_views() v JOIN {f}.schemas s ON s.entry = v.schema_oid WHERE {scope} AND NOT v.internal
UNION ALL
SELECT q.sequence_oid, s.oid, s.name, q.sequence_name, 'S', q.comment, CASE WHEN q.temporary THEN 't' ELSE 'p' END, 3,
       0, false, 1, q.sql, 0, NULL, false, false, NULL, false
FROM duckdb_sequences() q JOIN {f}.schemas s ON s.entry = q.schema_oid WHERE {scope}
UNION ALL
SELECT i.index_oid, s.oid, s.name, i.index_name, 'i', i.comment, 'p', len(i.expressions::VARCHAR[]),
       0, false, 0, i.sql, i.table_oid, i.table_name, i.is_unique, i.is_primary, i.expressions::VARCHAR[], false
FROM duckdb_indexes() i JOIN {f}.schemas s ON s.entry = i.schema_oid WHERE {scope}
UNION ALL
SELECT c.oid, c.nsp, c.schema, c.name, 'i', NULL, 'p', len(c.key), 0, false, 0, NULL, c.relid, c.table_name, true,
       c.kind = 'p', list_transform(c.key_names, lambda x: {s}.quoted_name(x)), false
FROM {f}.constraints c WHERE c.kind IN ('p', 'u')
"""

COLUMNS = """
SELECT c.table_oid AS relid, s.oid AS nsp, s.name AS schema, c.table_name, c.column_name AS name, c.column_index AS num,
       NOT c.is_nullable AS not_null, t.oid AS type_oid, t.typmod, t.element_oid, t.dimensions, c.data_type, c.comment,
       CASE WHEN c.column_default IS NOT NULL THEN {s}.default_text(c.column_default) END AS default_text,
       CASE WHEN g.table_oid IS NULL THEN false
            ELSE contains(g.sql, {s}.quoted_if_needed(c.column_name) || ' ' || c.data_type || ' GENERATED ALWAYS AS') END AS generated
FROM {raw}columns c JOIN {f}.schemas s ON s.entry = c.schema_oid
JOIN {f}.type_names t ON t.data_type = c.data_type
LEFT JOIN (SELECT table_oid, generating_sql AS sql FROM {raw}tables WHERE generating_sql IS NOT NULL) g
  ON g.table_oid = c.table_oid
"""

# Positions of an index's columns; 0 stands for an expression.
INDEXES = """
SELECT r.oid, r.relid, r.nsp, r.schema, r.name, r.on_table, r.is_unique, r.is_primary, r.keys,
       coalesce(k.key, c.key) AS key,
       'CREATE ' || CASE WHEN r.is_unique THEN 'UNIQUE ' ELSE '' END || 'INDEX ' || {s}.quoted_name(r.name) || ' ON '
         || {s}.quoted_name(r.schema) || '.' || {s}.quoted_name(r.on_table) || ' USING btree ('
         || array_to_string(r.keys, ', ') || ')' AS definition
FROM {f}.relations r
LEFT JOIN {f}.constraints c ON c.oid = r.oid
LEFT JOIN (SELECT i.oid, list(coalesce(a.num, 0) ORDER BY i.position)::INTEGER[] AS key
           FROM (SELECT oid, relid, {s}.column_of(unnest(keys)) AS name, generate_subscripts(keys, 1) AS position
                 FROM {f}.relations WHERE kind = 'i' AND sql IS NOT NULL) i
           LEFT JOIN {f}.columns a ON a.relid = i.relid AND a.name = i.name
           GROUP BY i.oid) k ON k.oid = r.oid
WHERE r.kind = 'i'
"""

INDEX_COLUMNS = """
SELECT i.oid AS relid, i.num, coalesce(a.name, 'expr') AS name, i.expression,
       a.type_oid, coalesce(a.typmod, -1) AS typmod
FROM (SELECT oid, relid, unnest(key) AS column_num, unnest(keys) AS expression, generate_subscripts(key, 1) AS num
      FROM {f}.indexes) i
LEFT JOIN {f}.columns a ON a.relid = i.relid AND a.num = i.column_num
"""

SEQUENCES = """
SELECT q.sequence_oid AS oid, s.name AS schema, q.sequence_name AS name, q.start_value, q.min_value, q.max_value,
       q.increment_by, q.cycle, q.last_value
FROM duckdb_sequences() q JOIN {f}.schemas s ON s.entry = q.schema_oid WHERE {scope}
"""

MACROS = """
SELECT CASE WHEN m.overload = 1 THEN m.function_oid ELSE {s}.derived_oid(m.function_oid, m.overload) END AS oid,
       s.oid AS nsp, s.name AS schema, m.function_name AS name, m.function_type = 'table_macro' AS is_table,
       m.parameters, m.parameter_types, m.macro_definition AS definition, coalesce(m.comment, m.description) AS comment
FROM (SELECT *, row_number() OVER (PARTITION BY function_oid ORDER BY len(parameters)) AS overload
      FROM duckdb_functions() WHERE {scope} AND NOT internal AND function_type IN ('macro', 'table_macro')) m
JOIN {f}.schemas s ON s.db = m.database_name
  AND s.name = CASE WHEN m.database_name = 'temp' THEN 'pg_temp_1' ELSE m.schema_name END
"""

# Which of several relations or types of one name comes first is the session's search path's business.
VISIBILITY = """
WITH named AS (
  SELECT oid, schema, name FROM {f}.relations
  UNION ALL SELECT oid, CASE WHEN info THEN 'information_schema' ELSE 'pg_catalog' END, name FROM {s}.builtin_relations)
SELECT oid, schema, n.name, schemas, 'r' AS what
FROM named n JOIN (SELECT name, list(schema) AS schemas FROM named GROUP BY name) g ON g.name = n.name
UNION ALL SELECT oid, schema, name, list(schema) OVER (PARTITION BY name), 't' FROM {f}.user_types
UNION ALL SELECT oid, schema, name, list(schema) OVER (PARTITION BY name), 'f' FROM {f}.macros
"""

# What format_type needs of every type.
TYPE_DISPLAY = """
SELECT oid, sql_name AS base, is_array, NULL::VARCHAR AS visible_schema FROM {s}.builtin_types
UNION ALL SELECT oid, {s}.quoted_name(name), false, CASE WHEN schema NOT IN ('public', 'main') THEN schema END FROM {f}.user_types
UNION ALL SELECT array_oid, {s}.quoted_name(name), true, CASE WHEN schema NOT IN ('public', 'main') THEN schema END FROM {f}.user_types
"""

FACTS: Final[dict[str, str]] = {
    "schemas": SCHEMAS,
    "user_types": USER_TYPES,
    "type_names": TYPE_NAMES,
    "columns": COLUMNS,
    "constraints": CONSTRAINTS,
    "relations": RELATIONS,
    "indexes": INDEXES,
    "index_columns": INDEX_COLUMNS,
    "sequences": SEQUENCES,
    "macros": MACROS,
    "visibility": VISIBILITY,
    "type_display": TYPE_DISPLAY,
}
"""Every fact's SELECT by its name, in the order of building."""


_FACT = re.compile(r"\{f\}\.(\w+)")


def render(name: str, catalog: str, *, live: bool) -> str:
    """The SELECT of one fact for a database.

    Args:
        name: One of ``FACTS``.
        catalog: The name under which the database is attached.
        live: Read a session's own tables, and count temporary objects in.
    """
    return _fill(_FACT.sub(lambda match: names.fact(match.group(1), live=live), FACTS[name]), catalog, live=live)


def build(catalog: str, targets: Mapping[str, str], *, live: bool = False) -> Iterator[str]:
    """The statements that make facts anew, and leave nothing else behind.

    Args:
        catalog: The name under which the database is attached.
        targets: Each fact's CREATE up to before its AS.
        live: As in ``render``.
    """
    for name, text in RAW.items():
        yield f"CREATE OR REPLACE TEMP TABLE __pg_raw_{name} AS {_fill(text, catalog, live=live)}"
    for name, target in targets.items():
        yield f"{target} AS {render(name, catalog, live=live)}"
    for name in RAW:
        yield f"DROP TABLE {names.LIVE_PREFIX}raw_{name}"


def _fill(text: str, catalog: str, *, live: bool) -> str:
    databases = f"{names.literal(catalog)}, 'temp'" if live else names.literal(catalog)
    return text.format(
        scope=f"database_name IN ({databases})",
        s=f"{names.ATTACHED}.{names.FACTS}",
        raw=f"{names.LIVE_PREFIX}raw_",
        oid_public=names.OID_PUBLIC,
        oid_pg_catalog=names.OID_PG_CATALOG,
        oid_information_schema=names.OID_INFORMATION_SCHEMA,
        oid_pg_toast=names.OID_PG_TOAST,
    )
