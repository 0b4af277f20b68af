"""COPY through drivers and psql, beside a real PostgreSQL, and what goes wrong in the middle of it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import socket
import struct
import subprocess
import threading
import time

import asyncpg
import pg8000.native
import psycopg
import psycopg2
import pytest
import raw

DEADLINE_S = 60.0


@pytest.fixture
def connection(server):
    """A psycopg connection in autocommit mode, with tables of its own."""
    with psycopg.connect(**_login(server), autocommit=True) as made:
        made.execute("CREATE TEMP TABLE copied (a int, b text)")
        yield made


def _login(server):
    return {
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "password": server.password,
        "dbname": "postgres",
    }


def _copy_in(connection, statement, *pieces):
    """Copy; the number of rows, or what the error says."""
    with connection.cursor() as cursor:
        try:
            with cursor.copy(statement) as copy:
                for piece in pieces:
                    copy.write(piece)
        except psycopg.Error as error:
            told = error.diag
            return told.sqlstate, told.message_primary, told.message_detail, told.message_hint, told.context
        return cursor.rowcount


def _copy_out(connection, statement):
    """Copy; the messages, or what the error says."""
    with connection.cursor() as cursor:
        try:
            with cursor.copy(statement) as copy:
                return [bytes(piece) for piece in copy]
        except psycopg.Error as error:
            told = error.diag
            return told.sqlstate, told.message_primary, told.message_detail, told.statement_position


# --- beside PostgreSQL

OUT_TABLE = (
    "CREATE TEMP TABLE sent (a int, b text, c date, d timestamp, e numeric(10,2), f float8, g bytea, h bool, i interval,"
    " j timestamptz, k int[], l text[], m uuid, n json)",
    "CREATE TEMP TABLE one (a text)",
    r"""INSERT INTO sent (a, b, c, d, e, f, h, i, j, m, n) VALUES (1, 'plain', '2024-01-02', '2024-01-02 03:04:05.678', 1.5, 0.1, 't',
        '1 day 02:03:04', '2024-07-01 12:00:00+00', '00000000-0000-0000-0000-000000000001', '{"a": 1}')""",
    r"INSERT INTO sent (a, b) VALUES (2, e'tab\there\nnl \\ back\r cr \b\f\v \x01'), (3, ''), (4, '\N'), (5, 'a,b"
    "c')",
    r"INSERT INTO sent (a, b) VALUES (6, 'NULL'), (7, '\.'), (8, '1'), (9, '|x|'), (10, 'quo''te')",
    r"INSERT INTO one VALUES ('\.'), (''), (NULL), ('x')",
    "SET timezone = 'Europe/Berlin'",
)
OPTIONS = (
    "",
    "(FORMAT csv)",
    "(FORMAT csv, HEADER)",
    "(HEADER)",
    "(DELIMITER '|', NULL 'NULL')",
    "(FORMAT csv, FORCE_QUOTE *)",
    r"(FORMAT csv, DELIMITER '|', QUOTE '''', ESCAPE '\', NULL 'NULL')",
    "(FORMAT csv, FORCE_QUOTE (a), NULL '1')",
    "(FORMAT csv, DELIMITER '1')",
    "(FORMAT csv, QUOTE '0')",
    "(FORMAT csv, DELIMITER ' ')",
    "(DELIMITER '-')",
    "(DELIMITER ':')",
    r"(DELIMITER E'\x01')",
    "(FORMAT binary)",
    "BINARY",
    "CSV HEADER QUOTE '\"'",
)


@pytest.mark.oracle
def test_what_goes_out_is_what_postgresql_sends(connection, oracle):
    """Every byte of every message, in every format and with all options."""
    with psycopg.connect(oracle.dsn, autocommit=True) as theirs:
        for side in (connection, theirs):
            for statement in OUT_TABLE:
                side.execute(statement)
        for options in OPTIONS:
            for what in ("sent", "one", "sent (a, c, b)", "(SELECT a, b FROM sent ORDER BY a DESC LIMIT 2)"):
                statement = f"COPY {what} TO STDOUT {options}"

                assert _copy_out(theirs, statement) == _copy_out(connection, statement), statement


TEXTS = [
    *("", "1\tx\n", "1\tx", "1\tx\n\n", "1\tx\r\n2\ty\r\n", "1\tx\r2\ty\r", "1\tx\n2\ty\r\n", "1\tx\r\n2\ty\n", "1\tx\r2\ty\n"),
    *("1\tx\ty\n", "1\n", "1\tx\n2\n3\tz\n", "x\ty\n", "1\tx\nzz\ty\textra\n", "1\t\\N\n\\N\t\\\\N\n", "1\tx\\\ny\n", "\t\n", "1\t\n"),
    *("1\ta\\tb\\nc\\\\d\\x41\\101\\q\\b\\f\\v\\r\n", "1\tx\n\\.\n", "1\tx\n\\.\nrubbish\there\tx\n", "1\tx\\.\n2\ty\n", "1\tx\\.y\n"),
    *("\\.\n", "1\tx\n\\.", "1\tx\\", "99999999999\tx\n", "1\täö €\n", b"1\t\xff\n", b"1\ta\x00b\n", "1\t" + "y" * 300 + "\tz\n"),
    *("ä" * 99 + "\tx\n", "1\tx\n" * 5000 + "q\tx\n", " 7 \tx\n", "+5\tx\n", "1\t\\x\n", "1\t\\x4\n", "1\t\\18\n", "1\t\\N \n"),
]  # fmt: skip
CSVS = [
    *("", "1,x\n", "1,x", '1,"x""y"\n', '1,"a\nb"\n2,c\n', '1,"a\r\nb"\r\n2,c\r\n', '1,"a\n', '1,ab"c,d"e\n', "1,\n,\n", '1,""\n'),
    *("1,x,y\n", "1\n", "\n", "1,x\n\n2,y\n", "1,x\r\n2,y\n", "1,x\n2,y\r\n", "1,x\\.\n", "\\.\n1,x\n", "1,x\n\\.\n", "1,x\n\\."),
    *("\\N,x\n", "x,y\n", '1,"a\nb"\nq,"c\nd"\n', '1,"a\n\n\nb"\n2\n', "1, x \n", '"1","x"\n', '1,x\n""', '1,"x" y\n', '"",x\n'),
]  # fmt: skip
BINARY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
BINARY_ROW = struct.pack("!hiiic", 2, 4, 1, 1, b"x")
BINARIES = [
    BINARY_HEAD + b"\xff\xff",
    BINARY_HEAD + BINARY_ROW + b"\xff\xff",
    BINARY_HEAD + BINARY_ROW,
    BINARY_HEAD,
    b"garbage",
    BINARY_HEAD[:11],
    BINARY_HEAD[:15],
    b"PGCOPY\n\xff\r\n\0\x00\x01\x00\x00\0\0\0\0",
    b"PGCOPY\n\xff\r\n\0\x00\x02\x00\x00\0\0\0\0",
    BINARY_HEAD + struct.pack("!hi", 1, 4) + b"abcd",
    BINARY_HEAD + BINARY_ROW + b"\xff\xffmore",
    BINARY_HEAD + struct.pack("!hi", 2, 3) + b"abc" + struct.pack("!i", -1) + b"\xff\xff",
    BINARY_HEAD + BINARY_ROW[:-1],
    BINARY_HEAD + struct.pack("!hii", 2, -1, -1) + b"\xff\xff",
    BINARY_HEAD + struct.pack("!hii", 2, -2, -1) + b"\xff\xff",
    BINARY_HEAD + BINARY_ROW * 5000 + b"\xff\xff",
    b"PGCOPY\n\xff\r\n\0" + bytes(4) + struct.pack("!i", 3) + b"ext" + BINARY_ROW + b"\xff\xff",
]
CASES = [
    *(("COPY copied FROM STDIN", data) for data in TEXTS),
    *(("COPY copied FROM STDIN (FORMAT csv)", data) for data in CSVS),
    *(("COPY copied (a, b) FROM STDIN (FORMAT binary)", data) for data in BINARIES),
    *(("COPY copied FROM STDIN (HEADER)", data) for data in ("a\tb\n1\tx\n", "1\tx\n", "")),
    *(
        ("COPY copied FROM STDIN (HEADER MATCH)", data)
        for data in ("a\tb\n1\tx\n", "a\tc\n", "a\n", "a\tb\tc\n", "a\t\\N\n")
    ),
    *(("COPY copied FROM STDIN (FORMAT csv, HEADER MATCH)", data) for data in ("a,b\n1,x\n", "a,\n", "a,B\n", "a\n")),
    ("COPY copied (b, a) FROM STDIN", "x\t1\n"),
    ("COPY copied FROM STDIN (DELIMITER '|', NULL '')", "1|x\n|\n1|\n"),
    (r"COPY copied FROM STDIN (FORMAT csv, ESCAPE '\')", '1,"a\\"b\\\\c\\d"\n'),
    ("COPY copied FROM STDIN (FORMAT csv, QUOTE '''', DELIMITER ';', NULL 'NULL')", "1;'a''b'\nNULL;NULL\n2;'NULL'\n"),
    ("COPY copied FROM STDIN (FORMAT csv, NULL 'NULL', FORCE_NULL (b))", '1,"NULL"\n1,NULL\n'),
    ("COPY copied FROM STDIN (FORMAT csv, FORCE_NOT_NULL (b))", '1,\n2,""\n'),
    ("COPY copied FROM STDIN (FORMAT csv, FORCE_NOT_NULL (b), FORCE_NULL (b))", '1,\n2,""\n'),
    ("COPY copied FROM STDIN (FORMAT csv, FORCE_NULL (zz))", ""),
    ("COPY copied (a) FROM STDIN (FORMAT csv, FORCE_NULL (b))", ""),
    ("COPY copied FROM STDIN WHERE a > 1", "1\tx\n2\ty\n3\tz\n"),
]


@pytest.mark.oracle
def test_what_comes_in_is_read_as_postgresql_reads_it(connection, oracle):
    """The same rows, or the same error with the same line and column, however the stream is cut."""
    with psycopg.connect(oracle.dsn, autocommit=True) as theirs:
        theirs.execute("CREATE TEMP TABLE copied (a int, b text)")

        def attempt(side, statement, pieces):
            side.execute("DELETE FROM copied")
            said = _copy_in(side, statement, *pieces)
            return said, sorted(side.execute("SELECT a, b FROM copied").fetchall(), key=repr)

        for statement, data in CASES:
            stream = data.encode() if isinstance(data, str) else data
            expected = attempt(theirs, statement, [stream])

            assert expected == attempt(connection, statement, [stream]), (statement, stream[:100])
            if 0 < len(stream) < 3000:
                single = [stream[at : at + 1] for at in range(len(stream))]
                assert expected == attempt(connection, statement, single), (statement, stream[:100])


VALUES = {
    "numeric(5,2)": ["1.5", "-1.555", "1.555", "999.994", "999.995", "1e2", "abc", " 12 ", ".5", "5.", "-0", "1." + "2" * 40],
    "numeric(30,10)": ["12345678901234567890.1234567890", "12345678901234567890.12345678905", "-0.00000000005"],
    "smallint": ["32767", "32768", "-32768", "-32769", "x", "", "1.5"],
    "bigint": ["9223372036854775807", "9223372036854775808", "-9223372036854775808", "1 2"],
    "date": ["2024-02-29", "2023-02-29", "0001-01-01", "infinity", "-infinity", "20240102", "1/2/2024", "x", "0044-03-15 BC"],
    "timestamp": ["2024-01-02 03:04:05", "2024-01-02T03:04:05.123456", "2024-01-02 03:04:05.1234567", "2024-01-02", "x", "infinity"],
    "timestamptz": ["2024-01-02 03:04:05", "2024-07-02 03:04:05", "2024-07-02 03:04:05+00", "2024-03-31 02:30:00",
                    "2024-10-27 02:30:00", "1850-01-01 00:00:00", "2300-07-01 00:00:00", "2024-07-02 03:04:05-05:30"],
    "float8": ["1.5", "1e400", "NaN", "-Infinity", "x", "1e-400", "0.1", "", ".5"],
    "float4": ["1.5", "1e40", "0.1", "x"],
    "boolean": ["t", "f", "true", "FALSE", "yes", "no", "on", "off", "1", "0", "x", "", "tr", "2"],
    "uuid": ["00000000-0000-0000-0000-000000000001", "{a0eebc999c0b4ef8bb6d6bb9bd380a11}", "x"],
    "bytea": [r"\\x00ff", r"\\x0", "abc", r"\\\\", r"\\001", r"\\xzz"],
    "interval": ["1 day", "1 year 2 mons 3 days 04:05:06.789", "P1Y2M", "x", "-1 day", "1:2:3"],
    "time": ["03:04:05", "24:00:00", "25:00:00", "03:04:05.1234567", "x"],
    "timetz": ["03:04:05+02", "03:04:05-05:30", "x"],
    "json": ['{"a": 1}', "[1,2]"],
    "int[]": ["{1,2,NULL}", "{}", "{1,x}"],
    "text[]": ['{"a b",c,"d\\\\"e",NULL,"NULL"}', "{}", '{""}'],
    "int[][]": ["{{1,2},{3,4}}"],
}  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("name", VALUES)
def test_values_of_each_type(connection, oracle, name):
    """Read and written again in text, CSV and binary as PostgreSQL does; a bad one refused in its words."""
    with psycopg.connect(oracle.dsn, autocommit=True) as theirs:
        for side in (connection, theirs):
            side.execute("SET timezone = 'Europe/Berlin'")
            side.execute(f"CREATE TEMP TABLE typed (v {name})")
        for text in (*VALUES[name], r"\N"):
            for side in (connection, theirs):
                side.execute("DELETE FROM typed")
            expected = _copy_in(theirs, "COPY typed FROM STDIN", text + "\n")

            assert expected == _copy_in(connection, "COPY typed FROM STDIN", text + "\n"), text
            for options in ("", "(FORMAT csv)", "(FORMAT binary)"):
                written = _copy_out(theirs, f"COPY typed TO STDOUT {options}")
                assert written == _copy_out(connection, f"COPY typed TO STDOUT {options}"), (text, options)
                connection.execute("DELETE FROM typed")
                assert _copy_in(connection, f"COPY typed FROM STDIN {options}", *written) == (expected == 1)
                assert written == _copy_out(connection, f"COPY typed TO STDOUT {options}"), (text, options)


# --- what DuckDB has beside that


def test_types_that_postgresql_has_not_go_out_and_come_back(connection):
    """Nested types as JSON, labels, wide and unsigned integers."""
    connection.execute("CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')")
    try:
        connection.execute(
            "CREATE TEMP TABLE ours (s STRUCT(a INT, b VARCHAR), m MAP(VARCHAR, INT), e mood, h HUGEINT, u UBIGINT, t UTINYINT,"
            " l STRUCT(a INT)[], f INT[3], bi BIT, ns TIMESTAMP_NS, x UNION(n INT, t VARCHAR))"
        )
        connection.execute(
            "INSERT INTO ours VALUES ({'a': 1, 'b': 'x y\"z'}, MAP {'k': 1}, 'ok', 170141183460469231731687303715884105727,"
            " 18446744073709551615, 255, [{'a': 1}, NULL], [1, 2, 3], '10110',"
            " '2024-01-02 03:04:05.123456', 7)"
        )
        for options in ("", "(FORMAT csv)", "(FORMAT binary)"):
            written = _copy_out(connection, f"COPY ours TO STDOUT {options}")
            connection.execute("DELETE FROM ours")

            assert _copy_in(connection, f"COPY ours FROM STDIN {options}", *written) == 1
            assert written == _copy_out(connection, f"COPY ours TO STDOUT {options}")
        refused = _copy_in(connection, "COPY ours (e) FROM STDIN", "ok\nangry\n")
        assert (refused[0], refused[-1]) == ("22P02", 'COPY ours, line 2, column e: "angry"')
    finally:
        connection.execute("DROP TABLE IF EXISTS ours")
        connection.execute("DROP TYPE mood")


def test_columns_left_out_get_their_defaults_and_generated_ones_are_no_columns(connection):
    """As with INSERT."""
    connection.execute(
        "CREATE TEMP TABLE defaulted (a INT PRIMARY KEY, b TEXT DEFAULT 'x', c INT GENERATED ALWAYS AS (a + 1))"
    )

    assert _copy_in(connection, "COPY defaulted (a) FROM STDIN", "1\n") == 1
    assert _copy_in(connection, "COPY defaulted FROM STDIN", "2\ty\n") == 1
    assert connection.execute("SELECT * FROM defaulted ORDER BY a").fetchall() == [(1, "x", 2), (2, "y", 3)]
    assert _copy_out(connection, "COPY defaulted TO STDOUT") == [b"1\tx\n", b"2\ty\n"]
    assert _copy_in(connection, "COPY defaulted (a, c) FROM STDIN", "1\t2\n")[0] == "42P10"
    duplicate = _copy_in(connection, "COPY defaulted (a) FROM STDIN", "3\n1\n")
    assert (duplicate[0], duplicate[-1]) == ("23505", "COPY defaulted")
    assert connection.execute("SELECT count(*) FROM defaulted").fetchone() == (2,)


# --- through other clients


def test_psql_copies_both_ways(server, tmp_path):
    r"""\copy from a file and to a file."""
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text('a,b\n1,x\n2,"y ""z"""\n3,\n')
    script = (
        "create temp table copied (a int, b text);\n"
        rf"\copy copied from '{source}' csv header" + "\n"
        rf"\copy (select * from copied order by a) to '{target}' with (format csv, header)" + "\n"
        "copy copied from stdin;\n4\tw\n\\.\nselect count(*) from copied;\n"
    )
    done = subprocess.run(
        ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", f"host={server.host} port={server.port} user={server.user} dbname=postgres"],
        env={**os.environ, "PGPASSWORD": server.password},
        input=script,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr) == (0, "4\n", "")
    assert source.read_text() == target.read_text()


