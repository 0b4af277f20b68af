"""Parameters are read as PostgreSQL reads them, and refused in its words."""

from __future__ import annotations

import struct

import psycopg
import pytest
from encoded_rows import Duck
from oracle import Oracle
from type_values import SHARED_TYPES, SharedType

from duckgres_tx.engine.database import DuckDBError
from duckgres_tx.engine.pg_types import pg_type_of

# PostgreSQL's name and OID, DuckDB's name.
OIDS = {
    "bool": 16,
    "bytea": 17,
    "int8": 20,
    "int2": 21,
    "int4": 23,
    "text": 25,
    "float4": 700,
    "float8": 701,
    "date": 1082,
    "time": 1083,
    "timestamp": 1114,
    "timestamptz": 1184,
    "interval": 1186,
    "timetz": 1266,
    "varbit": 1562,
    "numeric": 1700,
    "uuid": 2950,
}

# BIGNUM has no value in the C API's reach; it is cast by DuckDB from a numeric of at most 38 digits.
BINDABLE = [shared for shared in SHARED_TYPES if shared.duckdb not in ("BIGNUM", "TIME_NS")]


def oid_of(shared: SharedType) -> int:
    """The OID that a client would declare for the type."""
    return OIDS[shared.postgres.partition("(")[0]]


