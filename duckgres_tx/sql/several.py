"""Which of PostgreSQL's statements are several of DuckDB's, or one of two: DROP and TRUNCATE of lists, serial columns,
ALTERs in one, ALTER TABLE of what may be a view.
"""

from __future__ import annotations

from attrs import frozen

from duckgres_tx.sql.brackets import Brackets
from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.split import SourceStatement
from duckgres_tx.sql.tokens import Token
from duckgres_tx.sql.type_positions import definition_items, table_definition

SERIAL_TYPES = {
    "serial": "integer",
    "serial4": "integer",
    "bigserial": "bigint",
    "serial8": "bigint",
    "smallserial": "smallint",
    "serial2": "smallint",
}
"""The serial types and what their columns really are."""

_LISTED_KINDS = frozenset(("table", "view", "schema", "sequence", "index", "type"))


def is_several(statement: SourceStatement) -> bool:
    """Whether this statement has to be carried out as several; ``scripts`` makes them."""
    tokens = statement.tokens
    if len(tokens) < 3:
        return False
    match tokens[0].word:
        case "drop":
            return tokens[1].word in _LISTED_KINDS and bool(top_commas(tokens))
        case "truncate":
            return bool(top_commas(tokens))
        case "alter":
            return tokens[1].is_word("table") and (renames(tokens) or bool(top_commas(tokens)))
        case "create":
            edit = StatementEdit(statement)
            return bool(generated_columns(edit)) or dropped_at_commit(edit) is not None
    return False


def renames(tokens: tuple[Token, ...]) -> bool:
    """Whether an ALTER TABLE gives the table another name; it may be a view then, which DuckDB wants to be called one."""
    return len(tokens) > 4 and tokens[-2].is_word("to") and tokens[-3].is_word("rename")


def top_commas(tokens: tuple[Token, ...]) -> list[int]:
    """The commas that stand in no bracket."""
    if not any(token.text == "," for token in tokens):
        return []
    return Brackets(tokens).commas(0, len(tokens))


def generated_columns(edit: StatementEdit) -> list[tuple[int, int]]:
    """The definitions of a CREATE TABLE's serial and identity columns: their first token, and the one after the last."""
    if edit.words.isdisjoint(SERIAL_TYPES) and "identity" not in edit.words:
        return []
    found = table_definition(edit)
    if found is None:
        return []
    return [item for item in definition_items(edit, *found) if is_serial(edit, *item) or identity(edit, *item)]


@frozen
class DroppedAtCommit:
    """A table that lives until its transaction ends.

    Attributes:
        name: The table's, without its schema.
        first: The first token of ON COMMIT DROP.
    """

    name: str
    first: int


def dropped_at_commit(edit: StatementEdit) -> DroppedAtCommit | None:
    """What ``CREATE TEMP TABLE t (…) ON COMMIT DROP`` says; None for all others.

    With IF NOT EXISTS the clause would not hold for a table that is there already; DuckDB refuses it.
    """
    tokens = edit.tokens
    clause = [token.word for token in tokens[-3:]]
    if clause != ["on", "commit", "drop"] or not any(t.is_word("temp", "temporary") for t in tokens[1:3]):
        return None
    found = table_definition(edit)
    if found is None or any(token.is_word("exists") for token in tokens[: found[0]]):
        return None
    return DroppedAtCommit(tokens[found[0] - 1].name, len(tokens) - 3)


def is_serial(edit: StatementEdit, first: int, past: int) -> bool:
    """Whether this column's type is one of the serial types."""
    return past - first > 1 and edit.tokens[first + 1].word in SERIAL_TYPES


def identity(edit: StatementEdit, first: int, past: int) -> tuple[int, int] | None:
    """The tokens of ``GENERATED … AS IDENTITY [(options)]`` within a column's definition."""
    tokens = edit.tokens
    for index in edit.brackets.depth_zero(first, past):
        if tokens[index].is_word("identity") and tokens[index - 1].is_word("as"):
            start = next((i for i in range(index, first, -1) if tokens[i].is_word("generated")), None)
            if start is None:
                return None
            end = index + 1
            if end < past and tokens[end].text == "(":
                end = (edit.brackets.partner(end) or end) + 1
            return start, end
    return None
