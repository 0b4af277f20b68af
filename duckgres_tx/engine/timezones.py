"""Time zones as tables of offsets and abbreviations, from the tz database's files and from POSIX specifications.

The tables answer for every instant without Python's ``datetime``, which ends at the year 9999 and begins at 1, and they
can be read by native code. Like PostgreSQL they use the 64-bit data of the files, local mean time before it, and the rule
in the file's footer after it.

Spec: RFC 8536 (the files), datatype-datetime.html#DATATYPE-TIMEZONES, datetime-posix-timezone-specs.html
"""

from __future__ import annotations

import contextlib
import functools
import importlib.resources
import re
import struct
import zoneinfo
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import frozen

from duckgres_tx.engine.posix_zones import DAY_S, PosixZone, days_before_year, parse_posix_zone, year_of_day

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

# The Gregorian calendar, weekdays included, repeats itself after so many years.
CYCLE_YEARS: Final = 400

# PostgreSQL's timestamps begin in 4714 BC.
_FIRST_YEAR: Final = -4715

_HEADER: Final = struct.Struct(">4sc15x6I")
_NAME: Final = re.compile(r"[A-Za-z0-9_+\-]+(/[A-Za-z0-9_+\-]+)*")

# Seconds east of Greenwich, and what they are called.
_Kind = tuple[int, str]


class UnknownTimeZone(LookupError):
    """There is no such zone. PostgreSQL answers 22023 ``invalid value for parameter "TimeZone"``."""


@frozen
class ZoneTable:
    """The offsets of one zone, and how it calls them.

    Attributes:
        first_offset: Seconds east of Greenwich before all of ``starts``.
        first_name: The abbreviation for that, such as ``LMT``.
        starts: When each offset begins, in seconds since 1970 (UTC), ascending.
        offsets: Seconds east of Greenwich, one for each of ``starts``.
        names: Abbreviations, likewise.
        cycle_start: From this time on the last 400 years of the table repeat for ever; ``None`` when the last offset
            holds for ever.
    """

    first_offset: int
    first_name: str
    starts: tuple[int, ...] = ()
    offsets: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    cycle_start: int | None = None


@functools.lru_cache(maxsize=1024)
def load_zone(name: str) -> ZoneTable:
    """The table of a zone, by what ``TimeZone`` may be set to.

    Raises:
        UnknownTimeZone: It is neither in the tz database nor a POSIX specification.
    """
    canonical = canonical_zone_name(name)
    content = _zone_file(canonical)
    if content is not None:
        return _parse_file(content)
    rule = parse_posix_zone(canonical)
    return _extend([], (rule.standard_offset_s, rule.standard_name), rule)


@functools.lru_cache(maxsize=1024)
def canonical_zone_name(name: str) -> str:
    """What SHOW TimeZone answers: the tz database's own spelling, ``<+02>-02`` for a number of hours east.

    Raises:
        UnknownTimeZone: There is no such zone.
    """
    stripped = name.strip()
    if re.fullmatch(r"[+-]?\d+(\.\d+)?", stripped):
        return _name_of_offset(round(float(stripped) * 3600))
    if _NAME.fullmatch(stripped):
        if _zone_file(stripped) is not None:
            return stripped
        found = _names_by_lower_case().get(stripped.lower())
        if found is not None:
            return found
    try:
        parse_posix_zone(stripped)
    except ValueError:
        raise UnknownTimeZone(name) from None
    return stripped


def _name_of_offset(east_s: int) -> str:
    """The POSIX specification of a fixed offset, whose own sign counts westwards."""
    if abs(east_s) > 167 * 3600:
        raise UnknownTimeZone(str(east_s))
    minutes, seconds = divmod(abs(east_s), 60)
    text = f"{minutes // 60:02d}"
    if minutes % 60 or seconds:
        text += f":{minutes % 60:02d}"
    if seconds:
        text += f":{seconds:02d}"
    sign, opposite = ("-", "+") if east_s < 0 else ("+", "-")
    return f"<{sign}{text}>{opposite}{text}"


@functools.cache
def _names_by_lower_case() -> dict[str, str]:
    return {name.lower(): name for name in zoneinfo.available_timezones()}


def _zone_file(name: str) -> bytes | None:
    """The zone's file, from the system or from the ``tzdata`` package, where ``zoneinfo`` looks."""
    if not _NAME.fullmatch(name):
        return None
    places: list[Path | Traversable] = [Path(directory) for directory in zoneinfo.TZPATH]
    with contextlib.suppress(ModuleNotFoundError):
        places.append(importlib.resources.files("tzdata") / "zoneinfo")
    for place in places:
        path = place.joinpath(*name.split("/"))
        if path.is_file():
            content = path.read_bytes()
            if content.startswith(b"TZif"):
                return content
    return None


def _parse_file(content: bytes) -> ZoneTable:
    """Read a TZif file: its second, 64-bit, part if it has one."""
    position, width = 0, 4
    _, version, *counts = _HEADER.unpack_from(content)
    if version >= b"2":
        position, width = _HEADER.size + _body_size(counts, 4), 8
        _, _, *counts = _HEADER.unpack_from(content, position)
    position += _HEADER.size
    end = position + _body_size(counts, width)
    _, _, _, times, types, characters = counts
    starts = struct.unpack_from(f">{times}{'q' if width == 8 else 'i'}", content, position)
    position += times * width
    indexes = content[position : position + times]
    position += times
    names = content[position + 6 * types : position + 6 * types + characters]
    kinds: list[_Kind] = []
    for index in range(types):
        offset, _, at = struct.unpack_from(">iBB", content, position + 6 * index)
        kinds.append((offset, names[at : names.index(0, at)].decode("ascii")))
    footer = content[end:].strip(b"\n").decode("ascii") if width == 8 else ""
    rule = parse_posix_zone(footer) if footer else None
    changes = [(start, *kinds[index]) for start, index in zip(starts, indexes, strict=True)]
    return _extend(changes, kinds[0], rule)


def _body_size(counts: list[int], width: int) -> int:
    is_utc, is_standard, leaps, times, types, characters = counts
    return times * (width + 1) + types * 6 + characters + leaps * (width + 4) + is_standard + is_utc


def _extend(changes: list[tuple[int, int, str]], first: _Kind, rule: PosixZone | None) -> ZoneTable:
    """Go on by the rule for 400 years after the last change; a rule without a file holds for all times."""
    cycle_start = None
    if rule is not None and rule.daylight is not None:
        year = (year_of_day(changes[-1][0] // DAY_S) if changes else _FIRST_YEAR) + 1
        for each in range(year - 1, year + CYCLE_YEARS):
            changes += [change for change in rule.changes(each) if not changes or change[0] > changes[-1][0]]
        cycle_start = days_before_year(year + CYCLE_YEARS) * DAY_S
        while changes[-1][0] >= cycle_start:
            changes.pop()
    starts, offsets, names = zip(*changes, strict=True) if changes else ((), (), ())
    return ZoneTable(*first, starts, offsets, names, cycle_start)