@pytest.mark.oracle
@pytest.mark.parametrize("declared", [True, False], ids=["declared", "unknown"])
@pytest.mark.parametrize("result_format", [0, 1], ids=["text", "binary"])
@pytest.mark.parametrize("shared", BINDABLE, ids=lambda shared: shared.name)
def test_what_postgresql_sends_comes_back(
    oracle: Oracle, duck: Duck, shared: SharedType, result_format: int, declared: bool
) -> None:
    """PostgreSQL's own text and binary forms are read to the same value, whether or not the client says the type."""
    literals = shared.for_postgres()[:: max(1, len(shared.literals) // 60)]
    count = len(literals)
    array = "{" + ",".join('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in literals) + "}"
    sent = oracle.column(f"select v::{shared.postgres} from unnest($1::text[]) v", [array.encode()], result_format)
    expected = oracle.column(f"select v::{shared.postgres} from unnest($1::text[]) v", [array.encode()], 0)
    if shared.duckdb in ("HUGEINT", "UHUGEINT"):
        # numeric's 38 digits are all that a parameter can have.
        pairs = [
            (value, text) for value, text in zip(sent, expected, strict=True) if len((text or b"").lstrip(b"-")) <= 38
        ]
        sent, expected = [value for value, _ in pairs], [text for _, text in pairs]
        count = len(pairs)
    columns = ", ".join(f"${n}::{shared.duckdb}" for n in range(1, count + 1))
    [row] = duck.rows(
        f"select {columns}", 0, None, sent, [oid_of(shared) if declared else 0] * count, [result_format] * count
    )

    assert row == expected


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "duckdb", "text"),
    [
        ("int2", "SMALLINT", "x"),
        ("int2", "SMALLINT", ""),
        ("int2", "SMALLINT", "1.5"),
        ("int2", "SMALLINT", "32768"),
        ("int2", "SMALLINT", "-32769"),
        ("int4", "INTEGER", "2147483648"),
        ("int4", "INTEGER", "1 2"),
        ("int4", "INTEGER", "99999999999999999999x"),
        ("int8", "BIGINT", "9223372036854775808"),
        ("int8", "BIGINT", "-"),
        ("int8", "BIGINT", "0x1F"),
        ("float8", "DOUBLE", "x"),
        ("float8", "DOUBLE", "1e400"),
        ("float8", "DOUBLE", "1e-400"),
        ("float8", "DOUBLE", "."),
        ("float4", "FLOAT", "1e40"),
        ("float8", "DOUBLE", "1e5x"),
        ("numeric", "DECIMAL(9,2)", "x"),
        ("numeric", "DECIMAL(9,2)", "1.2.3"),
        ("numeric", "DECIMAL(9,2)", ""),
        ("bool", "BOOLEAN", "maybe"),
        ("bool", "BOOLEAN", ""),
        ("bool", "BOOLEAN", "o"),
        ("date", "DATE", "x"),
        ("date", "DATE", "2024-13-01"),
        ("date", "DATE", "2024-02-30"),
        ("date", "DATE", ""),
        ("date", "DATE", "2023-02-29"),
        ("date", "DATE", "0000-01-01"),
        ("date", "DATE", "2024-01-00"),
        ("time", "TIME", "25:00:00"),
        ("time", "TIME", "12:60"),
        ("time", "TIME", "x"),
        ("time", "TIME", "24:00:01"),
        ("timestamp", "TIMESTAMP", "2024-01-01 25:00"),
        ("timestamp", "TIMESTAMP", "nonsense"),
        ("timestamp", "TIMESTAMP", "300000-01-01"),
        ("timestamptz", "TIMESTAMPTZ", "2024-02-30 00:00+00"),
        ("interval", "INTERVAL", "x"),
        ("interval", "INTERVAL", "1 fortnite"),
        ("interval", "INTERVAL", ""),
        ("interval", "INTERVAL", "P1X"),
        ("uuid", "UUID", "x"),
        ("uuid", "UUID", "0011223344556677"),
        ("uuid", "UUID", "00112233-4455-6677-8899-aabbccddeeffa"),
        ("bytea", "BLOB", "\\xA"),
        ("bytea", "BLOB", "\\xzz"),
        ("bytea", "BLOB", "\\x0z"),
        ("bytea", "BLOB", "\\9"),
        ("varbit", "BIT", "012"),
        ("varbit", "BIT", "xG"),
        ("int4[]", "INTEGER[]", "{1,2"),
        ("int4[]", "INTEGER[]", "1,2"),
        ("int4[]", "INTEGER[]", "{1,,2}"),
        ("int4[]", "INTEGER[]", "{1}x"),
        ("int4[]", "INTEGER[]", "{a}"),
        ("int4[]", "INTEGER[]", ""),
        ("int4[]", "INTEGER[]", "{1,}"),
        ("int4[]", "INTEGER[]", "{,1}"),
        ("text[]", "VARCHAR[]", '{"a}'),
        ("text[]", "VARCHAR[]", "{a\\}"),
        ("int4[]", "INTEGER[]", "{99999999999}"),
    ],
)
@pytest.mark.parametrize("declared", [True, False], ids=["declared", "unknown"])
def test_bad_text_is_refused_in_postgresqls_words(
    oracle: Oracle, duck: Duck, name: str, duckdb: str, text: str, declared: bool
) -> None:
    """The SQLSTATE and the message are PostgreSQL's."""
    oid = {"int4[]": 1007, "text[]": 1009, **OIDS}[name] if declared else 0
    with pytest.raises(psycopg.Error) as caught:
        oracle.value(f"select $1::{name}", [text.encode()])
    expected = (caught.value.sqlstate, caught.value.diag.message_primary)

    assert expected == duck.refusal(f"select $1::{duckdb}", text.encode(), oid)


@pytest.mark.parametrize(
    ("duckdb", "oid", "data"),
    [
        ("INTEGER", 23, b"\0\0\0"),
        ("BIGINT", 20, b"\0\0\0\x01"),
        ("SMALLINT", 21, b""),
        ("DOUBLE", 701, b"\0" * 4),
        ("FLOAT", 700, b"\0" * 8),
        ("BOOLEAN", 16, b""),
        ("DATE", 1082, b"\0" * 8),
        ("TIME", 1083, b"\0" * 4),
        ("TIMESTAMP", 1114, b"\0" * 7),
        ("INTERVAL", 1186, b"\0" * 15),
        ("UUID", 2950, b"\0" * 15),
        ("TIMETZ", 1266, b"\0" * 8),
        ("DECIMAL(9,2)", 1700, b"\0" * 7),
        ("DECIMAL(9,2)", 1700, struct.pack(">4H", 1, 0, 0, 0)),
        ("DECIMAL(9,2)", 1700, struct.pack(">5H", 1, 0, 0, 0, 10000)),
        ("DECIMAL(9,2)", 1700, struct.pack(">4H", 0, 0, 1, 0)),
        ("BIT", 1562, b"\0\0\0\x09\xff"),
        ("BIT", 1562, b"\0"),
        ("INTEGER[]", 1007, b"\0" * 8),
        ("INTEGER[]", 1007, struct.pack(">5i", 1, 0, 23, 2, 1)),
        ("INTEGER[]", 1007, struct.pack(">3i", 7, 0, 23)),
        ("INTEGER[]", 1007, struct.pack(">3i", 0, 0, 23) + b"x"),
        ("JSON", 3802, b"{}"),
    ],
)
def test_bad_binary_is_refused(duck: Duck, duckdb: str, oid: int, data: bytes) -> None:
    """Bytes that aren't the type's binary form are 22P03."""
    sqlstate, message = duck.refusal(f"select $1::{duckdb}", data, oid, 1)

    assert sqlstate == "22P03"
    assert message in ("incorrect binary data format in bind parameter 1", "unsupported jsonb version number 123")


@pytest.mark.oracle
@pytest.mark.parametrize(
    "data", [b"a\0b", b"\xff", b"\xc3(", b"\xe2\x28\xa1", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"ab\xc3", b"\xc0\x80"]
)
def test_text_must_be_utf_8(oracle: Oracle, duck: Duck, data: bytes) -> None:
    """Neither NUL nor broken UTF-8 gets in."""
    # As binary, because libpq ends a text at NUL.
    result = oracle.connection.pgconn.exec_params(b"select $1::text", [data], [25], [1])
    error = psycopg.errors.error_from_result(result)
    expected = (error.sqlstate, error.diag.message_primary)

    assert expected == duck.refusal("select $1::varchar", data, 25, 1)


@pytest.mark.parametrize(
    ("duckdb", "oid", "data", "shown"),
    [
        ("BIGINT", 21, struct.pack(">h", -5), b"-5"),
        ("SMALLINT", 20, struct.pack(">q", 7), b"7"),
        ("BIGINT", 23, b"12", b"12"),
        ("HUGEINT", 20, b"12", b"12"),
        ("UBIGINT", 23, b"12", b"12"),
        ("DECIMAL(15,2)", 23, b"12", b"12.00"),
        ("DECIMAL(15,2)", 20, struct.pack(">q", 12), b"12.00"),
        ("DOUBLE", 23, b"12", b"12"),
        ("INTEGER", 1700, b"12.0", b"12"),
        ("INTEGER", 701, struct.pack(">d", 12.0), b"12"),
        ("DOUBLE", 1700, b"0.1", b"0.1"),
        ("DOUBLE", 700, struct.pack(">f", 0.5), b"0.5"),
        ("TIMESTAMP", 1082, b"2024-02-29", b"2024-02-29 00:00:00"),
        ("DATE", 1114, b"2024-02-29 00:00:00", b"2024-02-29"),
        ("TIMESTAMP_NS", 1114, b"2024-02-29 01:02:03.5", b"2024-02-29 01:02:03.5"),
        ("VARCHAR", 23, b"12", b"12"),
        ("VARCHAR", 23, struct.pack(">i", 12), b"12"),
        ("VARCHAR", 701, struct.pack(">d", 12.0), b"12"),
        ("VARCHAR", 1700, b"1.50", b"1.50"),
        ("INTEGER", 25, b"12", b"12"),
        ("DATE", 25, b"2024-02-29", b"2024-02-29"),
        ("VARCHAR", 1043, "é".encode(), "é".encode()),
        ("JSON", 3802, b'\x01{"a": 1}', b'{"a": 1}'),
        ("JSON", 114, b'{"a": 1}', b'{"a": 1}'),
        ("BIGINT", 26, struct.pack(">I", 4294967295), b"4294967295"),
        ("BIGINT", 26, b"4294967295", b"4294967295"),
    ],
)
def test_declared_and_resolved_types_may_differ(duck: Duck, duckdb: str, oid: int, data: bytes, shown: bytes) -> None:
    """The client says int4, DuckDB resolved BIGINT: the value is what both mean."""
    # Whatever isn't printable is binary.
    parameter_format = int(any(byte < 32 for byte in data) or (not data.isascii() and oid != 1043))

    assert duck.bind(f"select $1::{duckdb}", data, oid, parameter_format) == shown


def test_a_fraction_is_not_rounded_to_compare(duck: Duck) -> None:
    """1.5 equals no integer, 1.005 no DECIMAL(15,2); PostgreSQL compares them as numeric."""
    duck.run("create or replace table n as select 2::bigint i, 1.01::decimal(15,2) d")

    assert duck.bind("select count(*) from n where i = $1", b"1.5", 1700) == b"0"
    assert duck.bind("select count(*) from n where i = $1", struct.pack(">d", 1.5), 701, 1) == b"0"
    assert duck.bind("select count(*) from n where i = $1", b"2.0", 1700) == b"1"
    assert duck.bind("select count(*) from n where d = $1", b"1.005", 1700) == b"0"
    assert duck.bind("select count(*) from n where d = $1", b"1.010", 1700) == b"1"


@pytest.mark.parametrize(
    ("duckdb", "text", "shown"),
    [
        ("INTEGER[]", b"{1,2,NULL}", b"{1,2,NULL}"),
        ("INTEGER[]", b"{}", b"{}"),
        ("INTEGER[]", b" { 1 , 2 } ", b"{1,2}"),
        ("INTEGER[]", b"[0:1]={1,2}", b"{1,2}"),
        ("INTEGER[][]", b"{{1,2},{3,4}}", b"{{1,2},{3,4}}"),
        ("INTEGER[][]", b"{}", b"{}"),
        ("INTEGER[3]", b"{1,2,3}", b"{1,2,3}"),
        ("BIGINT[]", b"{9223372036854775807}", b"{9223372036854775807}"),
        (
            "VARCHAR[]",
            b'{a,"b c","","NULL",null,"q\\"x","back\\\\slash"}',
            b'{a,"b c","","NULL",NULL,"q\\"x","back\\\\slash"}',
        ),
        ("VARCHAR[]", "{é,日本}".encode(), "{é,日本}".encode()),
        ("DATE[]", b"{2024-01-01,infinity}", b"{2024-01-01,infinity}"),
        ("DECIMAL(5,2)[]", b"{1.5,2}", b"{1.50,2.00}"),
        ("UUID[]", b"{00112233-4455-6677-8899-aabbccddeeff}", b"{00112233-4455-6677-8899-aabbccddeeff}"),
        ("BOOLEAN[]", b"{t,f,true}", b"{t,f,t}"),
        ("TIMESTAMP[]", b'{"2024-01-01 00:00:00"}', b'{"2024-01-01 00:00:00"}'),
        ("TIMESTAMPTZ[]", b'{"2024-01-01 00:00:00+01"}', b'{"2023-12-31 23:00:00+00"}'),
        ("BLOB[]", b'{"\\\\x00ff"}', b'{"\\\\x00ff"}'),
    ],
)
def test_arrays_become_lists(duck: Duck, duckdb: str, text: bytes, shown: bytes) -> None:
    """PostgreSQL's array text is read into DuckDB's lists."""
    assert duck.bind(f"select $1::{duckdb}", text) == shown


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("postgres", "duckdb", "oid"),
    [
        ("'{1,2,NULL}'::int[]", "INTEGER[]", 1007),
        ("'{}'::int[]", "INTEGER[]", 1007),
        ("'{{1,2},{3,4}}'::int8[]", "BIGINT[][]", 1016),
        ("'{a,NULL,\"b c\"}'::text[]", "VARCHAR[]", 1009),
        ("'{1.5,-2.25,1e10}'::numeric[]", "DECIMAL(20,2)[]", 1231),
        ("'{1.5,NaN}'::float8[]", "DOUBLE[]", 1022),
        ("'{2024-01-01,-infinity}'::date[]", "DATE[]", 1182),
        ("'{t,f}'::bool[]", "BOOLEAN[]", 1000),
        ("array['\\x00ff'::bytea]", "BLOB[]", 1001),
        ("'{1 day}'::interval[]", "INTERVAL[]", 1187),
        ("'{1,2}'::int2[]", "BIGINT[]", 1005),
        ("'{1,2}'::int4[]", "DECIMAL(9,2)[]", 1007),
    ],
)
def test_binary_arrays(oracle: Oracle, duck: Duck, postgres: str, duckdb: str, oid: int) -> None:
    """PostgreSQL's own binary arrays are read, also into lists of a wider type."""
    data = oracle.value(f"select {postgres}", None, 1)
    assert data is not None
    expected = duck.value(f"select $1::{duckdb}", 0, None, oracle.value(f"select {postgres}"))

    assert duck.bind(f"select $1::{duckdb}", data, oid, 1) == expected