def test_psycopg_writes_and_reads_rows(connection):
    """Text rows, and binary ones with declared types."""
    with connection.cursor() as cursor:
        with cursor.copy("COPY copied FROM STDIN") as copy:
            for number in range(1000):
                copy.write_row((number, f"row\t{number}"))
        assert cursor.rowcount == 1000
        with cursor.copy("COPY copied FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int4", "text"])
            for number in range(1000, 2000):
                copy.write_row((number, None))
        with cursor.copy("COPY (SELECT * FROM copied ORDER BY a) TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(["int4", "text"])
            rows = list(copy.rows())

    assert [(number, f"row\t{number}" if number < 1000 else None) for number in range(2000)] == rows


def test_psycopg2_copies_files(server):
    """copy_expert and copy_from, in a transaction."""
    with contextlib.closing(psycopg2.connect(**_login(server))) as made, made.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE copied (a int, b text)")
        cursor.copy_expert("COPY copied FROM STDIN WITH CSV HEADER", io.StringIO("a,b\n1,x\n2,y\n"))
        cursor.copy_from(io.StringIO("3\tz\n"), "copied")
        target = io.StringIO()
        cursor.copy_expert("COPY (SELECT * FROM copied ORDER BY a) TO STDOUT WITH (FORMAT csv)", target)

        assert target.getvalue() == "1,x\n2,y\n3,z\n"
        with pytest.raises(psycopg2.errors.InvalidTextRepresentation, match="line 1, column a"):
            cursor.copy_from(io.StringIO("x\tz\n"), "copied")
        made.rollback()


def test_asyncpg_copies_records(server):
    """copy_records_to_table is binary, by the simple protocol."""

    async def copy():
        made = await asyncpg.connect(
            host=server.host,
            port=server.port,
            user=server.user,
            password=server.password,
            database="postgres",
            ssl="require",
        )
        try:
            await made.execute("CREATE TEMP TABLE copied (a int, b text, c timestamp)")
            status = await made.copy_records_to_table("copied", records=[(1, "x", None), (2, None, None)])
            target = io.BytesIO()
            await made.copy_from_query("SELECT a, b FROM copied ORDER BY a", output=target, format="csv")
            return status, target.getvalue()
        finally:
            await made.close()

    assert asyncio.run(asyncio.wait_for(copy(), DEADLINE_S)) == ("COPY 2", b"1,x\n2,\n")


def test_pg8000_copies_streams(server):
    """run(stream=…) both ways."""
    with contextlib.closing(
        pg8000.native.Connection(
            server.user,
            host=server.host,
            port=server.port,
            password=server.password,
            database="postgres",
            ssl_context=True,
        )
    ) as made:
        made.run("CREATE TEMP TABLE copied (a int, b text)")
        made.run("COPY copied FROM STDIN", stream=io.BytesIO(b"1\tx\n2\ty\n"))
        target = io.BytesIO()
        made.run("COPY copied TO STDOUT (FORMAT csv)", stream=target)

        assert target.getvalue() == b"1,x\n2,y\n"


# --- in the middle of it


def test_a_slow_writer_holds_nobody_up_and_is_not_forgotten(server, connection):
    """Others of the same database go on; what came before and after a pause is there."""
    with connection.cursor() as cursor, cursor.copy("COPY copied FROM STDIN") as copy:
        copy.write(b"1\tx\n2\t")
        time.sleep(0.5)
        with psycopg.connect(**_login(server)) as other:
            assert other.execute("SELECT 1").fetchone() == (1,)
        copy.write(b"y\n")

    assert connection.execute("SELECT * FROM copied ORDER BY a").fetchall() == [(1, "x"), (2, "y")]


def test_a_slow_reader_gets_everything(connection):
    """The rows wait for it."""
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY (SELECT i, repeat('x', 100) FROM range(300000) r(i)) TO STDOUT") as copy,
    ):
        first = copy.read()
        time.sleep(1)
        rest = sum(1 for _ in copy)

    assert bytes(first).startswith(b"0\t")
    assert rest == 299_999


