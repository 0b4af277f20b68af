"""What DuckDB's errors are called in PostgreSQL's words, where that depends on more than a text.

Each function is a message of :class:`duckgres_tx.engine.failure_rules.Rule`: it gets the match and the SQL.
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = [
    "INTEGERS",
    "ambiguous_function",
    "cannot_cast",
    "column_exists",
    "function",
    "invalid_text",
    "key_detail",
    "missing",
    "out_of_range",
    "read_only",
    "relation",
    "value_out_of_range",
]

_TYPE_NAMES = {
    "INT8": "smallint",
    "INT16": "smallint",
    "INT32": "integer",
    "INT64": "bigint",
    "INT128": "numeric",
    "UINT8": "smallint",
    "UINT16": "integer",
    "UINT32": "bigint",
    "UINT64": "numeric",
    "UINT128": "numeric",
    "BOOL": "boolean",
    "FLOAT": "real",
    "DOUBLE": "double precision",
    "INTERVAL": "interval",
    "DECIMAL": "numeric",
    "BLOB": "bytea",
    "VARCHAR": "text",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
}
INTEGERS = frozenset({"INT8", "INT16", "INT32", "INT64", "INT128", "UINT8", "UINT16", "UINT32", "UINT64", "UINT128"})
_DROPPED = re.compile(r"\s*drop\s", re.IGNORECASE)
_CREATED = re.compile(r"\s*create\s", re.IGNORECASE)


def _type_name(name: str) -> str:
    plain = name.split("(")[0].strip()
    return _TYPE_NAMES.get(plain, name.lower())


def relation(match: re.Match[str], sql: str) -> str:
    """Something that is missing, by its kind."""
    # DROP says what it looked for, everything else calls all of them relations.
    kind = match["kind"].lower() if _DROPPED.match(sql) else "relation"
    return f'{kind} "{match["name"]}" does not exist'


def column_exists(match: re.Match[str], sql: str) -> str:
    """A column's name that is taken."""
    if _CREATED.match(sql):
        return f'column "{match["name"]}" specified more than once'
    return f'column "{match["name"]}" already exists'


def function(match: re.Match[str], sql: str) -> str:
    """A function or an operator that doesn't take such arguments."""
    signature = match["signature"]
    name, _, arguments = signature.partition("(")
    words = [_argument_type(argument) for argument in arguments.rstrip(")").split(", ") if argument]
    if name.isidentifier() or len(words) not in {1, 2}:
        return f"function {name}({', '.join(words)}) does not exist"
    return f"operator does not exist: {_operation(name, words)}"


def ambiguous_function(match: re.Match[str], sql: str) -> str:
    """A function or an operator that could be several."""
    signature = match["signature"]
    name, _, arguments = signature.partition("(")
    words = [_argument_type(argument) for argument in arguments.rstrip(")").split(", ") if argument]
    if name.isidentifier() or len(words) not in {1, 2}:
        return f"function {name}({', '.join(words)}) is not unique"
    return f"operator is not unique: {_operation(name, words)}"


def _operation(name: str, words: list[str]) -> str:
    return f"{name} {words[0]}" if len(words) == 1 else f"{words[0]} {name} {words[1]}"


def _argument_type(name: str) -> str:
    return {"STRING_LITERAL": "unknown", "INTEGER_LITERAL": "integer", "VARCHAR": "text"}.get(name, name.lower())


def invalid_text(match: re.Match[str], sql: str) -> str:
    """A text that is no value of its type."""
    name = match["type"]
    enum = _enum(match, sql)
    if enum is not None:
        return f'invalid input value for enum{enum and " "}{enum}: "{match["value"]}"'
    if name == "INT128" and "uuid" in sql.lower():
        return f'invalid input syntax for type uuid: "{match["value"]}"'
    return f'invalid input syntax for type {_type_name(name)}: "{match["value"]}"'


# What an ENUM is to DuckDB's messages, and the names of the real types of these.
_ENUM_NUMBERS = frozenset({"UINT8", "UINT16", "UINT32"})
_UNSIGNED = re.compile(r"\bu(?:tinyint|smallint|integer|int8|int16|int32|int1|int2|int4)\b", re.IGNORECASE)
_CAST_NAME = r"""(?:"[^"]+"\.|\w+\.)*(?P<name>"(?:[^"]|"")+"|\w+)"""
_ANY_CAST = re.compile(
    rf"::\s*{_CAST_NAME}|\bcast\s*\([^()]*\bas\s+{_CAST_NAME.replace('name', 'other')}\s*(?:\[\d*\]\s*)*\)",
    re.IGNORECASE,
)


def _enum(match: re.Match[str], sql: str) -> str | None:
    """The ENUM that a text was cast to, if it was one: DuckDB tells the type of the label's number in its place.

    Returns:
        Its name as it stands in the statement; "" when that doesn't tell it; None when it was no ENUM.
    """
    if match["type"] not in _ENUM_NUMBERS or _UNSIGNED.search(sql):
        return None
    constant = re.escape("'" + match["value"].replace("'", "''") + "'")
    found = re.search(rf"{constant}\s*(?:::|as\s)\s*{_CAST_NAME}", sql, re.IGNORECASE)
    if found is not None:
        return found["name"]
    names = {cast["name"] or cast["other"] for cast in _ANY_CAST.finditer(sql)}
    return names.pop() if len(names) == 1 else ""


def value_out_of_range(match: re.Match[str], sql: str) -> str:
    """A number in a text that is too large for its type."""
    return f'value "{match["value"]}" is out of range for type {_type_name(match["type"])}'


def out_of_range(match: re.Match[str], sql: str) -> str:
    """A number that is too large for its type."""
    name = match["type"]
    if name.split("(")[0] == "DECIMAL":
        return "numeric field overflow"
    return f"{_type_name(name)} out of range"


def cannot_cast(match: re.Match[str], sql: str) -> str:
    """Two types that don't cast."""
    return f"cannot cast type {match['source'].lower()} to {match['target'].lower()}"


def read_only(match: re.Match[str], sql: str) -> str:
    """A command that a read-only transaction may not carry out."""
    words = sql.split(None, 2)
    command = words[0].upper() if words else "statement"
    if command in {"CREATE", "ALTER", "DROP"} and len(words) > 1:
        command += f" {words[1].upper()}"
    return f"cannot execute {command} in a read-only transaction"


def _key(text: str) -> str:
    """``a: 1, b: x`` as PostgreSQL's ``(a, b)=(1, x)``."""
    pairs = [pair.partition(": ") for pair in text.split(", ")]
    if any(not separator for _, separator, _ in pairs):
        return f"({text})"
    return f"({', '.join(name for name, _, _ in pairs)})=({', '.join(value for _, _, value in pairs)})"


def key_detail(words: str) -> Callable[[re.Match[str], str], str]:
    """What makes a detail about the key of a constraint."""
    return lambda match, rest: f"Key {_key(match['key'])} {words}"


def missing(match: re.Match[str], sql: str) -> str:
    """A relation that is missing together with its schema."""
    name = re.search(r'with name "(.*?)"', match.string)
    return f'relation "{name[1] if name else "?"}" does not exist'
