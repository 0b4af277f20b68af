"""pg_catalog's relations about types, functions and operators."""

from __future__ import annotations

from typing import Final

from duckgres_tx.catalog import names
from duckgres_tx.catalog.relation import Relation

_OWNER = str(names.OID_OWNER)

_SAME_COLUMNS = """
    typlen typbyval typtype typcategory typispreferred typdelim typelem typarray typinput typoutput typreceive typsend
    typmodin typmodout typalign typstorage typcollation typsubscript
"""
_TYPE_SOURCE = f"""(
    SELECT oid, typname, {names.OID_PG_CATALOG} AS nsp, typlen, typbyval, typtype, typcategory, typispreferred, typdelim,
      typelem, typarray, typinput, typoutput, typreceive, typsend, typmodin, typmodout, typalign, typstorage, typcollation,
      typsubscript FROM {{s}}.builtin_types
    UNION ALL SELECT oid, name, nsp, 4, true, 'e', 'E', false, ',', 0, array_oid, 3504, 3505, 3532, 3533, 0, 0, 'i', 'p', 0, 0
    FROM {{f}}.user_types WHERE base = 'ENUM'
    UNION ALL SELECT array_oid, '_' || name, nsp, -1, false, 'b', 'A', false, ',', oid, 0, 750, 751, 2400, 2401, 0, 0, 'i', 'x',
      0, 6179 FROM {{f}}.user_types WHERE base = 'ENUM') t"""

_PROC_SOURCE = f"""(
    SELECT oid, proname AS name, {names.OID_PG_CATALOG} AS nsp, prorettype AS result, proargtypes AS arguments,
      NULL::VARCHAR[] AS argument_names, provolatile AS volatile, proisstrict AS strict, 'f' AS kind, proname AS source, false AS set,
      12 AS language, 0 AS any_more
    FROM {{s}}.builtin_functions
    UNION ALL SELECT oid, name, {names.OID_PG_CATALOG}, result, arguments, argument_names, volatile, false, kind, name, is_set, 12,
      any_more FROM {{s}}.functions
    UNION ALL SELECT oid, name, nsp, CASE WHEN is_table THEN 2249 ELSE 2276 END,
      list_transform(parameters, lambda x: 2276), parameters, 'v', false, 'f', definition, is_table, 14, 0 FROM {{f}}.macros) p"""

OF_TYPES: Final[tuple[Relation, ...]] = (
    Relation(
        "pg_type",
        {
            "oid": "t.oid",
            "typname": "t.typname",
            "typnamespace": "t.nsp",
            "typowner": _OWNER,
            **{name: f"t.{name}" for name in _SAME_COLUMNS.split()},
            "typisdefined": "true",
            "typtypmod": "-1",
        },
        _TYPE_SOURCE,
    ),
    Relation(
        "pg_enum",
        {
            "oid": "{s}.derived_oid(e.oid, e.number)",
            "enumtypid": "e.oid",
            "enumsortorder": "e.number",
            "enumlabel": "e.label",
        },
        "(SELECT oid, unnest(labels) AS label, generate_subscripts(labels, 1) AS number FROM {f}.user_types "
        "WHERE base = 'ENUM') e",
    ),
    Relation(
        "pg_range",
        {
            "rngtypid": "r[1]",
            "rngsubtype": "r[2]",
            "rngmultitypid": "r[3]",
        },
        "(SELECT unnest([[3904, 23, 4451], [3906, 1700, 4532], [3908, 1114, 4533], [3910, 1184, 4534], [3912, 1082, 4535], "
        "[3926, 20, 4536]]) AS r)",
    ),
    Relation(
        "pg_collation",
        {
            "oid": "c.oid",
            "collname": "c.name",
            "collnamespace": str(names.OID_PG_CATALOG),
            "collowner": _OWNER,
            "collprovider": "c.provider",
            "collisdeterministic": "true",
            "collencoding": "-1",
            "collcollate": "c.locale",
            "collctype": "c.locale",
        },
        "(VALUES (100, 'default', 'd', NULL), (950, 'C', 'c', 'C'), (951, 'POSIX', 'c', 'POSIX')) "
        "c(oid, name, provider, locale)",
    ),
    Relation(
        "pg_am",
        {"oid": "a.oid", "amname": "a.name", "amhandler": "a.function", "amtype": "a.kind"},
        "(VALUES (2, 'heap', 3, 't'), (403, 'btree', 330, 'i')) a(oid, name, function, kind)",
    ),
    Relation(
        "pg_opclass",
        {
            "oid": "1978",
            "opcmethod": "403",
            "opcname": "'int4_ops'",
            "opcnamespace": str(names.OID_PG_CATALOG),
            "opcowner": _OWNER,
            "opcfamily": "1976",
            "opcintype": "23",
            "opcdefault": "true",
        },
        "(SELECT 1)",
    ),
    Relation(
        "pg_language",
        {
            "oid": "l.oid",
            "lanname": "l.name",
            "lanowner": _OWNER,
            "lanpltrusted": "l.trusted",
        },
        "(VALUES (12, 'internal', false), (14, 'sql', true)) l(oid, name, trusted)",
    ),
    Relation(
        "pg_proc",
        {
            "oid": "p.oid",
            "proname": "p.name",
            "pronamespace": "p.nsp",
            "proowner": _OWNER,
            "prolang": "p.language",
            "procost": "1",
            "prorows": "CASE WHEN p.set THEN 1000 ELSE 0 END",
            "provariadic": "p.any_more",
            "prokind": "p.kind",
            "proisstrict": "p.strict",
            "proretset": "p.set",
            "provolatile": "p.volatile",
            "proparallel": "'s'",
            "pronargs": "len(p.arguments)",
            "prorettype": "p.result",
            # Through another type: a cast to the one that oidvector is an alias of would be left out.
            "proargtypes": "CAST(p.arguments AS UINTEGER[])",
            "proargnames": "p.argument_names",
            "prosrc": "p.source",
        },
        _PROC_SOURCE,
    ),
    Relation(
        "pg_aggregate",
        {"aggfnoid": "oid", "aggkind": "'n'", "aggfinalmodify": "'r'", "aggmfinalmodify": "'r'"},
        "{s}.functions WHERE kind = 'a'",
    ),
    Relation(
        "pg_operator",
        {
            "oid": "oid",
            "oprname": "name",
            "oprnamespace": str(names.OID_PG_CATALOG),
            "oprowner": _OWNER,
            "oprkind": "CASE len(arguments) WHEN 1 THEN 'l' ELSE 'b' END",
            "oprleft": "CASE len(arguments) WHEN 1 THEN 0 ELSE arguments[1] END",
            "oprright": "arguments[-1]",
            "oprresult": "result",
            "oprcode": "oid",
        },
        "{s}.functions WHERE NOT regexp_matches(name, '[a-z_A-Z]') AND len(arguments) IN (1, 2)",
    ),
)
