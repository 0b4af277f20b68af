"""pg_catalog's relations about schemas, tables, columns, constraints and indexes."""

from __future__ import annotations

from typing import Final

from duckgres_tx.catalog import names
from duckgres_tx.catalog.relation import Relation

_OWNER = str(names.OID_OWNER)

_CLASS_SOURCE = f"""(
    SELECT oid, nsp, name, kind, natts, nchecks, has_index, has_foreign_keys, tuples, persistence FROM {{f}}.relations
    UNION ALL SELECT oid, CASE WHEN info THEN {names.OID_INFORMATION_SCHEMA} ELSE {names.OID_PG_CATALOG} END, name, kind,
      natts, 0, false, false, 0, 'p' FROM {{s}}.builtin_relations) r"""

_COLUMN_SOURCE = """(
    SELECT relid, name, type_oid, typmod, num, dimensions, not_null, default_text IS NOT NULL AS has_default, generated
    FROM {f}.columns
    UNION ALL SELECT relid, name, type_oid, typmod, num, 0, false, false, false FROM {f}.index_columns
    UNION ALL SELECT relid, name, type_oid, -1, num, CASE WHEN is_array THEN 1 ELSE 0 END, false, false, false
    FROM {s}.builtin_columns) a LEFT JOIN {s}.builtin_types t ON t.oid = a.type_oid"""

_VIEW_TEXT = "{s}.view_query(r.sql)"

