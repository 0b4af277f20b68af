"""Value rules of the parameters that have rules of their own: DateStyle, TimeZone, client_encoding, search_path."""

from __future__ import annotations

import functools
import re
import zoneinfo
from fractions import Fraction

from attrs import frozen

from duckgres_tx.errors import FeatureNotSupported, PgError, Severity
from duckgres_tx.sql.guc_values import invalid_value, read_name_list
from duckgres_tx.wire.encodings import SQL_ASCII, find

_ORDERS = {"mdy": "MDY", "us": "MDY", "noneuro": "MDY", "noneuropean": "MDY", "dmy": "DMY", "ymd": "YMD"}
_STYLES = {"iso": "ISO", "sql": "SQL", "german": "German"}


def date_style(text: str, current: str) -> str:
    """``ISO, MDY`` and its like; what isn't said stays as in ``current``.

    Raises:
        PgError: 22023 for an unknown or contradictory word.
    """
    style, order = current.split(", ")
    said: dict[str, str] = {}
    for word in (part.strip().strip('"').lower() for part in text.split(",")):
        if word == "default":
            said.setdefault("style", "ISO")
            said.setdefault("order", "MDY")
            continue
        if word in _STYLES or word.startswith("postgres"):
            found = ("style", _STYLES.get(word, "Postgres"))
        elif word in _ORDERS or word.startswith("euro"):
            found = ("order", _ORDERS.get(word, "DMY"))
        else:
            raise invalid_value("DateStyle", text, detail=f'Unrecognized key word: "{word}".')
        if said.get(found[0], found[1]) != found[1]:
            raise invalid_value("DateStyle", text, detail='Conflicting "datestyle" specifications.')
        said[found[0]] = found[1]
    if said.get("style") == "German":
        said.setdefault("order", "DMY")
    return f"{said.get('style', style)}, {said.get('order', order)}"


def client_encoding(text: str, current: str) -> str:
    """An encoding in one of its spellings. SQL_ASCII is bytes as they are, which is what psql asks for in the C locale.

    Raises:
        PgError: 22023 for what is no encoding, 0A000 for one that there is no conversion for.
    """
    found = find(text)
    if found is None:
        raise invalid_value("client_encoding", text)
    if found.codec is None and found.name != SQL_ASCII:
        raise FeatureNotSupported(f"conversion between {found.name} and UTF8 is not supported")
    return found.name


def search_path(text: str, current: str) -> str:
    """A list of schema names, kept as it was written.

    Raises:
        PgError: 22023 when it is no list of names.
    """
    try:
        read_name_list(text)
    except ValueError:
        raise invalid_value("search_path", text, detail="List syntax is invalid.") from None
    return text


@frozen
class TimeZone:
    """A value of TimeZone.

    Attributes:
        shown: As SHOW has it.
        name: The IANA name of a zone with the same offsets, which DuckDB and the encoders take.
    """

    shown: str
    name: str


@functools.cache
def _zones() -> dict[str, str]:
    # The host's files may hold these two, but they name no zone.
    return {name.lower(): name for name in zoneinfo.available_timezones() - {"localtime", "posixrules", "Factory"}}


_HOURS = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\Z")
_INTERVAL = re.compile(
    r"interval\s+'?\s*([+-]?)\s*(\d+)(?::(\d\d))?(?::(\d\d))?\s*(?:(h|hr|hour)s?)?\s*'?\Z", re.IGNORECASE
)
_POSIX = re.compile(r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]+>)?([+-]?)(\d{1,2})(?::(\d\d))?(?::(\d\d))?\Z")


@functools.lru_cache(maxsize=256)
def read_time_zone(text: str) -> TimeZone:
    """A zone by IANA name, by hours east of UTC, by interval, or by a POSIX offset (which counts westward).

    Raises:
        PgError: 22023 for what is no time zone, 0A000 for an offset that isn't whole hours.
    """
    word = text.strip()
    known = _zones().get(word.lower())
    if known:
        return TimeZone(known, known)
    if _HOURS.match(word):
        hours = Fraction(word)
        return TimeZone(_posix_name(text, hours), _fixed_zone(text, hours))
    interval = _INTERVAL.match(word)
    if interval:
        sign, hour, minute, second, _ = interval.groups()
        hours = (-1 if sign == "-" else 1) * _offset(hour, minute, second)
        return TimeZone(_posix_name(text, hours), _fixed_zone(text, hours))
    if word.lower().startswith("interval"):
        raise invalid_value("TimeZone", text)
    posix = _POSIX.match(word)
    if posix:
        sign, hour, minute, second = posix.groups()
        return TimeZone(word, _fixed_zone(text, (1 if sign == "-" else -1) * _offset(hour, minute, second)))
    raise invalid_value("TimeZone", text)


def _offset(hour: str, minute: str | None, second: str | None) -> Fraction:
    return Fraction(int(hour)) + Fraction(int(minute or 0), 60) + Fraction(int(second or 0), 3600)


def _fixed_zone(text: str, hours: Fraction) -> str:
    if abs(hours) > 167:
        raise invalid_value("TimeZone", text, detail="UTC timezone offset is out of range.")
    if hours.denominator != 1 or not -12 <= hours <= 14:
        raise FeatureNotSupported(
            f'time zone "{text}" is not supported',
            hint="A fixed offset must be whole hours from -12 to 14; otherwise use a time zone's name.",
        )
    # The names in Etc/ have POSIX's sign: Etc/GMT+3 is three hours west.
    return f"Etc/GMT{'-' if hours > 0 else '+'}{abs(hours)}" if hours else "Etc/UTC"


def _posix_name(text: str, hours: Fraction) -> str:
    """``<+05:30>-05:30``: how PostgreSQL shows an offset that was given as a number."""
    minutes = int(abs(hours) * 60)
    digits = f"{minutes // 60:02d}" + (f":{minutes % 60:02d}" if minutes % 60 else "")
    east, west = ("-", "+") if hours < 0 else ("+", "-")
    return f"<{east}{digits}>{west}{digits}"


def time_zone(text: str, current: str) -> str:
    """The stored form of TimeZone, which is how it is shown.

    Raises:
        PgError: as ``read_time_zone``.
    """
    return read_time_zone(text).shown


def isolation_notice(value: str) -> PgError | None:
    """What a client is to know about an isolation level that it asks for; None when it gets at least that."""
    if value != "serializable":
        return None
    return PgError(
        "01000",
        "transactions run at snapshot isolation",
        detail="SERIALIZABLE is accepted, but concurrent transactions that write different rows "
        "are not checked for serialization anomalies.",
        severity=Severity.WARNING,
    )
