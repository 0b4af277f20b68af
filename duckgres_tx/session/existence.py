"""The NOTICE of a statement that finds what it would make, or doesn't find what it would drop.

DuckDB does nothing then, as PostgreSQL does, and says nothing. So it is asked just before; by a statement that is prepared only, which is
answered from its catalog.
"""

from __future__ import annotations

from duckgres_tx.engine.database import DuckDBError
from duckgres_tx.session.open_database import quote_identifier
from duckgres_tx.session.session import Session
from duckgres_tx.sql.guards import Guard
from duckgres_tx.sql.tokens import quote_string


async def tell_existence(session: Session, guard: Guard) -> None:
    """Say what a guarded statement that is about to run will do nothing about.

    Raises:
        PgError: DuckDB can't be asked.
    """
    if await _exists(session, guard) == guard.creates:
        session.notice(guard.notice())


async def _exists(session: Session, guard: Guard) -> bool:
    if guard.kind == "schema":
        return guard.name.lower() in {name.lower() for name in await session.visible_schemas()}
    if guard.kind == "index":
        where = f"index_name = {quote_string(guard.name)}"
        return bool(await session.run(f"SELECT 1 FROM duckdb_indexes() WHERE {where} LIMIT 1"))
    name = ".".join(_place(session, guard))
    if guard.kind == "sequence":
        return await _can_be_prepared(session, f"SELECT nextval({quote_string(name)})")
    if guard.kind == "type":
        return await _can_be_prepared(session, f"SELECT CAST(NULL AS {name})")
    return await _can_be_prepared(session, f"SELECT 1 FROM {name}")


def _place(session: Session, guard: Guard) -> tuple[str, ...]:
    """The name, with the schema that something new would be made in."""
    if len(guard.parts) > 1 or not guard.creates:
        return guard.parts
    if guard.temporary:
        return ("temp", "main", *guard.parts)
    schemas = session.creation_schemas
    return (
        (quote_identifier(session.database.catalog), quote_identifier(schemas[0]), *guard.parts)
        if schemas
        else guard.parts
    )


async def _can_be_prepared(session: Session, text: str) -> bool:
    try:
        await session.prepare_native(text)
    except DuckDBError as error:
        if error.error_type in ("CATALOG", "BINDER"):
            return False
        raise session.pg_error(error) from error
    return True
