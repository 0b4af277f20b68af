"""What a session tells its own catalog queries of its cursors and prepared statements.

Spec: view-pg-cursors.html, view-pg-prepared-statements.html
"""

from __future__ import annotations

from collections.abc import Iterable

from duckgres_tx.session.duckdb_session import DuckDBSession
from duckgres_tx.session.portals import Cursor, ExhaustedPortal, Portal
from duckgres_tx.session.prepared_statements import PreparedStatement, SleepingStatement

# between records, and between the fields of one; what the texts hold of these is left out
_RECORD, _FIELD = "\x1e", "\x1f"
_NEITHER = str.maketrans("", "", _RECORD + _FIELD)


def listing(session: DuckDBSession) -> dict[str, str]:
    """Names of the session's context and their values; `catalog.of_server` takes them apart."""
    return {
        "cursors": _records(_cursor(portal) for portal in session.portals if portal.name),
        "prepared": _records(_prepared(statement) for statement in session.statements if statement.name),
    }


def _records(records: Iterable[tuple[str, ...]]) -> str:
    return _RECORD.join(_FIELD.join(text.translate(_NEITHER) for text in record) for record in records)


def _cursor(portal: Portal | ExhaustedPortal) -> tuple[str, ...]:
    created_at = f"{portal.created_at:.6f}"
    if isinstance(portal, Cursor):
        marks = ("h" if portal.hold else "-", "b" if portal.binary else "-", "s" if portal.scroll else "-")
        return (portal.name, portal.declaration, *marks, created_at)
    binary = bool(portal.result_formats) and all(portal.result_formats)
    return (portal.name, portal.statement.query, "-", "b" if binary else "-", "-", created_at)


def _prepared(statement: PreparedStatement | SleepingStatement) -> tuple[str, ...]:
    mark = "s" if statement.from_sql else "-"
    parameters = ",".join(map(str, statement.parameter_oids))
    return (statement.name, statement.query, mark, f"{statement.created_at:.6f}", parameters)
