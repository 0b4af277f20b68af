"""Constants of dates and times, as PostgreSQL reads them, in the one form that DuckDB reads.

Spec: datatype-datetime.html#DATATYPE-DATETIME-INPUT, datetime-input-rules.html#DATETIME-INPUT-RULES
"""

from __future__ import annotations

import datetime
import re

from attrs import define, field

# Such a constant means the same to both; nearly all are so.
_COMMON = re.compile(
    r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:[+-]\d\d(?::?\d\d)?|Z)?)?|\d\d:\d\d:\d\d(?:\.\d{1,6})?"
)
_WHOLE_DATE = re.compile(r"(\d{1,6}|[a-z]{3,9})([-/.])(\d{1,2}|[a-z]{3,9})\2(\d{1,6})")
_COMPACT_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)|(\d\d)(\d\d)(\d\d)")
_CLOCK = re.compile(r"(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d*))?)?(am|pm)?")
_OFFSET = re.compile(r"([+-])(\d{1,2})(?::?(\d\d))?(?::?(\d\d))?")
_ZONE = re.compile(r"[a-z]+(?:[/_+-][a-z0-9]+)+")
_PIECES = re.compile(r"[\s,]+")
# A time, or a number of digits, with an offset right behind it.
_WITH_OFFSET = re.compile(r"(\d{1,2}:[\d:.]+(?:am|pm)?|\d{8}t\d+)([+-]\d.*|z)")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november"),
    "december",
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# Hours east of Greenwich, of the abbreviations that PostgreSQL knows by itself and that are common in data.
_ABBREVIATIONS = {
    "z": 0, "utc": 0, "gmt": 0, "zulu": 0, "ut": 0,
    "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7,
    "cet": 1, "cest": 2, "met": 1, "mest": 2, "eet": 2, "eest": 3, "wet": 0, "west": 1, "bst": 1, "msk": 3, "jst": 9,
}  # fmt: skip
_ZONED = frozenset(("timestamptz", "timetz"))


@define
class _Moment:
    """What the pieces of a constant have said."""

    date: tuple[int, int, int] | None = None
    before_christ: bool = False
    clock: str | None = None
    afternoon: str = ""
    zone: str | None = None
    month: int | None = None
    numbers: list[tuple[int, int]] = field(factory=list)


def is_common(text: str) -> bool:
    """Whether DuckDB reads a constant as PostgreSQL does."""
    return _COMMON.fullmatch(text) is not None


def read_constant(text: str, kind: str, order: str) -> str | None:
    """A constant in DuckDB's form.

    Args:
        text: What stands between the quotes.
        kind: ``date``, ``time``, ``timetz``, ``timestamp`` or ``timestamptz``.
        order: Of the numbers of a date that can be read in several ways: ``MDY``, ``DMY`` or ``YMD``.

    Returns:
        None for what isn't read here; DuckDB may know better, or has an error for it.
    """
    moment = _Moment()
    try:
        for piece in _pieces(text.strip().lower()):
            if not _take(moment, piece, order):
                return None
        _complete_date(moment, order)
        return _written(moment, kind)
    except ValueError:
        # the thirtieth of February
        return None


def _pieces(text: str) -> list[str]:
    pieces: list[str] = []
    for piece in _PIECES.split(text):
        date, middle, time = piece.partition("t")
        if middle and date[:1].isdigit() and time[:1].isdigit():
            pieces.append(date)
            piece = time
        match = _WITH_OFFSET.fullmatch(piece)
        pieces += match.groups() if match else [piece]
    return [piece for piece in pieces if piece]


def _take(moment: _Moment, piece: str, order: str) -> bool:
    """Whether a piece makes sense where it stands."""
    if match := _CLOCK.fullmatch(piece):
        hours, minutes, seconds, fraction, half = match.groups()
        moment.clock = f"{int(hours):02d}:{int(minutes):02d}:{int(seconds or 0):02d}.{(fraction or '').ljust(6, '0')}"
        moment.afternoon = half or moment.afternoon
        return len(fraction or "") <= 6 and int(minutes) < 60
    if match := _WHOLE_DATE.fullmatch(piece):
        moment.date = _ordered(match[1], match[3], match[4], order)
        return moment.date is not None
    if moment.clock is None and moment.date is None and (match := _COMPACT_DATE.fullmatch(piece)):
        year, month, day = (int(part) for part in match.groups() if part is not None)
        moment.date = (_full_year(year, len(piece) - 4), month, day)
        return True
    if moment.clock is not None and (match := _OFFSET.fullmatch(piece)):
        sign, *parts = match.groups()
        moment.zone = sign + ":".join(f"{int(part):02d}" for part in parts if part is not None)
        return True
    if piece.isdigit():
        moment.numbers.append((int(piece), len(piece)))
        return True
    return _take_word(moment, piece)


