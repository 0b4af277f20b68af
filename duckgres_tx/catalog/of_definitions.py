"""Functions that describe an object: pg_get_*def, format_type, comments, sizes, names from OIDs and OIDs from names."""

from __future__ import annotations

from typing import Final

from duckgres_tx.catalog.macro import Macro, constant, lookup, macro

_NO_OBJECT = "NULL::VARCHAR"

# The class OIDs of the class names that clients give.
_CLASSES = (
    "CASE replace(of_class, 'pg_catalog.', '') WHEN 'pg_class' THEN 1259 WHEN 'pg_namespace' THEN 2615 "
    "WHEN 'pg_type' THEN 1247 WHEN 'pg_proc' THEN 1255 END"
)


def _by_name(name: str, what: str) -> Macro:
    """The OID of a name, quoted or not and perhaps with a schema, through the search path; NULL when there is none."""
    return macro(
        name,
        "x -> (SELECT min_by(_oid, CASE WHEN _in = '' THEN list_position(_path, _schema) ELSE 1 END) "
        "FROM (SELECT {s}.name_schema(x) AS _in, {s}.name_last(x) AS _wanted, {s}.search_path() AS _path) AS _name_given, "
        "(SELECT oid AS _oid, schema AS _schema, name AS _name FROM {f}.visibility WHERE what = '"
        + what
        + "') AS _fact "
        "WHERE lower(_name) = lower(_wanted) AND CASE WHEN _in = '' THEN list_contains(_path, _schema) ELSE _schema = _in END)",
    )


def _shown(name: str) -> str:
    """An OID's name; the number when there is no such object, as PostgreSQL does."""
    return f"coalesce(CASE WHEN {{s}}.number(x) = 0 THEN '-' END, {name}, CAST(x AS VARCHAR))"


_FILE_SIZE = "(SELECT block_size * total_blocks FROM pragma_database_size() WHERE database_name = system.main.current_database())"
_CONSTRAINT = lookup("{f}.constraints", "_definition", "_oid = x", "oid", "definition")
_PRETTY_CONSTRAINT = lookup(
    "{f}.constraints",
    "CASE WHEN pretty AND _kind = 'c' THEN 'CHECK ' || _expression ELSE _definition END",
    "_oid = x",
    "oid",
    "kind",
    "expression",
    "definition",
)
_INDEX = lookup("{f}.indexes", "_definition", "_oid = x", "oid", "definition")
_INDEX_COLUMN = lookup(
    "{f}.indexes",
    "CASE WHEN col > 0 THEN _keys[col] WHEN pretty AND list_contains({s}.search_path(), _schema) "
    "THEN replace(_definition, ' ON ' || {s}.quoted_name(_schema) || '.', ' ON ') ELSE _definition END",
    "_oid = x",
    "oid",
    "definition",
    "keys",
    "schema",
)
_VIEW = lookup(
    "{f}.relations", "{s}.view_query(_sql) || ';'", "_kind = 'v' AND _oid = {s}.number(x)", "oid", "kind", "sql"
)
_RESULT = lookup(
    "{p}.pg_proc",
    "CASE WHEN _proretset AND _prorettype <> 2249 THEN 'SETOF ' ELSE '' END || {s}.any_sql_name(_prorettype)",
    "_oid = x",
    "oid",
    "proretset",
    "prorettype",
)
_ARGUMENTS = lookup(
    "{p}.pg_proc", "{p}.argument_text(_proargtypes, _proargnames)", "_oid = x", "oid", "proargtypes", "proargnames"
)
_MACRO = lookup(
    "{f}.macros",
    "'CREATE MACRO ' || {s}.quoted_name(_schema) || '.' || {s}.quoted_name(_name) || '(' || array_to_string(_parameters, ', ') "
    "|| ') AS ' || CASE WHEN _is_table THEN 'TABLE ' ELSE '' END || _definition",
    "_oid = x",
    "oid",
    "schema",
    "name",
    "parameters",
    "is_table",
    "definition",
)
_BUILT_IN = lookup(
    "{s}.functions",
    "'CREATE OR REPLACE FUNCTION pg_catalog.' || {s}.quoted_name(_name) || '(' || "
    "{p}.argument_text(_arguments, _argument_names) || ')' || chr(10) || ' RETURNS ' || {s}.any_sql_name(_result) || chr(10) "
    "|| ' LANGUAGE internal' || chr(10) || 'AS $function$' || _name || '$function$' || chr(10)",
    "_oid = x",
    "oid",
    "name",
    "arguments",
    "argument_names",
    "result",
)
_SERIAL_SEQUENCE = (
    "(SELECT min(_sequence) FROM (SELECT c.relid AS _relid, c.name AS _name, q.schema || '.' || q.name AS _sequence "
    "FROM {f}.columns c JOIN {f}.sequences q ON replace(regexp_extract(c.default_text, '^nextval.''([^'']*)', 1), '\"', '') "
    "IN (q.name, q.schema || '.' || q.name)) AS _fact "
    "WHERE _relid = {p}.to_regclass(tab) AND _name = col)"
)
_COMMENT = lookup("{f}.columns", "_comment", "_relid = x AND _num = col", "relid", "num", "comment")
_OBJECT_COMMENT = lookup(
    "{p}.pg_description",
    "_description",
    f"_objoid = x AND _objsubid = 0 AND _classoid = {_CLASSES}",
    "objoid",
    "objsubid",
    "classoid",
    "description",
)
_ANY_COMMENT = lookup(
    "{p}.pg_description", "min(_description)", "_objoid = x AND _objsubid = 0", "objoid", "objsubid", "description"
)
_RELATION_NAME = lookup(
    "{f}.visibility",
    "CASE WHEN list_filter({s}.search_path(), lambda p: list_contains(_schemas, p))[1] = _schema THEN '' "
    "ELSE {s}.quoted_name(_schema) || '.' END || {s}.quoted_name(_name)",
    "_what = 'r' AND _oid = {s}.number(x)",
    "oid",
    "what",
    "schema",
    "schemas",
    "name",
)

