"""What kind of statement it is: one of the session's own, or one for DuckDB.

The first tokens decide; comments are no tokens, so ``/*Fivetran*/ INSERT`` is an INSERT.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from duckgres_tx.sql.settings_of_duckdb import is_duckdb_setting
from duckgres_tx.sql.several import is_several
from duckgres_tx.sql.split import SourceStatement
from duckgres_tx.sql.tokens import Kind, Token


class StatementClass(enum.Enum):
    """Who carries a statement out; all but ``QUERY``, ``GUARDED`` and ``UNSUPPORTED`` are the session's."""

    QUERY = "query"
    """DuckDB's: SELECT, DML, DDL, EXPLAIN, CALL, PRAGMA, its own SHOW TABLES …, and whatever isn't known."""
    GUARDED = "guarded"
    """DuckDB's, but ``policy`` has to be asked first."""
    SCRIPT = "script"
    """Several of DuckDB's, made by ``scripts``: DROP TABLE a, b; serial columns."""
    BEGIN = "begin"
    COMMIT = "commit"
    ROLLBACK = "rollback"
    SAVEPOINT = "savepoint"
    ROLLBACK_TO = "rollback to"
    RELEASE = "release"
    PREPARED_TRANSACTION = "prepared transaction"
    """PREPARE TRANSACTION, COMMIT PREPARED, ROLLBACK PREPARED."""
    SET = "set"
    SET_TRANSACTION = "set transaction"
    SET_SESSION_CHARACTERISTICS = "set session characteristics"
    SET_CONSTRAINTS = "set constraints"
    SHOW = "show"
    RESET = "reset"
    DISCARD = "discard"
    PREPARE = "prepare"
    EXECUTE = "execute"
    DEALLOCATE = "deallocate"
    DECLARE = "declare"
    FETCH = "fetch"
    MOVE = "move"
    CLOSE_CURSOR = "close cursor"
    COPY = "copy"
    """COPY … FROM STDIN and COPY … TO STDOUT; a COPY of files is GUARDED."""
    CREATE_DATABASE = "create database"
    DROP_DATABASE = "drop database"
    LISTEN = "listen"
    NOTIFY = "notify"
    UNLISTEN = "unlisten"
    LOCK = "lock"
    UNSUPPORTED = "unsupported"
    """PostgreSQL's, and without a meaning here: GRANT, CREATE TRIGGER …; ``policy`` has the words for it."""


def _is(tokens: tuple[Token, ...], index: int, *words: str) -> bool:
    return index < len(tokens) and tokens[index].is_word(*words)


def _commit(tokens: tuple[Token, ...]) -> StatementClass:
    return StatementClass.PREPARED_TRANSACTION if _is(tokens, 1, "prepared") else StatementClass.COMMIT


def _rollback(tokens: tuple[Token, ...]) -> StatementClass:
    if _is(tokens, 1, "prepared"):
        return StatementClass.PREPARED_TRANSACTION
    if _is(tokens, 2 if _is(tokens, 1, "work", "transaction") else 1, "to"):
        return StatementClass.ROLLBACK_TO
    return StatementClass.ROLLBACK


def _start(tokens: tuple[Token, ...]) -> StatementClass:
    return StatementClass.BEGIN if _is(tokens, 1, "transaction") else StatementClass.QUERY


def _prepare(tokens: tuple[Token, ...]) -> StatementClass:
    return StatementClass.PREPARED_TRANSACTION if _is(tokens, 1, "transaction") else StatementClass.PREPARE


def _set(tokens: tuple[Token, ...]) -> StatementClass:
    index = 1
    if _is(tokens, 1, "session", "local", "global") and len(tokens) > 2 and tokens[2].text not in ("=", "."):
        if _is(tokens, 1, "session") and _is(tokens, 2, "characteristics"):
            return StatementClass.SET_SESSION_CHARACTERISTICS
        if _is(tokens, 1, "session") and _is(tokens, 2, "authorization"):
            return StatementClass.SET
        if _is(tokens, 1, "global"):
            return StatementClass.GUARDED
        index = 2
    if _is(tokens, index, "transaction"):
        return StatementClass.SET_TRANSACTION
    if _is(tokens, index, "constraints"):
        return StatementClass.SET_CONSTRAINTS
    if _is(tokens, index, "variable"):
        return StatementClass.QUERY
    if index < len(tokens) and is_duckdb_setting(tokens[index].name):
        return StatementClass.GUARDED
    return StatementClass.SET


def _reset(tokens: tuple[Token, ...]) -> StatementClass:
    index = 2 if _is(tokens, 1, "session", "local", "global") and len(tokens) > 2 else 1
    if _is(tokens, 1, "global") and index == 2:
        return StatementClass.GUARDED
    if _is(tokens, 1, "variable"):
        return StatementClass.QUERY
    if index < len(tokens) and is_duckdb_setting(tokens[index].name):
        return StatementClass.GUARDED
    return StatementClass.RESET


