"""``SELECT … FOR UPDATE`` and its like: DuckDB has no row locks, so the clause is left out, with a NOTICE.

Of two transactions that change one row, DuckDB makes the second fail at once (40001). So code that locks a row to update
it stays correct, if it is ready to try again; code that uses a locked row as a mutex without changing it does not.

Spec: sql-select.html#SQL-FOR-UPDATE-SHARE
"""

from __future__ import annotations

from duckgres_tx.errors import PgError, Severity
from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.tokens import Token
from duckgres_tx.sql.translation_context import TranslationContext

_STRENGTHS = (("update",), ("share",), ("no", "key", "update"), ("key", "share"))


def drop_locking_clauses(edit: StatementEdit, context: TranslationContext) -> None:
    """Take out every locking clause, in subqueries too."""
    tokens = edit.tokens
    if "for" not in edit.words:
        return
    for index, token in enumerate(tokens):
        if not token.is_word("for") or not index:
            continue
        past = _clause_past(tokens, index)
        if past is not None:
            edit.delete_tokens(index, past)
            text = " ".join(t.text.upper() for t in tokens[index:past] if t.is_word(*_WORDS))
            notice = PgError(
                "01000",
                f"{text} takes no locks",
                detail="Of two transactions that change one row the second one fails.",
                severity=Severity.NOTICE,
            )
            edit.notices.append(notice)


_WORDS = ("for", "update", "share", "no", "key")


def _clause_past(tokens: tuple[Token, ...], index: int) -> int | None:
    """The token after a locking clause that begins at ``index``; None when there is none."""
    for words in _STRENGTHS:
        past = index + 1 + len(words)
        if tuple(token.word for token in tokens[index + 1 : past]) == words:
            return _options_past(tokens, past)
    return None


def _options_past(tokens: tuple[Token, ...], past: int) -> int:
    if past < len(tokens) and tokens[past].is_word("of"):
        past += 2
        while past + 1 < len(tokens) and tokens[past].text in (",", "."):
            past += 2
    if past < len(tokens) and tokens[past].is_word("nowait"):
        return past + 1
    if past + 1 < len(tokens) and tokens[past].is_word("skip") and tokens[past + 1].is_word("locked"):
        return past + 2
    return past
