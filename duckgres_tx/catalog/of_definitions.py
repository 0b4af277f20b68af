"""Functions that describe an object: pg_get_*def, format_type, comments, sizes, names from OIDs and OIDs from names."""

from __future__ import annotations

from typing import Final

from duckgres_tx.catalog.macro import Macro, constant, macro

_NO_OBJECT = "NULL::VARCHAR"

# (function, class whose comments it reads) for the class names that clients use.
_CLASSES = "CASE replace(of_class, 'pg_catalog.', '') WHEN 'pg_class' THEN 1259 WHEN 'pg_namespace' THEN 2615 WHEN 'pg_type' THEN 1247 WHEN 'pg_proc' THEN 1255 END"


def _lookup(name: str, what: str) -> Macro:
    """The OID of a name, quoted or not and perhaps with a schema, through the search path; NULL when there is none."""
    return macro(
        name,
        "x -> (SELECT min_by(v.oid, CASE WHEN n.parts[1] = '' THEN list_position(n.path, v.schema) ELSE 1 END) "
        "FROM {f}.visibility v, (SELECT {s}.name_parts(x) AS parts, {s}.search_path() AS path) n WHERE v.what = '" + what + "' "
        "AND v.name = n.parts[2] AND CASE WHEN n.parts[1] = '' THEN list_contains(n.path, v.schema) ELSE v.schema = n.parts[1] END)",
    )


