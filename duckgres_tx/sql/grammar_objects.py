"""The grammar of databases, channels and table locks.

Spec: sql-createdatabase.html#SQL-CREATEDATABASE, sql-dropdatabase.html#SQL-DROPDATABASE, sql-lock.html#SQL-LOCK
"""

from __future__ import annotations

from duckgres_tx.sql.forms import CreateDatabase, DropDatabase, Listen, LockTables, Notify, Unlisten
from duckgres_tx.sql.reader import TokenReader
from duckgres_tx.sql.tokens import Kind, string_value


def create_database(reader: TokenReader) -> CreateDatabase:
    """CREATE DATABASE name [WITH] {option [=] value} …."""
    reader.take("create")
    reader.take("database")
    name = reader.take_name()
    reader.accept("with")
    options: list[tuple[str, str]] = []
    while not reader.at_end:
        option = "connection limit" if reader.accept_all("connection", "limit") else reader.take_name()
        reader.accept_text("=")
        options.append((option, _option_value(reader)))
    return CreateDatabase(name, tuple(options))


def _option_value(reader: TokenReader) -> str:
    number = reader.accept_integer()
    if number is not None:
        return str(number)
    token = reader.token
    if token is not None and token.kind is Kind.STRING:
        reader.index += 1
        return string_value(token.text)
    return reader.take_name()


def drop_database(reader: TokenReader) -> DropDatabase:
    """DROP DATABASE [IF EXISTS] name [[WITH] (FORCE)]."""
    reader.take("drop")
    reader.take("database")
    if_exists = reader.accept_all("if", "exists")
    name = reader.take_name()
    force = False
    if reader.accept("with") or reader.peek_text("("):
        reader.take_text("(")
        reader.take("force")
        while reader.accept_text(","):
            reader.take("force")
        reader.take_text(")")
        force = True
    return DropDatabase(name, if_exists, force)


def listen(reader: TokenReader) -> Listen:
    """LISTEN channel."""
    reader.take("listen")
    return Listen(reader.take_name())


def notify(reader: TokenReader) -> Notify:
    """NOTIFY channel [, payload]."""
    reader.take("notify")
    channel = reader.take_name()
    return Notify(channel, reader.take_string() if reader.accept_text(",") else "")


def unlisten(reader: TokenReader) -> Unlisten:
    """UNLISTEN {channel | *}."""
    reader.take("unlisten")
    return Unlisten(None if reader.accept_text("*") else reader.take_name())


_MODES = (
    "access share",
    "row share",
    "row exclusive",
    "share update exclusive",
    "share row exclusive",
    "share",
    "access exclusive",
    "exclusive",
)


def lock(reader: TokenReader) -> LockTables:
    """LOCK [TABLE] [ONLY] names [IN mode MODE] [NOWAIT]."""
    reader.take("lock")
    reader.accept("table")
    tables = [_locked_table(reader)]
    while reader.accept_text(","):
        tables.append(_locked_table(reader))
    mode = "access exclusive"
    if reader.accept("in"):
        mode = next((known for known in _MODES if reader.accept_all(*known.split(), "mode")), "")
        if not mode:
            reader.fail()
    return LockTables(tuple(tables), mode, bool(reader.accept("nowait")))


def _locked_table(reader: TokenReader) -> tuple[str, ...]:
    reader.accept("only")
    name = reader.take_qualified_name()
    reader.accept_text("*")
    return name
