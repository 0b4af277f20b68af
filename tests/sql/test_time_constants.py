"""Constants of dates, times and intervals are read as PostgreSQL reads them."""

from __future__ import annotations

import duckdb
import psycopg
import pytest
from oracle import Oracle

from duckgres_tx.sql import interval_constants, time_constants

DATES = """
1999-01-08|January 8, 1999|1/8/1999|1/18/1999|01/02/03|1999-Jan-08|Jan-08-1999|08-Jan-1999|99-Jan-08|08-Jan-99|Jan-08-99|19990108|990108
31.12.2000|2000.12.31|8 January 99|jan 8 1999|8 jan 0044 BC|0044-03-15 BC|2000-02-30|2000-1-1|20000-01-01|12/31/20001|2000/3/4|2000-13-01|1-2-3
Wed Dec 17 07:37:16 1997 PST|Wed 17 Dec 07:37:16.123 1997 UTC|12/17/1997 07:37:16.00 PST|17.12.1997 07:37:16.00 CET|2000-01-01 00:00+2
2000-01-01 00:00:00-02:30:15|2000-01-01T10:11:12Z|2000-01-01 11:59 PM|2000-01-01 12:00 AM|2000-01-01 12:30PM|2000-01-01 10:00 Europe/Rome
2000-01-01 5:6:7.8|0258-1-8 1:12:32.358261+01:02:03|2000-01-01 25:00|2000-01-01 13:00 pm|foo|
"""
TIMES = "10:20:30.000040Z|04:05:06.789|04:05:06|04:05|04:05 AM|04:05 PM|4:5:6|24:00:00|12:00am|04:60|04:05:06 PST"
INTERVALS = """
1 day|1 days +00:00:01.000001|P12DT30S|PT30S|P-1Y-2M3DT-4H-5M-6S|1-2|3 4:05:06|-1-2 +3 -4:05:06|-1 days +02:03:00|1.5 months|1.5 years|1.5 days
@ 1 year 2 mons -3 days 4 hours 5 mins 6.7 secs ago|2.5 weeks|1 mon 2 d|1d 3h 4m 5.678s|5|5 4:00|-00:00:01|1 decade 1 century 1 millennium
.5 s|P1Y2M10DT2H30M|P0.5Y|PT0.1S|1 foo|1:60|12h30m|1 year -1 days|+1 day|-1.5 days|1y2mon|04:05:06.7|200 ms 3 us|
"""


def split(texts: str) -> list[str]:
    """One constant each."""
    return texts.strip("\n").replace("\n", "|").split("|")


def theirs(oracle: Oracle, sql: str, text: str) -> str | None:
    """What PostgreSQL makes of a constant; None for an error."""
    try:
        return str(oracle.connection.execute(sql, (text,)).fetchone()[0])
    except psycopg.DataError:
        return None


def ours(sql: str, text: str | None) -> str | None:
    """What DuckDB makes of what is written for it."""
    if text is None:
        return None
    try:
        with duckdb.connect() as connection:
            return str(connection.execute(sql, [text]).fetchone()[0])
    except duckdb.ConversionException:
        return None


@pytest.mark.oracle
@pytest.mark.parametrize("order", ["MDY", "DMY", "YMD"])
@pytest.mark.parametrize("kind", ["date", "time", "timestamp", "timestamptz"])
def test_dates_and_times(oracle: Oracle, kind: str, order: str) -> None:
    """Whatever is read is read as PostgreSQL does in each order; what isn't is an error there, too."""
    # seconds, to be independent of how either shows them
    sql = "select round(extract(epoch from {}::" + kind + ") * 1000000)::bigint"
    oracle.connection.execute(f"set datestyle = 'ISO, {order}'")
    differences = []
    try:
        for text in split(TIMES if kind == "time" else DATES):
            common = time_constants.is_common(text)
            written = text if common else time_constants.read_constant(text, kind, order)
            expected = theirs(oracle, sql.format("%s"), text)
            actual = ours(f"set timezone = 'UTC'; select epoch_us(?::{kind})", written)
            if expected != actual:
                differences.append((text, written, expected, actual))
    finally:
        oracle.connection.execute("reset datestyle")

    assert differences == []


@pytest.mark.oracle
def test_intervals(oracle: Oracle) -> None:
    """Units, ISO 8601 and the SQL standard's form."""
    differences = []
    for text in split(INTERVALS):
        written = text if interval_constants.is_common(text) else interval_constants.read_interval(text)
        expected = theirs(oracle, "select (%s::interval + interval '0')::text", text)
        actual = ours("select ?::interval::varchar", written)
        if (expected is None) != (actual is None) or not same_interval(oracle, expected, actual):
            differences.append((text, written, expected, actual))

    assert differences == []


def same_interval(oracle: Oracle, expected: str | None, actual: str | None) -> bool:
    """Whether both have the same months, days and microseconds."""
    if expected is None or actual is None:
        return True
    actual = actual.replace(" months", " mons").replace(" month", " mon")
    sql = "select extract(month from a) + 12 * extract(year from a), extract(day from a), extract(epoch from a) from (select %s::interval a) t"
    return (
        oracle.connection.execute(sql, (expected,)).fetchone() == oracle.connection.execute(sql, (actual,)).fetchone()
    )
