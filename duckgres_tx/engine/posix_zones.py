"""POSIX time zone specifications: ``EST5EDT,M3.2.0,M11.1.0``, ``<+02>-02``.

They stand in the footer of each file of the tz database, and may be given as the ``TimeZone`` variable.

Spec: datetime-posix-timezone-specs.html
"""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

DAY_S: Final = 86400

# What PostgreSQL assumes when a specification names a daylight-saving zone without saying when.
_DEFAULT_RULE: Final = ("M3.2.0", "M11.1.0")

_SPECIFICATION: Final = re.compile(
    r"(?P<standard><[A-Za-z0-9+:\-]+>|[A-Za-z]{3,})(?P<offset>[+-]?\d{1,3}(?::\d{1,2}){0,2})"
    r"(?:(?P<daylight><[A-Za-z0-9+:\-]+>|[A-Za-z]{3,})(?P<daylight_offset>[+-]?\d{1,3}(?::\d{1,2}){0,2})?"
    r"(?:,(?P<start>[^,]+),(?P<end>[^,]+))?)?"
)
_RULE: Final = re.compile(
    r"(?:M(?P<month>\d{1,2})\.(?P<week>[1-5])\.(?P<weekday>[0-6])|J(?P<julian>\d{1,3})|(?P<zero_based>\d{1,3}))"
    r"(?:/(?P<time>[+-]?\d{1,3}(?::\d{1,2}){0,2}))?"
)


@frozen
class Change:
    """When in each year an offset begins.

    Attributes:
        month: 1 to 12, or 0 when ``day`` counts days of the year.
        week: With a month: which one of its weekdays, 5 is the last.
        day: With a month the weekday, 0 is Sunday; else the day of the year from 0.
        skips_leap_day: Whether ``day`` of the year never counts 29 February.
        time_s: Local time in seconds after midnight, which may lie outside the day.
    """

    month: int
    week: int
    day: int
    skips_leap_day: bool
    time_s: int

    def in_year(self, year: int) -> int:
        """Seconds since 1970 in local time."""
        return self._day(year) * DAY_S + self.time_s

    def _day(self, year: int) -> int:
        first = days_before_year(year)
        if not self.month:
            return first + self.day + (self.skips_leap_day and _is_leap(year) and self.day >= 59)
        days = _MONTH_DAYS[1] + 1 if self.month == 2 and _is_leap(year) else _MONTH_DAYS[self.month - 1]
        first += sum(_MONTH_DAYS[: self.month - 1]) + (self.month > 2 and _is_leap(year))
        # 1970-01-01 was a Thursday.
        day = (self.day - (first + 4)) % 7 + 7 * (self.week - 1)
        return first + (day if day < days else day - 7)


@frozen
class Daylight:
    """Daylight-saving time: its offset east of Greenwich, when it begins and when it ends, and its abbreviation."""

    offset_s: int
    start: Change
    end: Change
    name: str


@frozen
class PosixZone:
    """A specification; ``standard_offset_s`` is east of Greenwich, ``standard_name`` its abbreviation."""

    standard_offset_s: int
    standard_name: str
    daylight: Daylight | None = None

    def changes(self, year: int) -> list[tuple[int, int, str]]:
        """When (seconds since 1970, UTC) which offset begins in a year, and how it is abbreviated; in order."""
        if self.daylight is None:
            return []
        start = self.daylight.start.in_year(year) - self.standard_offset_s
        end = self.daylight.end.in_year(year) - self.daylight.offset_s
        return sorted(
            [(start, self.daylight.offset_s, self.daylight.name), (end, self.standard_offset_s, self.standard_name)]
        )


_MONTH_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_before_year(year: int) -> int:
    """The day, counted from 1970-01-01, of 1 January."""
    past = year - 1
    return past * 365 + past // 4 - past // 100 + past // 400 - 719162


def year_of_day(day: int) -> int:
    """The year of a day counted from 1970-01-01."""
    year = 1970 + day * 400 // 146097
    while days_before_year(year) > day:
        year -= 1
    while days_before_year(year + 1) <= day:
        year += 1
    return year


def parse_posix_zone(text: str) -> PosixZone:
    """Read a specification.

    Raises:
        ValueError: It isn't one.
    """
    match = _SPECIFICATION.fullmatch(text)
    if match is None:
        raise ValueError(text)
    # POSIX counts westwards.
    standard, name = -_seconds(match["offset"]), match["standard"].strip("<>")
    if match["daylight"] is None:
        return PosixZone(standard, name)
    offset = standard + 3600 if match["daylight_offset"] is None else -_seconds(match["daylight_offset"])
    start, end = (match["start"], match["end"]) if match["start"] is not None else _DEFAULT_RULE
    daylight = Daylight(offset, _parse_rule(start), _parse_rule(end), match["daylight"].strip("<>"))
    return PosixZone(standard, name, daylight)


def _seconds(text: str) -> int:
    parts = [int(part) for part in text.lstrip("+-").split(":")]
    seconds = sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
    if parts[0] > 167 or any(part > 59 for part in parts[1:]):
        raise ValueError(text)
    return -seconds if text.startswith("-") else seconds


def _parse_rule(text: str) -> Change:
    match = _RULE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    time_s = 7200 if match["time"] is None else _seconds(match["time"])
    if match["month"] is not None:
        if not 1 <= int(match["month"]) <= 12:
            raise ValueError(text)
        return Change(int(match["month"]), int(match["week"]), int(match["weekday"]), False, time_s)
    if match["julian"] is not None:
        return Change(0, 0, int(match["julian"]) - 1, True, time_s)
    return Change(0, 0, int(match["zero_based"]), False, time_s)