def _take_word(moment: _Moment, word: str) -> bool:
    if word in ("am", "pm") and moment.clock is not None:
        moment.afternoon = word
    elif word in ("bc", "ad"):
        moment.before_christ = word == "bc"
    elif (month := _month(word)) is not None:
        moment.month = month
    elif word in _ABBREVIATIONS:
        moment.zone = f"{_ABBREVIATIONS[word]:+03d}"
    elif _ZONE.fullmatch(word) and moment.clock is not None:
        moment.zone = " " + "/".join(part.title() for part in word.split("/"))
    elif not (len(word) >= 3 and any(day.startswith(word) for day in _DAYS)):
        return False
    return True


def _month(word: str) -> int | None:
    if len(word) < 3:
        return None
    return next((number for number, name in enumerate(_MONTHS, 1) if name.startswith(word)), None)


def _ordered(first: str, second: str, third: str, order: str) -> tuple[int, int, int] | None:
    """Year, month and day of a date of three parts."""
    if len(first) >= 3 and first.isdigit():
        month = int(second) if second.isdigit() else _month(second)
        return None if month is None else (_full_year(int(first), len(first)), month, int(third))
    if not first.isdigit() or not second.isdigit():
        if order == "YMD" and len(third) <= 2:
            first, third = third, first
        name, day = (first, second) if second.isdigit() else (second, first)
        month = _month(name)
        return None if month is None or not day.isdigit() else (_full_year(int(third), len(third)), month, int(day))
    if order == "YMD":
        return _full_year(int(first), len(first)), int(second), int(third)
    month, day_number = (int(second), int(first)) if order == "DMY" else (int(first), int(second))
    return _full_year(int(third), len(third)), month, day_number


def _full_year(year: int, digits: int) -> int:
    if digits > 2:
        return year
    return year + (1900 if year >= 70 else 2000)


def _complete_date(moment: _Moment, order: str) -> None:
    """``January 8, 1999``, ``8 Jan 1999``, ``Wed Dec 17 07:37:16 1997``: a month's name, and two numbers in order."""
    if moment.month is None and not moment.numbers:
        return
    if moment.month is None or moment.date is not None or len(moment.numbers) != 2:
        raise ValueError
    (first, first_digits), (second, second_digits) = moment.numbers
    if first_digits > 2:
        moment.date = (first, moment.month, second)
    elif order == "YMD" and second_digits <= 2:
        raise ValueError
    else:
        moment.date = (_full_year(second, second_digits), moment.month, first)


def _written(moment: _Moment, kind: str) -> str | None:
    clock = _clock(moment)
    if kind in ("time", "timetz"):
        if clock is None or moment.date is not None or (kind == "timetz" and moment.zone is None):
            return None
        return clock + ((moment.zone or "") if kind == "timetz" else "")
    if moment.date is None:
        return None
    year, month, day = moment.date
    # only to see whether there is such a day: in four hundred years the calendar is the same
    datetime.date(2000 + (1 - year if moment.before_christ else year) % 400, month, day)
    if year < 1:
        return None
    written = f"{year:04d}-{month:02d}-{day:02d}{' (BC)' if moment.before_christ else ''}"
    if kind == "date":
        return written
    return f"{written} {clock or '00:00:00'}{(moment.zone or '') if kind in _ZONED else ''}"


def _clock(moment: _Moment) -> str | None:
    clock = moment.clock
    if clock is None:
        return None
    hours = int(clock[:2])
    if hours > 24 or (hours == 24 and clock[2:] != ":00:00.000000"):
        raise ValueError
    if moment.afternoon:
        if hours > 12:
            raise ValueError
        hours = hours % 12 + (12 if moment.afternoon == "pm" else 0)
    return f"{hours:02d}{clock[2:]}".removesuffix(".000000")
