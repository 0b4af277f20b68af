"""The scripts that make the catalog in an instance, run once when it is opened.

They need the native function ``duckgres_context`` and the alias types (``engine/alias_types.pyx``) to be registered.
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
from duckgres_tx.catalog.of_queries import QUERY_FUNCTIONS, QUERY_SUPPORT, QUERY_TABLES
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
        name: As PostgreSQL spells it.
        boot_value: Its value when nobody has set it, as SHOW gives it.
        unit: Such as ``ms``; None for none.
        kind: ``bool``, ``integer``, ``real``, ``string`` or ``enum``.
        context: ``user``, ``superuser``, ``backend``, ``internal`` …
        choices: Of an enum.
        hidden: current_setting knows it, pg_settings doesn't show it.
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
    hidden: bool = False


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


_REFERENCE = re.compile(r"\{([shpfi])\}\.(\w+)")
# The mark by which templates name a schema.
_MARKS: Final = {names.FACTS: "s", names.PG: "p", names.INFO: "i"}
LIVE_SCHEMAS: Final = {names.PG: names.PG_LIVE, names.INFO: names.INFO_LIVE}


def _pieces() -> Iterable[Piece]:
    """Everything but the facts themselves, in any order."""
    for schema, macros in (
        (names.FACTS, (*VALUE_SUPPORT, *QUERY_SUPPORT, *SESSION_SUPPORT)),
        (
            names.PG,
            (*SESSION_FUNCTIONS, *VALUE_FUNCTIONS, *QUERY_FUNCTIONS, *DEFINITION_SUPPORT, *DEFINITION_FUNCTIONS),
        ),
        (names.PG, (*VALUE_TABLES, *QUERY_TABLES)),
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


def _render(piece: Piece, *, live: bool) -> str:
    def schema(match: re.Match[str]) -> str:
        mark, name = match.groups()
        if mark == "s":
            return names.qualified(names.FACTS, name)
        if mark == "h":
            return names.of_instance(name)
        if mark == "f":
            return names.fact(name, live=live)
        snapshot = names.PG if mark == "p" else names.INFO
        changing = f"{mark}.{name}" in CHANGING or f"table {mark}.{name}" in CHANGING
        return names.qualified(LIVE_SCHEMAS[snapshot] if live and changing else snapshot, name)

    text = _REFERENCE.sub(schema, piece.text)
    # Operators' names are no words.
    return text.replace("{p}", f"{names.ATTACHED}.{names.PG}")


def _shared() -> Iterable[str]:
    """What goes into the shared database, which is attached and empty; leaves ``names.INSTANCE`` attached.

    All of it comes before the first session: a transaction sees nothing that is made in an attached database after it
    has looked into it, and it looks into this one for every function.
    """
    macros = f"{names.ATTACHED}.{names.FACTS}"
    yield "BEGIN"
    for schema in (names.FACTS, names.PG, names.PG_LIVE, names.INFO, names.INFO_LIVE):
        yield f"CREATE SCHEMA {names.ATTACHED}.{schema}"
    for name, parameters, body in FACTS_MACROS:
        yield f"CREATE MACRO {{s}}.{name}({parameters}) AS ({body})".replace("{s}", macros)
    for text in static_tables():
        yield text.replace("{s}", macros)
    yield "COMMIT"
    # Views and macros are bound when they are made, to what each instance will have. The facts are built for their
    # shapes, as there is no database without a name.
    yield f"ATTACH ':memory:' AS {names.INSTANCE}"
    yield from host_tables()
    yield from facts.build("", {name: f"CREATE TABLE {names.fact(name, live=False)}" for name in facts.FACTS})
    yield "BEGIN"
    for name in facts.FACTS:
        yield f"CREATE TABLE {names.qualified(names.FACTS, name)} AS FROM {names.fact(name, live=False)}"
    for piece in PIECES:
        yield _render(piece, live=False)
    yield from _empty_views()
    yield "COMMIT"
    # The live variant is bound to tables of the shape that each session will make for itself.
    yield "BEGIN"
    for name in facts.FACTS:
        yield f"CREATE TEMP TABLE __pg_{name} AS FROM {names.fact(name, live=False)} LIMIT 0"
    yield "COMMIT"
    yield "BEGIN"
    for piece in PIECES:
        if piece.key in CHANGING:
            yield _render(piece, live=True)
    yield "COMMIT"
    for name in facts.FACTS:
        yield f"DROP TABLE {names.fact(name, live=True)}"


def _empty_views() -> Iterable[str]:
    # Views of one table with a column for each type: tables of their own take more time and memory to attach.
    nothing = names.qualified(names.FACTS, "nothing")
    relations = list(_empty_relations())
    types = sorted({kind for relation in relations for _, kind in relation.listed_columns()})
    yield f"CREATE TABLE {nothing} ({', '.join(f'of_{kind} {duckdb_type(kind)}' for kind in types)})"
    for relation in relations:
        name = names.qualified(names.INFO if relation.info else names.PG, relation.name)
        columns = ", ".join(f'of_{kind} AS "{column}"' for column, kind in relation.listed_columns())
        yield f"CREATE VIEW {name} AS SELECT {columns} FROM {nothing}"


def install_script(settings: Iterable[Setting]) -> str:
    """The script that makes the catalog, once ``names.ATTACHED`` is attached and empty; before any session uses it.

    What it makes there depends on DuckDB and its loaded extensions only, not on the database, so that a file of it can
    be attached to other instances instead (``attach_script``). Beside that it makes what is the instance's own.

    Args:
        settings: What pg_settings, current_setting and SHOW are to know.
    """
    return ";\n".join((*_shared(), *_settings(settings))) + ";"


def attach_script() -> str:
    """The script that makes what is the instance's own, where ``names.ATTACHED`` is a database that was made before."""
    tables = (
        f"CREATE TABLE {names.fact(name, live=False)} AS FROM {names.qualified(names.FACTS, name)}"
        for name in facts.FACTS
    )
    return ";\n".join((f"ATTACH ':memory:' AS {names.INSTANCE}", "BEGIN", *host_tables(), *tables, "COMMIT")) + ";"


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


