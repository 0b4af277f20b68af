"""The fields of an error that say what it is about, and where PostgreSQL raises it.

Client libraries tell some errors apart by the routine: asyncpg prepares anew after ``RevalidateCachedQuery``, others know a constraint's kind
by it. Names of tables and columns are taken from PostgreSQL's words, which the message is in.

Spec: protocol-error-fields.html
"""

from __future__ import annotations

import re
from typing import Final

# SQLSTATE, how the message begins, file and routine; the first that fits counts.
_ORIGINS: Final = (
    ("0A000", "cached plan must not", "plancache.c", "RevalidateCachedQuery"),
    ("21000", "", "nodeSubplan.c", "ExecSetParamPlan"),
    ("22003", "value ", "numutils.c", "pg_strtoint32"),
    ("22007", "", "datetime.c", "DateTimeParseError"),
    ("22012", "", "int.c", "int4div"),
    ("22P02", "invalid input syntax for type smallint", "numutils.c", "pg_strtoint16"),
    ("22P02", "invalid input syntax for type integer", "numutils.c", "pg_strtoint32"),
    ("22P02", "invalid input syntax for type bigint", "numutils.c", "pg_strtoint64"),
    ("22P02", "invalid input syntax for type double", "float.c", "float8in_internal_opt_error"),
    ("22P02", "invalid input syntax for type numeric", "numeric.c", "set_var_from_str"),
    ("22P02", "invalid input syntax for type boolean", "bool.c", "boolin"),
    ("22P02", "invalid input syntax for type uuid", "uuid.c", "string_to_uuid"),
    ("22P02", "invalid input syntax for type json", "jsonfuncs.c", "json_ereport_error"),
    ("22P02", "malformed array literal", "arrayfuncs.c", "ArrayCount"),
    ("23502", "", "execMain.c", "ExecConstraints"),
    ("23503", "", "ri_triggers.c", "ri_ReportViolation"),
    ("23505", "duplicate key", "nbtinsert.c", "_bt_check_unique"),
    ("23514", "", "execMain.c", "ExecConstraints"),
    ("25006", "", "utility.c", "PreventCommandIfReadOnly"),
    ("25P02", "", "postgres.c", "exec_simple_query"),
    ("26000", "", "prepare.c", "FetchPreparedStatement"),
    ("34000", "cursor", "portalcmds.c", "PerformPortalFetch"),
    ("3D000", "", "postinit.c", "InitPostgres"),
    ("42601", "syntax error", "scan.l", "scanner_yyerror"),
    ("42701", "column", "tablecmds.c", "check_for_column_name_collision"),
    ("42703", "", "parse_relation.c", "errorMissingColumn"),
    ("42704", "unrecognized configuration", "guc.c", "find_option"),
    ("42704", "type", "parse_type.c", "typenameType"),
    ("42803", "", "parse_agg.c", "check_ungrouped_columns_walker"),
    ("42883", "function", "parse_func.c", "ParseFuncOrColumn"),
    ("42883", "operator", "parse_oper.c", "op_error"),
    ("42P01", "missing FROM", "parse_relation.c", "errorMissingRTE"),
    ("42P01", "relation", "parse_relation.c", "parserOpenTable"),
    ("42P01", "", "tablecmds.c", "DropErrorMsgNonExistent"),
    ("42P05", "", "prepare.c", "StorePreparedStatement"),
    ("42P06", "", "pg_namespace.c", "NamespaceCreate"),
    ("42P07", "", "heap.c", "heap_create_with_catalog"),
    ("57014", "", "postgres.c", "ProcessInterrupts"),
    ("57P01", "", "postgres.c", "ProcessInterrupts"),
)
_ABOUT: Final = {
    "23502": re.compile(r'column "(?P<c>.*)" of relation "(?P<t>.*)" violates'),
    "23514": re.compile(r'relation "(?P<t>.*)" violates'),
}


def origin_of(sqlstate: str, message: str) -> dict[str, str]:
    """Fields ``t`` and ``c``, the table and the column, and ``F`` and ``R``, PostgreSQL's file and routine; as far as they are known."""
    fields: dict[str, str] = {}
    about = _ABOUT.get(sqlstate)
    match = None if about is None else about.search(message)
    if match is not None:
        fields.update(match.groupdict())
    for known, beginning, file, routine in _ORIGINS:
        if known == sqlstate and message.startswith(beginning):
            fields.update(F=file, R=routine)
            break
    return fields
