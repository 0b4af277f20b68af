"""Giving parameters the types that the client declared, or text where nothing tells: by casts in the text for DuckDB.

DuckDB takes a parameter's type from where it stands, PostgreSQL from what Parse declared; where DuckDB finds none, it knows no
column's type either.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from duckgres_tx.engine.logical_types import LogicalType, TypeId
from duckgres_tx.engine.pg_types import duckdb_type_name
from duckgres_tx.sql.tokens import Kind, tokenize

NUMERIC_OID = 1700
UNKNOWN_OIDS = frozenset({0, 705})

_WHOLE_NUMBERS = frozenset(
    {
        *(TypeId.TINYINT, TypeId.SMALLINT, TypeId.INTEGER, TypeId.BIGINT, TypeId.HUGEINT, TypeId.UTINYINT),
        *(TypeId.USMALLINT, TypeId.UINTEGER, TypeId.UBIGINT, TypeId.UHUGEINT),
    }
)


@frozen
class CastText:
    """A text with casts put in.

    Attributes:
        text: For DuckDB.
        inserted: Where in ``text`` something was put in (its first character), and how long it is; ascending.
    """

    text: str
    inserted: tuple[tuple[int, int], ...] = ()

    def position_before(self, position: int) -> int:
        """The position before the casts were put in, for one in ``text``; both from 0."""
        moved = 0
        for start, length in self.inserted:
            if position < start + length:
                return min(position, start) - moved
            moved += length
        return position - moved


def declared_casts(declared_oids: tuple[int, ...]) -> dict[int, str]:
    """Parameter number (from 1) to type name, for those whose declared type DuckDB has exactly.

    numeric isn't among them: a DECIMAL has a fixed scale, so it is better taken from where the parameter stands.
    """
    casts = {}
    for number, oid in enumerate(declared_oids, 1):
        if oid not in UNKNOWN_OIDS and oid != NUMERIC_OID:
            name = duckdb_type_name(oid)
            if name is not None:
                casts[number] = name
    return casts


def missing_casts(types: tuple[LogicalType, ...], declared_oids: tuple[int, ...]) -> dict[int, str]:
    """Likewise for those that DuckDB could not resolve, or has resolved so that a numeric would lose its fraction."""
    casts = {}
    for number, logical_type in enumerate(types, 1):
        oid = declared_oids[number - 1] if number <= len(declared_oids) else 0
        if logical_type.id is TypeId.INVALID or (oid == NUMERIC_OID and logical_type.id in _WHOLE_NUMBERS):
            casts[number] = duckdb_type_name(oid) or "VARCHAR"
    return casts


def cast_parameters(text: str, casts: Mapping[int, str]) -> CastText:
    """Put a cast behind each use of these parameters that hasn't one already.

    Raises:
        PgError: 42601, as ``tokenize``.
    """
    if not casts:
        return CastText(text)
    tokens = tokenize(text)
    parts: list[str] = []
    inserted: list[tuple[int, int]] = []
    done = length = 0
    for index, token in enumerate(tokens):
        if token.kind is not Kind.PARAMETER:
            continue
        name = casts.get(int(token.text[1:]))
        if name is None or (index + 1 < len(tokens) and tokens[index + 1].text == "::"):
            continue
        for start, piece in ((token.start, "("), (token.end, f"::{name})")):
            parts += (text[done:start], piece)
            length += start - done
            inserted.append((length, len(piece)))
            length += len(piece)
            done = start
    parts.append(text[done:])
    return CastText("".join(parts), tuple(inserted))
