"""The text form of values is PostgreSQL's, byte for byte."""

from __future__ import annotations

import pytest
from encoded_rows import Duck
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import Oracle
from type_values import SHARED_TYPES, TEXTS, SharedType, array_literal

from duckgres_tx.engine.database import DuckDBError
from duckgres_tx.engine.rendering import RenderOptions
from duckgres_tx.engine.text_floats import shortest_texts


def ours(duck: Duck, shared: SharedType, result_format: int, render: RenderOptions | None = None) -> list[bytes | None]:
    """What we send for the type's values."""
    sql = f"select v::{shared.duckdb} from (select unnest($1::varchar[]) v)"
    return [row[0] for row in duck.rows(sql, result_format, render, [array_literal(shared.for_duckdb())], [1009])]


def theirs(oracle: Oracle, shared: SharedType, result_format: int) -> list[bytes | None]:
    """What PostgreSQL sends for them."""
    sql = f"select v::{shared.postgres} from unnest($1::text[]) v"
    return oracle.column(sql, [array_literal(shared.for_postgres())], result_format)


def assert_same(literals: list[str], expected: list[bytes | None], actual: list[bytes | None]) -> None:
    """Show the literals that differ, not the whole lists."""
    assert len(expected) == len(actual)
    differences = [each for each in zip(literals, expected, actual, strict=True) if each[1] != each[2]]
    assert not differences[:5]


@pytest.mark.oracle
@pytest.mark.parametrize("shared", SHARED_TYPES, ids=lambda shared: shared.name)
def test_values_look_as_in_postgresql(oracle: Oracle, duck: Duck, shared: SharedType) -> None:
    """Every type that both have prints the same."""
    assert_same(shared.for_postgres(), theirs(oracle, shared, 0), ours(duck, shared, 0))


@pytest.mark.oracle
@pytest.mark.parametrize("shared", SHARED_TYPES, ids=lambda shared: shared.name)
def test_arrays_look_as_in_postgresql(oracle: Oracle, duck: Duck, shared: SharedType) -> None:
    """Elements are quoted where array_out would quote them, and NULL is bare."""
    expected = oracle.value(
        f"select array_append(array_agg(v::{shared.postgres} order by n), null) from unnest($1::text[]) with ordinality u(v, n)",
        [array_literal(shared.for_postgres())],
    )
    sql = f"select list(v::{shared.duckdb}) from (select unnest(list_append($1::varchar[], null)) v)"
    actual = duck.value(sql, 0, None, array_literal(shared.for_duckdb()))

    assert expected == actual


@pytest.mark.oracle
@pytest.mark.parametrize("style", ["postgres", "postgres_verbose", "sql_standard", "iso_8601"])
def test_interval_styles(oracle: Oracle, duck: Duck, style: str) -> None:
    """IntervalStyle has PostgreSQL's four forms, signs and all."""
    [shared] = [shared for shared in SHARED_TYPES if shared.duckdb == "INTERVAL"]
    oracle.connection.execute(f"set intervalstyle = {style}")
    try:
        # The style also changes how a leading minus is read: make the values while it doesn't matter.
        sql = (
            "select make_interval(secs => 0) + v from (select v::interval from unnest($1::text[]) v) u"
            if style != "sql_standard"
            else "select make_interval(months => m, days => d, secs => 0) + t * interval '1 microsecond'"
            " from unnest($1::int[], $2::int[], $3::bigint[]) u(m, d, t)"
        )
        parameters: list[bytes | None] = [array_literal(shared.for_postgres())]
        if style == "sql_standard":
            rows = duck.rows(
                "select 12 * datepart('year', i) + datepart('month', i), datepart('day', i), epoch_us(i - to_days(datepart('day', i)::int)"
                " - to_months((12 * datepart('year', i) + datepart('month', i))::int))"
                " from (select unnest($1::varchar[])::interval i)",
                0,
                None,
                parameters,
            )
            parameters = [b"{" + b",".join(row[column] or b"" for row in rows) + b"}" for column in range(3)]
        expected = oracle.column(sql, parameters)
    finally:
        oracle.connection.execute("reset intervalstyle")

    assert_same(shared.for_postgres(), expected, ours(duck, shared, 0, RenderOptions(interval_style=style)))


DATE_STYLES = ["SQL, DMY", "SQL, MDY", "German, DMY", "Postgres, DMY", "Postgres, YMD", "ISO, DMY"]


