"""The parameters of SET and SHOW: their definitions, read from the texts in ``guc_honoured`` and its neighbours.

Such a text is a section: a first line ``effect: …`` that holds for all entries without one of their own, then entries::

    name | kind[:base unit] | context | default [| least..greatest | words, separated by spaces or " / "]
        description
        effect: what SET of it does here
        only: the values that are accepted
        report hidden
"""

from __future__ import annotations

import enum
from collections.abc import Iterator

from attrs import frozen

from duckgres_tx.sql import guc_honoured, guc_planner, guc_remembered, guc_server


class Kind(enum.Enum):
    """What values a parameter has; the value is pg_settings' ``vartype``."""

    BOOLEAN = "bool"
    INTEGER = "integer"
    REAL = "real"
    STRING = "string"
    ENUM = "enum"


class Meaning(enum.Enum):
    """What setting a parameter does on this server."""

    ENFORCED = "enforced"
    """The session or DuckDB acts on it."""
    REMEMBERED = "remembered"
    """It is accepted and shown back, and has no effect here."""
    READ_ONLY = "read-only"


class Context(enum.Enum):
    """Who may set a parameter, and when; the value is pg_settings' ``context``."""

    INTERNAL = "internal"
    POSTMASTER = "postmaster"
    SIGHUP = "sighup"
    SUPERUSER_BACKEND = "superuser-backend"
    BACKEND = "backend"
    SUPERUSER = "superuser"
    USER = "user"


@frozen
class GucDefinition:
    """One parameter.

    Attributes:
        name: As PostgreSQL spells it (``DateStyle``).
        unit: The base unit of a number: B, kB, 8kB, MB, us, ms, s, min; empty for none.
        default: The stored form of its default: digits in base units, ``on``, a word, a text.
        bounds: The least and the greatest number, as text; empty for other kinds.
        choices: An enumeration's words.
        only: What is accepted of the values that PostgreSQL would take; empty for all of them.
        report: ParameterStatus tells the client when it changes.
        hidden: SHOW ALL and pg_settings leave it out.
        effect: What SET of it does here, for the documentation.
    """

    name: str
    kind: Kind
    context: Context
    default: str
    description: str
    meaning: Meaning
    effect: str
    unit: str = ""
    bounds: tuple[str, str] = ("", "")
    choices: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    report: bool = False
    hidden: bool = False

    @property
    def key(self) -> str:
        """The name in lower case."""
        return self.name.lower()


_KINDS = {
    "bool": Kind.BOOLEAN,
    "int": Kind.INTEGER,
    "real": Kind.REAL,
    "string": Kind.STRING,
    "enum": Kind.ENUM,
}
_READ_ONLY_CONTEXTS = frozenset(
    (Context.INTERNAL, Context.POSTMASTER, Context.SIGHUP, Context.BACKEND, Context.SUPERUSER_BACKEND)
)


def read_section(section: str) -> Iterator[GucDefinition]:
    """The definitions of one section's text."""
    first, *lines = section.strip().split("\n")
    effect = first.removeprefix("effect: ")
    entry: list[str] = []
    for line in lines:
        if not line.startswith(" ") and entry:
            yield _definition(entry, effect)
            entry = []
        if line.startswith("    | "):
            entry[0] += line[3:]
        else:
            entry.append(line.strip())
    yield _definition(entry, effect)


def _definition(entry: list[str], effect: str) -> GucDefinition:
    name, kind_and_unit, context_word, default, *domain = (part.strip() for part in entry[0].split("|"))
    kind_word, _, unit = kind_and_unit.partition(":")
    kind, context = _KINDS[kind_word], Context(context_word)
    description: list[str] = []
    only: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()
    for line in entry[1:]:
        if line.startswith("effect: "):
            effect = line.removeprefix("effect: ")
        elif line.startswith("only: "):
            only = tuple("" if value == "''" else value for value in line.removeprefix("only: ").split())
        elif frozenset(line.split()) <= {"report", "hidden"}:
            flags = frozenset(line.split())
        else:
            description.append(line)
    if context in _READ_ONLY_CONTEXTS:
        meaning, effect = Meaning.READ_ONLY, "read-only"
    else:
        meaning = Meaning.REMEMBERED if effect.startswith(("none", "remembered")) else Meaning.ENFORCED
    bounds: tuple[str, str] = ("", "")
    choices: tuple[str, ...] = ()
    if kind is Kind.ENUM:
        words = " ".join(domain)
        choices = tuple(words.split(" / ") if " / " in words else words.split())
    elif domain:
        least, _, greatest = domain[0].partition("..")
        bounds = (least, greatest)
    return GucDefinition(
        name,
        kind,
        context,
        default,
        " ".join(description),
        meaning,
        effect,
        unit=unit,
        bounds=bounds,
        choices=choices,
        only=only,
        report="report" in flags,
        hidden="hidden" in flags,
    )


SECTIONS = {
    "Acted on": guc_honoured.SESSION,
    "Planner": guc_planner.PLANNER,
    "Memory": guc_remembered.MEMORY,
    "Storage": guc_remembered.STORAGE,
    "Language and input": guc_remembered.LANGUAGE,
    "Logs, statistics, connections": guc_remembered.LOGGING,
    "The server": guc_server.SERVER,
}

DEFINITIONS: dict[str, GucDefinition] = {
    definition.key: definition for section in SECTIONS.values() for definition in read_section(section)
}
"""All parameters by their name in lower case."""
