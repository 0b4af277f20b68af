"""Time zones come as tables that agree with the tz database and with PostgreSQL."""

from __future__ import annotations

import datetime
import zoneinfo
from bisect import bisect_right

import pytest
from oracle import Oracle

from duckgres_tx.engine.timezones import UnknownTimeZone, ZoneTable, canonical_zone_name, load_zone

FOUR_CENTURIES_S = 12622780800


def offset_at(table: ZoneTable, seconds: int) -> int:
    """The offset at a time, the way the native code finds it."""
    if table.cycle_start is not None and seconds >= table.cycle_start:
        seconds -= ((seconds - table.cycle_start) // FOUR_CENTURIES_S + 1) * FOUR_CENTURIES_S
    place = bisect_right(table.starts, seconds)
    return table.offsets[place - 1] if place else table.first_offset


@pytest.mark.parametrize(
    "name", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC", "Africa/Cairo"]
)
def test_offsets_are_zoneinfos(name: str) -> None:
    """From the first rule of the file on, every offset is the one that Python knows."""
    table, zone = load_zone(name), zoneinfo.ZoneInfo(name)
    for day in range(-20000, 100000, 37):
        seconds = day * 86400 + 4321
        if seconds >= (table.starts[0] if table.starts else seconds):
            expected = datetime.datetime.fromtimestamp(seconds, zone).utcoffset()

            assert expected is not None
            assert offset_at(table, seconds) == expected.total_seconds()


def test_starts_ascend_and_end_before_the_cycle() -> None:
    """A binary search needs order, and what repeats must lie inside the table."""
    for name in sorted(zoneinfo.available_timezones())[::13]:
        table = load_zone(name)

        assert list(table.starts) == sorted(set(table.starts))
        assert len(table.starts) == len(table.offsets)
        if table.cycle_start is not None:
            assert table.starts[-1] < table.cycle_start
            assert table.starts[0] < table.cycle_start - FOUR_CENTURIES_S


def test_local_mean_time_comes_before_all_rules() -> None:
    """Berlin was 53 minutes and 28 seconds ahead until 1893."""
    assert load_zone("Europe/Berlin").first_offset == 53 * 60 + 28


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("europe/berlin", "Europe/Berlin"),
        ("Europe/Berlin", "Europe/Berlin"),
        ("utc", "UTC"),
        ("2", "<+02>-02"),
        ("-5", "<-05>+05"),
        ("5.5", "<+05:30>-05:30"),
        ("+02", "<+02>-02"),
        ("<+02>-02", "<+02>-02"),
    ],
)
@pytest.mark.oracle
def test_names_are_shown_as_postgresql_shows_them(oracle: Oracle, name: str, canonical: str) -> None:
    """SHOW TimeZone gives the database's spelling, and POSIX's for a number of hours."""
    try:
        oracle.connection.execute(f"set timezone to '{name}'")
        assert oracle.value("show timezone") == canonical.encode()
    finally:
        oracle.connection.execute("set timezone to 'UTC'")

    assert canonical_zone_name(name) == canonical


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Mars/Olympus",
        "../etc/passwd",
        "/etc/localtime",
        "Europe",
        "x",
        "+200",
        "EST5EDT,M13.1.0,M11.1.0",
        "<+02>",
        "a b",
    ],
)
def test_unknown_zones_are_refused(name: str) -> None:
    """Neither nonsense nor a way out of the tz database's directory is a zone."""
    with pytest.raises(UnknownTimeZone):
        load_zone(name)


@pytest.mark.parametrize(
    ("name", "offset"),
    [("<+02>-02", 7200), ("<-03>+03", -10800), ("UTC+3", -10800), ("FOO-5:30", 19800), ("-08", -28800)],
)
def test_fixed_offsets(name: str, offset: int) -> None:
    """POSIX counts westwards, a plain number eastwards."""
    table = load_zone(name)

    assert (table.first_offset, table.starts, table.cycle_start) == (offset, (), None)


@pytest.mark.parametrize(
    ("name", "seconds", "abbreviation"),
    [
        ("Europe/Berlin", -3000000000, "LMT"),
        ("Europe/Berlin", 1720000000, "CEST"),
        ("Europe/Berlin", 32500000000, "CET"),
        ("America/Sao_Paulo", 1720000000, "-03"),
        ("<+02>-02", 0, "+02"),
        ("EST5EDT,M3.2.0,M11.1.0", -150000000000, "EST"),
    ],
)
def test_abbreviations(name: str, seconds: int, abbreviation: str) -> None:
    """Each offset has the name that the zone's file or its rule gives it."""
    table = load_zone(name)
    place = bisect_right(table.starts, seconds)

    assert (table.names[place - 1] if place else table.first_name) == abbreviation


@pytest.mark.parametrize(
    ("name", "seconds", "offset"),
    [
        # 2024-03-10 07:00 UTC and a second before
        ("EST5EDT,M3.2.0,M11.1.0", 1710054000, -14400),
        ("EST5EDT,M3.2.0,M11.1.0", 1710053999, -18000),
        # The rule that is assumed when none is given.
        ("FOO5BAR", 1710054000, -14400),
        # Days of the year, with and without counting 29 February; 2024-03-01 00:00 local.
        ("FOO0BAR,J60/0,J300", 1709251200, 3600),
        ("FOO0BAR,59/0,300", 1709164800, 3600),
        # The southern hemisphere.
        ("FOO-10BAR,M10.1.0,M4.1.0/3", 1704067200, 39600),
    ],
)
def test_posix_rules(name: str, seconds: int, offset: int) -> None:
    """All three forms of a rule's day."""
    assert offset_at(load_zone(name), seconds) == offset
