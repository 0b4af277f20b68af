"""The relation that a COPY names, and which of its columns take part.

DuckDB's catalog functions cost tens of milliseconds on a large database, so it is asked by preparing statements, of which
none is executed: what a SELECT gives, and what an INSERT takes.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from duckgres_tx.engine.database import DuckDBError
from duckgres_tx.engine.logical_types import LogicalType
from duckgres_tx.errors import PgError
from duckgres_tx.session.preparation import prepare
from duckgres_tx.session.session import Session
from duckgres_tx.sql.forms import CopyStandardStream
from duckgres_tx.sql.tokens import quote_name


@frozen
class CopyColumn:
    """A column that is copied."""

    name: str
    type: LogicalType


@frozen
class CopyRelation:
    """What is copied.

    Attributes:
        name: Without its schema, as messages have it.
        qualified: For SQL: quoted, with its schema if one was given.
        columns: In the order of the stream.
    """

    name: str
    qualified: str
    columns: tuple[CopyColumn, ...]

    @property
    def column_list(self) -> str:
        """The columns for SQL."""
        return ", ".join(quote_name(column.name) for column in self.columns)


async def find_relation(session: Session, form: CopyStandardStream) -> CopyRelation:
    """Look the relation of a COPY and its columns up.

    Raises:
        PgError: 42P01 when there is none; 42809 for a view; 42703, 42701 or 42P10 for a column.
    """
    name = form.relation[-1]
    qualified = ".".join(quote_name(part) for part in form.relation)
    try:
        (analyzed,) = session.cache.statements(f"SELECT * FROM {qualified}")
        statement = await prepare(session, analyzed)
    except PgError as error:
        # It stands in no text that the client has sent.
        error.position = error.hint = None
        raise
    assert statement.native is not None, "DuckDB has prepared it"  # noqa: S101
    known = {column.name: CopyColumn(column.name, column.type) for column in statement.native.columns}
    names = tuple(known) if form.columns is None else _listed(form.columns, known, name)
    refusal = await _insert_refusal(session, qualified, names)
    if "is not an table" in refusal and form.relation[0] not in _CATALOGS:
        raise _no_table(name, to_client=form.to_client)
    if "generated column" in refusal or "values were supplied" in refusal:
        names = await _without_generated(session, qualified, names, listed=form.columns is not None)
    return CopyRelation(name, qualified, tuple(known[column] for column in names))


async def find_defaults(session: Session, relation: CopyRelation) -> dict[str, str]:
    """The defaults that a relation's columns have: SQL, by the column's name."""
    name = relation.qualified.replace("'", "''")
    rows = await session.run(f"SELECT name, dflt_value FROM pragma_table_info('{name}')")
    return {str(column): default for column, default in rows if default is not None}


_CATALOGS = frozenset(("pg_catalog", "information_schema"))


def _listed(columns: Sequence[str], known: dict[str, CopyColumn], relation: str) -> tuple[str, ...]:
    folded = {column.lower(): column for column in known}
    names: list[str] = []
    for column in columns:
        found = column if column in known else folded.get(column.lower())
        if found is None:
            raise PgError("42703", f'column "{column}" of relation "{relation}" does not exist')
        if found in names:
            raise PgError("42701", f'column "{column}" specified more than once')
        names.append(found)
    return tuple(names)


def _no_table(name: str, *, to_client: bool) -> PgError:
    if to_client:
        return PgError("42809", f'cannot copy from view "{name}"', hint="Try the COPY (SELECT ...) TO variant.")
    return PgError(
        "42809",
        f'cannot copy to view "{name}"',
        hint="To enable copying to a view, provide an INSTEAD OF INSERT trigger.",
    )


async def _insert_refusal(session: Session, qualified: str, names: Sequence[str]) -> str:
    """What DuckDB says against inserting into these columns; nothing when it would."""
    columns = ", ".join(quote_name(name) for name in names)
    try:
        await session.prepare_native(f"INSERT INTO {qualified} ({columns}) SELECT {columns} FROM {qualified}")
    except DuckDBError as error:
        return error.message
    return ""


async def _without_generated(
    session: Session, qualified: str, names: Sequence[str], *, listed: bool
) -> tuple[str, ...]:
    kept = []
    for name in names:
        if "generated column" not in await _insert_refusal(session, qualified, (name,)):
            kept.append(name)
        elif listed:
            raise PgError(
                "42P10",
                f'column "{name}" is a generated column',
                detail="Generated columns cannot be used in COPY.",
            )
    return tuple(kept)