@pytest.mark.oracle
@pytest.mark.parametrize("style", DATE_STYLES)
def test_date_styles(oracle: Oracle, duck: Duck, style: str) -> None:
    """Dates and timestamps of any age."""
    oracle.connection.execute(f"set datestyle = '{style}'")
    try:
        for shared in SHARED_TYPES:
            if shared.duckdb.startswith(("DATE", "TIMESTAMP")):
                actual = ours(duck, shared, 0, RenderOptions(date_style=style))
                assert_same(shared.for_postgres(), theirs(oracle, shared, 0), actual)
    finally:
        oracle.connection.execute("reset datestyle")


@pytest.mark.oracle
@pytest.mark.parametrize("zone", ["America/New_York", "America/Sao_Paulo", "<+02>-02"])
@pytest.mark.parametrize("style", DATE_STYLES)
def test_date_styles_name_the_zone(oracle: Oracle, duck: Duck, style: str, zone: str) -> None:
    """A timestamp with its zone has the abbreviation of its time; in an array it has quotes around it."""
    sql = """select [
        '2024-07-01 12:00:00.5+00', '2024-12-01 00:00:00+00', '1800-01-01 00:00:00+00', '9999-07-01 00:00:00+00', null, 'infinity'
    ]::timestamptz[]"""
    oracle.connection.execute(f"set datestyle = '{style}'; set timezone = '{zone}'")
    try:
        expected = oracle.value(sql.replace("[", "array[", 1))
    finally:
        oracle.connection.execute("reset datestyle; set timezone = 'UTC'")

    assert expected == duck.value(sql, 0, RenderOptions(date_style=style, time_zone=zone))


@pytest.mark.oracle
@pytest.mark.parametrize("digits", [-15, -5, -3, 0, 1, 3])
@pytest.mark.parametrize("name", ["FLOAT", "DOUBLE"])
def test_extra_float_digits(oracle: Oracle, duck: Duck, name: str, digits: int) -> None:
    """Zero and below round to fewer digits, above it is the shortest exact text."""
    [shared] = [shared for shared in SHARED_TYPES if shared.duckdb == name]
    oracle.connection.execute(f"set extra_float_digits = {digits}")
    try:
        expected = theirs(oracle, shared, 0)
    finally:
        oracle.connection.execute("reset extra_float_digits")

    assert_same(shared.for_postgres(), expected, ours(duck, shared, 0, RenderOptions(extra_float_digits=digits)))


@pytest.mark.oracle
def test_bytea_output_escape(oracle: Oracle, duck: Duck) -> None:
    """bytea_output = escape doubles backslashes and writes what is not printable in octal."""
    [shared] = [shared for shared in SHARED_TYPES if shared.duckdb == "BLOB"]
    oracle.connection.execute("set bytea_output = escape")
    try:
        expected = theirs(oracle, shared, 0)
    finally:
        oracle.connection.execute("reset bytea_output")

    assert_same(shared.for_postgres(), expected, ours(duck, shared, 0, RenderOptions(bytea_output="escape")))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_shortest_text_of_a_double_reads_back(numbers: list[float]) -> None:
    """No digit is lost, and no text is longer than Python's by more than the digit that PostgreSQL spends at a bound."""
    for number, text in zip(numbers, shortest_texts(numbers), strict=True):
        assert float(text) == number
        digits = sum(character.isdigit() for character in text.partition("e")[0].strip("0.-"))
        assert digits <= 17


@pytest.mark.oracle
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=8))
def test_any_text_survives_in_an_array(duck: Duck, oracle: Oracle, texts: list[str]) -> None:
    """Quotes and backslashes are PostgreSQL's for any text at all."""
    literal = array_literal(texts)

    assert oracle.value("select $1::text[]", [literal]) == duck.value("select $1::varchar[]", 0, None, literal)


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("postgres", "duckdb"),
    [
        ("'{{1,2},{3,4}}'::int[]", "[[1,2],[3,4]]"),
        ("'{{1,NULL},{3,4}}'::int[]", "[[1,NULL],[3,4]]"),
        ("'{{{1},{2}},{{3},{4}}}'::int[]", "[[[1],[2]],[[3],[4]]]"),
        ("'{}'::int[]", "[]::int[]"),
        ("'{{1,2},{3,4},{5,6}}'::int[]", "[[1,2],[3,4],[5,6]]::int[2][3]"),
        ('\'{{a,"b c"},{"","NULL"}}\'::text[]', "[['a','b c'],['','NULL']]"),
    ],
)
def test_rectangular_lists_are_arrays_of_more_dimensions(
    oracle: Oracle, duck: Duck, postgres: str, duckdb: str
) -> None:
    """A list of lists of one length is what PostgreSQL calls an array of two dimensions."""
    assert oracle.value(f"select {postgres}") == duck.value(f"select {duckdb}")


