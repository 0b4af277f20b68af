"""The grammar of transaction control.

Spec: sql-begin.html#SQL-BEGIN, sql-set-transaction.html#SQL-SET-TRANSACTION
"""

from __future__ import annotations

from duckgres_tx.errors import PgError
from duckgres_tx.sql.forms import (
    BeginTransaction,
    CommitTransaction,
    PreparedTransaction,
    ReleaseSavepoint,
    RollbackToSavepoint,
    RollbackTransaction,
    Savepoint,
    SetConstraints,
    SetTransaction,
    TransactionModes,
)
from duckgres_tx.sql.reader import TokenReader


def begin(reader: TokenReader) -> BeginTransaction:
    """BEGIN [WORK | TRANSACTION] modes, START TRANSACTION modes."""
    word = reader.take("begin", "start")
    if word == "start":
        reader.take("transaction")
    else:
        reader.accept("work", "transaction")
    return BeginTransaction(_modes(reader, required=False), word)


def commit(reader: TokenReader) -> CommitTransaction:
    """COMMIT or END [WORK | TRANSACTION] [AND [NO] CHAIN]."""
    reader.take("commit", "end")
    return CommitTransaction(_chain(reader))


def rollback(reader: TokenReader) -> RollbackTransaction:
    """ROLLBACK or ABORT [WORK | TRANSACTION] [AND [NO] CHAIN]."""
    reader.take("rollback", "abort")
    return RollbackTransaction(_chain(reader))


def _chain(reader: TokenReader) -> bool:
    reader.accept("work", "transaction")
    if not reader.accept("and"):
        return False
    chain = not reader.accept("no")
    reader.take("chain")
    return chain


def savepoint(reader: TokenReader) -> Savepoint:
    """SAVEPOINT name."""
    reader.take("savepoint")
    return Savepoint(reader.take_name())


def rollback_to(reader: TokenReader) -> RollbackToSavepoint:
    """ROLLBACK [WORK | TRANSACTION] TO [SAVEPOINT] name."""
    reader.take("rollback", "abort")
    reader.accept("work", "transaction")
    reader.take("to")
    _skip_savepoint(reader)
    return RollbackToSavepoint(reader.take_name())


def release(reader: TokenReader) -> ReleaseSavepoint:
    """RELEASE [SAVEPOINT] name."""
    reader.take("release")
    _skip_savepoint(reader)
    return ReleaseSavepoint(reader.take_name())


def _skip_savepoint(reader: TokenReader) -> None:
    # "savepoint" is no reserved word: RELEASE savepoint releases one of that name.
    if reader.peek("savepoint") and reader.index + 1 < len(reader.statement.tokens):
        reader.take("savepoint")


def prepared_transaction(reader: TokenReader) -> PreparedTransaction:
    """PREPARE TRANSACTION gid, COMMIT PREPARED gid, ROLLBACK PREPARED gid."""
    word = reader.take("prepare", "commit", "rollback")
    reader.take("transaction" if word == "prepare" else "prepared")
    return PreparedTransaction(word, reader.take_string())


def set_transaction(reader: TokenReader) -> SetTransaction:
    """SET [LOCAL | SESSION] TRANSACTION modes, SET SESSION CHARACTERISTICS AS TRANSACTION modes."""
    reader.take("set")
    for_session = reader.accept_all("session", "characteristics", "as")
    if not for_session:
        reader.accept("local", "session")
    reader.take("transaction")
    if not for_session and reader.accept("snapshot"):
        raise PgError("0A000", "SET TRANSACTION SNAPSHOT is not supported")
    return SetTransaction(_modes(reader, required=True), for_session)


def set_constraints(reader: TokenReader) -> SetConstraints:
    """SET CONSTRAINTS {ALL | names} {DEFERRED | IMMEDIATE}."""
    reader.take("set")
    reader.take("constraints")
    names: list[str] = []
    if not reader.accept("all"):
        names.append(reader.take_qualified_name()[-1])
        while reader.accept_text(","):
            names.append(reader.take_qualified_name()[-1])
    return SetConstraints(tuple(names), reader.take("deferred", "immediate") == "deferred")


def _modes(reader: TokenReader, *, required: bool) -> TransactionModes:
    isolation: str | None = None
    read_only: bool | None = None
    deferrable: bool | None = None
    while required or not reader.at_end:
        if reader.accept_all("isolation", "level"):
            isolation = _isolation(reader)
        elif reader.accept("read"):
            read_only = reader.take("only", "write") == "only"
        elif reader.accept_all("not", "deferrable"):
            deferrable = False
        elif reader.accept("deferrable"):
            deferrable = True
        else:
            reader.fail()
        # The comma between modes may be left out; after one there must be another mode.
        required = reader.accept_text(",")
    return TransactionModes(isolation, read_only, deferrable)


def _isolation(reader: TokenReader) -> str:
    if reader.accept("serializable"):
        return "serializable"
    if reader.accept("repeatable"):
        reader.take("read")
        return "repeatable read"
    reader.take("read")
    return f"read {reader.take('committed', 'uncommitted')}"