DEFINITION_FUNCTIONS: Final[tuple[Macro, ...]] = (
    macro(
        "format_type",
        "x, typmod -> "
        + lookup(
            "{f}.type_display",
            "{s}.type_text(_base, _is_array, _visible_schema, typmod)",
            "_oid = x",
            "oid",
            "base",
            "is_array",
            "visible_schema",
        ),
    ),
    macro(
        "pg_get_expr",
        "expression, relation -> CAST(expression AS VARCHAR)",
        "expression, relation, pretty -> CAST(expression AS VARCHAR)",
    ),
    macro("pg_get_constraintdef", f"x -> {_CONSTRAINT}", f"x, pretty -> {_PRETTY_CONSTRAINT}"),
    macro("pg_get_indexdef", f"x -> {_INDEX}", f"x, col, pretty -> {_INDEX_COLUMN}"),
    macro("pg_get_viewdef", f"x -> {_VIEW}", f"x, pretty -> {_VIEW}"),
    macro("pg_get_function_result", f"x -> {_RESULT}"),
    macro("pg_get_function_arguments", f"x -> {_ARGUMENTS}"),
    macro("pg_get_function_identity_arguments", f"x -> {_ARGUMENTS}"),
    macro("pg_get_functiondef", f"x -> coalesce({_MACRO}, {_BUILT_IN})"),
    macro("pg_get_function_sqlbody", f"x -> {lookup('{f}.macros', '_definition', '_oid = x', 'oid', 'definition')}"),
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
    macro("pg_get_serial_sequence", f"tab, col -> {_SERIAL_SEQUENCE}"),
    macro("obj_description", f"x -> {_ANY_COMMENT}", f"x, of_class -> {_OBJECT_COMMENT}"),
    macro("col_description", f"x, col -> {_COMMENT}"),
    macro("shobj_description", "x, of_class -> NULL::VARCHAR"),
    macro(
        "pg_describe_object",
        "of_class, x, sub -> "
        + lookup(
            "{f}.relations",
            "CASE _kind WHEN 'v' THEN 'view ' WHEN 'S' THEN 'sequence ' WHEN 'i' THEN 'index ' ELSE 'table ' END || _name",
            "_oid = x",
            "oid",
            "kind",
            "name",
        ),
    ),
    macro("pg_relation_is_publishable", "x -> false"),
    macro(
        "pg_index_column_has_property",
        "x, col, property -> CASE lower(property) WHEN 'asc' THEN true WHEN 'orderable' THEN true WHEN 'desc' THEN false END",
    ),
    macro(
        "pg_indexam_has_property",
        "am, property -> CASE WHEN am = 403 THEN lower(property) IN ('can_order', 'can_unique', 'can_multi_col') END",
    ),
    macro("pg_index_has_property", "x, property -> false"),
    macro("pg_tablespace_location", "x -> ''"),
    macro("pg_stat_get_numscans", "x -> 0::BIGINT"),
    macro("pg_stat_get_live_tuples", f"x -> {lookup('{f}.relations', '_tuples', '_oid = x', 'oid', 'tuples')}"),
    # The OIDs of names, for ::regclass and its kind.
    _by_name("user_regclass", "r"),
    _by_name("user_regtype", "t"),
    _by_name("user_regproc", "f"),
    macro("to_regclass", "x -> CAST(coalesce({s}.digits(x), {p}.user_regclass(x)) AS pg_regclass)"),
    macro(
        "to_regtype", "x -> CAST(coalesce({s}.digits(x), {s}.builtin_regtype(x), {p}.user_regtype(x)) AS pg_regtype)"
    ),
    macro(
        "to_regproc", "x -> CAST(coalesce({s}.digits(x), {s}.builtin_regproc(x), {p}.user_regproc(x)) AS pg_regproc)"
    ),
    macro("to_regprocedure", "x -> {p}.to_regproc(regexp_replace(x, '\\s*\\(.*$', ''))"),
    macro(
        "to_regnamespace",
        "x -> CAST(coalesce({s}.digits(x), "
        + lookup("{f}.schemas", "_oid", "_name = {s}.name_last(x)", "oid", "name")
        + ") AS pg_regnamespace)",
    ),
    macro(
        "to_regrole",
        "x -> CAST(coalesce({s}.digits(x), "
        + lookup("{p}.pg_roles", "_oid", "_rolname = {s}.name_last(x)", "oid", "rolname")
        + ") AS pg_regrole)",
    ),
    # What ::regclass does with a text: as above, but an unknown name is an error.
    *(
        macro(f"{kind}_in", f"x -> CAST(coalesce({{p}}.to_{kind}(x), {{s}}.not_found(x, '{what}')) AS pg_{alias})")
        for kind, what, alias in (
            ("regclass", "relation", "regclass"),
            ("regtype", "type", "regtype"),
            ("regproc", "function", "regproc"),
            ("regprocedure", "function", "regproc"),
            ("regnamespace", "schema", "regnamespace"),
            ("regrole", "role", "regrole"),
        )
    ),
    # What ::regclass::text shows.
    macro("regclass_out", "x -> " + _shown(_RELATION_NAME)),
    macro("regtype_out", "x -> " + _shown("{p}.format_type({s}.number(x), NULL)")),
    macro("regproc_out", "x -> " + _shown(lookup("{p}.pg_proc", "_proname", "_oid = {s}.number(x)", "oid", "proname"))),
    macro(
        "regprocedure_out",
        "x -> "
        + _shown(
            lookup(
                "{p}.pg_proc",
                "_proname || '(' || {p}.argument_text(_proargtypes, NULL) || ')'",
                "_oid = {s}.number(x)",
                "oid",
                "proname",
                "proargtypes",
            )
        ),
    ),
    macro("regnamespace_out", "x -> " + _shown(lookup("{f}.schemas", "_name", "_oid = {s}.number(x)", "oid", "name"))),
    macro(
        "regrole_out", "x -> " + _shown(lookup("{p}.pg_roles", "_rolname", "_oid = {s}.number(x)", "oid", "rolname"))
    ),
    # DuckDB keeps blocks of a whole file, not of a relation; what it knows is the rows.
    *(
        Macro(name, constant("{p}.estimated_bytes(x)", *parameters))
        for name, parameters in (
            ("pg_relation_size", ("x", "x, fork")),
            ("pg_table_size", ("x",)),
            ("pg_total_relation_size", ("x",)),
        )
    ),
    macro("pg_indexes_size", "x -> 0::BIGINT"),
    macro("pg_relation_filenode", "x -> CAST({s}.number(x) AS pg_oid)"),
    macro("pg_database_size", f"x -> {_FILE_SIZE}"),
    macro("pg_tablespace_size", f"x -> {_FILE_SIZE}"),
    macro(
        "pg_sequence_last_value",
        "x -> " + lookup("{f}.sequences", "_last_value", "_oid = {s}.number(x)", "oid", "last_value"),
    ),
)

