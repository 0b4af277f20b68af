"""The ENUM types that users have made, as PostgreSQL's clients know them: by OID and by name.

DuckDB knows an ENUM by its labels alone: what CREATE TYPE has called it is not told with a column. So a column is of
the type that has its labels. Of several types with the same labels it is the one that the statement speaks of, else the first that was
made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from attrs import frozen


@frozen
class EnumType:
    """One of them.

    Attributes:
        name: As messages and ``format_type`` write it: quoted if need be, with its schema unless that is an ordinary one.
        plain_name: Without its schema, never quoted.
        sql_name: As DuckDB finds it whatever the search path is.
        oid: ``pg_type.oid``.
        array_oid: ``pg_type.typarray``.
        labels: In their order.
    """

    name: str
    plain_name: str
    sql_name: str
    oid: int
    array_oid: int
    labels: tuple[str, ...]


class EnumTypes:
    """All of a database at one moment.

    Args:
        types: In the order of their making.
    """

    __slots__ = ("_by_labels", "_by_oid", "_types")

    def __init__(self, types: Iterable[EnumType] = ()) -> None:
        self._types = tuple(types)
        self._by_labels: dict[tuple[str, ...], EnumType] = {}
        self._by_oid: dict[int, EnumType] = {}
        for each in self._types:
            self._by_labels.setdefault(each.labels, each)
            self._by_oid[each.oid] = self._by_oid[each.array_oid] = each

    def preferring(self, names: Collection[str], oids: Collection[int]) -> EnumTypes:
        """The same, where of types with the same labels those come first that have one of these names or OIDs."""
        if len(self._by_labels) == len(self._types):
            return self
        wanted = [
            each
            for each in self._types
            if each.oid in oids or each.array_oid in oids or each.plain_name.lower() in names
        ]
        return EnumTypes(dict.fromkeys((*wanted, *self._types)))

    def of_labels(self, labels: tuple[str, ...]) -> EnumType | None:
        """The type with just these labels; None for one that has no name."""
        return self._by_labels.get(labels)

    def of_oid(self, oid: int) -> EnumType | None:
        """The type that has this OID, or whose array has it."""
        return self._by_oid.get(oid)

    def duckdb_name(self, oid: int) -> str | None:
        """What a cast to the type of this OID, which may be an array, is called in DuckDB."""
        found = self._by_oid.get(oid)
        if found is None:
            return None
        return f"{found.sql_name}[]" if oid == found.array_oid else found.sql_name


NO_ENUMS = EnumTypes()
"""For who asks about no user's types."""
