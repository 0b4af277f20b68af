"""Functions on values that PostgreSQL has in pg_catalog and clients call when they look into it.

Functions that ordinary queries use are the translator's business; a macro here wins over a DuckDB function of the same
name, so none that DuckDB has with the same meaning is listed.
"""

from __future__ import annotations

from typing import Final

from duckgres_tx.catalog.macro import Macro, lookup, macro

# One argument after the other takes the next specifier's place.
_FORMAT = (
    "replace(list_reduce(list_concat([fmt], [%s]::VARCHAR[]), lambda text, value: regexp_replace(text, '%%[-0-9$]*[sIL]', "
    "replace(CASE regexp_extract(text, '%%[-0-9$]*([sIL])', 1) WHEN 'I' THEN {s}.quoted_name(value) "
    "WHEN 'L' THEN {s}.quoted_literal(value) ELSE coalesce(value, '') END, '\\', '\\\\'))), '%%%%', '%%')"
)


def _format(arguments: int) -> tuple[str, str]:
    values = [f"a{number}" for number in range(1, arguments + 1)]
    return ", ".join(["fmt", *values]), _FORMAT % ", ".join(f"CAST({value} AS VARCHAR)" for value in values)


VALUE_FUNCTIONS: Final[tuple[Macro, ...]] = (
    macro("quote_ident", "x -> {s}.quoted_name(CAST(x AS VARCHAR))"),
    macro("quote_literal", "x -> CASE WHEN x IS NOT NULL THEN {s}.quoted_literal(CAST(x AS VARCHAR)) END"),
    macro("quote_nullable", "x -> {s}.quoted_literal(CAST(x AS VARCHAR))"),
    macro(
        "parse_ident",
        'x -> list_transform(regexp_extract_all(x, \'"([^"]|"")*"|[^."]+\'), lambda p: CASE WHEN starts_with(p, \'"\') '
        "THEN replace(p[2:-2], '\"\"', '\"') ELSE lower(trim(p)) END)",
    ),
    macro(
        "pg_size_pretty",
        "x -> CASE WHEN abs(x) < 10240 THEN CAST(CAST(x AS HUGEINT) AS VARCHAR) || ' bytes' "
        "WHEN abs(x) < 10240 * 1024 - 512 THEN CAST(CAST(round(x / 1024.0) AS HUGEINT) AS VARCHAR) || ' kB' "
        "WHEN abs(x) < 10240 * 1048576::BIGINT - 524288 THEN CAST(CAST(round(x / 1048576.0) AS HUGEINT) AS VARCHAR) || ' MB' "
        "WHEN abs(x) < 10240 * 1073741824::BIGINT - 536870912 THEN CAST(CAST(round(x / 1073741824.0) AS HUGEINT) AS VARCHAR) || ' GB' "
        "ELSE CAST(CAST(round(x / 1099511627776.0) AS HUGEINT) AS VARCHAR) || ' TB' END",
    ),
    macro(
        "initcap",
        "x -> array_to_string(list_transform(regexp_extract_all(lower(x), '[\\p{L}\\p{N}]+|[^\\p{L}\\p{N}]+'), "
        "lambda word: upper(word[1]) || word[2:]), '')",
    ),
    macro("pg_typeof", "x -> {s}.type_text_of(typeof(x))"),
    macro("pg_column_size", "x -> octet_length(encode(CAST(x AS VARCHAR)))"),
    macro("pg_collation_for", "x -> CASE WHEN typeof(x) = 'VARCHAR' THEN '\"default\"' END"),
    # DuckDB's lists have one dimension at a time and begin at 1.
    macro(
        "array_upper",
        "x, dimension -> CASE WHEN len({s}.dimension_of(x, dimension)) > 0 THEN len({s}.dimension_of(x, dimension))::INTEGER END",
    ),
    macro("array_lower", "x, dimension -> CASE WHEN len({s}.dimension_of(x, dimension)) > 0 THEN 1 END"),
    macro(
        "array_ndims",
        "x -> CASE WHEN len(x) > 0 THEN len(regexp_extract_all(regexp_extract(typeof(x), '(\\[[0-9]*\\])+$'), '\\[')) END",
    ),
    # DuckDB's own has no word for NULLs.
    macro(
        "array_to_string",
        "x, separator -> CASE WHEN x IS NOT NULL THEN coalesce(list_aggregate(CAST(x AS VARCHAR[]), 'string_agg', separator), '') END",
        "x, separator, nothing -> CASE WHEN x IS NOT NULL THEN coalesce(list_aggregate("
        "list_transform(CAST(x AS VARCHAR[]), lambda e: coalesce(e, nothing)), 'string_agg', separator), '') END",
    ),
    # What the encoder would send; DuckDB knows the session's time zone.
    macro(
        "array_out",
        "x -> CASE WHEN typeof(x) = 'TIMESTAMP WITH TIME ZONE[]' THEN duckgres_array_text(CAST(x AS VARCHAR[])) "
        "ELSE duckgres_array_text(x) END",
    ),
    macro("array_dims", "x -> CASE WHEN len(x) > 0 THEN '[1:' || len(x) || ']' END"),
    macro("cardinality", "x -> len(x)::INTEGER"),
    # A byte of a bytea; n counts from 0, and beyond the end is an error.
    macro("get_byte", "b, n -> CAST('0x' || hex({s}.checked_bytes(b, n)[n + 1:n + 1]) AS INTEGER)"),
    macro(
        "set_byte",
        "b, n, value -> {s}.checked_bytes(b, n)[:n] || unhex(printf('%02x', CAST(value AS INTEGER) & 255)) || CAST(b AS BLOB)[n + 2:]",
    ),
    macro("array_remove", "x, element -> list_filter(x, lambda e: e IS DISTINCT FROM element)"),
    macro(
        "similar_to_escape",
        "x -> '^(?:' || replace(replace(replace(x, '.', '\\.'), '%', '.*'), '_', '.') || ')$'",
        "x, e -> '^(?:' || replace(replace(replace(x, '.', '\\.'), '%', '.*'), '_', '.') || ')$'",
    ),
    Macro("pg_format", tuple(_format(arguments) for arguments in range(7))),
    # jsonb's ||: objects are merged at their top, the right one's values win; everything else is an array or goes into one.
    macro(
        "jsonb_concat",
        "x, y -> CASE WHEN x IS NULL OR y IS NULL THEN NULL "
        "WHEN json_type(CAST(x AS JSON)) = 'OBJECT' AND json_type(CAST(y AS JSON)) = 'OBJECT' THEN CAST('{' || array_to_string("
        "list_concat({s}.json_members(CAST(x AS JSON), json_keys(CAST(y AS JSON))), {s}.json_members(CAST(y AS JSON), [])), ', ') "
        "|| '}' AS JSON) "
        "ELSE CAST('[' || array_to_string(list_filter([{s}.json_elements(CAST(x AS JSON)), {s}.json_elements(CAST(y AS JSON))], "
        "lambda part: part <> ''), ', ') || ']' AS JSON) END",
    ),
    # ``/`` is ``//`` in sessions, by integer_division. A division that has become NULL, although neither operand is; the rest costs one look at what is NULL.
    *(
        macro(
            name,
            f"x, y -> coalesce(x {operator} y, CASE WHEN x IS NOT NULL AND y IS NOT NULL THEN error('division by zero') END)",
        )
        for name, operator in (("quotient", "//"), ("remainder", "%"))
    ),
    Macro("<~>", (("x, pattern", "regexp_matches(CAST(x AS VARCHAR), CAST(pattern AS VARCHAR), 's')"),)),
    Macro("!<~>", (("x, pattern", "NOT regexp_matches(CAST(x AS VARCHAR), CAST(pattern AS VARCHAR), 's')"),)),
    Macro("~*", (("x, pattern", "regexp_matches(CAST(x AS VARCHAR), CAST(pattern AS VARCHAR), 'is')"),)),
    Macro("!~*", (("x, pattern", "NOT regexp_matches(CAST(x AS VARCHAR), CAST(pattern AS VARCHAR), 'is')"),)),
    Macro("_pg_expandarray", (("x", "unnest(list_transform(x, lambda e, i: {'x': e, 'n': i::INTEGER}))"),)),
    Macro("pg_partition_ancestors", (("x", "CAST(NULL AS pg_regclass)"),)),
    macro("pg_options_to_table", "x -> NULL::VARCHAR"),
)

