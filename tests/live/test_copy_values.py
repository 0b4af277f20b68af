"""What COPY reads and writes, beside a real PostgreSQL."""

from __future__ import annotations

import struct

import psycopg
import pytest
from copies import copy_in, copy_out, login


@pytest.fixture
def connection(server):
    """A psycopg connection in autocommit mode, with tables of its own."""
    with psycopg.connect(**login(server), autocommit=True) as made:
        made.execute("CREATE TEMP TABLE copied (a int, b text)")
        yield made


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

                assert copy_out(theirs, statement) == copy_out(connection, statement), statement


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
    ("COPY copied FROM STDIN (FORMAT csv) WHERE copied.b IS NULL OR length(b) < 2", "1,x\n2,yy\n3,\n"),
    ("COPY copied FROM STDIN CSV HEADER FORCE NOT NULL b", "a,b\n1,\n"),
    ("COPY copied FROM STDIN WITH DELIMITER AS '|' NULL AS 'n' CSV QUOTE AS '!' FORCE NULL a, b", "!1!|!n!\n"),
    ("COPY copied FROM STDIN (FORMAT csv, FORCE_QUOTE *)", ""),
    ("COPY copied FROM STDIN (ENCODING 'utf8')", "1\tä\n"),
    ("COPY copied FROM STDIN (ENCODING 'klingon')", ""),
    ("COPY copied FROM STDIN (FREEZE, DELIMITER 'a')", ""),
]


@pytest.mark.oracle
def test_what_comes_in_is_read_as_postgresql_reads_it(connection, oracle):
    """The same rows, or the same error with the same line and column, however the stream is cut."""
    with psycopg.connect(oracle.dsn, autocommit=True) as theirs:
        theirs.execute("CREATE TEMP TABLE copied (a int, b text)")

        def attempt(side, statement, pieces):
            side.execute("DELETE FROM copied")
            said = copy_in(side, statement, *pieces)
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
            expected = copy_in(theirs, "COPY typed FROM STDIN", text + "\n")

            assert expected == copy_in(connection, "COPY typed FROM STDIN", text + "\n"), text
            for options in ("", "(FORMAT csv)", "(FORMAT binary)"):
                written = copy_out(theirs, f"COPY typed TO STDOUT {options}")
                assert written == copy_out(connection, f"COPY typed TO STDOUT {options}"), (text, options)
                connection.execute("DELETE FROM typed")
                assert copy_in(connection, f"COPY typed FROM STDIN {options}", *written) == (expected == 1)
                assert written == copy_out(connection, f"COPY typed TO STDOUT {options}"), (text, options)


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
            written = copy_out(connection, f"COPY ours TO STDOUT {options}")
            connection.execute("DELETE FROM ours")

            assert copy_in(connection, f"COPY ours FROM STDIN {options}", *written) == 1
            assert written == copy_out(connection, f"COPY ours TO STDOUT {options}")
        refused = copy_in(connection, "COPY ours (e) FROM STDIN", "ok\nangry\n")
        assert (refused[0], refused[-1]) == ("22P02", 'COPY ours, line 2, column e: "angry"')
    finally:
        connection.execute("DROP TABLE IF EXISTS ours")
        connection.execute("DROP TYPE mood")


def test_columns_left_out_get_their_defaults_and_generated_ones_are_no_columns(connection):
    """As with INSERT."""
    connection.execute(
        "CREATE TEMP TABLE defaulted (a INT PRIMARY KEY, b TEXT DEFAULT 'x', c INT GENERATED ALWAYS AS (a + 1))"
    )

    assert copy_in(connection, "COPY defaulted (a) FROM STDIN", "1\n") == 1
    assert copy_in(connection, "COPY defaulted FROM STDIN", "2\ty\n") == 1
    assert connection.execute("SELECT * FROM defaulted ORDER BY a").fetchall() == [(1, "x", 2), (2, "y", 3)]
    assert copy_out(connection, "COPY defaulted TO STDOUT") == [b"1\tx\n", b"2\ty\n"]
    assert copy_in(connection, "COPY defaulted (a, c) FROM STDIN", "1\t2\n")[0] == "42P10"
    duplicate = copy_in(connection, "COPY defaulted (a) FROM STDIN", "3\n1\n")
    assert (duplicate[0], duplicate[-1]) == ("23505", "COPY defaulted")
    assert connection.execute("SELECT count(*) FROM defaulted").fetchone() == (2,)


