"""``IF EXISTS`` and ``IF NOT EXISTS``: what a statement does nothing about, and what PostgreSQL says then.

Spec: sql-createtable.html#SQL-CREATETABLE, sql-droptable.html
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from duckgres_tx.errors import PgError, Severity
from duckgres_tx.sql.split import SourceStatement
from duckgres_tx.sql.tokens import Token

# What a guarded statement may be about; in a schema all but the last two share their names.
_KINDS: Final = frozenset(("table", "view", "sequence", "index", "schema", "type"))
_BEFORE_KIND: Final = frozenset(("or", "replace", "temp", "temporary", "global", "local", "unlogged", "unique"))


@frozen
class Guard:
    """What has to be looked for before a statement runs.

    Attributes:
        kind: table, view, sequence, index, schema or type.
        parts: The parts of its name, as written.
        name: Its last part, unquoted.
        creates: It is to be made: there is something to say if it exists, else if it doesn't.
        alters: ``ALTER TABLE``.
        temporary: It is to be made as a temporary one.
    """

    kind: str
    parts: tuple[str, ...]
    name: str
    creates: bool = False
    alters: bool = False
    temporary: bool = False

    def notice(self) -> PgError:
        """What PostgreSQL says when there is nothing to do."""
        if not self.creates:
            kind = "relation" if self.alters else self.kind
            return PgError("00000", f'{kind} "{self.name}" does not exist, skipping', severity=Severity.NOTICE)
        if self.kind == "schema":
            return PgError("42P06", f'schema "{self.name}" already exists, skipping', severity=Severity.NOTICE)
        return PgError("42P07", f'relation "{self.name}" already exists, skipping', severity=Severity.NOTICE)


def guard_of(statement: SourceStatement) -> Guard | None:
    """A statement's guard; None when it has none, or is about several things (``several``)."""
    tokens = statement.tokens
    first = tokens[0]
    if not first.is_word("create", "drop", "alter"):
        return None
    index = 1
    while index < len(tokens) and tokens[index].word in _BEFORE_KIND:
        index += 1
    kind = tokens[index].word if index < len(tokens) else ""
    if kind not in _KINDS or (first.is_word("alter") and kind != "table"):
        return None
    temporary = any(token.is_word("temp", "temporary") for token in tokens[1:index])
    index += 1
    while index < len(tokens) and tokens[index].is_word("concurrently"):
        index += 1
    words = ("if", "not", "exists") if first.is_word("create") else ("if", "exists")
    if tuple(token.word for token in tokens[index : index + len(words)]) != words:
        return None
    index += len(words)
    if index < len(tokens) and tokens[index].is_word("only"):
        index += 1
    parts = _name(tokens, index)
    if not parts:
        return None
    return Guard(
        kind,
        tuple(part.text for part in parts),
        parts[-1].name,
        creates=first.is_word("create"),
        alters=first.is_word("alter"),
        temporary=temporary,
    )


def _name(tokens: tuple[Token, ...], index: int) -> list[Token]:
    parts: list[Token] = []
    while index < len(tokens) and tokens[index].name:
        parts.append(tokens[index])
        if index + 1 == len(tokens) or tokens[index + 1].text != ".":
            break
        index += 2
    return parts
