"""PostgreSQL's dialect into DuckDB's, by passes over the tokens that edit spans of the text.

A statement that no pass touches goes to DuckDB byte for byte, comments included; so DuckDB's own syntax always works.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from attrs import define, field, frozen

from duckgres_tx.errors import PgError
from duckgres_tx.sql.edits import PositionMap, StatementEdit
from duckgres_tx.sql.split import SourceStatement


@frozen
class TranslationContext:
    """What a translation depends on beside the statement; equal contexts give equal translations.

    Attributes:
        catalog: The name under which the session's database is attached.
        live: Read the catalogs live, not from their snapshot, as the session has uncommitted DDL or temporary objects.
    """

    catalog: str = "postgres"
    live: bool = False


@frozen
class Translation:
    """What DuckDB is given for a statement.

    Attributes:
        text: The statement for DuckDB.
        positions: From ``text`` back to the source statement's text.
        catalog_query: It reads pg_catalog or information_schema.
        untouched: ``text`` is the client's, byte for byte.
        notices: NOTICEs and WARNINGs to send when it runs; each an error object of such a severity.
    """

    text: str
    positions: PositionMap = PositionMap()
    catalog_query: bool = False
    untouched: bool = True
    notices: tuple[PgError, ...] = ()

    def position_in_source(self, position: int) -> int:
        """The position in the source statement's text of one in ``text``; both in characters from 0."""
        return self.positions.position_in_source(position)


Pass = Callable[[StatementEdit, TranslationContext], None]
"""A pass records edits on the statement; it may raise PgError for what can't be translated."""

PASSES: tuple[Pass, ...] = ()
"""In the order in which they run; the order matters only where one asks ``is_replaced``."""


def translate(statement: SourceStatement, context: TranslationContext) -> Translation:
    """Translate one statement.

    Raises:
        PgError: PostgreSQL's construct has no counterpart (0A000), or isn't well-formed; the position counts from 1
            in the source statement's text.
    """
    edit = StatementEdit(statement)
    for run_pass in PASSES:
        run_pass(edit, context)
    if not edit.changed:
        return Translation(statement.text, catalog_query=edit.catalog_query, notices=tuple(edit.notices))
    text, positions = edit.render()
    return Translation(text, positions, edit.catalog_query, False, tuple(edit.notices))


@define
class Translator:
    """Translations by statement text and context, the last recently used ones kept.

    Bounded by ``max_entries`` and by ``max_text`` characters a statement; longer ones are translated every time.
    """

    max_entries: int = 512
    max_text: int = 64 * 1024
    _kept: OrderedDict[tuple[str, TranslationContext], Translation] = field(factory=OrderedDict, init=False)

    def translate(self, statement: SourceStatement, context: TranslationContext) -> Translation:
        """As ``translate``, from memory when possible."""
        if len(statement.text) > self.max_text:
            return translate(statement, context)
        key = (statement.text, context)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        made = self._kept[key] = translate(statement, context)
        if len(self._kept) > self.max_entries:
            self._kept.popitem(last=False)
        return made