VALUE_TABLES: Final[tuple[Macro, ...]] = (
    Macro("_pg_expandarray", (("x", "SELECT unnest(x) AS x, generate_subscripts(x, 1)::INTEGER AS n"),), table=True),
    Macro(
        "pg_partition_ancestors",
        (("x", "SELECT CAST(NULL AS pg_regclass) AS relid, 1 AS ordinality WHERE false"),),
        table=True,
    ),
    Macro(
        "pg_partition_tree",
        (
            (
                "x",
                "SELECT CAST(NULL AS pg_regclass) AS relid, CAST(NULL AS pg_regclass) AS parentrelid, true AS isleaf, 0 AS level WHERE false",
            ),
        ),
        table=True,
    ),
    Macro(
        "pg_options_to_table",
        (("x", "SELECT NULL::VARCHAR AS option_name, NULL::VARCHAR AS option_value WHERE false"),),
        table=True,
    ),
    Macro(
        "pg_get_keywords",
        (("", "SELECT word, CAST(catcode AS pg_char) AS catcode, barelabel, catdesc, baredesc FROM {s}.keywords"),),
        table=True,
    ),
    Macro("pg_show_all_settings", (("", "SELECT * FROM {p}.pg_settings"),), table=True),
    Macro(
        "pg_sequence_parameters",
        (
            (
                "x",
                "SELECT start_value AS start_value, min_value AS minimum_value, max_value AS maximum_value, increment_by AS increment, cycle AS cycle_option, 1 AS cache_size, CAST(20 AS pg_oid) AS data_type FROM {f}.sequences WHERE oid = x",
            ),
        ),
        table=True,
    ),
)