OF_TABLES: Final[tuple[Relation, ...]] = (
    Relation("pg_namespace", {"oid": "oid", "nspname": "name", "nspowner": _OWNER}, "{f}.schemas"),
    Relation(
        "pg_class",
        {
            "oid": "r.oid",
            "relname": "r.name",
            "relnamespace": "r.nsp",
            "relowner": _OWNER,
            "relam": "CASE r.kind WHEN 'r' THEN 2 WHEN 'i' THEN 403 ELSE 0 END",
            "relfilenode": "CASE WHEN r.kind = 'v' THEN 0 ELSE r.oid END",
            "relpages": "CASE WHEN r.kind = 'v' THEN 0 ELSE ceil(r.tuples / 100) END",
            "reltuples": "r.tuples",
            "relhasindex": "r.has_index",
            "relpersistence": "r.persistence",
            "relkind": "r.kind",
            "relnatts": "r.natts",
            "relchecks": "r.nchecks",
            "relhasrules": "r.kind = 'v'",
            # PostgreSQL enforces foreign keys by triggers; psql asks for them only where this is set.
            "relhastriggers": "r.has_foreign_keys",
            "relispopulated": "true",
            "relreplident": "CASE WHEN r.kind = 'r' THEN 'd' ELSE 'n' END",
            "relfrozenxid": "CASE WHEN r.kind = 'r' THEN 3 ELSE 0 END",
            "relminmxid": "CASE WHEN r.kind = 'r' THEN 1 ELSE 0 END",
        },
        _CLASS_SOURCE,
    ),
    Relation(
        "pg_attribute",
        {
            "attrelid": "a.relid",
            "attname": "a.name",
            "atttypid": "a.type_oid",
            "attstattarget": "-1",
            "attlen": "coalesce(t.typlen, 4)",
            "attnum": "a.num",
            "attndims": "a.dimensions",
            "attcacheoff": "-1",
            "atttypmod": "a.typmod",
            "attbyval": "coalesce(t.typbyval, true)",
            "attalign": "coalesce(t.typalign, 'i')",
            "attstorage": "coalesce(t.typstorage, 'p')",
            "attcompression": "''",
            "attnotnull": "a.not_null",
            "atthasdef": "a.has_default",
            "attidentity": "''",
            "attgenerated": "CASE WHEN a.generated THEN 's' ELSE '' END",
            "attislocal": "true",
            "attcollation": "coalesce(t.typcollation, 0)",
        },
        _COLUMN_SOURCE,
    ),
    Relation(
        "pg_attrdef",
        {"oid": "{s}.derived_oid(relid, num)", "adrelid": "relid", "adnum": "num", "adbin": "default_text"},
        "{f}.columns WHERE default_text IS NOT NULL",
    ),
    Relation(
        "pg_constraint",
        {
            "oid": "c.oid",
            "conname": "c.name",
            "connamespace": "c.nsp",
            "contype": "c.kind",
            "convalidated": "true",
            "conrelid": "c.relid",
            "conindid": "CASE WHEN c.kind IN ('p', 'u') THEN c.oid WHEN c.kind = 'f' THEN coalesce(k.oid, 0) ELSE 0 END",
            "confrelid": "c.ref_relid",
            "confupdtype": "CASE WHEN c.kind = 'f' THEN 'a' ELSE ' ' END",
            "confdeltype": "CASE WHEN c.kind = 'f' THEN 'a' ELSE ' ' END",
            "confmatchtype": "CASE WHEN c.kind = 'f' THEN 's' ELSE ' ' END",
            "conislocal": "true",
            "connoinherit": "c.kind <> 'c'",
            "conkey": "c.key",
            "confkey": "c.ref_key",
            "conbin": "CASE WHEN c.kind = 'c' THEN c.expression END",
        },
        "{f}.constraints c LEFT JOIN (SELECT relid, key, min(oid) AS oid FROM {f}.constraints WHERE kind IN ('p', 'u') "
        "GROUP BY relid, key) k ON c.kind = 'f' AND k.relid = c.ref_relid AND k.key = c.ref_key",
    ),
    Relation(
        "pg_index",
        {
            "indexrelid": "oid",
            "indrelid": "relid",
            "indnatts": "len(keys)",
            "indnkeyatts": "len(keys)",
            "indisunique": "is_unique",
            "indisprimary": "is_primary",
            "indimmediate": "true",
            "indisvalid": "true",
            "indisready": "true",
            "indislive": "true",
            "indkey": "key",
            "indcollation": "list_transform(key, lambda x: 0)",
            "indclass": "list_transform(key, lambda x: 1978)",
            "indoption": "list_transform(key, lambda x: 0)",
            "indexprs": "CASE WHEN list_contains(key, 0) THEN array_to_string(list_transform(list_filter("
            "list_zip(key, keys), lambda x: x[1] = 0), lambda x: x[2]), ', ') END",
        },
        "{f}.indexes",
    ),
    Relation(
        "pg_sequence",
        {
            "seqrelid": "oid",
            "seqtypid": "20",
            "seqstart": "start_value",
            "seqincrement": "increment_by",
            "seqmax": "max_value",
            "seqmin": "min_value",
            "seqcache": "1",
            "seqcycle": "cycle",
        },
        "{f}.sequences",
    ),
    Relation(
        "pg_description",
        {"objoid": "oid", "classoid": "class", "objsubid": "num", "description": "comment"},
        """(SELECT oid, 1259 AS class, 0 AS num, comment FROM {f}.relations
            UNION ALL SELECT relid, 1259, num, comment FROM {f}.columns
            UNION ALL SELECT oid, 2615, 0, comment FROM {f}.schemas
            UNION ALL SELECT oid, 1247, 0, comment FROM {f}.user_types
            UNION ALL SELECT oid, 1255, 0, comment FROM {f}.macros
            UNION ALL SELECT oid, 1255, 0, description FROM {s}.functions) WHERE comment IS NOT NULL""",
    ),
    Relation(
        # What clients follow: an index belongs to its constraint, a foreign key needs the index of the key it refers to.
        "pg_depend",
        {
            "classid": "d.class",
            "objid": "d.object",
            "refclassid": "d.ref_class",
            "refobjid": "d.ref_object",
            "deptype": "d.kind",
        },
        """(SELECT 1259 AS class, oid AS object, 2606 AS ref_class, oid AS ref_object, 'i' AS kind FROM {f}.constraints
              WHERE kind IN ('p', 'u')
            UNION ALL SELECT 2606, c.oid, 1259, k.oid, 'n' FROM {f}.constraints c JOIN {f}.constraints k
              ON c.kind = 'f' AND k.kind IN ('p', 'u') AND k.relid = c.ref_relid AND k.key = c.ref_key
            UNION ALL SELECT 2606, oid, 1259, relid, 'a' FROM {f}.constraints) d""",
    ),
    Relation(
        "pg_rewrite",
        {
            "oid": "{s}.derived_oid(oid, 0)",
            "rulename": "'_RETURN'",
            "ev_class": "oid",
            "ev_type": "'1'",
            "ev_enabled": "'O'",
            "is_instead": "true",
            "ev_qual": "'<>'",
            "ev_action": "{s}.view_query(sql)",
        },
        "{f}.relations WHERE kind = 'v'",
    ),
    Relation(
        "pg_tables",
        {
            "schemaname": "n.nspname",
            "tablename": "c.relname",
            "tableowner": "{p}.pg_get_userbyid(c.relowner)",
            "hasindexes": "c.relhasindex",
            "hasrules": "c.relhasrules",
            "hastriggers": "c.relhastriggers",
            "rowsecurity": "c.relrowsecurity",
        },
        "{p}.pg_class c JOIN {p}.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p')",
    ),
    Relation(
        "pg_views",
        {
            "schemaname": "r.schema",
            "viewname": "r.name",
            "viewowner": f"{{p}}.pg_get_userbyid({_OWNER})",
            "definition": f"{_VIEW_TEXT} || ';'",
        },
        "{f}.relations r WHERE r.kind = 'v'",
    ),
    Relation(
        "pg_indexes",
        {"schemaname": "schema", "tablename": "on_table", "indexname": "name", "indexdef": "definition"},
        "{f}.indexes",
    ),
    Relation(
        "pg_sequences",
        {
            "schemaname": "schema",
            "sequencename": "name",
            "sequenceowner": f"{{p}}.pg_get_userbyid({_OWNER})",
            "data_type": "20",
            "start_value": "start_value",
            "min_value": "min_value",
            "max_value": "max_value",
            "increment_by": "increment_by",
            "cycle": "cycle",
            "cache_size": "1",
            "last_value": "last_value",
        },
        "{f}.sequences",
    ),
    *(
        Relation(
            name,
            {
                "relid": "r.oid",
                "schemaname": "r.schema",
                "relname": "r.name",
                **({"n_live_tup": "r.tuples", "seq_scan": "0"} if "statio" not in name else {}),
            },
            "{f}.relations r WHERE r.kind = 'r'",
        )
        for name in ("pg_stat_user_tables", "pg_stat_all_tables", "pg_statio_user_tables", "pg_statio_all_tables")
    ),
    *(
        Relation(
            name,
            {
                "relid": "relid",
                "indexrelid": "oid",
                "schemaname": "schema",
                "relname": "on_table",
                "indexrelname": "name",
            },
            "{f}.indexes",
        )
        for name in ("pg_stat_user_indexes", "pg_stat_all_indexes", "pg_statio_user_indexes", "pg_statio_all_indexes")
    ),
)
