"""DuckDB's errors in PostgreSQL's terms: one function over one table.

DuckDB gives an error a type and a text. The table says, by both, which SQLSTATE PostgreSQL would give and in which
words; a text that no row knows keeps DuckDB's words and gets its type's SQLSTATE.

Spec: errcodes-appendix.html#ERRCODES-APPENDIX, error-message-reporting.html
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from attrs import frozen

from duckgres_tx.engine.database import DuckDBError
from duckgres_tx.engine.failure_rules import RULES, TYPE_SQLSTATES, Rule
from duckgres_tx.errors import PgError, QueryCanceled

__all__ = ["to_pg_error"]

_PREFIX = re.compile(r"(?:[A-Za-z]+ ){0,3}?[A-Za-z]+ Error: ")
# What ErrorData appends: the line, perhaps cut at both ends, and a caret under the place.
_LINE_BLOCK = re.compile(r"\n+LINE (?P<number>\d+): (?P<text>[^\n]*)\n(?P<indent> *)\^\s*\Z")
_SUGGESTION = re.compile(
    r"\A(?:Did you mean:? |Candidate (?:bindings|tables|columns|entries)\s*:[ :]*)(?P<names>.*)\Z",
    re.IGNORECASE | re.DOTALL,
)
_NEWLINE = re.compile(r"\r\n|\r|\n")
_CUT = "..."
_END_OF_INPUT = "syntax error at end of input"
# Names of the server's own objects, which are no advice to a client.
_INTERNAL_NAME = re.compile(r"\"?(?:__pg|__pg_facts|pg|pg_live|info|info_live)\"?\.|\bpg_|\bduckdb_|\bsqlite_")


@frozen
class _Parts:
    """A DuckDB text taken apart."""

    headline: str
    rest: str
    line_block: re.Match[str] | None


def to_pg_error(error: DuckDBError, sql: str | None = None) -> PgError:
    """What the client is told.

    Args:
        error: As the engine raised it.
        sql: The text that DuckDB was given, if the error is about one; then the position, in characters of that
            text, is found where DuckDB shows one.

    Returns:
        An ERROR. Interrupts are a `QueryCanceled`; whoever caused one for another reason says so instead.
    """
    if error.error_type == "INTERRUPT":
        return QueryCanceled("canceling statement due to user request")
    if error.sqlstate is not None:
        # The binding speaks PostgreSQL already.
        return PgError(error.sqlstate, error.message)
    parts = _take_apart(error.message)
    position = _position(parts.line_block, sql) if sql is not None and parts.line_block is not None else None
    if position is None and sql is not None and parts.headline == _END_OF_INPUT:
        # DuckDB shows no place for what isn't there; PostgreSQL points behind the last word.
        position = len(sql.rstrip()) + 1
    for rule in RULES:
        if rule.types and error.error_type not in rule.types:
            continue
        match = rule.pattern.search(parts.headline)
        if match is not None:
            return _say(rule, match, parts, sql or "", position)
    detail, hint = _detail_and_hint(parts.rest)
    sqlstate = TYPE_SQLSTATES.get(error.error_type, "XX000")
    return PgError(sqlstate, _in_style(parts.headline), detail, hint, position)


def _say(rule: Rule, match: re.Match[str], parts: _Parts, sql: str, position: int | None) -> PgError:
    detail, hint = _detail_and_hint(parts.rest)
    if rule.message is None:
        message = _in_style(parts.headline)
    elif isinstance(rule.message, str):
        message = match.expand(rule.message)
    else:
        make: Callable[[re.Match[str], str], str] = rule.message
        message = make(match, sql)
    if rule.detail is not None:
        detail = rule.detail if isinstance(rule.detail, str) else rule.detail(match, parts.rest)
    return PgError(rule.sqlstate, message, detail or None, rule.hint or hint, position)


def _take_apart(text: str) -> _Parts:
    prefix = _PREFIX.match(text)
    if prefix is not None:
        text = text[prefix.end() :]
    line_block = _LINE_BLOCK.search(text)
    if line_block is not None:
        text = text[: line_block.start()]
    headline, _, rest = text.strip().partition("\n")
    return _Parts(headline.strip(), rest.strip(), line_block)


def _in_style(headline: str) -> str:
    """PostgreSQL's style: lower case, no full stop. Names and abbreviations keep their case."""
    if headline[:1].isupper() and headline[1:2].islower():
        headline = headline[0].lower() + headline[1:]
    return headline.rstrip("!.").rstrip() or "unknown error"


def _detail_and_hint(rest: str) -> tuple[str | None, str | None]:
    if not rest:
        return None, None
    suggestion = _SUGGESTION.match(rest)
    if suggestion is None:
        return rest, None
    names = [name.strip() for name in suggestion["names"].strip().rstrip("?.").split(",")]
    fit = [name for name in names if name and not _INTERNAL_NAME.search(name)]
    return None, f"Perhaps you meant {', '.join(fit)}." if fit else None


# --- the position


def _position(block: re.Match[str], sql: str) -> int | None:
    """Where the caret points, in characters of ``sql`` from 1; None when the shown line isn't there."""
    start = _line_start(sql, int(block["number"]))
    if start is None:
        return None
    end = _NEWLINE.search(sql, start)
    line = sql[start : end.start() if end is not None else len(sql)]
    shown = block["text"]
    cells = len(block["indent"]) - len(f"LINE {block['number']}: ")
    offset = 0
    if not line.startswith(shown.removesuffix(_CUT)) and shown.startswith(_CUT):
        shown = shown[len(_CUT) :]
        cells -= len(_CUT)
        offset = line.find(shown if shown in line else shown.removesuffix(_CUT))
    if offset < 0 or cells < 0:
        return None
    return start + offset + _characters_in(shown, cells) + 1


def _line_start(sql: str, number: int) -> int | None:
    if number == 1:
        return 0
    for count, newline in enumerate(_NEWLINE.finditer(sql), start=2):
        if count == number:
            return newline.end()
    return None


def _characters_in(text: str, cells: int) -> int:
    """How many characters fill that many cells of a terminal, in which DuckDB counts."""
    for index, character in enumerate(text):
        if cells <= 0 and _width(character):
            return index
        cells -= _width(character)
    return len(text)


def _width(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf", "Cc"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
