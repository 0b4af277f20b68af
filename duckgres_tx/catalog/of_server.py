"""pg_catalog's relations about databases, roles, settings and sessions."""

from __future__ import annotations

from typing import Final

from duckgres_tx.catalog import names
from duckgres_tx.catalog.relation import Relation

_OWNER = str(names.OID_OWNER)
_DATABASE_COLUMNS = {
    "oid": "d.oid",
    "datname": "d.name",
    "datdba": _OWNER,
    # UTF8
    "encoding": "6",
    "datlocprovider": "'c'",
    "datallowconn": "true",
    "datconnlimit": "-1",
    "datfrozenxid": "3",
    "datminmxid": "1",
    "dattablespace": "1663",
    # DuckDB compares texts by their bytes.
    "datcollate": "'C'",
    "datctype": "'C'",
}
_DATABASES = """(SELECT oid, name FROM {h}.databases
    UNION SELECT {s}.database_oid({p}.current_database()), {p}.current_database()) d"""


def _listed(what: str) -> str:
    """What a session tells of itself under a name of the context: a record for each thing, see ``session.listing``."""
    records = f"string_split(nullif(duckgres_context('{what}'), ''), chr(30))"
    return f"(SELECT string_split(unnest({records}), chr(31)) AS f) c"


_ROLE = {
    "rolname": "r.name",
    "rolsuper": "r.superuser",
    "rolinherit": "true",
    "rolcreaterole": "r.superuser",
    "rolcreatedb": "r.superuser",
    "rolcanlogin": "true",
    "rolreplication": "false",
    "rolbypassrls": "r.superuser",
    "rolconnlimit": "-1",
    "oid": "r.oid",
}
_ROLES = """(SELECT oid, name, superuser FROM {h}.roles
    UNION ALL SELECT 10, 'postgres', true WHERE NOT EXISTS (SELECT 1 FROM {h}.roles WHERE oid = 10)) r"""
_USER = {
    "usename": "r.name",
    "usesysid": "r.oid",
    "usecreatedb": "r.superuser",
    "usesuper": "r.superuser",
    "userepl": "false",
    "usebypassrls": "r.superuser",
}

OF_SERVER: Final[tuple[Relation, ...]] = (
    Relation("pg_database", _DATABASE_COLUMNS, _DATABASES),
    Relation(
        "pg_tablespace",
        {"oid": "t.oid", "spcname": "t.name", "spcowner": _OWNER},
        "(VALUES (1663, 'pg_default'), (1664, 'pg_global')) t(oid, name)",
    ),
    Relation("pg_roles", {**_ROLE, "rolpassword": "'********'"}, _ROLES),
    Relation("pg_authid", _ROLE, _ROLES),
    Relation("pg_user", {**_USER, "passwd": "'********'"}, _ROLES),
    Relation("pg_shadow", _USER, _ROLES),
    Relation(
        "pg_settings",
        {
            "name": "g.name",
            "setting": "{s}.in_unit(coalesce({s}.guc(g.name), g.boot_value), g.unit)",
            "unit": "g.unit",
            "category": "g.category",
            "short_desc": "g.description",
            "context": "g.context",
            "vartype": "g.kind",
            "source": "CASE WHEN {s}.guc(g.name) <> g.boot_value THEN 'session' ELSE 'default' END",
            "min_val": "g.minimum",
            "max_val": "g.maximum",
            "enumvals": "g.choices",
            "boot_val": "{s}.in_unit(g.boot_value, g.unit)",
            "reset_val": "{s}.in_unit(g.boot_value, g.unit)",
            "pending_restart": "false",
        },
        "{s}.settings g",
    ),
    Relation(
        "pg_extension",
        {
            "oid": "{s}.name_oid(e.name)",
            "extname": "e.name",
            "extowner": _OWNER,
            "extnamespace": str(names.OID_PG_CATALOG),
            "extversion": "e.version",
        },
        "{h}.extensions e WHERE e.loaded",
    ),
    Relation(
        "pg_available_extensions",
        {
            "name": "e.name",
            "default_version": "e.version",
            "installed_version": "CASE WHEN e.loaded THEN e.version END",
            "comment": "e.description",
        },
        "{h}.extensions e WHERE e.installed",
    ),
    Relation(
        "pg_stat_activity",
        {
            "datid": "{s}.database_oid({p}.current_database())",
            "datname": "{p}.current_database()",
            "pid": "{p}.pg_backend_pid()",
            "usesysid": "(SELECT min(oid) FROM {p}.pg_roles WHERE rolname = {p}.session_user())",
            "usename": "{p}.session_user()",
            "application_name": "{s}.guc('application_name')",
            "client_addr": "{p}.inet_client_addr()",
            "client_port": "{p}.inet_client_port()",
            "query_start": "statement_timestamp",
            "state": "'active'",
            "backend_type": "'client backend'",
        },
        "(SELECT now() AS statement_timestamp)",
    ),
    Relation(
        "pg_stat_database",
        {"datid": "d.oid", "datname": "d.name", "numbackends": "1"},
        _DATABASES,
    ),
    Relation(
        "pg_stat_ssl",
        {"pid": "{p}.pg_backend_pid()", "ssl": "coalesce(duckgres_context('ssl') = 'on', false)"},
        "(SELECT 1)",
    ),
    Relation("pg_stat_gssapi", {"pid": "{p}.pg_backend_pid()"}, "(SELECT 1)"),
    Relation(
        "pg_timezone_names",
        {"name": "name", "abbrev": "abbrev", "utc_offset": "utc_offset", "is_dst": "is_dst"},
        "pg_timezone_names()",
    ),
    Relation(
        # name, statement, h or -, b or -, s or -, seconds since 1970
        "pg_cursors",
        {
            "name": "c.f[1]",
            "statement": "c.f[2]",
            "is_holdable": "c.f[3] = 'h'",
            "is_binary": "c.f[4] = 'b'",
            "is_scrollable": "c.f[5] = 's'",
            "creation_time": "to_timestamp(c.f[6]::DOUBLE)",
        },
        _listed("cursors"),
    ),
    Relation(
        # name, statement, s for SQL's PREPARE or -, seconds since 1970, types of the parameters
        "pg_prepared_statements",
        {
            "name": "c.f[1]",
            "statement": "c.f[2]",
            "from_sql": "c.f[3] = 's'",
            "prepare_time": "to_timestamp(c.f[4]::DOUBLE)",
            "parameter_types": "[try_cast(o AS BIGINT) FOR o IN string_split(c.f[5], ',') IF o <> '']",
        },
        _listed("prepared"),
    ),
)
