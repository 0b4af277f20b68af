"""PostgreSQL's dialect into DuckDB's, by passes over the tokens that edit spans of the text.

A statement that no pass touches goes to DuckDB byte for byte, comments included; so DuckDB's own syntax always works.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from duckgres_tx.errors import PgError
from duckgres_tx.sql.edits import UNCHANGED, PositionMap, StatementEdit
from duckgres_tx.sql.passes import (
    aggregates,
    argument_types,
    array_casts,
    catalog_casts,
    catalog_names,
    catalog_operators,
    constants,
    date_patterns,
    division,
    empty_lists,
    function_aliases,
    json_operators,
    keyword_names,
    locking,
    patterns,
    result_names,
    set_functions,
    statements,
    tables,
    temporal_constants,
    types,
    void_arguments,
)
from duckgres_tx.sql.split import SourceStatement
from duckgres_tx.sql.translation_context import TranslationContext

__all__ = ["PASSES", "Pass", "Translation", "TranslationContext", "translate"]


@frozen
class Translation:
    """What DuckDB is given for a statement.

    Attributes:
        text: The statement for DuckDB.
        positions: From ``text`` back to the source statement's text.
        catalog_query: It reads pg_catalog or information_schema.
        untouched: ``text`` is the client's, byte for byte.
        fault: Why there can't be a plan; to be told when it is bound or run.
        void_parameters: The numbers of parameters of type void, of which DuckDB isn't told.
        columnless: It is a SELECT without a list, for which DuckDB has one of a column that nobody is to see.
        notices: NOTICEs and WARNINGs to send when it runs; each an error object of such a severity.
    """

    text: str
    positions: PositionMap = UNCHANGED
    catalog_query: bool = False
    untouched: bool = True
    columnless: bool = False
    void_parameters: frozenset[int] = frozenset()
    notices: tuple[PgError, ...] = ()
    fault: PgError | None = None

    def position_in_source(self, position: int) -> int:
        """The position in the source statement's text of one in ``text``; both in characters from 0."""
        return self.positions.position_in_source(position)


Pass = Callable[[StatementEdit, TranslationContext], None]
"""A pass records edits on the statement; it may raise PgError for what can't be translated."""

PASSES: tuple[Pass, ...] = (
    statements.translate_settings,
    statements.translate_explain,
    locking.drop_locking_clauses,
    empty_lists.fill_empty_lists,
    void_arguments.drop_void_arguments,
    tables.drop_storage_clauses,
    tables.check_truncate,
    catalog_names.translate_catalog_names,
    catalog_operators.translate_catalog_operators,
    catalog_casts.translate_catalog_casts,
    array_casts.show_arrays,
    aggregates.translate_aggregates,
    json_operators.translate_paths,
    json_operators.bracket_json_operators,
    json_operators.merge_json,
    patterns.translate_patterns,
    date_patterns.translate_date_patterns,
    constants.translate_constants,
    constants.translate_bytea,
    constants.check_floats,
    temporal_constants.translate_temporal_constants,
    types.translate_types,
    keyword_names.quote_reserved_names,
    keyword_names.label_by_as,
    argument_types.type_arguments,
    division.check_divisors,
    set_functions.translate_set_functions,
    function_aliases.name_function_columns,
    result_names.name_derived_columns,
    result_names.name_columns_of_values,
)
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
    return Translation(
        text,
        positions,
        catalog_query=edit.catalog_query,
        untouched=False,
        void_parameters=frozenset(edit.void_parameters),
        columnless=empty_lists.gives_no_columns(edit),
        notices=tuple(edit.notices),
        fault=edit.fault,
    )
