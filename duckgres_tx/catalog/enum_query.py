"""Which ENUM types there are, asked of DuckDB directly: they are told to clients whether or not these read the catalog."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from duckgres_tx.catalog import facts, names
from duckgres_tx.engine.enum_types import EnumType, EnumTypes

_QUERY = """
SELECT {oid}, {oid} + 1, {shown}, type_name, {found}, label
FROM (SELECT type_oid, schema_name, type_name, database_name, unnest(labels) AS label, generate_subscripts(labels, 1) AS number
      FROM duckdb_types() WHERE database_name IN ({databases}) AND logical_type = 'ENUM' AND NOT internal)
ORDER BY type_oid, number
"""
_SCHEMA = "CASE WHEN database_name = 'temp' THEN 'pg_temp_1' ELSE schema_name END"
_SHOWN = (
    "CASE WHEN database_name = 'temp' OR schema_name IN ('public', 'main') THEN '' "
    "ELSE {s}.quoted_name(schema_name) || '.' END || {s}.quoted_name(type_name)"
)
_FOUND = "concat('\"', replace(database_name, '\"', '\"\"'), '\".\"', replace(schema_name, '\"', '\"\"'), '\".\"', replace(type_name, '\"', '\"\"'), '\"')"


def enum_query(catalog: str) -> str:
    """SQL whose rows `read_enums` reads.

    Args:
        catalog: The name under which the database is attached; temporary types are found too.
    """
    return _QUERY.format(
        oid=facts.type_oid(_SCHEMA, "type_name"),
        shown=_SHOWN.format(s=f"{names.ATTACHED}.{names.FACTS}"),
        found=_FOUND,
        databases=f"{names.literal(catalog)}, 'temp'",
    )


def read_enums(rows: Iterable[Sequence[str | None]]) -> EnumTypes:
    """The types that these rows are about, one for each label."""
    labels: dict[tuple[str, ...], list[str]] = {}
    for *identity, label in rows:
        labels.setdefault(tuple(part or "" for part in identity), []).append(label or "")
    return EnumTypes(
        EnumType(shown, plain, found, int(oid), int(array_oid), tuple(its_labels))
        for (oid, array_oid, shown, plain, found), its_labels in labels.items()
    )
