"""Constants of intervals, as PostgreSQL reads them, in the one form that DuckDB reads.

Spec: datatype-datetime.html#DATATYPE-INTERVAL-INPUT
"""

from __future__ import annotations

import re
from fractions import Fraction

from attrs import define

# Such a constant means the same to both; nearly all are so.
_COMMON = re.compile(r"-?\d+ (?:year|month|day|hour|minute|second)s?|\d+ days? \d\d:\d\d:\d\d|-?\d\d:\d\d:\d\d")
_PIECE = re.compile(
    r"""\s*(?:
      (?P<sign>[+-]?)(?P<hours>\d+):(?P<minutes>\d{1,2})(?::(?P<seconds>\d{1,2}(?:\.\d*)?))?
    | (?P<years>[+-]?\d+)-(?P<months>\d{1,2})
    | (?P<number>[+-]?(?:\d+\.?\d*|\.\d+))\s*(?P<unit>[a-z]*)
    )(?![^\s\d+.-])""",
    re.VERBOSE,
)
_ISO_PIECE = re.compile(r"(T?)([+-]?(?:\d+\.?\d*|\.\d+))([YMWDHS])")
_UNITS = {
    "us": "microsecond microseconds usec usecs usecond useconds us",
    "ms": "millisecond milliseconds msec msecs mseconds ms",
    "second": "second seconds sec secs s",
    "minute": "minute minutes min mins m",
    "hour": "hour hours hr hrs h",
    "day": "day days d",
    "week": "week weeks w",
    "month": "month months mon mons",
    "year": "year years yr yrs y",
    "decade": "decade decades dec decs",
    "century": "century centuries cent c",
    "millennium": "millennium millennia mil mils",
}
_UNIT_OF_WORD = {word: unit for unit, words in _UNITS.items() for word in words.split()}
_MONTHS = {"month": 1, "year": 12, "decade": 120, "century": 1200, "millennium": 12000}
_DAYS = {"day": 1, "week": 7}
_MICROS = {"us": 1, "ms": 1000, "second": 1_000_000, "minute": 60_000_000, "hour": 3_600_000_000}
_ISO_DATE = {"Y": "year", "M": "month", "W": "week", "D": "day"}
_ISO_TIME = {"H": "hour", "M": "minute", "S": "second"}


@define
class _Sum:
    """What has been read so far."""

    months: int = 0
    days: int = 0
    micros: Fraction = Fraction(0)

    def add(self, amount: Fraction, unit: str) -> None:
        """Fractions spill over into smaller units, 30 days to a month."""
        if unit in _MONTHS:
            whole = int(amount)
            self.months += whole * _MONTHS[unit]
            rest = (amount - whole) * _MONTHS[unit]
            if unit != "month":
                self.months += round(rest)
                return
            self.add(rest * 30, "day")
        elif unit in _DAYS:
            whole = int(amount)
            self.days += whole * _DAYS[unit]
            rest = (amount - whole) * _DAYS[unit]
            self.days += int(rest)
            self.micros += (rest - int(rest)) * 86_400_000_000
        else:
            self.micros += amount * _MICROS[unit]

    def written(self, *, ago: bool) -> str:
        """In DuckDB's form."""
        factor = -1 if ago else 1
        return f"{factor * self.months} months {factor * self.days} days {factor * round(self.micros)} microseconds"


def is_common(text: str) -> bool:
    """Whether DuckDB reads a constant as PostgreSQL does."""
    return _COMMON.fullmatch(text) is not None


def read_interval(text: str) -> str | None:
    """A constant in DuckDB's form; None for what isn't read here: DuckDB may know better, or has an error for it."""
    stripped = text.strip()
    if stripped[:1] == "P":
        return _read_iso(stripped[1:])
    stripped = stripped.lower().removeprefix("@").strip()
    ago = stripped.endswith(" ago")
    stripped = stripped.removesuffix(" ago").rstrip()
    total, position = _Sum(), 0
    while position < len(stripped):
        match = _PIECE.match(stripped, position)
        if match is None or not _take(total, match, is_last=match.end() == len(stripped)):
            return None
        position = match.end()
    return total.written(ago=ago) if position else None


def _take(total: _Sum, match: re.Match[str], *, is_last: bool) -> bool:
    if match["hours"] is not None:
        factor = -1 if match["sign"] == "-" else 1
        seconds = Fraction(match["seconds"] or 0)
        if int(match["minutes"]) > 59 or seconds >= 60:
            return False
        total.micros += factor * (int(match["hours"]) * 3600 + int(match["minutes"]) * 60 + seconds) * 1_000_000
    elif match["years"] is not None:
        factor = -1 if match["years"][0] == "-" else 1
        total.months += int(match["years"]) * 12 + factor * int(match["months"])
        return int(match["months"]) < 12
    else:
        # A number alone is seconds at the end, and days before a time.
        unit = _UNIT_OF_WORD.get(match["unit"]) if match["unit"] else "second" if is_last else "day"
        if unit is None:
            return False
        total.add(Fraction(match["number"]), unit)
    return True


def _read_iso(text: str) -> str | None:
    total, position, time = _Sum(), 0, False
    while position < len(text):
        match = _ISO_PIECE.match(text, position)
        if match is None:
            return None
        time = time or bool(match[1])
        unit = (_ISO_TIME if time else _ISO_DATE).get(match[3])
        if unit is None:
            return None
        total.add(Fraction(match[2]), unit)
        position = match.end()
    return total.written(ago=False) if position else None
