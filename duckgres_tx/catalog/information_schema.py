"""The relations of information_schema that a DuckDB database has something to say in.

Spec: information-schema.html
"""

from __future__ import annotations

from typing import Final

from duckgres_tx.catalog.relation import Relation

_DATABASE = "{p}.current_database()"
_USER = "{p}.pg_get_userbyid(10)"

_TYPE_OF_COLUMN = """CASE WHEN t.typelem <> 0 AND t.typlen = -1 AND t.typcategory = 'A' THEN 'ARRAY'
    WHEN t.typtype = 'e' THEN 'USER-DEFINED' ELSE {p}.format_type(t.oid, NULL) END"""


def _info(name: str, columns: dict[str, str], source: str) -> Relation:
    return Relation(name, columns, source, info=True)


# Of a constraint: the catalog, schema and name three times over, as the standard wants them.
_OF_CONSTRAINT = {
    "constraint_catalog": _DATABASE,
    "constraint_schema": "c.schema",
    "constraint_name": "c.name",
    "table_catalog": _DATABASE,
    "table_schema": "c.schema",
    "table_name": "c.table_name",
}
_PRIVILEGES_OF_TABLE = ("INSERT", "SELECT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
_PRIVILEGES_OF_COLUMN = ("INSERT", "SELECT", "UPDATE", "REFERENCES")


def _list(values: tuple[str, ...]) -> str:
    return "[" + ", ".join(f"'{value}'" for value in values) + "]"


def _table_privileges(name: str) -> Relation:
    columns = {
        "grantor": _USER,
        "grantee": _USER,
        "table_catalog": _DATABASE,
        "table_schema": "r.schema",
        "table_name": "r.name",
        "privilege_type": "r.privilege",
        "is_grantable": "'YES'",
        "with_hierarchy": "CASE WHEN r.privilege = 'SELECT' THEN 'YES' ELSE 'NO' END",
    }
    source = f"(SELECT schema, name, unnest({_list(_PRIVILEGES_OF_TABLE)}) AS privilege FROM {{f}}.relations WHERE kind IN ('r', 'v')) r"
    return _info(name, columns, source)


def _column_privileges(name: str) -> Relation:
    columns = {
        "grantor": _USER,
        "grantee": _USER,
        "table_catalog": _DATABASE,
        "table_schema": "c.schema",
        "table_name": "c.table_name",
        "column_name": "c.name",
        "privilege_type": "c.privilege",
        "is_grantable": "'YES'",
    }
    source = (
        f"(SELECT schema, table_name, name, unnest({_list(_PRIVILEGES_OF_COLUMN)}) AS privilege FROM {{f}}.columns) c"
    )
    return _info(name, columns, source)


_NUMERIC_PRECISION = """CASE t.oid WHEN 21 THEN 16 WHEN 23 THEN 32 WHEN 20 THEN 64 WHEN 700 THEN 24 WHEN 701 THEN 53
    WHEN 1700 THEN CASE WHEN c.typmod > 0 THEN (c.typmod - 4) // 65536 END END"""

INFORMATION_SCHEMA: Final[tuple[Relation, ...]] = (
    _info("information_schema_catalog_name", {"catalog_name": _DATABASE}, "(SELECT 1)"),
    _info("schemata", {"catalog_name": _DATABASE, "schema_name": "s.name", "schema_owner": _USER}, "{f}.schemas s"),
    _info(
        "tables",
        {
            "table_catalog": _DATABASE,
            "table_schema": "r.schema",
            "table_name": "r.name",
            "table_type": "CASE WHEN r.kind = 'v' THEN 'VIEW' WHEN r.persistence = 't' THEN 'LOCAL TEMPORARY' ELSE 'BASE TABLE' END",
            "is_insertable_into": "CASE WHEN r.kind = 'r' AND r.schema NOT IN ('pg_catalog', 'information_schema') THEN 'YES' ELSE 'NO' END",
            "is_typed": "'NO'",
        },
        """(SELECT schema, name, kind, persistence FROM {f}.relations WHERE kind IN ('r', 'v')
            UNION ALL SELECT CASE WHEN info THEN 'information_schema' ELSE 'pg_catalog' END, name, kind, 'p'
            FROM {s}.builtin_relations) r""",
    ),
    _info(
        "columns",
        {
            "table_catalog": _DATABASE,
            "table_schema": "c.schema",
            "table_name": "c.table_name",
            "column_name": "c.name",
            "ordinal_position": "c.num",
            "column_default": "CASE WHEN NOT c.generated THEN c.default_text END",
            "is_nullable": "CASE WHEN c.not_null THEN 'NO' ELSE 'YES' END",
            "data_type": _TYPE_OF_COLUMN,
            "character_octet_length": "CASE WHEN t.oid = 25 THEN 1073741824 END",
            "numeric_precision": _NUMERIC_PRECISION,
            "numeric_precision_radix": "CASE WHEN t.oid IN (20, 21, 23, 700, 701) THEN 2 WHEN t.oid = 1700 THEN 10 END",
            "numeric_scale": "CASE WHEN t.oid IN (20, 21, 23) THEN 0 WHEN t.oid = 1700 AND c.typmod > 0 "
            "THEN (c.typmod - 4) % 65536 END",
            "datetime_precision": "CASE WHEN t.oid IN (1083, 1114, 1184, 1186, 1266) THEN 6 WHEN t.oid = 1082 THEN 0 END",
            "udt_catalog": _DATABASE,
            "udt_schema": "n.nspname",
            "udt_name": "t.typname",
            "dtd_identifier": "c.num::VARCHAR",
            "is_self_referencing": "'NO'",
            "is_identity": "'NO'",
            "identity_cycle": "'NO'",
            "is_generated": "CASE WHEN c.generated THEN 'ALWAYS' ELSE 'NEVER' END",
            "generation_expression": "CASE WHEN c.generated THEN c.default_text END",
            "is_updatable": "CASE WHEN c.kind = 'r' THEN 'YES' ELSE 'NO' END",
        },
        """(SELECT c.*, r.kind FROM {f}.columns c JOIN {f}.relations r ON r.oid = c.relid
            UNION ALL BY NAME SELECT CASE WHEN info THEN 'information_schema' ELSE 'pg_catalog' END AS schema,
              r.name AS table_name, a.name, a.num, false AS not_null, a.type_oid, -1 AS typmod, false AS generated, 'v' AS kind
            FROM {s}.builtin_columns a JOIN {s}.builtin_relations r ON r.oid = a.relid) c
           LEFT JOIN {p}.pg_type t ON t.oid = c.type_oid LEFT JOIN {p}.pg_namespace n ON n.oid = t.typnamespace""",
    ),
    _info(
        "views",
        {
            "table_catalog": _DATABASE,
            "table_schema": "r.schema",
            "table_name": "r.name",
            "view_definition": "{s}.view_query(r.sql) || ';'",
            "check_option": "'NONE'",
            "is_updatable": "'NO'",
            "is_insertable_into": "'NO'",
            "is_trigger_updatable": "'NO'",
            "is_trigger_deletable": "'NO'",
            "is_trigger_insertable_into": "'NO'",
        },
        "{f}.relations r WHERE r.kind = 'v'",
    ),
    _info(
        "table_constraints",
        {
            **_OF_CONSTRAINT,
            "constraint_type": "c.type",
            "is_deferrable": "'NO'",
            "initially_deferred": "'NO'",
            "enforced": "'YES'",
            "nulls_distinct": "CASE WHEN c.type = 'UNIQUE' THEN 'YES' END",
        },
        """(SELECT schema, name, table_name, CASE kind WHEN 'p' THEN 'PRIMARY KEY' WHEN 'u' THEN 'UNIQUE'
              WHEN 'f' THEN 'FOREIGN KEY' ELSE 'CHECK' END AS type FROM {f}.constraints
            UNION ALL SELECT schema, {s}.not_null_name(nsp, relid, num), table_name, 'CHECK' FROM {f}.columns WHERE not_null) c""",
    ),
    _info(
        "key_column_usage",
        {
            **_OF_CONSTRAINT,
            "column_name": "c.key_names[c.number]",
            "ordinal_position": "c.number",
            "position_in_unique_constraint": "CASE WHEN c.kind = 'f' THEN list_position(k.key, c.ref_key[c.number]) END",
        },
        "(SELECT *, generate_subscripts(key, 1) AS number FROM (SELECT * EXCLUDE (number) FROM {f}.constraints "
        "WHERE kind IN ('p', 'u', 'f'))) c LEFT JOIN {f}.constraints k ON c.kind = 'f' AND k.relid = c.ref_relid "
        "AND k.kind IN ('p', 'u') AND list_sort(k.key) = list_sort(c.ref_key)",
    ),
    _info(
        "constraint_column_usage",
        {
            "table_catalog": _DATABASE,
            "table_schema": "c.schema",
            "table_name": "c.used_table",
            "column_name": "c.used_column",
            "constraint_catalog": _DATABASE,
            "constraint_schema": "c.schema",
            "constraint_name": "c.name",
        },
        """(SELECT schema, name, CASE WHEN kind = 'f' THEN ref_table ELSE table_name END AS used_table,
              unnest(CASE WHEN kind = 'f' THEN ref_names ELSE key_names END) AS used_column FROM {f}.constraints) c""",
    ),
    _info(
        "constraint_table_usage",
        {
            "table_catalog": _DATABASE,
            "table_schema": "c.schema",
            "table_name": "CASE WHEN c.kind = 'f' THEN c.ref_table ELSE c.table_name END",
            "constraint_catalog": _DATABASE,
            "constraint_schema": "c.schema",
            "constraint_name": "c.name",
        },
        "{f}.constraints c WHERE c.kind <> 'c'",
    ),
    _info(
        "referential_constraints",
        {
            "constraint_catalog": _DATABASE,
            "constraint_schema": "c.schema",
            "constraint_name": "c.name",
            "unique_constraint_catalog": _DATABASE,
            "unique_constraint_schema": "k.schema",
            "unique_constraint_name": "k.name",
            "match_option": "'NONE'",
            "update_rule": "'NO ACTION'",
            "delete_rule": "'NO ACTION'",
        },
        "{f}.constraints c LEFT JOIN {f}.constraints k ON k.relid = c.ref_relid AND k.kind IN ('p', 'u') "
        "AND list_sort(k.key) = list_sort(c.ref_key) WHERE c.kind = 'f'",
    ),
    _info(
        "check_constraints",
        {
            "constraint_catalog": _DATABASE,
            "constraint_schema": "c.schema",
            "constraint_name": "c.name",
            "check_clause": "c.clause",
        },
        """(SELECT schema, name, expression AS clause FROM {f}.constraints WHERE kind = 'c'
            UNION ALL SELECT schema, {s}.not_null_name(nsp, relid, num), {s}.quoted_name(name) || ' IS NOT NULL'
            FROM {f}.columns WHERE not_null) c""",
    ),
    _info(
        "sequences",
        {
            "sequence_catalog": _DATABASE,
            "sequence_schema": "schema",
            "sequence_name": "name",
            "data_type": "'bigint'",
            "numeric_precision": "64",
            "numeric_precision_radix": "2",
            "numeric_scale": "0",
            "start_value": "start_value",
            "minimum_value": "min_value",
            "maximum_value": "max_value",
            "increment": "increment_by",
            "cycle_option": "CASE WHEN cycle THEN 'YES' ELSE 'NO' END",
        },
        "{f}.sequences",
    ),
    _info(
        "routines",
        {
            "specific_catalog": _DATABASE,
            "specific_schema": "schema",
            "specific_name": "name || '_' || oid",
            "routine_catalog": _DATABASE,
            "routine_schema": "schema",
            "routine_name": "name",
            "routine_type": "'FUNCTION'",
            "data_type": "CASE WHEN is_table THEN 'record' ELSE 'anyelement' END",
            "routine_body": "'SQL'",
            "routine_definition": "definition",
            "external_language": "'SQL'",
            "is_deterministic": "'NO'",
            "security_type": "'INVOKER'",
        },
        "{f}.macros",
    ),
    _info(
        "parameters",
        {
            "specific_catalog": _DATABASE,
            "specific_schema": "m.schema",
            "specific_name": "m.name || '_' || m.oid",
            "ordinal_position": "m.number",
            "parameter_mode": "'IN'",
            "is_result": "'NO'",
            "as_locator": "'NO'",
            "parameter_name": "m.parameter",
            "data_type": "'anyelement'",
        },
        "(SELECT schema, name, oid, unnest(parameters) AS parameter, generate_subscripts(parameters, 1) AS number "
        "FROM {f}.macros) m",
    ),
    _info(
        "element_types",
        {
            "object_catalog": _DATABASE,
            "object_schema": "c.schema",
            "object_name": "c.table_name",
            "object_type": "'TABLE'",
            "collection_type_identifier": "c.num::VARCHAR",
            "data_type": "CASE WHEN t.typtype = 'e' THEN 'USER-DEFINED' ELSE {p}.format_type(t.oid, NULL) END",
            "udt_catalog": _DATABASE,
            "udt_schema": "n.nspname",
            "udt_name": "t.typname",
            "dtd_identifier": "'a' || c.num",
        },
        "{f}.columns c JOIN {p}.pg_type t ON t.oid = c.element_oid JOIN {p}.pg_namespace n ON n.oid = t.typnamespace "
        "WHERE c.dimensions > 0",
    ),
    _table_privileges("table_privileges"),
    _table_privileges("role_table_grants"),
    _column_privileges("column_privileges"),
    _column_privileges("role_column_grants"),
    _info("enabled_roles", {"role_name": "rolname"}, "{p}.pg_roles"),
    _info(
        "character_sets",
        {
            "character_set_name": "'UTF8'",
            "character_repertoire": "'UCS'",
            "form_of_use": "'UTF8'",
            "default_collate_catalog": _DATABASE,
            "default_collate_schema": "'pg_catalog'",
            "default_collate_name": "'C'",
        },
        "(SELECT 1)",
    ),
    _info(
        "collations",
        {
            "collation_catalog": _DATABASE,
            "collation_schema": "'pg_catalog'",
            "collation_name": "collname",
            "pad_attribute": "'NO PAD'",
        },
        "{p}.pg_collation",
    ),
)
