"""Clauses of CREATE TABLE and CREATE INDEX that say how PostgreSQL stores things, and those that DuckDB hasn't; names of indexes.

Spec: sql-createtable.html#SQL-CREATETABLE, sql-createindex.html#SQL-CREATEINDEX
"""

from __future__ import annotations

from duckgres_tx.errors import FeatureNotSupported, PgError, Severity
from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.several import dropped_at_commit
from duckgres_tx.sql.tokens import quote_name
from duckgres_tx.sql.translation_context import TranslationContext
from duckgres_tx.sql.type_positions import definition_items, table_definition


def drop_storage_clauses(edit: StatementEdit, context: TranslationContext) -> None:
    """Leave out WITH (fillfactor …), WITHOUT OIDS and USING btree; refuse identity columns in clear words."""
    if not edit.tokens[0].is_word("create"):
        return
    _name_index(edit)
    _drop_index_method(edit)
    found = table_definition(edit)
    if found is not None:
        _refuse_identity(edit, *found)
        temporary = dropped_at_commit(edit)
        if temporary is not None:
            edit.delete_tokens(temporary.first, len(edit.tokens))
        _drop_table_options(edit, found[1] + 1)


def check_truncate(edit: StatementEdit, context: TranslationContext) -> None:
    """TRUNCATE … RESTART IDENTITY can't be done; CONTINUE IDENTITY is what happens anyway."""
    tokens = edit.tokens
    if not tokens[0].is_word("truncate"):
        return
    for index, token in enumerate(tokens[:-1]):
        if tokens[index + 1].is_word("identity") and token.is_word("restart"):
            raise FeatureNotSupported(
                "TRUNCATE ... RESTART IDENTITY is not supported", position=edit.source.offset + token.start + 1
            )
        if tokens[index + 1].is_word("identity") and token.is_word("continue"):
            edit.delete_tokens(index, index + 2)


def _name_index(edit: StatementEdit) -> None:
    """``CREATE INDEX ON t (a, lower(b))`` makes ``t_a_lower_idx``. Where that is taken it is an error; PostgreSQL would count on."""
    tokens = edit.tokens
    on = next((at for at, token in enumerate(tokens[:5]) if token.is_word("on")), 0)
    if not on or not tokens[on - 1].is_word("index"):
        return
    first = on + 2 if tokens[on + 1].is_word("only") else on + 1
    opening = next((at for at in range(first, len(tokens)) if tokens[at].text == "("), None)
    closing = None if opening is None else edit.brackets.partner(opening)
    if opening is None or closing is None:
        return
    table = first + 2 if tokens[first + 1].text == "." else first
    names: list[str] = []
    for item, _ in edit.brackets.items(opening + 1, closing):
        names.append(_unused(tokens[item].name or "expr", names))
    edit.insert(tokens[on - 1].end, f" {quote_name('_'.join((tokens[table].name, *names, 'idx')))}")


def _unused(name: str, used: list[str]) -> str:
    """The name with a number behind it if need be."""
    return (
        name if name not in used else next(f"{name}{at}" for at in range(1, len(used) + 1) if f"{name}{at}" not in used)
    )


def _drop_index_method(edit: StatementEdit) -> None:
    tokens = edit.tokens
    if not any(token.is_word("index") for token in tokens[1:3]):
        return
    for index in edit.brackets.depth_zero():
        if tokens[index].is_word("using"):
            if index + 1 < len(tokens) and tokens[index + 1].is_word("btree", "hash"):
                edit.delete_tokens(index, index + 2)
            return


def _refuse_identity(edit: StatementEdit, opening: int, closing: int) -> None:
    for first, past in definition_items(edit, opening, closing):
        for index in edit.brackets.depth_zero(first, past):
            token = edit.tokens[index]
            if token.is_word("identity") and edit.tokens[index - 1].is_word("as"):
                raise FeatureNotSupported(
                    "identity columns are not supported",
                    hint="Create a sequence, and give the column DEFAULT nextval('that_sequence').",
                    position=edit.source.offset + token.start + 1,
                )


def _drop_table_options(edit: StatementEdit, index: int) -> None:
    tokens = edit.tokens
    if index + 1 >= len(tokens):
        return
    if tokens[index].is_word("with") and tokens[index + 1].text == "(":
        past = (edit.brackets.partner(index + 1) or index + 1) + 1
        edit.delete_tokens(index, past)
        edit.notices.append(
            PgError(
                "01000",
                f"storage parameters are ignored: {edit.text_of(index + 2, past - 1)}",
                severity=Severity.NOTICE,
            )
        )
    elif tokens[index].is_word("without") and tokens[index + 1].is_word("oids"):
        edit.delete_tokens(index, index + 2)
