"""What the catalog's parts are called inside DuckDB.

Two databases are attached to each instance: one with what is the same everywhere, which instances share as a file that
none of them writes, and one in memory with what the instance alone knows. Sessions reach the first because their search
path ends in it, and because the translator writes its names in full.
"""

from __future__ import annotations

from typing import Final

ATTACHED: Final = "__pg"
"""The attached database of what is the same in every instance."""

INSTANCE: Final = "__pg_facts"
"""The attached database of what is the instance's own: the snapshot, and what its host has told it."""

FACTS: Final = "facts"
"""The schema of what never changes: PostgreSQL's own lists, the facts' shapes, macros that others use."""

LIVE_PREFIX: Final = "temp.main.__pg_"
"""What the same tables' names begin with in a session that must see its own uncommitted changes."""

PG: Final = "pg"
"""pg_catalog's relations as views over the facts, and its functions as macros."""

PG_LIVE: Final = "pg_live"
"""The same over a session's own tables."""

INFO: Final = "info"
"""information_schema's relations."""

INFO_LIVE: Final = "info_live"

SEARCH_PATH_TAIL: Final = f"{ATTACHED}.{PG}"
"""The end of every session's search path."""

OID_PG_CATALOG: Final = 11
OID_PG_TOAST: Final = 99
OID_PUBLIC: Final = 2200
OID_INFORMATION_SCHEMA: Final = 13000
OID_OWNER: Final = 10
"""The role that owns everything, as initdb's superuser does."""


def qualified(schema: str, name: str) -> str:
    """A relation's or function's name as any session can write it."""
    return f"{ATTACHED}.{schema}.{name}"


def of_instance(name: str) -> str:
    """A table of the instance's own as any session can write it."""
    return f"{INSTANCE}.main.{name}"


def fact(name: str, *, live: bool) -> str:
    """Where a fact's rows are."""
    return f"{LIVE_PREFIX}{name}" if live else of_instance(name)


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
