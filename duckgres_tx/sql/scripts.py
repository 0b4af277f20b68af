"""The statements of DuckDB's that one of PostgreSQL's stands for; they are to run in one transaction.

Spec: datatype-numeric.html#DATATYPE-SERIAL, sql-droptable.html, sql-truncate.html, sql-altertable.html
"""

from __future__ import annotations

import re

from duckgres_tx.errors import FeatureNotSupported
from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.several import SERIAL_TYPES, generated_columns, identity, is_serial, renames, top_commas
from duckgres_tx.sql.split import SourceStatement, split
from duckgres_tx.sql.tokens import quote_name, quote_string
from duckgres_tx.sql.translate import translate
from duckgres_tx.sql.translation_context import TranslationContext

# What needs no quotes; a name that ends in _seq is no keyword.
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")


def script(statement: SourceStatement, context: TranslationContext) -> tuple[str, ...]:
    """The statements for DuckDB, in their order; none gives rows.

    Args:
        statement: One for which ``several.is_several`` holds.
        context: As for ``translate``.

    Raises:
        PgError: 0A000 for what DuckDB can't do, 42601; positions don't point into the client's text.
    """
    match statement.tokens[0].word:
        case "drop":
            texts = _drops(statement)
        case "truncate":
            texts = _truncates(statement)
        case "alter":
            texts = _alterations(statement)
        case _:
            texts = _sequences_and_table(statement)
    return tuple(translate(split(text)[0], context).text for text in texts)


def of_view(text: str) -> str | None:
    """``ALTER TABLE v RENAME TO w`` as it is written of a view; None for any other statement."""
    (statement,) = split(text)
    tokens = statement.tokens
    if not (tokens[0].is_word("alter") and tokens[1].is_word("table") and renames(tokens)):
        return None
    return f"ALTER VIEW{text[tokens[1].end :]}"


def _pieces(statement: SourceStatement, first: int, past: int) -> list[str]:
    """The texts between the commas, from token ``first`` up to before token ``past``."""
    tokens = statement.tokens
    commas = [index for index in top_commas(tokens) if first <= index < past]
    starts = [first, *(comma + 1 for comma in commas)]
    return [
        statement.text[tokens[start].start : tokens[end - 1].end]
        for start, end in zip(starts, [*commas, past], strict=True)
    ]


def _drops(statement: SourceStatement) -> list[str]:
    tokens = statement.tokens
    first, past = 2, len(tokens)
    while first < past and tokens[first].is_word("concurrently", "if", "exists"):
        first += 1
    behaviour = ""
    if tokens[past - 1].is_word("cascade", "restrict"):
        past -= 1
        behaviour = f" {tokens[past].text}"
    head = statement.text[tokens[0].start : tokens[first - 1].end]
    return [f"{head} {name}{behaviour}" for name in _pieces(statement, first, past)]


def _truncates(statement: SourceStatement) -> list[str]:
    tokens = statement.tokens
    first = 2 if tokens[1].is_word("table") else 1
    past = next(
        (i for i in range(first, len(tokens)) if tokens[i].is_word("restart", "continue", "cascade", "restrict")), 0
    )
    options = " ".join(token.text for token in tokens[past:]) if past else ""
    return [f"TRUNCATE {name} {options}".rstrip() for name in _pieces(statement, first, past or len(tokens))]


def _alterations(statement: SourceStatement) -> list[str]:
    tokens = statement.tokens
    first = 2
    while tokens[first].is_word("if", "exists", "only"):
        first += 1
    while tokens[first + 1].text == ".":
        first += 2
    first += 1
    head = statement.text[tokens[0].start : tokens[first - 1].end]
    return [f"{head} {action}" for action in _pieces(statement, first, len(tokens))]


def implicit_sequences(statement: SourceStatement) -> list[tuple[str, str, str]]:
    """The table, the column and the sequence of each serial column of a CREATE TABLE."""
    edit = StatementEdit(statement)
    columns = [edit.tokens[first].name for first, past in generated_columns(edit) if is_serial(edit, first, past)]
    if not columns:
        return []
    _, table, _ = _table_name(statement)
    return [(table, column, f"{table}_{column}_seq") for column in columns]


def _sequences_and_table(statement: SourceStatement) -> list[str]:
    """A sequence per serial or identity column, then the table, whose columns draw from them."""
    edit = StatementEdit(statement)
    schema, table, guarded = _table_name(statement)
    temporary = "TEMP " if any(t.is_word("temp", "temporary") for t in statement.tokens[1:4]) else ""
    # A sequence that is left over from a dropped table starts anew; one in use is left alone when the table may exist.
    create = f"CREATE {temporary}SEQUENCE IF NOT EXISTS" if guarded else f"CREATE OR REPLACE {temporary}SEQUENCE"
    texts: list[str] = []
    for first, past in generated_columns(edit):
        sequence = f"{table}_{edit.tokens[first].name}_seq"
        if not _PLAIN_NAME.fullmatch(sequence):
            sequence = quote_name(sequence)
        name = f"{schema}.{sequence}" if schema else sequence
        default = f"DEFAULT nextval({quote_string(name)}) NOT NULL"
        options = ""
        if is_serial(edit, first, past):
            edit.replace_tokens(first + 1, first + 2, f"{SERIAL_TYPES[edit.tokens[first + 1].word]} {default}")
        else:
            start, end = identity(edit, first, past) or (first, past)
            options = _sequence_options(edit, start, end)
            edit.replace_tokens(start, end, default)
        texts.append(f"{create} {name}{options}")
    return [*texts, edit.render()[0]]


def _table_name(statement: SourceStatement) -> tuple[str, str, bool]:
    """The table's schema as it is written, its name, and whether IF NOT EXISTS is said."""
    tokens = statement.tokens
    index = next(i for i, token in enumerate(tokens) if token.is_word("table")) + 1
    guarded = tokens[index].is_word("if")
    first = last = index + 3 if guarded else index
    while tokens[last + 1].text == ".":
        last += 2
    schema = statement.text[tokens[first].start : tokens[last - 2].end] if last > first else ""
    return schema, tokens[last].name, guarded


def _sequence_options(edit: StatementEdit, start: int, end: int) -> str:
    opening = next((i for i in range(start, end) if edit.tokens[i].text == "("), None)
    if opening is None:
        return ""
    words = edit.tokens[opening + 1 : end - 1]
    if any(token.is_word("sequence", "owned", "as") for token in words):
        raise FeatureNotSupported("sequence options NAME, OWNED BY and AS of identity columns are not supported")
    kept: list[str] = []
    for position, token in enumerate(words):
        # How many values are drawn at once isn't DuckDB's to know.
        if not token.is_word("cache") and not (position and words[position - 1].is_word("cache")):
            kept.append(token.text)
    return f" {' '.join(kept)}" if kept else ""