def test_a_ragged_list_shows_as_it_is(duck: Duck) -> None:
    """PostgreSQL has no ragged arrays; clients' parsers take the braces all the same."""
    assert duck.value("select [[1,2],[3],[],NULL]") == b"{{1,2},{3},{},NULL}"


@pytest.mark.oracle
@pytest.mark.parametrize(
    "zone",
    [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kolkata",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "America/St_Johns",
        "Africa/Casablanca",
        "Pacific/Apia",
        "Asia/Pyongyang",
        "Europe/Dublin",
        "America/Caracas",
        "<+02>-02",
        "<+05:30>-05:30",
        "EST5EDT,M3.2.0,M11.1.0",
        "Etc/GMT+12",
    ],
)
def test_timestamptz_is_in_the_sessions_zone(oracle: Oracle, duck: Duck, zone: str) -> None:
    """Offsets of every time, before the first rule and centuries after the last one, are PostgreSQL's."""
    seconds = [*range(-62135596800, 253402300800, 86400 * 977 + 12345), 16725225600 * 5, 9223371331200, -210866803200]
    listed = ("{" + ",".join(map(str, seconds)) + "}").encode()
    oracle.connection.execute(f"set timezone = '{zone}'")
    try:
        expected = oracle.column("select to_timestamp(v) from unnest($1::bigint[]) v", [listed])
    finally:
        oracle.connection.execute("set timezone = 'UTC'")
    rows = duck.rows(
        "select make_timestamptz(v * 1000000) from (select unnest($1::bigint[]) v)",
        0,
        RenderOptions(time_zone=zone),
        [listed],
    )

    assert_same([str(second) for second in seconds], expected, [row[0] for row in rows])


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("postgres", "duckdb"),
    [
        ("row_to_json(r) from (select 1 a, 'x' b) r", "{'a': 1, 'b': 'x'}"),
        (
            "row_to_json(r) from (select 1.5::float8 a, 'NaN'::float8 b, 'infinity'::float4 c) r",
            "{'a': 1.5::double, 'b': 'NaN'::double, 'c': 'inf'::float}",
        ),
        (
            "row_to_json(r) from (select true a, null::int b, 1.50::numeric c) r",
            "{'a': true, 'b': null::int, 'c': 1.50::decimal(5,2)}",
        ),
        (
            "row_to_json(r) from (select date '2024-02-29' a, timestamp '2024-01-02 03:04:05.5' b) r",
            "{'a': date '2024-02-29', 'b': timestamp '2024-01-02 03:04:05.5'}",
        ),
        (
            "row_to_json(r) from (select timestamptz '2024-01-02 03:04:05+00' a, time '01:02:03' b) r",
            "{'a': timestamptz '2024-01-02 03:04:05+00', 'b': time '01:02:03'}",
        ),
        (
            "row_to_json(r) from (select 'infinity'::date a, '0044-03-15 BC'::date b) r",
            "{'a': 'infinity'::date, 'b': '0044-03-15 (BC)'::date}",
        ),
        (
            "row_to_json(r) from (select interval '1 day 2 hours' a, '\\x00ff'::bytea b) r",
            "{'a': interval '1 day 2 hours', 'b': '\\x00\\xFF'::blob}",
        ),
        (
            "row_to_json(r) from (select E'q\"b\\\\s\\n\\t\\r\\b\\f\\x01é' a) r",
            "{'a': E'q\"b\\\\s\\n\\t\\r\\b\\f\\x01é'}",
        ),
        ("row_to_json(r) from (select array[1,null,3] a, array['x','y z'] b) r", "{'a': [1,null,3], 'b': ['x','y z']}"),
        ('json_build_object(\'a b\', row_to_json(r)) from (select 1 as "q""x") r', "{'a b': {'q\"x': 1}}"),
        ("row_to_json(r) from (select '{\"k\": [1, 2]}'::json a) r", "{'a': '{\"k\": [1, 2]}'::json}"),
        ("'[1,\"x\"]'::json", "'[1,\"x\"]'::json"),
    ],
)
def test_structs_are_json_as_row_to_json_makes_it(oracle: Oracle, duck: Duck, postgres: str, duckdb: str) -> None:
    """Inside JSON, scalars look as PostgreSQL's to_json has them."""
    expected = oracle.value(f"select {postgres}")
    assert expected is not None
    # json_build_object spaces its own level out.
    if "json_build_object" in postgres:
        expected = expected.replace(b" : ", b":")

    assert expected == duck.value(f"select {duckdb}")


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("map {'a': 1, 'b': 2}", b'{"a":1,"b":2}'),
        ("map {1: 'x', 2: null}", b'{"1":"x","2":null}'),
        ("map {date '2024-01-01': [1, 2]}", b'{"2024-01-01":[1,2]}'),
        ("map {{'k': 1}: 2}", b'{"{\\"k\\":1}":2}'),
        ("map {}", b"{}"),
        ("union_value(num := 2)", b'{"num":2}'),
        ("'x'::union(i int, s varchar)", b'{"s":"x"}'),
        ("[{'a': 1}, NULL, {'a': 2}]", b'{"{\\"a\\":1}",NULL,"{\\"a\\":2}"}'),
        ("{'a': [[1],[2,3]], 'm': map {'k': {'z': true}}}", b'{"a":[[1],[2,3]],"m":{"k":{"z":true}}}'),
        ("{'a': [1, 2]::int[2]}", b'{"a":[1,2]}'),
        ("'b'::enum('a', 'b')", b"b"),
        ("['b', NULL]::enum('a', 'b')[]", b"{b,NULL}"),
        ("null", None),
        ("[null]", b"{NULL}"),
        ("{'a': null}", b'{"a":null}'),
        ("timestamp_ns '2024-01-02 03:04:05.123456789'", b"2024-01-02 03:04:05.123456"),
        ("timestamp_ns '1969-12-31 23:59:59.999999999'", b"1969-12-31 23:59:59.999999"),
        ("42::variant", b"42"),
        ("'a long string beyond twelve'::variant", b'"a long string beyond twelve"'),
        ("date '2024-02-29'::variant", b'"2024-02-29"'),
        ("{'a': 1.5::decimal(4,1), 'b': ['x', 'y'], 'c': null}::variant", b'{"a":1.5,"b":["x","y"],"c":null}'),
        ("[1, 2, 3]::variant", b"[1,2,3]"),
        ("true::variant", b"true"),
        (
            "{'h': 170141183460469231731687303715884105727::hugeint, 'd': 0.1::double}::variant",
            b'{"h":170141183460469231731687303715884105727,"d":0.1}',
        ),
        ("'POINT (1 2)'::geometry", b"\\x0101000000000000000000f03f0000000000000040"),
    ],
)
def test_types_that_postgresql_lacks(duck: Duck, sql: str, text: bytes | None) -> None:
    """What PostgreSQL has no type for is JSON or the nearest type, never an error."""
    assert duck.value(f"select {sql}") == text