def test_a_marker_stands_for_the_columns_default(connection):
    """As in PostgreSQL 16: evaluated row by row, also beside NULL and WHERE; without a default it is an error."""
    connection.execute("CREATE SEQUENCE copied_numbers")
    try:
        connection.execute(
            "CREATE TEMP TABLE marked (a INT DEFAULT nextval('copied_numbers'), b TEXT DEFAULT 'it''s', c DATE, \"default of b\" INT)"
        )
        marked = "COPY marked FROM STDIN (DEFAULT '\\D'"

        assert (
            copy_in(connection, f"{marked})", "\\D\tx\t\\N\t1\n", "7\t\\D\t2024-01-02\t2\n", "\\D\t\\\\D\t\\N\t3\n")
            == 3
        )
        assert copy_in(connection, f"{marked}, FORMAT csv) WHERE a > 2", "\\D,\\D,,4\n", '9,"\\D",,5\n', "1,,,6\n") == 2
        assert connection.execute('SELECT a, b, c::text, "default of b" FROM marked').fetchall() == [
            (1, "x", None, 1),
            (7, "it's", "2024-01-02", 2),
            (2, "\\D", None, 3),
            (3, "it's", None, 4),
            (9, "\\D", None, 5),
        ]
        for line in ("1\tx\t\\D\t1", "x\tx\t\\D\t1", "1\tx\t\\D", "1\tx\t\\D\t1\t1"):
            assert copy_in(connection, f"{marked})", f"1\tx\t\\N\t1\n{line}\n") == (
                "22P04",
                "unexpected default marker in COPY data",
                'Column "c" has no default value.',
                None,
                f'COPY marked, line 2: "{line}"',
            )
        refused = copy_in(connection, "COPY marked FROM STDIN (DEFAULT '\\D', FORMAT binary)", "")
        assert refused[:2] == ("42601", "cannot specify DEFAULT in BINARY mode")
    finally:
        connection.execute("DROP TABLE IF EXISTS marked")
        connection.execute("DROP SEQUENCE copied_numbers")


def test_every_column_may_be_forced(connection):
    """``*`` in both directions, in both spellings."""
    for options in ("(FORMAT csv, FORCE_NOT_NULL *)", "CSV FORCE NOT NULL *"):
        connection.execute("DELETE FROM copied")
        assert copy_in(connection, f"COPY copied (b) FROM STDIN {options}", "\n") == 1
        assert connection.execute("SELECT a, b FROM copied").fetchall() == [(None, "")]
    for options in ("(FORMAT csv, FORCE_NULL *, NULL 'n')", "CSV NULL 'n' FORCE NULL *"):
        connection.execute("DELETE FROM copied")
        assert copy_in(connection, f"COPY copied FROM STDIN {options}", '"n","n"\n') == 1
        assert connection.execute("SELECT a, b FROM copied").fetchall() == [(None, None)]
    for options in ("(FORMAT csv, FORCE_QUOTE *)", "CSV FORCE QUOTE *"):
        assert copy_out(connection, f"COPY (SELECT 1, 'x') TO STDOUT {options}") == [b'"1","x"\n']


def test_programs_and_files_of_the_server_are_out_of_reach(connection):
    """Said clearly, with what to use instead."""
    for statement, sqlstate in (
        ("COPY copied FROM PROGRAM 'cat'", "0A000"),
        ("COPY copied TO PROGRAM 'cat'", "42501"),
        ("COPY copied FROM '/etc/passwd'", "42501"),
        ("COPY copied TO '/tmp/copied'", "42501"),
    ):
        assert copy_in(connection, statement)[0] == sqlstate, statement