@pytest.mark.parametrize("reason", ["cancel", "statement_timeout"])
def test_a_copy_in_is_stopped(connection, reason):
    """Nothing is copied, and the connection goes on."""
    if reason == "statement_timeout":
        connection.execute("SET statement_timeout = '300ms'")
    started = time.monotonic()
    if reason == "cancel":
        threading.Timer(0.3, connection.cancel).start()

    def write_on():
        with connection.cursor() as cursor, cursor.copy("COPY copied FROM STDIN") as copy:
            # psycopg reads what the server says when all is written
            while time.monotonic() - started < 1.5:
                copy.write(b"1\tx\n" * 100)
                time.sleep(0.01)

    with pytest.raises(psycopg.errors.QueryCanceled):
        write_on()
    connection.execute("SET statement_timeout = 0")

    assert connection.execute("SELECT count(*) FROM copied").fetchone() == (0,)


def test_a_copy_out_is_cancelled(connection):
    """In the middle of the rows."""

    def read_on():
        with (
            connection.cursor() as cursor,
            cursor.copy("COPY (SELECT a.i FROM range(100000000) a(i)) TO STDOUT") as copy,
        ):
            copy.read()
            threading.Timer(0.2, connection.cancel).start()
            for _ in copy:
                pass

    with pytest.raises(psycopg.errors.QueryCanceled):
        read_on()

    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_client_that_is_killed_leaves_nothing(server):
    """Half a COPY is none, and the table can be dropped."""
    with psycopg.connect(**_login(server), autocommit=True) as made:
        made.execute("CREATE TABLE half (a int)")
        with raw.RawClient((server.host, server.port)) as client:
            client.login(server.user, server.password)
            client.send(raw.query("COPY half FROM STDIN"))
            assert client.read()[0] == "G"
            client.send(raw.frame(b"d", b"1\n" * 100_000))
            client.socket.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                assert made.execute("SELECT count(*) FROM half").fetchone() == (0,)
                made.execute("DROP TABLE half")
            except psycopg.errors.SerializationFailure:
                assert time.monotonic() < deadline
                continue
            break


def test_a_wide_row_in_small_pieces(connection):
    """A value of some megabytes, of which no piece ends where a row does."""
    value = b"x" * 5_000_000
    pieces = [b"1\t", *(value[at : at + 8192] for at in range(0, len(value), 8192)), b"\n"]

    assert _copy_in(connection, "COPY copied FROM STDIN", *pieces) == 1
    assert connection.execute("SELECT length(b) FROM copied").fetchone() == (5_000_000,)