def _settings(settings: Iterable[Setting]) -> Iterable[str]:
    def text(value: str | None) -> str:
        return "NULL" if value is None else names.literal(value)

    settings = list(settings)
    defaults = ", ".join(f"{text(s.name.lower())}: {text(s.boot_value)}" for s in settings if s.boot_value is not None)
    # A constant and no lookup in the table: current_setting may stand where DuckDB allows no subquery.
    yield f"CREATE OR REPLACE MACRO {names.qualified(names.FACTS, 'boot_value')}(x) AS (MAP {{{defaults}}}[lower(x)])"
    rows = [
        f"({text(s.name)}, {text(s.boot_value)}, {text(s.unit)}, {text(s.category)}, {text(s.description)}, {text(s.context)}, "
        f"{text(s.kind)}, {text(s.minimum)}, {text(s.maximum)}, "
        + ("NULL" if s.choices is None else f"[{', '.join(map(names.literal, s.choices))}]")
        + ")"
        for s in settings
        if not s.hidden
    ]
    if rows:
        yield f"INSERT INTO {names.qualified(names.FACTS, 'settings')} VALUES {', '.join(rows)}"


def _oid_of(name: str) -> str:
    return f"{names.ATTACHED}.{names.FACTS}.name_oid({names.literal(name)})"


def _fill(table: str, rows: Sequence[str]) -> str:
    target = names.of_instance(table)
    insert = f"INSERT INTO {target} VALUES {', '.join(rows)};\n" if rows else ""
    return f"BEGIN;\nDELETE FROM {target};\n{insert}COMMIT;"
