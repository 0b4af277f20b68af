"""The grammar of SET, SHOW, RESET and DISCARD.

Spec: sql-set.html#SQL-SET
"""

from __future__ import annotations

from duckgres_tx.sql.forms import Discard, DiscardTarget, ResetVariable, SetVariable, ShowVariable
from duckgres_tx.sql.reader import TokenReader
from duckgres_tx.sql.tokens import Kind, string_value


def set_variable(reader: TokenReader) -> SetVariable:
    """SET [SESSION | LOCAL] name {= | TO} values, and the spellings of its own that some parameters have."""
    reader.take("set")
    local = False
    if reader.peek("session", "local") and not reader.peek("authorization", ahead=1):
        local = reader.take("session", "local") == "local"
    special = _special(reader)
    if special is not None:
        return SetVariable(special[0], special[1], local)
    name = ".".join(reader.take_qualified_name()).lower()
    if not reader.accept_text("="):
        reader.take("to")
    # DuckDB's SET schema = 'x' is PostgreSQL's SET SCHEMA 'x'.
    return SetVariable("search_path" if name == "schema" else name, _values(reader), local)


def _special(reader: TokenReader) -> tuple[str, tuple[str, ...] | None] | None:
    """The spellings that have keywords instead of a name and an equals sign."""
    if reader.accept_all("time", "zone"):
        return "timezone", _zone(reader)
    if reader.accept_all("session", "authorization"):
        return "session_authorization", _values(reader)
    if reader.accept_all("xml", "option"):
        return "xmloption", (reader.take("document", "content"),)
    if _takes_value(reader, "role"):
        reader.take("role")
        return "role", _values(reader)
    if reader.peek("names") and not _is_assignment(reader):
        reader.take("names")
        return "client_encoding", (None if reader.at_end else _values(reader))
    if _takes_value(reader, "schema"):
        reader.take("schema")
        return "search_path", (reader.take_string(),)
    return None


def _takes_value(reader: TokenReader, word: str) -> bool:
    return reader.peek(word) and not _is_assignment(reader)


def _is_assignment(reader: TokenReader) -> bool:
    tokens, index = reader.statement.tokens, reader.index + 1
    return index < len(tokens) and (tokens[index].text == "=" or tokens[index].is_word("to"))


def _zone(reader: TokenReader) -> tuple[str, ...] | None:
    if reader.accept("local", "default"):
        return None
    if reader.accept("interval"):
        precision = reader.accept_text("(")
        if precision:
            reader.accept_integer()
            reader.take_text(")")
        text = reader.take_string()
        if reader.accept("hour") and reader.accept("to"):
            reader.take("minute")
        # The value's own spelling, so that SHOW and the check of its form are in one place.
        return (f"INTERVAL {text}",)
    return _values(reader)


def _values(reader: TokenReader) -> tuple[str, ...] | None:
    if reader.accept("default"):
        return None
    values = [_value(reader)]
    while reader.accept_text(","):
        values.append(_value(reader))
    return tuple(values)


def _value(reader: TokenReader) -> str:
    token = reader.token
    if token is None:
        reader.fail()
    sign = ""
    if token.text in ("-", "+"):
        sign = token.text.replace("+", "")
        reader.index += 1
        token = reader.token
        if token is None or token.kind is not Kind.NUMBER:
            reader.fail()
    reader.index += 1
    if token.kind is Kind.NUMBER:
        return sign + token.text
    if token.kind is Kind.STRING:
        return string_value(token.text)
    if not token.name:
        reader.index -= 1
        reader.fail()
    return token.name


def _name(reader: TokenReader) -> str | None:
    """A parameter's name after SHOW or RESET; None for ALL."""
    if reader.accept("all"):
        return None
    if reader.accept_all("time", "zone"):
        return "timezone"
    if reader.accept_all("transaction", "isolation", "level"):
        return "transaction_isolation"
    if reader.accept_all("session", "authorization"):
        return "session_authorization"
    return ".".join(reader.take_qualified_name()).lower()


def show(reader: TokenReader) -> ShowVariable:
    """SHOW name, SHOW ALL."""
    reader.take("show")
    return ShowVariable(_name(reader))


def reset(reader: TokenReader) -> ResetVariable:
    """RESET name, RESET ALL."""
    reader.take("reset")
    return ResetVariable(_name(reader))


def discard(reader: TokenReader) -> Discard:
    """DISCARD {ALL | PLANS | SEQUENCES | TEMP | TEMPORARY}."""
    reader.take("discard")
    word = reader.take("all", "plans", "sequences", "temp", "temporary")
    return Discard(DiscardTarget(word[:4].upper() if word.startswith("temp") else word.upper()))