DEFINITION_FUNCTIONS: Final[tuple[Macro, ...]] = (
    macro(
        "format_type",
        "x, typmod -> (SELECT {s}.type_text(t.base, t.is_array, t.visible_schema, typmod, x) FROM {f}.type_display t WHERE t.oid = x)",
    ),
    macro("pg_get_expr", "expression, relation -> CAST(expression AS VARCHAR)", "expression, relation, pretty -> CAST(expression AS VARCHAR)"),
    macro(
        "pg_get_constraintdef",
        "x -> (SELECT c.definition FROM {f}.constraints c WHERE c.oid = x)",
        "x, pretty -> (SELECT CASE WHEN pretty AND c.kind = 'c' THEN 'CHECK ' || c.expression ELSE c.definition END "
        "FROM {f}.constraints c WHERE c.oid = x)",
    ),
    macro(
        "pg_get_indexdef",
        "x -> (SELECT i.definition FROM {f}.indexes i WHERE i.oid = x)",
        "x, col, pretty -> (SELECT CASE WHEN col = 0 THEN i.definition ELSE i.keys[col] END FROM {f}.indexes i WHERE i.oid = x)",
    ),
    Macro(
        "pg_get_viewdef",
        constant(
            "SELECT {s}.view_query(r.sql) || ';' FROM {f}.relations r WHERE r.kind = 'v' AND r.oid = {p}.relation_oid(x)",
            "x",
            "x, pretty",
        ),
    ),
    macro("pg_get_function_result", "x -> (SELECT CASE WHEN p.proretset AND p.prorettype <> 2249 THEN 'SETOF ' ELSE '' END || {p}.format_type(p.prorettype, NULL) FROM {p}.pg_proc p WHERE p.oid = x)"),
    Macro(
        "pg_get_function_arguments",
        (("x", "SELECT {p}.argument_text(p.proargtypes, p.proargnames) FROM {p}.pg_proc p WHERE p.oid = x"),),
    ),
    Macro(
        "pg_get_function_identity_arguments",
        (("x", "SELECT {p}.argument_text(p.proargtypes, p.proargnames) FROM {p}.pg_proc p WHERE p.oid = x"),),
    ),
    Macro(
        "pg_get_functiondef",
        (
            (
                "x",
                "SELECT 'CREATE MACRO ' || {s}.quoted_name(m.schema) || '.' || {s}.quoted_name(m.name) || '(' || "
                "array_to_string(m.parameters, ', ') || ') AS ' || CASE WHEN m.is_table THEN 'TABLE ' ELSE '' END || m.definition "
                "FROM {f}.macros m WHERE m.oid = x",
            ),
        ),
    ),
    macro("pg_get_function_sqlbody", "x -> (SELECT m.definition FROM {f}.macros m WHERE m.oid = x)"),
    *(
        Macro(name, constant(_NO_OBJECT, "x", "x, pretty"))
        for name in (
            "pg_get_ruledef",
            "pg_get_triggerdef",
            "pg_get_statisticsobjdef",
            "pg_get_statisticsobjdef_columns",
            "pg_get_statisticsobjdef_expressions",
            "pg_get_partkeydef",
            "pg_get_partition_constraintdef",
        )
    ),
    macro(
        "pg_get_serial_sequence",
        "tab, col -> (SELECT q.schema || '.' || q.name FROM {f}.columns c JOIN {f}.sequences q "
        "ON contains(c.default_text, '''' || q.name || '''') OR contains(c.default_text, '''' || q.schema || '.' || q.name || '''') "
        "WHERE c.relid = {p}.to_regclass(tab) AND c.name = col LIMIT 1)",
    ),
    macro("obj_description", "x -> (SELECT min(d.description) FROM {p}.pg_description d WHERE d.objoid = x AND d.objsubid = 0)",
          "x, of_class -> (SELECT d.description FROM {p}.pg_description d WHERE d.objoid = x AND d.objsubid = 0 AND d.classoid = " + _CLASSES + ")"),
    macro("col_description", "x, col -> (SELECT c.comment FROM {f}.columns c WHERE c.relid = x AND c.num = col)"),
    macro("shobj_description", "x, of_class -> NULL::VARCHAR"),
    macro("pg_describe_object", "of_class, x, sub -> (SELECT CASE r.kind WHEN 'v' THEN 'view ' WHEN 'S' THEN 'sequence ' WHEN 'i' THEN 'index ' "
          "ELSE 'table ' END || r.name FROM {f}.relations r WHERE r.oid = x)"),
    macro("pg_relation_is_publishable", "x -> false"),
    macro("pg_index_column_has_property", "x, col, property -> CASE lower(property) WHEN 'asc' THEN true WHEN 'orderable' THEN true WHEN 'desc' THEN false END"),
    macro("pg_indexam_has_property", "am, property -> CASE WHEN am = 403 THEN lower(property) IN ('can_order', 'can_unique', 'can_multi_col') END"),
    macro("pg_index_has_property", "x, property -> false"),
    macro("pg_tablespace_location", "x -> ''"),
    Macro("pg_stat_get_numscans", constant("0::BIGINT", "x")),
    Macro("pg_stat_get_live_tuples", (("x", "SELECT r.tuples FROM {f}.relations r WHERE r.oid = x"),)),
    # The catalog's own OIDs, for ::regclass and its kind.
    _lookup("user_regclass", "r"),
    _lookup("user_regtype", "t"),
    _lookup("user_regproc", "f"),
    macro(
        "to_regclass",
        "x -> CAST(coalesce({s}.digits(x), {p}.user_regclass(x)) AS pg_regclass)",
    ),
    macro("to_regtype", "x -> CAST(coalesce({s}.digits(x), {s}.builtin_regtype(x), {p}.user_regtype(x)) AS pg_regtype)"),
    macro("to_regproc", "x -> CAST(coalesce({s}.digits(x), {s}.builtin_regproc(x), {p}.user_regproc(x)) AS pg_regproc)"),
    macro("to_regprocedure", "x -> {p}.to_regproc(regexp_replace(x, '\\s*\\(.*$', ''))"),
    macro("to_regnamespace", "x -> CAST(coalesce({s}.digits(x), (SELECT n.oid FROM {f}.schemas n WHERE n.name = {s}.name_parts(x)[2])) AS pg_regnamespace)"),
    macro("to_regrole", "x -> CAST(coalesce({s}.digits(x), (SELECT r.oid FROM {p}.pg_roles r WHERE r.rolname = {s}.name_parts(x)[2])) AS pg_regrole)"),
    # What ::regclass does with a text: as above, but an unknown name is an error.
    macro("regclass_in", "x -> CAST(coalesce({p}.to_regclass(x), {s}.not_found(x, 'relation')) AS pg_regclass)"),
    macro("regtype_in", "x -> CAST(coalesce({p}.to_regtype(x), {s}.not_found(x, 'type')) AS pg_regtype)"),
    macro("regproc_in", "x -> CAST(coalesce({p}.to_regproc(x), {s}.not_found(x, 'function')) AS pg_regproc)"),
    macro("regprocedure_in", "x -> CAST(coalesce({p}.to_regprocedure(x), {s}.not_found(x, 'function')) AS pg_regproc)"),
    macro("regnamespace_in", "x -> CAST(coalesce({p}.to_regnamespace(x), {s}.not_found(x, 'schema')) AS pg_regnamespace)"),
    macro("regrole_in", "x -> CAST(coalesce({p}.to_regrole(x), {s}.not_found(x, 'role')) AS pg_regrole)"),
    # What ::regclass::text shows.
    macro(
        "regclass_out",
        "x -> coalesce((SELECT CASE WHEN list_filter({s}.search_path(), lambda p: list_contains(v.schemas, p))[1] = v.schema "
        "THEN '' ELSE {s}.quoted_name(v.schema) || '.' END || {s}.quoted_name(v.name) "
        "FROM {f}.visibility v WHERE v.what = 'r' AND v.oid = {s}.number(x)), "
        "CASE WHEN {s}.number(x) = 0 THEN '-' ELSE CAST(x AS VARCHAR) END)",
    ),
    macro("regtype_out", "x -> CASE WHEN {s}.number(x) = 0 THEN '-' ELSE coalesce({p}.format_type({s}.number(x), NULL), CAST(x AS VARCHAR)) END"),
    macro("regproc_out", "x -> CASE WHEN {s}.number(x) = 0 THEN '-' ELSE coalesce((SELECT p.proname FROM {p}.pg_proc p WHERE p.oid = {s}.number(x)), CAST(x AS VARCHAR)) END"),
    macro(
        "regprocedure_out",
        "x -> CASE WHEN {s}.number(x) = 0 THEN '-' ELSE coalesce((SELECT p.proname || '(' || {p}.argument_text(p.proargtypes, NULL) || ')' "
        "FROM {p}.pg_proc p WHERE p.oid = {s}.number(x)), CAST(x AS VARCHAR)) END",
    ),
    macro("regnamespace_out", "x -> coalesce((SELECT n.name FROM {f}.schemas n WHERE n.oid = {s}.number(x)), CAST(x AS VARCHAR))"),
    macro("regrole_out", "x -> coalesce((SELECT r.rolname FROM {p}.pg_roles r WHERE r.oid = {s}.number(x)), CAST(x AS VARCHAR))"),
    # Sizes: DuckDB keeps blocks of a whole file, not of a relation; what is known is the rows.
    *(
        Macro(
            name,
            constant("CASE WHEN {p}.exists_relation(x) THEN {p}.estimated_bytes(x) END", *parameters),
        )
        for name, parameters in (
            ("pg_relation_size", ("x", "x, fork")),
            ("pg_table_size", ("x",)),
            ("pg_total_relation_size", ("x",)),
        )
    ),
    macro("pg_indexes_size", "x -> 0::BIGINT"),
    macro("pg_relation_filenode", "x -> CAST({p}.relation_oid(x) AS pg_oid)"),
    macro("pg_database_size", "x -> (SELECT block_size * total_blocks FROM pragma_database_size() WHERE database_name = {d})"),
    macro("pg_tablespace_size", "x -> (SELECT block_size * total_blocks FROM pragma_database_size() WHERE database_name = {d})"),
    macro("pg_sequence_last_value", "x -> (SELECT q.last_value FROM {f}.sequences q WHERE q.oid = {p}.relation_oid(x))"),
)