def test_nulls_among_values(duck: Duck) -> None:
    """A NULL has the length -1 in any column of any row."""
    rows = duck.rows(
        "select case when i % 3 = 0 then null else i end, case when i % 2 = 0 then i::varchar end from range(2500) t(i)"
    )

    assert rows == [
        [None if i % 3 == 0 else str(i).encode(), str(i).encode() if i % 2 == 0 else None] for i in range(2500)
    ]


def test_long_strings_grow_the_buffer(duck: Duck) -> None:
    """Room is made for values of any length, whatever stands before and behind them."""
    rows = duck.rows("select i, repeat('x', i * 1000), i from range(300) t(i)")

    assert rows == [[str(i).encode(), b"x" * (i * 1000), str(i).encode()] for i in range(300)]


def test_texts_of_every_length(duck: Duck) -> None:
    """Strings inside the vector and outside it are copied whole."""
    rows = duck.rows("select repeat('abcdefg', i)[:i] from range(200) t(i)")

    assert rows == [[(b"abcdefg" * i)[:i]] for i in range(200)]


def test_a_bignum_beyond_numeric_is_refused(duck: Duck) -> None:
    """A numeric has at most 131072 digits."""
    with pytest.raises(DuckDBError, match="out of range"):
        duck.value("select ('1' || repeat('0', 140000))::bignum")


def test_texts_are_utf_8_as_they_are(duck: Duck) -> None:
    """Nothing is escaped or changed outside arrays and JSON."""
    for text in TEXTS:
        assert duck.value("select $1::varchar", 0, None, text.encode()) == text.encode()