def test_any_of_an_array(duck: Duck) -> None:
    """The usual use of an array parameter."""
    assert duck.bind("select list(i order by i) from range(10) t(i) where i = any($1)", b"{1,3,20}", 1007) == b"{1,3}"
    assert duck.bind("select count(*) from (values (1::bigint), (2)) t(i) where i = any($1)", b"{1.5,2}", 1231) == b"1"


def test_labels_of_an_enum(duck: Duck) -> None:
    """A label is its text; another text is refused."""
    duck.run("create type if not exists mood as enum ('sad', 'ok')")

    assert duck.bind("select $1::mood", b"ok") == b"ok"
    assert duck.refusal("select count(*) from (select 'ok'::mood m) where m = $1::mood", b"no")[0] in ("22P02", None)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"1 year 2 mons -3 days +04:05:06.789", b"1 year 2 mons -3 days +04:05:06.789"),
        (b"P1Y2M-3DT4H5M6.789S", b"1 year 2 mons -3 days +04:05:06.789"),
        (b"@ 1 year 2 mons 3 days ago", b"-1 years -2 mons -3 days"),
        (b"1-2", b"1 year 2 mons"),
        (b"3 4:05:06", b"3 days 04:05:06"),
        (b"1.5 days", b"1 day 12:00:00"),
        (b"1.5 months", b"1 mon 15 days"),
        (b"0.5 years", b"6 mons"),
        (b"2 weeks", b"14 days"),
        (b"1 day 5 seconds 7 microseconds", b"1 day 00:00:05.000007"),
        (b"5", b"00:00:05"),
        (b"-00:00:01.5", b"-00:00:01.5"),
        (b"1 century", b"100 years"),
        (b"100:00", b"100:00:00"),
        (b"1d 2h 3m 4s", b"1 day 02:03:04"),
        (b"PT0S", b"00:00:00"),
        (b"P2W", b"14 days"),
    ],
)
@pytest.mark.oracle
def test_intervals(oracle: Oracle, duck: Duck, text: bytes, shown: bytes) -> None:
    """The styles that PostgreSQL reads."""
    assert oracle.value("select $1::interval", [text]) == shown
    assert duck.bind("select $1::interval", text) == shown


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("date", "2024-01-02"),
        ("date", "20240102"),
        ("date", "2024-1-2"),
        ("date", "1/2/2024"),
        ("date", "2024/01/02"),
        ("date", "0044-03-15 BC"),
        ("date", "2024-01-02 10:00"),
        ("date", "infinity"),
        ("date", "epoch"),
        ("date", " 2024-01-02 "),
        ("date", "12345-01-02"),
        ("date", "1/2/99"),
        ("date", "1/2/20"),
        ("date", "2024-01-02 AD"),
        ("timestamp", "2024-01-02"),
        ("timestamp", "2024-01-02T03:04:05"),
        ("timestamp", "2024-01-02 03:04"),
        ("timestamp", "2024-01-02 03:04:05.1234567"),
        ("timestamp", "2024-01-02 03:04:05.9999999"),
        ("timestamp", "2024-01-02 03:04:05+02"),
        ("timestamp", "2024-01-02 03:04:05 PM"),
        ("timestamp", "2024-01-02 12:00 AM"),
        ("timestamp", "20240102T030405"),
        ("timestamp", "2024-01-02 24:00:00"),
        ("timestamp", "2024-01-02 23:59:60"),
        ("timestamp", "0044-03-15 01:02:03 BC"),
        ("timestamp", "-infinity"),
        ("timestamp", "2024-01-02 03:04:05Z"),
        ("timestamptz", "2024-01-02 03:04:05+00"),
        ("timestamptz", "2024-01-02 03:04:05Z"),
        ("timestamptz", "2024-01-02T03:04:05.5-05:30"),
        ("timestamptz", "2024-01-02 03:04:05+0530"),
        ("timestamptz", "2024-01-02 03:04:05 UTC"),
        ("timestamptz", "1800-01-01 00:00:00+00:53:28"),
        ("timestamptz", "0044-03-15 01:02:03+00 BC"),
        ("timestamptz", "infinity"),
        ("time", "03:04:05"),
        ("time", "03:04"),
        ("time", "030405"),
        ("time", "3:04 PM"),
        ("time", "24:00:00"),
        ("time", "03:04:05.5"),
        ("time", "03:04:05+02"),
        ("time", "T03:04:05"),
        ("time", "2024-01-02 03:04:05"),
        ("timetz", "03:04:05+02"),
        ("timetz", "03:04:05-05:30"),
        ("timetz", "03:04:05Z"),
        ("timetz", "03:04:05.25+15:59"),
        ("bool", "t"),
        ("bool", "TRUE"),
        ("bool", "yes"),
        ("bool", "off"),
        ("bool", "1"),
        ("bool", " n "),
        ("bool", "fal"),
        ("int4", " 12 "),
        ("int4", "+12"),
        ("int4", "-0"),
        ("float8", " 1e5 "),
        ("float8", ".5"),
        ("float8", "inf"),
        ("float8", "5e-324"),
        ("float4", "0.1"),
        ("float4", "-Infinity"),
        ("float8", "+5."),
        ("numeric", "1e3"),
        ("numeric", "1.5e-3"),
        ("numeric", "-.5"),
        ("numeric", "00012.50"),
        ("numeric", "+7"),
        ("uuid", "{00112233-4455-6677-8899-AABBCCDDEEFF}"),
        ("uuid", "00112233445566778899aabbccddeeff"),
        ("uuid", "0011-2233-4455-6677-8899-aabb-ccdd-eeff"),
        ("bytea", "\\x00 ff\n0A"),
        ("bytea", "abc\\\\\\001"),
        ("bytea", ""),
        ("varbit", "B0101"),
        ("varbit", "X1F"),
        ("varbit", "101"),
        ("varbit", "xabc"),
    ],
)
def test_texts_that_postgresql_reads(oracle: Oracle, duck: Duck, name: str, text: str) -> None:
    """Other spellings than PostgreSQL's own output give its value too."""
    duckdb = {
        "numeric": "DECIMAL(38,9)",
        "bytea": "BLOB",
        "varbit": "BIT",
        "int4": "INTEGER",
        "float8": "DOUBLE",
        "float4": "FLOAT",
    }.get(name, name)
    postgres = "numeric(38,9)" if name == "numeric" else name
    expected = oracle.value(f"select $1::{postgres}", [text.encode()])

    assert expected == duck.bind(f"select $1::{duckdb}", text.encode())
    assert expected == duck.bind(f"select $1::{duckdb}", text.encode(), OIDS[name])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"2024-07-01 12:00:00 Europe/Berlin", b"2024-07-01 10:00:00+00"),
        (b"2024-07-01 12:00:00", b"2024-07-01 12:00:00+00"),
    ],
)
def test_a_zone_by_name_and_the_sessions_zone_are_duckdbs(duck: Duck, text: bytes, shown: bytes) -> None:
    """Text that needs the session's zone, or a zone's rules, is cast by DuckDB."""
    duck.run("set timezone = 'UTC'")

    assert duck.bind("select $1::timestamptz", text, 1184) == shown


