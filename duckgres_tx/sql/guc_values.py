"""How PostgreSQL reads, checks and shows a parameter's value, by the parameter's kind.

Spec: config-setting.html#CONFIG-SETTING-NAMES-VALUES
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

from duckgres_tx.errors import PgError

_MEMORY = {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
_TIME = {"us": 1, "ms": 1000, "s": 10**6, "min": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}
# What one of a parameter's base unit is, in the smallest unit of its family.
_BASE = {**_MEMORY, "8kB": 8192, **_TIME}
_NUMBER = re.compile(r"\s*([+-]?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))\s*([A-Za-z]*)\s*\Z")

_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")


def invalid_value(name: str, value: str, detail: str | None = None, hint: str | None = None) -> PgError:
    """PostgreSQL's error for a value that a parameter doesn't take (22023)."""
    return PgError("22023", f'invalid value for parameter "{name}": "{value}"', detail, hint)


def read_boolean(text: str) -> bool | None:
    """A Boolean in any of PostgreSQL's spellings, unique prefixes included; None when it is none."""
    word = text.strip().lower()
    # "o" could be on or off.
    if not word or word == "o":
        return None
    if any(full.startswith(word) for full in _TRUE):
        return True
    if any(full.startswith(word) for full in _FALSE):
        return False
    return None


def boolean(name: str, text: str) -> str:
    """The stored form of a Boolean: ``on`` or ``off``.

    Raises:
        PgError: 22023.
    """
    value = read_boolean(text)
    if value is None:
        raise PgError("22023", f'parameter "{name}" requires a Boolean value')
    return "on" if value else "off"


def _units_of(base: str) -> dict[str, int]:
    return _TIME if base in _TIME else _MEMORY


def _number(name: str, text: str, base: str) -> Fraction:
    """A number with its unit, in base units."""
    match = _NUMBER.match(text)
    if match is None:
        raise invalid_value(name, text)
    digits, unit = match.groups()
    value = Fraction(int(digits, 16)) if "x" in digits.lower() else Fraction(digits)
    if not unit:
        return value
    if not base:
        raise invalid_value(name, text)
    factor = _units_of(base).get(unit)
    if factor is None:
        family = '"us", "ms", "s", "min", "h", and "d"' if base in _TIME else '"B", "kB", "MB", "GB", and "TB"'
        raise invalid_value(name, text, hint=f"Valid units for this parameter are {family}.")
    return value * factor / _BASE[base]


def integer(name: str, text: str, base: str, bounds: tuple[str, str]) -> str:
    """The stored form of an integer: its digits, in base units.

    Raises:
        PgError: 22023 for what is no number, has another unit, or is out of bounds.
    """
    # As rint(3) does, halves go to the even neighbour.
    value = round(_number(name, text, base))
    if not int(bounds[0]) <= value <= int(bounds[1]):
        raise _out_of_range(name, f"{value}{' ' + base if base else ''}", bounds)
    return str(value)


def real(name: str, text: str, base: str, bounds: tuple[str, str]) -> str:
    """The stored form of a floating point number, in base units.

    Raises:
        PgError: 22023 for what is no number, has another unit, or is out of bounds.
    """
    value = float(_number(name, text, base))
    if not float(bounds[0]) <= value <= float(bounds[1]) or math.isnan(value):
        raise _out_of_range(name, f"{value:g}{' ' + base if base else ''}", bounds)
    return f"{value:g}"


def _out_of_range(name: str, value: str, bounds: tuple[str, str]) -> PgError:
    return PgError("22023", f'{value} is outside the valid range for parameter "{name}" ({bounds[0]} .. {bounds[1]})')


def choice(name: str, text: str, choices: tuple[str, ...], aliases: dict[str, str]) -> str:
    """The stored form of one of several words, in any case or by a hidden alias.

    Raises:
        PgError: 22023, with the words in its hint.
    """
    word = text.lower()
    if word in choices:
        return word
    if word in aliases:
        return aliases[word]
    raise invalid_value(name, text, hint=f"Available values: {', '.join(choices)}.")


def with_unit(stored: str, base: str) -> str:
    """A stored number as SHOW has it: in the greatest unit that needs no fraction; 0 and below have none."""
    if not base or float(stored) <= 0:
        return stored
    smallest = Fraction(stored) * _BASE[base]
    for unit, factor in reversed(_units_of(base).items()):
        if smallest % factor == 0:
            return f"{smallest // factor}{unit}"
    return f"{stored}{base}"


_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_$]*\Z")


def name_list(items: tuple[str, ...]) -> str:
    """The stored form of SET's list of names: each quoted where it has to be, ``, `` between."""
    return ", ".join(item if _PLAIN_NAME.match(item) else '"' + item.replace('"', '""') + '"' for item in items)


_LISTED_NAME = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^",\s]+))\s*(,|\Z)')


def read_name_list(stored: str) -> tuple[str, ...]:
    """The names of a stored list (``"$user", public``), unquoted or folded to lower case.

    Raises:
        ValueError: quotes or commas are out of place.
    """
    names: list[str] = []
    position = 0
    separator = "," if stored.strip() else ""
    while separator:
        match = _LISTED_NAME.match(stored, position)
        if match is None:
            raise ValueError(stored)
        quoted, plain, separator = match.groups()
        names.append(quoted.replace('""', '"') if quoted is not None else plain.lower())
        position = match.end()
    return tuple(names)


_CUSTOM_NAME = re.compile(r"[A-Za-z_\u0080-\U0010ffff][\w$]*(?:\.[A-Za-z_\u0080-\U0010ffff][\w$]*)+\Z")


def is_custom_name(name: str) -> bool:
    """Whether this is a name for an extension's parameter: two or more simple identifiers with dots between."""
    return _CUSTOM_NAME.match(name) is not None
