"""pg_catalog's and information_schema's names to where the catalog is in DuckDB.

``pg_catalog.pg_class`` and ``information_schema.columns`` are written in full; unqualified names are found through
DuckDB's search path, which ends in our catalog, and only need a change when the session reads it live.
"""

from __future__ import annotations

from typing import Final

from duckgres_tx.catalog import vocabulary
from duckgres_tx.errors import FeatureNotSupported
from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.tokens import Kind, Token
from duckgres_tx.sql.translation_context import TranslationContext
from duckgres_tx.sql.type_positions import type_positions

# PostgreSQL's functions whose names DuckDB uses for something else; with pg_catalog before them they are meant.
_RENAMED: Final = {"format": "pg_format"}
# Functions that DuckDB calls otherwise, and clients call when they look into the catalog.
_FOREIGN: Final = {
    "json_build_object": "json_object",
    "jsonb_build_object": "json_object",
    "json_build_array": "json_array",
    "jsonb_build_array": "json_array",
}
# Words that DuckDB takes for functions of its own, which know nothing of the session.
_SESSION_WORDS: Final = {"current_role": "current_user", "current_catalog": "current_catalog"}
# Functions whose argument is a relation, and may be its name.
_TAKES_RELATION_WORDS: Final = """
    pg_relation_size pg_table_size pg_total_relation_size pg_indexes_size pg_relation_filenode pg_get_viewdef
    pg_sequence_last_value has_table_privilege has_any_column_privilege has_column_privilege has_sequence_privilege
"""
_TAKES_RELATION: Final = frozenset(_TAKES_RELATION_WORDS.split())
# Columns that hold transaction numbers, which age() is asked of.
_XID_COLUMNS: Final = frozenset(
    ("xmin", "relfrozenxid", "relminmxid", "datfrozenxid", "datminmxid", "transactionid", "backend_xid", "backend_xmin")
)
# What may stand before a relation's name in FROM, and be nothing else.
_BEFORE_RELATION: Final = frozenset(("from", "join", "only", "table", "using"))
# System columns that exist in every table of PostgreSQL; DataGrip compares xmin between its visits.
_SYSTEM_COLUMNS: Final = {"xmin": "CAST(1 AS pg_xid)", "tableoid": "CAST(0 AS pg_oid)"}


def translate_catalog_names(edit: StatementEdit, context: TranslationContext) -> None:
    """Write the catalog's names in full, and mark the statements that read it."""
    tokens = edit.tokens
    types: frozenset[int] | None = None
    for index, token in enumerate(tokens):
        name = token.name
        if not name:
            continue
        if index + 2 < len(tokens) and name in ("pg_catalog", "information_schema") and tokens[index + 1].text == ".":
            if types is None:
                types = frozenset(position.first for position in type_positions(edit))
            if index not in types and tokens[index + 2].name:
                _qualified(edit, context, index, info=name == "information_schema")
        elif not _follows_dot(tokens, index):
            _unqualified(edit, context, index)
    if edit.catalog_query:
        _replace_system_columns(edit)


def _follows_dot(tokens: tuple[Token, ...], index: int) -> bool:
    return index > 0 and tokens[index - 1].text == "."


def _text(tokens: tuple[Token, ...], index: int) -> str:
    return tokens[index].text if 0 <= index < len(tokens) else ""


def _qualified(edit: StatementEdit, context: TranslationContext, index: int, *, info: bool) -> None:
    """``pg_catalog . name`` at ``index``, perhaps with the database's name before it."""
    tokens = edit.tokens
    before = tokens[index - 1] if index else None
    if before is not None and (
        before.is_word("collate") or (before.text == "(" and tokens[index - 2].is_word("operator"))
    ):
        # The operators' pass.
        return
    first = index - 2 if _follows_dot(tokens, index) and index > 1 and tokens[index - 2].name else index
    if first < index and tokens[first].name.lower() != context.catalog.lower():
        raise FeatureNotSupported(
            f'cross-database references are not implemented: "{edit.text_of(first, index + 3)}"',
            position=edit.source.offset + tokens[first].start + 1,
        )
    target, past = tokens[index + 2], index + 3
    name = target.name
    following = _text(tokens, past)
    if following == "(":
        _qualified_function(edit, context, first, past)
    elif following == ".":
        # A column of it, pg_catalog.pg_class.oid: the relation is called by its own name.
        edit.replace(tokens[first].start, target.start, "")
    else:
        edit.catalog_query = True
        edit.replace_tokens(first, past, vocabulary.relation_name(name, info=info, live=context.live))