_DUCKDB_SHOWS = ("tables", "databases", "schemas", "columns", "functions", "variables")


def _show(tokens: tuple[Token, ...]) -> StatementClass:
    # SHOW ALL is PostgreSQL's; DuckDB's is spelt SHOW ALL TABLES, and it describes a table by SHOW name.
    if len(tokens) < 2 or _is(tokens, 1, *_DUCKDB_SHOWS) or (_is(tokens, 1, "all") and len(tokens) > 2):
        return StatementClass.QUERY
    if len(tokens) == 2 and is_duckdb_setting(tokens[1].name):
        return StatementClass.QUERY
    return StatementClass.SHOW


def _copy(tokens: tuple[Token, ...]) -> StatementClass:
    depth = 0
    for index, token in enumerate(tokens):
        if token.text in ("(", "[", "{"):
            depth += 1
        elif token.text in (")", "]", "}"):
            depth -= 1
        elif depth == 0 and token.is_word("stdin", "stdout") and tokens[index - 1].is_word("from", "to"):
            return StatementClass.COPY
    return StatementClass.GUARDED


_UNSUPPORTED_OBJECT_WORDS = """
    role user group tablespace trigger rule extension server foreign publication subscription policy language
    operator aggregate cast collation conversion domain event statistics text transform access materialized
"""
_UNSUPPORTED_OBJECTS = frozenset(_UNSUPPORTED_OBJECT_WORDS.split())


def _create(tokens: tuple[Token, ...]) -> StatementClass:
    index = 1
    if _is(tokens, 1, "or"):
        index = 3
    while _is(tokens, index, "persistent", "temporary", "temp", "constraint", "trusted", "procedural"):
        index += 1
    if _is(tokens, index, "database"):
        return StatementClass.CREATE_DATABASE
    if _is(tokens, index, "secret"):
        return StatementClass.GUARDED
    if index < len(tokens) and tokens[index].word in _UNSUPPORTED_OBJECTS:
        return StatementClass.UNSUPPORTED
    return StatementClass.QUERY


def _drop(tokens: tuple[Token, ...]) -> StatementClass:
    index = 2 if _is(tokens, 1, "persistent", "temporary", "temp") else 1
    if _is(tokens, index, "database"):
        return StatementClass.DROP_DATABASE
    if _is(tokens, index, "secret"):
        return StatementClass.GUARDED
    if index < len(tokens) and (tokens[index].word in _UNSUPPORTED_OBJECTS or _is(tokens, index, "owned")):
        return StatementClass.UNSUPPORTED
    return StatementClass.QUERY


def _alter(tokens: tuple[Token, ...]) -> StatementClass:
    if len(tokens) > 1 and (tokens[1].word in _UNSUPPORTED_OBJECTS or _is(tokens, 1, "default", "large", "system")):
        return StatementClass.UNSUPPORTED
    return StatementClass.GUARDED if _is(tokens, 1, "database") else StatementClass.QUERY


_FIRST: dict[str, StatementClass | Callable[[tuple[Token, ...]], StatementClass]] = {
    "begin": StatementClass.BEGIN,
    "start": _start,
    "commit": _commit,
    "end": _commit,
    "rollback": _rollback,
    "abort": _rollback,
    "savepoint": StatementClass.SAVEPOINT,
    "release": StatementClass.RELEASE,
    "set": _set,
    "show": _show,
    "reset": _reset,
    "discard": StatementClass.DISCARD,
    "prepare": _prepare,
    "execute": StatementClass.EXECUTE,
    "deallocate": StatementClass.DEALLOCATE,
    "declare": StatementClass.DECLARE,
    "fetch": StatementClass.FETCH,
    "move": StatementClass.MOVE,
    "close": StatementClass.CLOSE_CURSOR,
    "copy": _copy,
    "create": _create,
    "drop": _drop,
    "alter": _alter,
    "listen": StatementClass.LISTEN,
    "notify": StatementClass.NOTIFY,
    "unlisten": StatementClass.UNLISTEN,
    "lock": StatementClass.LOCK,
    **dict.fromkeys(
        ("attach", "detach", "install", "load", "use", "export", "import", "pragma", "explain", "call", "force"),
        StatementClass.GUARDED,
    ),
    **dict.fromkeys(
        ("grant", "revoke", "cluster", "reindex", "refresh", "reassign", "security", "do"), StatementClass.UNSUPPORTED
    ),
}


def classify(statement: SourceStatement) -> StatementClass:
    """Say what kind of statement this is; never fails: what isn't known is DuckDB's to refuse."""
    tokens = statement.tokens
    if _is(tokens, 0, "update") and _is(tokens, 1, "extensions"):
        return StatementClass.GUARDED
    if tokens[0].kind is not Kind.WORD:
        return StatementClass.QUERY
    found = _FIRST.get(tokens[0].word, StatementClass.QUERY)
    if not isinstance(found, StatementClass):
        found = found(tokens)
    if found is StatementClass.QUERY and is_several(statement):
        return StatementClass.SCRIPT
    return found
