"""A query string into its statements, as PostgreSQL's grammar does it: on semicolons that are tokens."""

from __future__ import annotations

from attrs import field, frozen

from duckgres_tx.sql.tokens import Kind, Token, tokenize


@frozen
class SourceStatement:
    """One statement as the client wrote it.

    ``text`` is what stands between two semicolons, comments included; ``offset`` is where it begins in the whole
    query string (characters); the tokens' positions count from the start of ``text``.
    """

    text: str
    offset: int
    tokens: tuple[Token, ...] = field(repr=False)


def split(sql: str) -> tuple[SourceStatement, ...]:
    """Split a query string; statements without a token (``;``, ``-- ping``) are left out.

    The whole string is read before anything is given back: as in PostgreSQL, a lexical error in the last statement
    keeps the first from running.

    Raises:
        PgError: 42601 for a string, name or comment that doesn't end; its position counts from the start of ``sql``.
    """
    tokens = tokenize(sql)
    statements: list[SourceStatement] = []
    first, offset = 0, 0
    for index, token in enumerate(tokens):
        if token.text == ";" and token.kind is Kind.PUNCTUATION:
            if index > first:
                statements.append(_statement(sql, offset, token.start, tokens[first:index]))
            first, offset = index + 1, token.end
    if first < len(tokens):
        statements.append(_statement(sql, offset, len(sql), tokens[first:]))
    return tuple(statements)


def _statement(sql: str, start: int, end: int, tokens: tuple[Token, ...]) -> SourceStatement:
    if start:
        tokens = tuple(Token(t.kind, t.text, t.start - start, t.end - start, t.word) for t in tokens)
    return SourceStatement(sql[start:end], start, tokens)
