"""Functions about the session: who, where, which settings, what is visible, what is allowed.

What belongs to the session is asked of the native function ``duckgres_context``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from duckgres_tx.catalog.macro import Macro, constant, lookup, macro
from duckgres_tx.wire.encodings import NUMBERED

_PATH = "{s}.search_path()"
_ENCODINGS = "[" + ", ".join(f"'{name}'" for name in NUMBERED) + "]"


def _visible(name: str, what: str) -> Macro:
    """A relation, type or function is visible when no schema that comes earlier in the path has one of its name."""
    found = lookup(
        "{f}.visibility",
        f"coalesce(list_filter({_PATH}, lambda p: list_contains(_schemas, p))[1] = _schema, false)",
        f"_oid = x AND _what = '{what}'",
        "oid",
        "what",
        "schema",
        "schemas",
    )
    # DuckDB's functions and what is made of an entry's OID are in pg_catalog.
    return macro(name, f"x -> coalesce({found}, CASE WHEN x < 20000 OR x >= 2147483648 THEN true END)")


_ALWAYS_VISIBLE = (
    "operator",
    "opclass",
    "opfamily",
    "collation",
    "conversion",
    "statistics_obj",
    "ts_config",
    "ts_dict",
    "ts_parser",
    "ts_template",
)
_PRIVILEGES = {
    "any_column": "relation",
    "column": "relation",
    "database": "database",
    "foreign_data_wrapper": "",
    "function": "",
    "language": "",
    "schema": "schema",
    "sequence": "relation",
    "server": "",
    "table": "relation",
    "tablespace": "",
    "type": "",
    "parameter": "",
}


def _privilege(kind: str) -> Macro:
    """Whoever may connect may use everything; an OID that names nothing gives NULL, as in PostgreSQL."""
    object_kind = _PRIVILEGES[kind]
    answer = "{s}.granted(" if not object_kind else "{p}.exists_" + object_kind + "("
    two = f"thing, privilege -> {answer}thing)"
    three = f"role, thing, privilege -> {answer}thing)"
    if kind == "column":
        return macro(
            "has_column_privilege",
            f"thing, col, privilege -> {answer}thing)",
            f"role, thing, col, privilege -> {answer}thing)",
        )
    return macro(f"has_{kind}_privilege", two, three)


def _advisory(name: str, what: int, answer: str) -> Macro:
    """A function of advisory locks, for one key of 64 bits and for two of 32; ``what`` as in `engine.advisory_locks`."""
    pair = "CAST(one AS INTEGER)::BIGINT * 4294967296 + (CAST(other AS INTEGER)::BIGINT & 4294967295)"
    return macro(
        name,
        f"key -> {answer.format(f'duckgres_advisory({what}, 1, CAST(key AS BIGINT))')}",
        f"one, other -> {answer.format(f'duckgres_advisory({what}, 2, {pair})')}",
    )


def _advisory_locks() -> Iterator[Macro]:
    done = "CAST(CASE WHEN {} IS NOT NULL THEN '' END AS pg_void)"
    yield macro("pg_advisory_unlock_all", f"-> {done.format('duckgres_advisory(3, 1, 0)')}")
    for shared, mode in (("", 0), ("_shared", 4)):
        for kind, scope in (("", 0), ("xact_", 8)):
            yield _advisory(f"pg_advisory_{kind}lock{shared}", 0 + mode + scope, done)
            yield _advisory(f"pg_try_advisory_{kind}lock{shared}", 1 + mode + scope, "({} = 1)")
        yield _advisory(f"pg_advisory_unlock{shared}", 2 + mode, "({} = 1)")


SESSION_FUNCTIONS: Final[tuple[Macro, ...]] = (
    macro(
        "version",
        "-> 'PostgreSQL ' || coalesce({s}.guc('server_version'), '16.9') || ' on ' || coalesce(duckgres_context('platform'), 'DuckDB')",
    ),
    macro("current_user", "-> CAST(duckgres_context('user') AS pg_name)"),
    macro("session_user", "-> CAST(coalesce(duckgres_context('session_user'), duckgres_context('user')) AS pg_name)"),
    macro("user", "-> CAST(duckgres_context('user') AS pg_name)"),
    macro("current_role", "-> CAST(duckgres_context('user') AS pg_name)"),
    macro("current_database", "-> CAST(duckgres_context('database') AS pg_name)"),
    macro("current_catalog", "-> CAST(duckgres_context('database') AS pg_name)"),
    macro("current_schema", "-> CAST(string_split(duckgres_context('search_path'), ',')[1] AS pg_name)"),
    macro(
        "current_schemas",
        "implicit -> CAST(CASE WHEN implicit THEN list_filter(" + _PATH + ", lambda p: p <> 'pg_temp_1') "
        "ELSE string_split(duckgres_context('search_path'), ',') END AS pg_name[])",
    ),
    macro("pg_backend_pid", "-> duckgres_context('pid')::INTEGER"),
    # What is asked for is noted for the session, which has said who there is; see ``session.backends``.
    macro("pg_cancel_backend", "pid -> {s}.signal_backend('cancel', pid)"),
    macro(
        "pg_terminate_backend",
        "pid -> {s}.signal_backend('terminate', pid)",
        "pid, timeout -> CASE WHEN CAST(timeout AS BIGINT) IS NOT NULL THEN {s}.signal_backend('terminate', pid) END",
    ),
    macro("pg_my_temp_schema", "-> CAST(0 AS pg_oid)"),
    macro("pg_is_other_temp_schema", "x -> false"),
    macro("inet_client_addr", "-> duckgres_context('client_addr')"),
    macro("inet_client_port", "-> duckgres_context('client_port')::INTEGER"),
    macro("inet_server_addr", "-> duckgres_context('server_addr')"),
    macro("inet_server_port", "-> duckgres_context('server_port')::INTEGER"),
    macro(
        "current_setting",
        "setting -> coalesce({s}.guc(setting), {s}.boot_value(setting), "
        "error('unrecognized configuration parameter \"' || setting || '\"'))",
        "setting, missing_ok -> coalesce({s}.guc(setting), {s}.boot_value(setting), "
        "CASE WHEN NOT missing_ok THEN error('unrecognized configuration parameter \"' || setting || '\"') END)",
    ),
    # The session has set it by the time the query runs.
    macro("set_config", "setting, new_value, is_local -> coalesce({s}.guc(setting), {s}.boot_value(setting))"),
    macro("pg_postmaster_start_time", "-> duckgres_context('start_time')::TIMESTAMPTZ"),
    macro("pg_conf_load_time", "-> duckgres_context('start_time')::TIMESTAMPTZ"),
    macro("pg_is_in_recovery", "-> false"),
    macro("pg_is_wal_replay_paused", "-> false"),
    # DuckDB's now() is the transaction's beginning, as PostgreSQL's. A subquery is evaluated once in a statement.
    macro("clock_timestamp", "-> duckgres_clock()"),
    macro("statement_timestamp", "-> (SELECT duckgres_clock())"),
    # DuckDB's gives NULL, and no type to what is made of that.
    macro(
        "pg_sleep",
        "seconds -> CAST(CASE WHEN seconds IS NOT NULL AND coalesce(CAST(sleep_ms(CAST(CAST(seconds AS DOUBLE) * 1000 AS BIGINT)) "
        "AS INTEGER), 0) = 0 THEN '' END AS pg_void)",
    ),
    macro("pg_sleep_for", "period -> {p}.pg_sleep(epoch(CAST(period AS INTERVAL)))"),
    macro("txid_current", "-> CAST(system.main.txid_current() AS BIGINT)"),
    macro("pg_current_xact_id", "-> CAST(system.main.txid_current() AS BIGINT)"),
    macro("txid_current_if_assigned", "-> CAST(system.main.txid_current() AS BIGINT)"),
    macro("getdatabaseencoding", "-> CAST('UTF8' AS pg_name)"),
    macro("pg_client_encoding", "-> CAST(coalesce({s}.guc('client_encoding'), 'UTF8') AS pg_name)"),
    macro(
        "pg_encoding_to_char",
        "x -> CAST(coalesce(" + _ENCODINGS + "[CASE WHEN x >= 0 THEN x + 1 END], '') AS pg_name)",
    ),
    macro(
        "pg_char_to_encoding",
        "x -> coalesce(nullif(list_position(list_transform(" + _ENCODINGS + ", lambda name: replace(name, '_', '')), "
        "regexp_replace(upper(x), '[^A-Z0-9]', '', 'g')), 0) - 1, -1)",
    ),
    _visible("pg_table_is_visible", "r"),
    _visible("pg_type_is_visible", "t"),
    _visible("pg_function_is_visible", "f"),
    *(macro(f"pg_{what}_is_visible", "x -> true") for what in _ALWAYS_VISIBLE),
    *(_privilege(kind) for kind in _PRIVILEGES),
    Macro("pg_has_role", constant("true", "role, privilege", "member, role, privilege")),
    Macro("row_security_active", constant("false", "x")),
    macro(
        "pg_get_userbyid",
        f"x -> CAST(coalesce({lookup('{h}.roles', '_name', '_oid = x', 'oid', 'name')}, CASE WHEN x = 10 THEN 'postgres' "
        "ELSE 'unknown (OID=' || x || ')' END) AS pg_name)",
    ),
    macro("pg_blocking_pids", "x -> CAST([] AS INTEGER[])"),
    # age(xid): DuckDB's age is of timestamps.
    macro("xid_age", "x -> CAST(CAST(system.main.txid_current() AS BIGINT) - x AS INTEGER)"),
    *_advisory_locks(),
    macro("pg_trigger_depth", "-> 0"),
    macro("pg_jit_available", "-> false"),
)

SESSION_SUPPORT: Final[tuple[Macro, ...]] = (
    macro(
        "signal_backend",
        "word, pid -> CASE WHEN {s}.is_among(pid, 'backends_of_others') THEN error('permission denied to ' || word || ' process ' || CAST(pid AS INTEGER)) "
        "WHEN CAST(pid AS INTEGER) IS NOT NULL THEN duckgres_note('signals', word || ' ' || CAST(pid AS INTEGER)) IS NOT NULL AND {s}.is_among(pid, 'backends') END",
    ),
    macro(
        "is_among", "pid, who -> coalesce(contains(duckgres_context(who), ',' || CAST(pid AS INTEGER) || ','), false)"
    ),
    macro("guc", "x -> duckgres_context('guc.' || lower(x))"),
    # pg_settings gives numbers in the parameter's unit, SHOW in the greatest that needs no fraction.
    macro(
        "in_unit",
        "x, unit -> CASE WHEN unit IS NULL OR NOT regexp_full_match(x, '-?[0-9.]+[a-zA-Z]+') THEN x "
        "ELSE regexp_replace(CAST(CAST(regexp_extract(x, '^-?[0-9.]+') AS DOUBLE) "
        "* {s}.size_of_unit(regexp_extract(x, '[a-zA-Z]+$')) / {s}.size_of_unit(unit) AS VARCHAR), '\\.0$', '') END",
    ),
    macro(
        "size_of_unit",
        "unit -> CAST(CASE unit WHEN 'B' THEN 1 WHEN 'kB' THEN 1024 WHEN '8kB' THEN 8192 WHEN 'MB' THEN 1048576 "
        "WHEN 'GB' THEN 1073741824 WHEN 'TB' THEN 1099511627776 WHEN 'us' THEN 1 WHEN 'ms' THEN 1000 "
        "WHEN 's' THEN 1000000 WHEN 'min' THEN 60000000 WHEN 'h' THEN 3600000000 WHEN 'd' THEN 86400000000 END AS DOUBLE)",
    ),
    # Made anew with the settings' defaults by install.settings_script.
    macro("boot_value", "x -> CAST(NULL AS VARCHAR)"),
    # As the server searches it: the temporary schema and pg_catalog first, unless the setting names them itself.
    macro(
        "search_path",
        "-> list_concat(['pg_temp_1', 'pg_catalog'], list_filter(string_split(duckgres_context('search_path'), ','), "
        "lambda p: p NOT IN ('pg_temp_1', 'pg_catalog')))",
    ),
    macro("granted", "x -> x IS NOT NULL OR NULL"),
    macro("database_oid", "x -> {s}.name_oid(x)"),
)
"""Macros of the facts' schema that these use."""