DEFINITION_SUPPORT: Final[tuple[Macro, ...]] = (
    macro(
        "argument_text",
        "types, argument_names -> array_to_string(list_transform(CAST(types AS UINTEGER[]), lambda t, i: coalesce(argument_names[i] || ' ', '') || "
        "{s}.any_sql_name(t)), ', ')",
    ),
    macro(
        "exists_relation",
        "x -> CASE WHEN {s}.number(x) IS NULL THEN x IS NOT NULL OR NULL ELSE "
        + lookup("{f}.visibility", "true", "_what = 'r' AND _oid = {s}.number(x)", "oid", "what")
        + " END",
    ),
    macro(
        "exists_schema",
        "x -> "
        + lookup("{f}.schemas", "max(true)", "CAST(x AS VARCHAR) IN (_name, CAST(_oid AS VARCHAR))", "oid", "name"),
    ),
    macro(
        "exists_database",
        "x -> "
        + lookup(
            "{p}.pg_database", "max(true)", "CAST(x AS VARCHAR) IN (_datname, CAST(_oid AS VARCHAR))", "oid", "datname"
        ),
    ),
    macro(
        "estimated_bytes",
        "x -> "
        + lookup(
            "{f}.relations",
            "CAST(_tuples * greatest(_natts, 1) * 8 AS BIGINT)",
            "_oid = {s}.number(x)",
            "oid",
            "tuples",
            "natts",
        ),
    ),
)
"""Macros of pg_catalog's schema that PostgreSQL has not, which these use."""
