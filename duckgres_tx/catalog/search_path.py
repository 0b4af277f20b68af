"""PostgreSQL's search_path to DuckDB's."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from duckgres_tx.catalog import names


def effective_schemas(setting: Sequence[str], user: str, existing: Collection[str]) -> tuple[str, ...]:
    """The schemas that a search_path setting really searches, in order: what ``current_schemas(false)`` gives.

    Args:
        setting: The setting's names, unquoted and with ``$user`` not yet replaced.
        user: Who ``$user`` is.
        existing: The database's schemas. Names that aren't there are skipped, as PostgreSQL does. DuckDB compares
            names without regard to case.
    """
    there = {name.lower(): name for name in existing}
    found: list[str] = []
    for name in setting:
        name = there.get((user if name == "$user" else name).lower(), "")
        if name and name not in found:
            found.append(name)
    return tuple(found)


def effective_search_path(schemas: Sequence[str], catalog: str) -> str:
    """The ``SET search_path`` for DuckDB: the effective schemas, then the catalog's own.

    New objects go into the first. When no schema of the setting exists, that is DuckDB's ``main``, where PostgreSQL
    would refuse.

    Args:
        schemas: What ``effective_schemas`` gave.
        catalog: The name under which the session's database is attached.
    """
    path = [f"{_part(catalog)}.{_part(schema)}" for schema in (schemas or ("main",))]
    return f"SET search_path = {names.literal(','.join([*path, names.SEARCH_PATH_TAIL]))}"


def _part(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
