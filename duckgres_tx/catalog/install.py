"""The script that makes the catalog in an instance, run once when it is opened.

It needs the native function ``duckgres_context`` and the alias types (``engine/alias_types.pyx``) to be registered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from attrs import frozen

from duckgres_tx.catalog import facts, names, pg_columns
from duckgres_tx.catalog.facts_functions import FACTS_MACROS
from duckgres_tx.catalog.information_schema import INFORMATION_SCHEMA
from duckgres_tx.catalog.of_definitions import DEFINITION_FUNCTIONS, DEFINITION_SUPPORT
from duckgres_tx.catalog.of_server import OF_SERVER
from duckgres_tx.catalog.of_session import SESSION_FUNCTIONS, SESSION_SUPPORT
from duckgres_tx.catalog.of_tables import OF_TABLES
from duckgres_tx.catalog.of_types import OF_TYPES
from duckgres_tx.catalog.of_values import VALUE_FUNCTIONS, VALUE_SUPPORT, VALUE_TABLES
from duckgres_tx.catalog.relation import Relation, duckdb_type
from duckgres_tx.catalog.static_tables import LATE_TABLES, host_tables, static_tables

DEFINED: Final[tuple[Relation, ...]] = (*OF_TABLES, *OF_TYPES, *OF_SERVER, *INFORMATION_SCHEMA)
"""Every relation that has rows."""


def _empty_relations() -> Iterable[Relation]:
    defined = {(relation.info, relation.name) for relation in DEFINED}
    for info, lists in ((False, pg_columns.PG_CATALOG), (True, pg_columns.INFORMATION_SCHEMA)):
        for name in lists:
            if (info, name) not in defined:
                yield Relation(name, info=info)


@frozen
class Setting:
    """A row of pg_settings; its current value is asked of the session by name.

    Attributes:
        name: In lower case.
        boot_value: Its value when nobody has set it.
        unit: Such as ``ms``; None for none.
        kind: ``bool``, ``integer``, ``real``, ``string`` or ``enum``.
        context: ``user``, ``superuser``, ``backend``, ``internal`` …
        choices: Of an enum.
    """

    name: str
    boot_value: str | None = None
    unit: str | None = None
    kind: str = "string"
    context: str = "user"
    category: str = ""
    description: str = ""
    minimum: str | None = None
    maximum: str | None = None
    choices: tuple[str, ...] | None = None


@frozen
class Piece:
    """A view or macro to create.

    Attributes:
        schema: One of ``names``' for the snapshot.
        name: What it is called.
        text: The template of its statement.
        is_table_macro: A macro that stands in FROM; it may share its name with one that doesn't.
    """

    schema: str
    name: str
    text: str
    is_table_macro: bool = False

    @property
    def key(self) -> str:
        """How templates refer to it."""
        return f"{'table ' if self.is_table_macro else ''}{_MARKS[self.schema]}.{self.name}"

    @property
    def is_macro(self) -> bool:
        """It is a function and no relation."""
        return self.text.startswith("CREATE MACRO")


_REFERENCE = re.compile(r"\{([spfi])\}\.(\w+)")
# The mark by which templates name a schema.
_MARKS: Final = {names.FACTS: "s", names.PG: "p", names.INFO: "i"}
LIVE_SCHEMAS: Final = {names.PG: names.PG_LIVE, names.INFO: names.INFO_LIVE}


def _pieces() -> Iterable[Piece]:
    """Everything but the facts themselves, in any order."""
    for schema, macros in (
        (names.FACTS, (*VALUE_SUPPORT, *SESSION_SUPPORT)),
        (names.PG, (*SESSION_FUNCTIONS, *VALUE_FUNCTIONS, *DEFINITION_SUPPORT, *DEFINITION_FUNCTIONS, *VALUE_TABLES)),
    ):
        for each in macros:
            yield Piece(schema, each.name, each.create("{" + _MARKS[schema] + "}"), each.table)
    for relation in DEFINED:
        schema = names.INFO if relation.info else names.PG
        text = f"CREATE VIEW {{{_MARKS[schema]}}}.{relation.name} AS {relation.select()}"
        yield Piece(schema, relation.name, text)


def _in_order(pieces: Iterable[Piece]) -> list[Piece]:
    """Each after those that it names: DuckDB binds a macro when it is made."""
    named = {piece.key: piece for piece in pieces}
    ordered: dict[str, Piece] = {}

    def place(piece: Piece) -> None:
        if piece.key in ordered:
            return
        for mark, name in _REFERENCE.findall(piece.text):
            needed = named.get(f"{mark}.{name}")
            if needed is not None and needed is not piece:
                place(needed)
        ordered[piece.key] = piece

    for piece in named.values():
        place(piece)
    return list(ordered.values())


PIECES: Final = tuple(_in_order(_pieces()))
"""Everything but the facts, each after those that it needs."""

_VIEWS: Final = frozenset(piece.key for piece in PIECES if not piece.is_macro)


def _closure(pieces: Sequence[Piece], roots: Callable[[str], bool]) -> frozenset[str]:
    """The pieces that name one of the roots, by themselves or through others."""
    found: set[str] = set()
    for piece in pieces:
        references = {f"{mark}.{name}" for mark, name in _REFERENCE.findall(piece.text)}
        if references & found or any(map(roots, references)):
            found.add(piece.key)
    return frozenset(found)


CHANGING: Final = _closure(PIECES, lambda key: key.startswith("f."))
"""Keys of what depends on the database, and so has a live variant."""

LATE: Final = CHANGING | _closure(
    PIECES, lambda key: key.startswith("f.") or key.removeprefix("s.") in LATE_TABLES or key in _VIEWS
)
"""Keys of what reads relations, beside the relations themselves."""


def _render(piece: Piece, catalog: str, *, live: bool) -> str:
    def schema(match: re.Match[str]) -> str:
        mark, name = match.groups()
        if mark == "s":
            return names.qualified(names.FACTS, name)
        if mark == "f":
            return names.fact(name, live=live)
        snapshot = names.PG if mark == "p" else names.INFO
        changing = f"{mark}.{name}" in CHANGING or f"table {mark}.{name}" in CHANGING
        return names.qualified(LIVE_SCHEMAS[snapshot] if live and changing else snapshot, name)

    text = _REFERENCE.sub(schema, piece.text)
    # Operators' names are no words.
    return text.replace("{p}", f"{names.ATTACHED}.{names.PG}").replace("{d}", names.literal(catalog))


def statements(catalog: str) -> Iterable[str]:
    """The installation's statements, one by one.

    All of it comes before the first session: a transaction sees nothing that is made in the attached database after it
    has looked into it, and it looks there for every function. The facts stay empty until the first rebuild.

    Args:
        catalog: The name under which the session's database is attached.
    """
    yield f"ATTACH ':memory:' AS {names.ATTACHED}"
    yield "BEGIN"
    for schema in (names.FACTS, names.PG, names.PG_LIVE, names.INFO, names.INFO_LIVE):
        yield f"CREATE SCHEMA {names.ATTACHED}.{schema}"
    for name, parameters, body in FACTS_MACROS:
        yield f"CREATE MACRO {{s}}.{name}({parameters}) AS ({body})".replace("{s}", f"{names.ATTACHED}.{names.FACTS}")
    for text in (*host_tables(), *static_tables()):
        yield text.replace("{s}", f"{names.ATTACHED}.{names.FACTS}")
    yield "COMMIT"
    # Built for their shapes, at a time when next to nothing is there.
    yield from facts.build(
        catalog, {name: f"CREATE TABLE {names.fact(name, live=False)}" for name in facts.FACTS}, live=False
    )
    yield "BEGIN"
    for piece in PIECES:
        yield _render(piece, catalog, live=False)
    yield from _empty_tables()
    yield "COMMIT"
    # The live variant is bound to tables of the shape that each session will make for itself.
    yield "BEGIN"
    for name in facts.FACTS:
        yield f"CREATE TEMP TABLE __pg_{name} AS FROM {names.fact(name, live=False)} LIMIT 0"
    yield "COMMIT"
    yield "BEGIN"
    for piece in PIECES:
        if piece.key in CHANGING:
            yield _render(piece, catalog, live=True)
    yield "COMMIT"
    for name in facts.FACTS:
        yield f"DROP TABLE {names.fact(name, live=True)}"


def _empty_tables() -> Iterable[str]:
    for relation in _empty_relations():
        name = names.qualified(names.INFO if relation.info else names.PG, relation.name)
        columns = ", ".join(f'"{column}" {duckdb_type(kind)}' for column, kind in relation.listed_columns())
        yield f"CREATE TABLE {name} ({columns})"


def install_script(catalog: str) -> str:
    """The script that is run when an instance is opened, before any session uses it.

    Args:
        catalog: The name under which the session's database is attached.
    """
    return ";\n".join(statements(catalog)) + ";"


def databases_script(databases: Sequence[str]) -> str:
    """Tell pg_database which databases there are; run again whenever the set changes."""
    return _fill("databases", [f"({_oid_of(name)}, {names.literal(name)})" for name in databases])


def roles_script(users: Sequence[str], superusers: Sequence[str]) -> str:
    """Tell pg_roles who there is. The first superuser gets OID 10 and owns everything."""
    owner = next((user for user in users if user in superusers), None)
    rows = []
    for user in users:
        oid = str(names.OID_OWNER) if user == owner else _oid_of(user)
        rows.append(f"({oid}, {names.literal(user)}, {'true' if user in superusers else 'false'})")
    return _fill("roles", rows)


def settings_script(settings: Iterable[Setting]) -> str:
    """Tell pg_settings, current_setting and SHOW which settings there are."""

    def text(value: str | None) -> str:
        return "NULL" if value is None else names.literal(value)

    settings = list(settings)
    defaults = ", ".join(f"{text(s.name)}: {text(s.boot_value)}" for s in settings if s.boot_value is not None)
    # A constant and no lookup in the table: current_setting may stand where DuckDB allows no subquery.
    macro = (
        f"CREATE OR REPLACE MACRO {names.qualified(names.FACTS, 'boot_value')}(x) AS (MAP {{{defaults}}}[lower(x)]);\n"
    )
    return macro + _fill(
        "settings",
        [
            f"({text(s.name)}, {text(s.boot_value)}, {text(s.unit)}, {text(s.category)}, {text(s.description)}, {text(s.context)}, "
            f"{text(s.kind)}, {text(s.minimum)}, {text(s.maximum)}, "
            + ("NULL" if s.choices is None else f"[{', '.join(map(names.literal, s.choices))}]")
            + ")"
            for s in settings
        ],
    )


def _oid_of(name: str) -> str:
    return f"{names.ATTACHED}.{names.FACTS}.name_oid({names.literal(name)})"


def _fill(table: str, rows: Sequence[str]) -> str:
    target = names.qualified(names.FACTS, table)
    insert = f"INSERT INTO {target} VALUES {', '.join(rows)};\n" if rows else ""
    return f"BEGIN;\nDELETE FROM {target};\n{insert}COMMIT;"