VALUE_SUPPORT: Final[tuple[Macro, ...]] = (
    macro(
        "json_members",
        "x, without -> list_transform(list_filter(json_keys(x), lambda k: NOT list_contains(without, k)), lambda k: "
        "CAST(to_json(k) AS VARCHAR) || ': ' || CAST(json_extract(x, '/' || replace(replace(k, '~', '~0'), '/', '~1')) AS VARCHAR))",
    ),
    macro(
        "json_elements",
        "x -> CASE WHEN json_type(x) = 'ARRAY' THEN trim(trim(CAST(x AS VARCHAR))[2:-2]) ELSE CAST(x AS VARCHAR) END",
    ),
    macro(
        "checked_bytes",
        "b, n -> CASE WHEN n BETWEEN 0 AND octet_length(CAST(b AS BLOB)) - 1 THEN CAST(b AS BLOB) WHEN b IS NOT NULL AND n IS NOT NULL "
        "THEN error('index ' || n || ' out of valid range, 0..' || octet_length(CAST(b AS BLOB)) - 1) END",
    ),
    macro("dimension_of", "x, dimension -> CASE WHEN dimension = 1 THEN x END"),
    macro(
        "quoted_literal",
        "x -> CASE WHEN x IS NULL THEN 'NULL' WHEN contains(x, '\\') THEN 'E''' || replace(replace(x, '\\', '\\\\'), '''', '''''') || '''' "
        "ELSE '''' || replace(x, '''', '''''') || '''' END",
    ),
    macro("name_oid", "x -> 16384 + CAST(hash(CAST(x AS VARCHAR)) % 2000000000 AS BIGINT)"),
    macro(
        "digits", "x -> CASE WHEN regexp_full_match(trim(x), '[0-9]+') THEN CAST(x AS BIGINT) WHEN x = '-' THEN 0 END"
    ),
    macro("number", "x -> TRY_CAST(CAST(x AS VARCHAR) AS BIGINT)"),
    macro(
        "not_found",
        "x, what -> CAST(CASE WHEN x IS NOT NULL THEN error(what || ' \"' || x || '\" does not exist') END AS BIGINT)",
    ),
    # The parts of a name as one writes it: what isn't quoted is folded. No schema is ''. (Two functions and no list of
    # both: DuckDB can't tell the type of a parameter in list_concat.)
    macro(
        "name_last",
        "x -> CASE WHEN contains(x, '.') OR contains(x, '\"') THEN {s}.name_pieces(x)[-1] ELSE lower(trim(x)) END",
    ),
    macro("name_schema", "x -> CASE WHEN contains(x, '.') THEN coalesce({s}.name_pieces(x)[-2], '') ELSE '' END"),
    macro(
        "name_pieces",
        'x -> list_transform(regexp_extract_all(x, \'"([^"]|"")*"|[^."]+\'), lambda p: CASE WHEN starts_with(p, \'"\') '
        "THEN replace(p[2:-2], '\"\"', '\"') ELSE lower(trim(p)) END)",
    ),
    macro(
        "builtin_regtype",
        "x -> "
        + lookup(
            "{s}.builtin_types",
            "min(CASE WHEN ends_with(trim(x), '[]') THEN _typarray ELSE _oid END)",
            "{s}.type_word(x) = _typname AND NOT (_is_array AND ends_with(trim(x), '[]')) "
            "OR {s}.type_word(x) = _sql_name AND NOT _is_array AND NOT contains(x, '\"')",
            "oid",
            "typarray",
            "typname",
            "sql_name",
            "is_array",
        ),
    ),
    macro(
        "builtin_regproc",
        "x -> coalesce("
        + lookup("{s}.builtin_functions", "min(_oid)", "_proname = {s}.name_last(x)", "oid", "proname")
        + ", "
        + lookup("{s}.functions", "min(_oid)", "_name = {s}.name_last(x)", "oid", "name")
        + ")",
    ),
    # A type's name without its schema, modifier and brackets; what SQL calls otherwise than pg_type.
    macro(
        "type_word",
        "x -> CASE WHEN contains(x, '\"') THEN {s}.quoted_type_word(regexp_replace(trim(x), '\\s*(\\[\\])*$', '')) "
        "ELSE {s}.type_alias(regexp_replace(regexp_replace(trim(lower(x)), '^pg_catalog\\.', ''), "
        "'\\s*(\\([^)]*\\))?\\s*(\\[\\])*$', '')) END",
    ),
    macro(
        "quoted_type_word",
        "x -> CASE WHEN {s}.name_schema(x) IN ('', 'pg_catalog') THEN {s}.name_last(x) END",
    ),
    macro(
        "type_alias",
        "x -> CASE x WHEN 'int' THEN 'int4' WHEN 'decimal' THEN 'numeric' WHEN 'float' THEN 'float8' WHEN 'char' THEN 'bpchar' "
        "WHEN 'timestamp' THEN 'timestamp' WHEN 'time' THEN 'time' ELSE x END",
    ),
    macro(
        "type_text",
        "base, is_array, in_schema, typmod -> CASE WHEN in_schema IS NULL THEN '' ELSE {s}.quoted_name(in_schema) || '.' END || "
        "CASE WHEN typmod IS NULL OR typmod < 0 THEN base "
        "WHEN base = 'numeric' AND typmod >= 4 THEN 'numeric(' || (typmod - 4) // 65536 || ',' || (typmod - 4) % 65536 || ')' "
        "WHEN base IN ('character varying', 'character') AND typmod > 4 THEN base || '(' || (typmod - 4) || ')' "
        "WHEN base IN ('bit', 'bit varying') THEN base || '(' || typmod || ')' "
        "WHEN starts_with(base, 'time') THEN regexp_replace(base, ' ', '(' || typmod || ') ') "
        "ELSE base END || CASE WHEN is_array THEN '[]' ELSE '' END",
    ),
    macro(
        "view_query",
        'x -> \' \' || regexp_replace(regexp_extract(x, \'(?s)^CREATE .*?VIEW ("([^"]|"")*"|[^ (".])+(\\.("([^"]|"")*"|[^ (".])+)*\\s*(\\([^)]*\\))?\\s*AS (.*)$\', 7), \';\\s*$\', \'\')',
    ),
    macro("not_null_name", "nsp, relid, num -> nsp || '_' || relid || '_' || num || '_not_null'"),
    # format_type of a DuckDB type.
    macro(
        "type_text_of",
        "x -> CASE WHEN starts_with(x, 'ENUM(') THEN 'text' ELSE "
        "{s}.scalar_sql_name({s}.scalar_type_oid(regexp_replace(x, '(\\[[0-9]*\\])+$', ''))) END "
        "|| CASE WHEN ends_with(x, ']') THEN '[]' ELSE '' END",
    ),
)
"""Macros of the facts' schema that these use."""