def _qualified_function(edit: StatementEdit, context: TranslationContext, first: int, past: int) -> None:
    tokens = edit.tokens
    name = _RENAMED.get(tokens[past - 1].name, tokens[past - 1].name)
    if name == "age" and _is_xid(edit, past):
        name = "xid_age"
    if name in _FOREIGN:
        edit.replace_tokens(first, past, _FOREIGN[name])
    elif name in vocabulary.FUNCTIONS:
        edit.catalog_query |= name in vocabulary.CATALOG_FUNCTIONS
        _look_relation_up(edit, context, past)
        edit.replace_tokens(first, past, vocabulary.function_name(name, live=context.live))
    else:
        edit.replace(tokens[first].start, tokens[past - 1].start, "")


def _look_relation_up(edit: StatementEdit, context: TranslationContext, opening: int) -> None:
    """``pg_relation_size('t')``: the constant that names a relation becomes its OID, or an error."""
    tokens = edit.tokens
    name = tokens[opening - 1].name
    closing = edit.brackets.partner(opening)
    if name not in _TAKES_RELATION or closing is None:
        return
    commas = edit.brackets.commas(opening + 1, closing)
    # has_table_privilege(role, relation, privilege); has_column_privilege has one more of each.
    arguments = 3 if name == "has_column_privilege" else 2
    position = commas[0] + 1 if name.startswith("has_") and len(commas) == arguments else opening + 1
    token = tokens[position]
    if token.kind is Kind.STRING and tokens[position + 1].text in (",", ")"):
        edit.wrap(token.start, token.end, f"{vocabulary.function_name('regclass_in', live=context.live)}(", ")")


def _is_xid(edit: StatementEdit, opening: int) -> bool:
    """Whether the argument in these parentheses is a transaction number."""
    closing = edit.brackets.partner(opening)
    return closing is not None and edit.tokens[closing - 1].name in _XID_COLUMNS


def _unqualified(edit: StatementEdit, context: TranslationContext, index: int) -> None:
    tokens, name = edit.tokens, edit.tokens[index].name
    following = _text(tokens, index + 1)
    if following == "(":
        if name in _FOREIGN:
            edit.replace_tokens(index, index + 1, _FOREIGN[name])
        elif name == "age" and _is_xid(edit, index + 1):
            edit.replace_tokens(index, index + 1, vocabulary.function_name("xid_age", live=False))
        elif name in vocabulary.CATALOG_FUNCTIONS:
            edit.catalog_query = True
            _look_relation_up(edit, context, index + 1)
            if context.live:
                edit.replace_tokens(index, index + 1, vocabulary.function_name(name, live=True))
    elif name in vocabulary.PG_RELATIONS:
        edit.catalog_query = True
        if context.live and following != "." and _names_relation(edit, index):
            edit.replace_tokens(index, index + 1, vocabulary.relation_name(name, info=False, live=True))
    elif tokens[index].word in _SESSION_WORDS and not _is_label(tokens, index):
        edit.replace_tokens(index, index + 1, f"{vocabulary.function_name(_SESSION_WORDS[name], live=False)}()")


def _is_label(tokens: tuple[Token, ...], index: int) -> bool:
    return index > 0 and tokens[index - 1].is_word("as", "set", "show", "reset")


def _names_relation(edit: StatementEdit, index: int) -> bool:
    """Whether the name at ``index`` is a relation's: after FROM or JOIN, or after a comma of a FROM list."""
    tokens = edit.tokens
    if index == 0:
        return False
    if tokens[index - 1].word in _BEFORE_RELATION:
        return True
    if tokens[index - 1].text not in (",", "("):
        return False
    depth = 0
    for at in range(index - 1, -1, -1):
        text = tokens[at].text
        if text in (")", "]"):
            depth += 1
        elif text in ("(", "["):
            depth -= 1
        elif depth <= 0 and tokens[at].is_word("from", "join"):
            return True
        elif depth <= 0 and tokens[at].is_word("select", "where", "by", "having", "values", "on"):
            return False
    return False


def _replace_system_columns(edit: StatementEdit) -> None:
    tokens = edit.tokens
    for index, token in enumerate(tokens):
        if token.word not in _SYSTEM_COLUMNS or (index and tokens[index - 1].is_word("as")):
            continue
        if token.kind is not Kind.WORD or _text(tokens, index + 1) in (".", "("):
            continue
        first = index - 2 if _follows_dot(tokens, index) and index > 1 else index
        while first > 1 and _follows_dot(tokens, first):
            first -= 2
        if not edit.is_replaced(tokens[first].start, token.end):
            edit.replace_tokens(first, index + 1, _SYSTEM_COLUMNS[token.word])
