"""The grammar of SQL-level prepared statements and cursors.

Spec: sql-prepare.html#SQL-PREPARE, sql-declare.html#SQL-DECLARE, sql-fetch.html#SQL-FETCH
"""

from __future__ import annotations

from duckgres_tx.sql.brackets import Brackets
from duckgres_tx.sql.forms import (
    CloseCursor,
    Deallocate,
    DeclareCursor,
    Direction,
    ExecuteStatement,
    FetchCursor,
    PrepareStatement,
)
from duckgres_tx.sql.reader import TokenReader
from duckgres_tx.sql.split import SourceStatement


def prepare(reader: TokenReader) -> PrepareStatement:
    """PREPARE name [(types)] AS statement."""
    reader.take("prepare")
    name = reader.take_name()
    types: tuple[str, ...] = ()
    if reader.peek_text("("):
        types = _list_in_parentheses(reader)
        if not types:
            reader.fail()
    reader.take("as")
    return PrepareStatement(name, types, _body(reader))


def _body(reader: TokenReader) -> SourceStatement:
    """The statement that is prepared or declared; an EXPLAIN is none, and what else isn't shows when it is prepared."""
    if reader.peek("explain"):
        reader.fail()
    return reader.rest()


def execute(reader: TokenReader) -> ExecuteStatement:
    """EXECUTE name [(expressions)]."""
    reader.take("execute")
    name = reader.take_name()
    return ExecuteStatement(name, _list_in_parentheses(reader) if reader.peek_text("(") else ())


def _list_in_parentheses(reader: TokenReader) -> tuple[str, ...]:
    """The texts between the commas of a parenthesised list, which is read."""
    statement = reader.statement
    brackets = Brackets(statement.tokens)
    closing = brackets.partner(reader.index)
    if closing is None:
        reader.index = len(statement.tokens)
        reader.fail()
    first = reader.index + 1
    reader.index = closing + 1
    if first == closing:
        return ()
    items: list[str] = []
    commas = brackets.commas(first, closing)
    for comma in (*commas, closing):
        if comma == first:
            reader.index = comma
            reader.fail()
        items.append(statement.text[statement.tokens[first].start : statement.tokens[comma - 1].end])
        first = comma + 1
    return tuple(items)


def deallocate(reader: TokenReader) -> Deallocate:
    """DEALLOCATE [PREPARE] {name | ALL}."""
    reader.take("deallocate")
    if reader.peek("prepare") and reader.index + 1 < len(reader.statement.tokens):
        reader.take("prepare")
    return Deallocate(None if reader.accept("all") else reader.take_name())


def declare(reader: TokenReader) -> DeclareCursor:
    """DECLARE name [BINARY] [ASENSITIVE | INSENSITIVE] [[NO] SCROLL] CURSOR [{WITH | WITHOUT} HOLD] FOR query."""
    reader.take("declare")
    name = reader.take_name()
    binary, scroll, hold = False, None, False
    while not reader.peek("cursor"):
        if reader.accept("binary"):
            binary = True
        elif reader.accept("scroll"):
            scroll = True
        elif reader.accept_all("no", "scroll"):
            scroll = False
        else:
            reader.take("insensitive", "asensitive")
    reader.take("cursor")
    word = reader.accept("with", "without")
    if word:
        reader.take("hold")
        hold = word == "with"
    reader.take("for")
    return DeclareCursor(name, _body(reader), binary, scroll, hold)


def fetch(reader: TokenReader) -> FetchCursor:
    """FETCH or MOVE [direction] [FROM | IN] name."""
    move = reader.take("fetch", "move") == "move"
    direction, count = _direction(reader)
    reader.accept("from", "in")
    return FetchCursor(reader.take_name(), direction, count, move)


_FIXED = {
    "next": (Direction.FORWARD, 1),
    "prior": (Direction.BACKWARD, 1),
    "first": (Direction.ABSOLUTE, 1),
    "last": (Direction.ABSOLUTE, -1),
    "all": (Direction.FORWARD, None),
}


def _direction(reader: TokenReader) -> tuple[Direction, int | None]:
    # None of these words is reserved: FETCH next reads from a cursor of that name.
    if len(reader.statement.tokens) - reader.index > 1:
        word = reader.accept(*_FIXED)
        if word:
            return _FIXED[word]
        word = reader.accept("absolute", "relative")
        if word:
            count = reader.accept_integer()
            if count is None:
                reader.fail()
            return Direction(word), count
        word = reader.accept("forward", "backward")
        if word:
            count = None if reader.accept("all") else _count(reader)
            return _normal(Direction(word), count)
    return _normal(Direction.FORWARD, _count(reader))


def _count(reader: TokenReader) -> int:
    count = reader.accept_integer()
    return 1 if count is None else count


def _normal(direction: Direction, count: int | None) -> tuple[Direction, int | None]:
    if count is not None and count < 0:
        other = Direction.BACKWARD if direction is Direction.FORWARD else Direction.FORWARD
        return other, -count
    return direction, count


def close(reader: TokenReader) -> CloseCursor:
    """CLOSE {name | ALL}."""
    reader.take("close")
    return CloseCursor(None if reader.accept("all") else reader.take_name())
