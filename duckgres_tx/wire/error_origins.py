"""The fields of an error that say what it is about, and where PostgreSQL raises it.

Client libraries tell some errors apart by the routine: asyncpg prepares anew after ``RevalidateCachedQuery``, others know a constraint's kind
by it. Names of tables and columns are taken from PostgreSQL's words, which the message is in.

Spec: protocol-error-fields.html
"""

from __future__ import annotations

import posixpath
import re
from typing import Final

from duckgres_tx.errors import PgError

# SQLSTATE, how the message begins; file, line (of PostgreSQL 15.18) and routine. The first that fits counts.
_ORIGINS: Final = (
    ("00000", "table", "tablecmds.c", 1310, "DropErrorMsgNonExistent"),
    ("00000", "view", "tablecmds.c", 1310, "DropErrorMsgNonExistent"),
    ("00000", "relation", "parse_utilcmd.c", 222, "transformCreateStmt"),
    ("01000", "you don't own a lock", "lock.c", 2018, "LockRelease"),
    ("0A000", "cached plan must not", "plancache.c", 722, "RevalidateCachedQuery"),
    ("21000", "", "nodeSubplan.c", 1156, "ExecSetParamPlan"),
    ("22003", "value ", "numutils.c", 226, "pg_strtoint32"),
    ("22007", "", "datetime.c", 4048, "DateTimeParseError"),
    ("22012", "", "int.c", 869, "int4div"),
    ("22P02", "invalid input syntax for type smallint", "numutils.c", 156, "pg_strtoint16"),
    ("22P02", "invalid input syntax for type integer", "numutils.c", 232, "pg_strtoint32"),
    ("22P02", "invalid input syntax for type bigint", "numutils.c", 316, "pg_strtoint64"),
    ("22P02", "invalid input syntax for type double", "float.c", 399, "float8in_internal_opt_error"),
    ("22P02", "invalid input syntax for type numeric", "numeric.c", 6896, "set_var_from_str"),
    ("22P02", "invalid input syntax for type boolean", "bool.c", 151, "boolin"),
    ("22P02", "invalid input syntax for type uuid", "uuid.c", 133, "string_to_uuid"),
    ("22P02", "invalid input syntax for type json", "jsonfuncs.c", 627, "json_ereport_error"),
    ("22P02", "malformed array literal", "arrayfuncs.c", 492, "ArrayCount"),
    ("23502", "", "execMain.c", 2023, "ExecConstraints"),
    ("23503", "", "ri_triggers.c", 2596, "ri_ReportViolation"),
    ("23505", "duplicate key", "nbtinsert.c", 664, "_bt_check_unique"),
    ("23514", "", "execMain.c", 2074, "ExecConstraints"),
    ("25006", "", "utility.c", 414, "PreventCommandIfReadOnly"),
    ("25P02", "", "postgres.c", 1081, "exec_simple_query"),
    ("26000", "", "prepare.c", 451, "FetchPreparedStatement"),
    ("34000", "cursor", "portalcmds.c", 187, "PerformPortalFetch"),
    ("3D000", "", "postinit.c", 948, "InitPostgres"),
    ("42601", "syntax error", "scan.l", 1188, "scanner_yyerror"),
    ("42701", "column", "tablecmds.c", 7279, "check_for_column_name_collision"),
    ("42703", "", "parse_relation.c", 3685, "errorMissingColumn"),
    ("42704", "unrecognized configuration", "guc.c", 5722, "find_option"),
    ("42704", "type", "parse_type.c", 270, "typenameType"),
    ("42803", "", "parse_agg.c", 1484, "check_ungrouped_columns_walker"),
    ("42883", "function", "parse_func.c", 629, "ParseFuncOrColumn"),
    ("42883", "operator", "parse_oper.c", 647, "op_error"),
    ("42P01", "missing FROM", "parse_relation.c", 3617, "errorMissingRTE"),
    ("42P01", "relation", "parse_relation.c", 1392, "parserOpenTable"),
    ("42P01", "", "tablecmds.c", 1304, "DropErrorMsgNonExistent"),
    ("42P05", "", "prepare.c", 412, "StorePreparedStatement"),
    ("42P06", "", "pg_namespace.c", 62, "NamespaceCreate"),
    ("42P07", "", "heap.c", 1164, "heap_create_with_catalog"),
    ("57014", "", "postgres.c", 3349, "ProcessInterrupts"),
    ("57P01", "", "postgres.c", 3211, "ProcessInterrupts"),
)
_ABOUT: Final = {
    "23502": re.compile(r'column "(?P<c>.*)" of relation "(?P<t>.*)" violates'),
    "23514": re.compile(r'relation "(?P<t>.*)" violates'),
}


def origin_of(error: PgError) -> dict[str, str]:
    """Fields ``t`` and ``c``, the table and the column, as far as they are known; ``F``, ``L`` and ``R``, the place in the source.

    That is PostgreSQL's where it has one for such an error, else ours.
    """
    fields: dict[str, str] = {}
    about = _ABOUT.get(error.sqlstate)
    match = None if about is None else about.search(error.message)
    if match is not None:
        fields.update(match.groupdict())
    for known, beginning, file, line, routine in _ORIGINS:
        if known == error.sqlstate and error.message.startswith(beginning):
            return fields | {"F": file, "L": str(line), "R": routine}
    place = error.made_at
    return fields | {"F": posixpath.basename(place.filename), "L": str(place.lineno), "R": place.name}
