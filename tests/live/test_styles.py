"""Styles of dates and of strings, as clients set them."""

from __future__ import annotations

import psycopg
import pytest


@pytest.fixture
def connection(server):
    """One in autocommit mode."""
    with psycopg.connect(server.dsn(), autocommit=True) as connected:
        yield connected


def texts(connection, sql, parameters=()):
    """A row as the server sends it."""
    result = connection.pgconn.exec_params(sql.encode(), [parameter.encode() for parameter in parameters])
    assert result.error_message == b""
    return [result.get_value(0, column).decode() for column in range(result.nfields)]


def test_dates_follow_the_style(connection):
    """What is read and what is sent: constants, parameters, statements that were prepared before."""
    sql = "select '1/2/2003'::date, $1::date, $2::timestamp"
    assert texts(connection, sql, ["1/2/2003", "1/2/2003 4:05"]) == ["2003-01-02", "2003-01-02", "2003-01-02 04:05:00"]
    connection.execute("set datestyle = german")
    assert texts(connection, sql, ["1/2/2003", "31.12.2003 4:05"]) == [
        "01.02.2003",
        "01.02.2003",
        "31.12.2003 04:05:00",
    ]
    connection.execute("set datestyle = postgres, mdy")
    connection.execute("set timezone = 'Europe/Berlin'")
    assert texts(connection, "select '2003-07-01 12:00+2'::timestamptz") == ["Tue Jul 01 12:00:00 2003 CEST"]
    connection.execute("reset datestyle")
    assert texts(connection, sql, ["1/2/2003", "0044-03-15 BC"])[1:] == ["2003-01-02", "0044-03-15 00:00:00 BC"]


def test_backslashes_in_plain_strings(connection):
    """With standard_conforming_strings off they are escapes, which is warned of; places in errors are the client's."""
    notices = []
    connection.add_notice_handler(lambda notice: notices.append(notice.sqlstate))
    connection.execute("set standard_conforming_strings = off")
    assert connection.execute(r"select 'a\'b\\', 'c'").fetchone() == ("a'b\\", "c")
    assert connection.execute(r"select '\x41' || %s", ("\\",)).fetchone() == ("A\\",)
    with pytest.raises(psycopg.errors.UndefinedColumn) as caught:
        connection.execute(r"select '\\', nowhere")
    assert caught.value.diag.statement_position == "14"
    assert set(notices) == {"22P06"}
    connection.execute("set standard_conforming_strings = on")
    assert connection.execute(r"select 'a\b'").fetchone() == (r"a\b",)