def test_null(duck: Duck) -> None:
    """NULL is NULL of any type."""
    for name in ("INTEGER", "VARCHAR", "INTEGER[]", "JSON", "UUID"):
        assert duck.bind(f"select $1::{name}", None) is None


def test_an_unknown_format_is_refused(duck: Duck) -> None:
    """Formats are 0 and 1."""
    assert duck.refusal("select $1::int", b"1", 23, 2) == ("22023", "unsupported format code: 2")


@pytest.mark.parametrize(
    ("value", "format_code", "sqlstate"),
    [
        (b"7", 0, None),
        (None, 0, None),
        (b"\0\0\0\7", 1, None),
        (b"x", 0, "22P02"),
        (b"123456", 1, "22P03"),
        (b"7", 2, "22023"),
    ],
)
def test_values_can_be_checked_before_the_statement_runs(
    duck: Duck, value: bytes | None, format_code: int, sqlstate: str | None
) -> None:
    """As they will be read then; the statement is as it was."""
    job = duck.threads.prepare(duck.connection, b"select $1::int")
    duck.threads.wait(job, 30)
    statement = job.result

    def refused() -> str | None:
        try:
            statement.check_parameters([value], [format_code], [0])
        except DuckDBError as error:
            return error.sqlstate
        return None

    assert sqlstate == refused() == refused()
    statement.check_parameters([b"1"], [], [])


def test_too_many_digits_are_refused(duck: Duck) -> None:
    """DuckDB's DECIMAL ends at 38 digits; nothing is rounded away in silence."""
    sqlstate, message = duck.refusal("select $1::decimal(38,0)", b"1" * 39, 1700)

    assert (sqlstate, message.partition(":")[0]) == ("22003", "numeric field overflow")


def test_announced_parameter_types_can_be_sent_in_binary(duck: Duck) -> None:
    """A client may send what ParameterDescription announces, without declaring it."""
    [boolean, integer] = duck.types("select true, 1")

    assert (pg_type_of(boolean).oid, pg_type_of(integer).oid) == (16, 23)
    assert duck.bind("select $1::int", struct.pack(">i", 5), 0, 1) == b"5"
