"""The grammar of COPY from and to the client: both spellings of the options, PostgreSQL 16's, and ``*`` where 17 has it.

Spec: sql-copy.html#SQL-COPY
"""

from __future__ import annotations

from duckgres_tx.errors import PgError
from duckgres_tx.sql.brackets import Brackets
from duckgres_tx.sql.forms import CopyOption, CopyStandardStream
from duckgres_tx.sql.reader import TokenReader
from duckgres_tx.sql.split import SourceStatement
from duckgres_tx.sql.tokens import Kind, Token

# What a query in parentheses may begin with; FROM, PIVOT and the like are DuckDB's.
_QUERY_WORDS = """
    select insert update delete merge with values table from pivot unpivot pivot_wider pivot_longer describe summarize show
"""
_QUERIES = frozenset(_QUERY_WORDS.split())


def copy(reader: TokenReader) -> CopyStandardStream:
    """COPY {name [(columns)] | (query)} {FROM STDIN | TO STDOUT} [[WITH] options] [WHERE condition]."""
    reader.take("copy")
    binary = _position(reader)
    options: list[CopyOption] = []
    if reader.peek_text("("):
        query = _query(reader)
        reader.take("to")
        reader.take("stdout", "stdin")
        reader.accept("with")
        _take_options(reader, options)
        return CopyStandardStream(True, query=query, options=tuple(options))
    if reader.peek("binary") and not (reader.peek("from", "to", ahead=1) or _punctuation(reader, 1, "(", ".")):
        reader.take("binary")
        options.append(CopyOption("format", "binary", binary))
    position = _position(reader)
    relation = reader.take_qualified_name()
    columns = _names(reader) if reader.peek_text("(") else None
    to_client = reader.take("from", "to") == "to"
    reader.take("stdin", "stdout")
    delimiters = _position(reader)
    if reader.accept("using"):
        reader.take("delimiters")
        options.append(CopyOption("delimiter", reader.take_string(), delimiters))
    elif reader.accept("delimiters"):
        options.append(CopyOption("delimiter", reader.take_string(), delimiters))
    reader.accept("with")
    _take_options(reader, options)
    condition = _condition(reader, to_client)
    return CopyStandardStream(to_client, relation, columns, None, tuple(options), condition, position)


def _position(reader: TokenReader) -> int:
    token = reader.token
    return reader.statement.offset + (len(reader.statement.text) if token is None else token.start) + 1


def _punctuation(reader: TokenReader, ahead: int, *texts: str) -> bool:
    index = reader.index + ahead
    return index < len(reader.statement.tokens) and reader.statement.tokens[index].text in texts


def _part(statement: SourceStatement, tokens: tuple[Token, ...]) -> SourceStatement:
    """Some of a statement's tokens as a statement of their own."""
    start = tokens[0].start
    moved = tuple(Token(t.kind, t.text, t.start - start, t.end - start, t.word) for t in tokens)
    return SourceStatement(statement.text[start : tokens[-1].end], statement.offset + start, moved)


def _query(reader: TokenReader) -> SourceStatement:
    """A query in parentheses, without them; further ones around it belong to it."""
    tokens = reader.statement.tokens
    closing = Brackets(tokens).partner(reader.index)
    first = reader.index + 1
    innermost = first
    while innermost < len(tokens) and tokens[innermost].text == "(":
        innermost += 1
    if closing is None or innermost >= len(tokens) or tokens[innermost].word not in _QUERIES:
        reader.index = min(innermost, len(tokens))
        reader.fail()
    reader.index = closing + 1
    return _part(reader.statement, tokens[first:closing])


def _condition(reader: TokenReader, to_client: bool) -> SourceStatement | None:
    position = _position(reader)
    if not reader.accept("where"):
        return None
    if to_client:
        raise PgError("42601", "WHERE clause not allowed with COPY TO", position=position)
    if reader.at_end:
        reader.fail()
    tokens = reader.statement.tokens[reader.index :]
    reader.index = len(reader.statement.tokens)
    return _part(reader.statement, tokens)


def _names(reader: TokenReader) -> tuple[str, ...]:
    reader.take_text("(")
    names = [reader.take_name()]
    while reader.accept_text(","):
        names.append(reader.take_name())
    reader.take_text(")")
    return tuple(names)


def _take_options(reader: TokenReader, options: list[CopyOption]) -> None:
    if reader.accept_text("("):
        options.append(_named_option(reader))
        while reader.accept_text(","):
            options.append(_named_option(reader))
        reader.take_text(")")
        return
    while not reader.at_end and not reader.peek("where"):
        options.append(_worded_option(reader))


def _named_option(reader: TokenReader) -> CopyOption:
    """``name [argument]``, between parentheses."""
    position = _position(reader)
    return CopyOption(reader.take_name(), _argument(reader), position)


def _argument(reader: TokenReader) -> str | tuple[str, ...] | None:
    token = reader.token
    if token is None:
        reader.fail()
    if token.text in (",", ")"):
        return None
    if token.kind is Kind.STRING:
        return reader.take_string()
    if reader.accept_text("*"):
        return "*"
    if reader.accept_text("("):
        items = [_list_item(reader)]
        while reader.accept_text(","):
            items.append(_list_item(reader))
        reader.take_text(")")
        return tuple(items)
    sign = "-" if reader.accept_text("-") else ""
    if sign or reader.accept_text("+") or token.kind is Kind.NUMBER:
        number = reader.token
        if number is None or number.kind is not Kind.NUMBER:
            reader.fail()
        reader.index += 1
        return sign + number.text
    return reader.take_name()


def _list_item(reader: TokenReader) -> str:
    token = reader.token
    if token is not None and token.kind is Kind.STRING:
        return reader.take_string()
    return reader.take_name()


# The options' words before parentheses came (7.3 and 9.0), with what they are called today.
_STRINGS = ("delimiter", "null", "quote", "escape", "encoding")


def _worded_option(reader: TokenReader) -> CopyOption:
    position = _position(reader)
    word = reader.take("binary", "freeze", "csv", "header", "force", *_STRINGS)
    if word in ("binary", "csv"):
        return CopyOption("format", word, position)
    if word in ("freeze", "header"):
        return CopyOption(word, "true", position)
    if word in _STRINGS:
        if word != "encoding":
            reader.accept("as")
        return CopyOption(word, reader.take_string(), position)
    if reader.accept("quote"):
        return CopyOption("force_quote", _words(reader), position)
    if reader.accept_all("not", "null"):
        return CopyOption("force_not_null", _words(reader), position)
    reader.take("null")
    return CopyOption("force_null", _words(reader), position)


def _words(reader: TokenReader) -> str | tuple[str, ...]:
    """``name, …`` without parentheses, or ``*``."""
    if reader.accept_text("*"):
        return "*"
    names = [reader.take_name()]
    while reader.accept_text(","):
        names.append(reader.take_name())
    return tuple(names)