DEFINITION_SUPPORT: Final[tuple[Macro, ...]] = (
    macro("argument_text", "types, argument_names -> array_to_string(list_transform(types, lambda t, i: coalesce(argument_names[i] || ' ', '') || "
          "{s}.any_sql_name(t)), ', ')"),
    macro("relation_oid", "x -> coalesce({s}.digits(CAST(x AS VARCHAR)), {p}.to_regclass(CAST(x AS VARCHAR)))"),
    macro("exists_relation", "x -> (SELECT true FROM {f}.visibility r WHERE r.what = 'r' AND r.oid = {p}.relation_oid(x))"),
    macro("exists_schema", "x -> (SELECT max(true) FROM {f}.schemas n WHERE n.name = CAST(x AS VARCHAR) OR CAST(n.oid AS VARCHAR) = CAST(x AS VARCHAR))"),
    macro("exists_database", "x -> (SELECT max(true) FROM {p}.pg_database n WHERE n.datname = CAST(x AS VARCHAR) OR CAST(n.oid AS VARCHAR) = CAST(x AS VARCHAR))"),
    macro(
        "estimated_bytes",
        "x -> (SELECT sum(r.tuples * greatest(r.natts, 1) * 8)::BIGINT FROM {f}.relations r WHERE r.oid = {p}.relation_oid(x))",
    ),
)
"""Macros of pg_catalog's schema that PostgreSQL has not, which these use."""
