"""The script that brings the snapshot up to date with the database's catalog."""

from __future__ import annotations

from duckgres_tx.catalog import facts, names


def rebuild_script(catalog: str) -> str:
    """The statements that make the facts' tables anew; for a connection of its own, one at a time.

    Sessions with an open transaction go on seeing the rows that they saw. The session's side counts catalog
    generations and runs this before a catalog query when the snapshot is of an older one.

    Args:
        catalog: The name under which the session's database is attached.
    """
    parts = ["BEGIN"]
    targets = {name: f"CREATE OR REPLACE TABLE {names.fact(name, live=False)}" for name in facts.FACTS}
    parts += facts.build(catalog, targets)
    parts.append("COMMIT")
    return ";\n".join(parts) + ";"


def live_script(catalog: str) -> str:
    """The statements that make a session's own facts, on its connection and within its transaction.

    For a session with uncommitted DDL or temporary objects, and for a transaction that is older than the snapshot, which
    it can't see; before each catalog query that was translated with ``live``.

    Args:
        catalog: The name under which the session's database is attached.
    """
    targets = {name: f"CREATE OR REPLACE TEMP TABLE __pg_{name}" for name in facts.FACTS}
    return ";\n".join(facts.build(catalog, targets, live=True)) + ";"
