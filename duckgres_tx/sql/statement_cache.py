"""What is known of a text that comes again: its statements split, classified, parsed and translated once.

One cache serves all sessions of a worker; it is used on the reactor's thread only. Nothing in it depends on a session
but by the translation's context, so what is found is valid for everyone.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property

from attrs import define, field

from duckgres_tx.sql import names, session_statements
from duckgres_tx.sql.classify import StatementClass, classify
from duckgres_tx.sql.forms import SessionStatement
from duckgres_tx.sql.guards import Guard, guard_of
from duckgres_tx.sql.policy import Policy
from duckgres_tx.sql.split import SourceStatement, split
from duckgres_tx.sql.tags import command_tag
from duckgres_tx.sql.translate import Translation, TranslationContext, translate

# A statement is translated for at most as many databases at a time; the oldest is forgotten.
_CONTEXTS = 8
_SIGNALS = frozenset({"pg_terminate_backend", "pg_cancel_backend"})
_BINDING_WORDS = frozenset({"setseed", "currval", "lastval"})


@define(slots=False, eq=False)
class AnalyzedStatement:
    """One statement and what is known of it; each part is found out when it is first asked for, and kept.

    Attributes:
        source: The statement as the client wrote it.
        statement_class: Who carries it out.
        policy: What it is checked against.
    """

    source: SourceStatement
    statement_class: StatementClass
    policy: Policy = field(repr=False)
    _translations: dict[TranslationContext, Translation] = field(factory=dict, init=False, repr=False)

    @cached_property
    def form(self) -> SessionStatement:
        """The parsed form of a session's statement.

        Raises:
            PgError: 42601, 0A000; 42501 by the policy for a script.
        """
        if self.statement_class is StatementClass.SCRIPT:
            self.policy.check(self.source, self.statement_class)
        return session_statements.parse(self.source, self.statement_class)

    @cached_property
    def column_names(self) -> tuple[str | None, ...] | None:
        """PostgreSQL's names for its result columns, see ``names.column_names``."""
        return names.column_names(self.source)

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name in it, in lower case."""
        return frozenset(token.name.lower() for token in self.source.tokens if token.name)

    @cached_property
    def binds(self) -> bool:
        """Whether it uses what the engine keeps for one connection only: its seed, a sequence's last value."""
        return any(token.word in _BINDING_WORDS for token in self.source.tokens)

    @cached_property
    def guard(self) -> Guard | None:
        """Its IF EXISTS or IF NOT EXISTS."""
        return guard_of(self.source)

    @cached_property
    def sets_division(self) -> bool:
        """Whether it sets what a division of integers gives."""
        return any(token.name == "integer_division" for token in self.source.tokens[1:3])

    @cached_property
    def signals(self) -> bool:
        """Whether it calls what stops other sessions, or what they run."""
        return any(token.name in _SIGNALS for token in self.source.tokens)

    @property
    def divides(self) -> bool:
        """Whether it divides, as far as its text tells."""
        return "/" in self.source.text or "%" in self.source.text

    def translation(self, context: TranslationContext) -> Translation:
        """What DuckDB is given.

        Raises:
            PgError: 42501 or 0A000 by the policy, 0A000 by a pass.
        """
        found = self._translations.get(context)
        if found is None:
            self.policy.check(self.source, self.statement_class)
            found = translate(self.source, context)
            if len(self._translations) >= _CONTEXTS:
                self._translations.pop(next(iter(self._translations)))
            self._translations[context] = found
        return found

    def command_tag(self, rows: int) -> str:
        """CommandComplete's tag, see ``tags.command_tag``."""
        return command_tag(self.source.tokens, rows)


@define(eq=False)
class StatementCache:
    """Texts and their statements, the least recently used forgotten first.

    Bounded by ``max_entries`` texts and by ``max_characters`` of text in all (a statement's tokens take some thirty
    times its text's size); a text longer than ``max_text`` is never kept.
    """

    policy: Policy = field(factory=Policy)
    max_entries: int = 2048
    max_characters: int = 2 * 1024 * 1024
    max_text: int = 64 * 1024
    _kept: OrderedDict[str, tuple[AnalyzedStatement, ...]] = field(factory=OrderedDict, init=False)
    _characters: int = field(default=0, init=False)

    def statements(self, sql: str) -> tuple[AnalyzedStatement, ...]:
        """The statements of a query string; empty for an empty one.

        Raises:
            PgError: 42601 when the text ends within a string, a name or a comment.
        """
        found = self._kept.get(sql)
        if found is not None:
            self._kept.move_to_end(sql)
            return found
        made = tuple(self.analyzed(statement) for statement in split(sql))
        if len(sql) <= self.max_text:
            self._keep(sql, made)
        return made

    def analyzed(self, statement: SourceStatement) -> AnalyzedStatement:
        """A statement that is part of another (the body of PREPARE or DECLARE), not kept by this cache."""
        return AnalyzedStatement(statement, classify(statement), self.policy)

    def _keep(self, sql: str, made: tuple[AnalyzedStatement, ...]) -> None:
        self._kept[sql] = made
        self._characters += len(sql)
        while len(self._kept) > self.max_entries or self._characters > self.max_characters:
            text, _ = self._kept.popitem(last=False)
            self._characters -= len(text)

    def __len__(self) -> int:
        return len(self._kept)
