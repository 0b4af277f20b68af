"""The script that brings the snapshot up to date with the database's catalog."""

from __future__ import annotations

from duckgres_tx.catalog import facts, names
from duckgres_tx.catalog.install import late_statements, live_statements


def rebuild_script(catalog: str, *, first: bool = False) -> str:
    """The statements that make the facts' tables anew; for a connection of its own, one at a time.

    Sessions with an open transaction go on seeing the rows that they saw. The session's side counts catalog
    generations and runs this before a catalog query when the snapshot is of an older one.

    Args:
        catalog: The name under which the session's database is attached.
        first: Nothing has been built in this instance yet; the relations themselves are made too.
    """
    if first:
        return ";\n".join(["BEGIN", *late_statements(catalog), "COMMIT"]) + ";"
    parts = ["BEGIN"]
    for name in facts.FACTS:
        table = names.qualified(names.FACTS, name)
        parts.append(f"CREATE OR REPLACE TABLE {table} AS {facts.render(name, catalog, live=False)}")
    parts.append("COMMIT")
    return ";\n".join(parts) + ";"


def live_install_script(catalog: str) -> str:
    """What must have been run once in an instance, after the first rebuild, before its first ``live_script``.

    For the connection that runs the rebuilds: a session's transaction can't write to two databases.

    Args:
        catalog: The name under which the session's database is attached.
    """
    return ";\n".join(live_statements(catalog)) + ";"


def live_script(catalog: str) -> str:
    """The statements that make a session's own facts, on its connection and within its transaction.

    For a session with uncommitted DDL or temporary objects, before a catalog query that was translated with ``live``;
    not needed again until the session has changed the catalog, or another generation has come.

    Args:
        catalog: The name under which the session's database is attached.
    """
    return ";\n".join(
        f"CREATE OR REPLACE TEMP TABLE __pg_{name} AS {facts.render(name, catalog, live=True)}" for name in facts.FACTS
    ) + ";"
