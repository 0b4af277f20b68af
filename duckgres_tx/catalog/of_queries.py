"""Functions of PostgreSQL that queries use, and DuckDB has under another name, with another meaning, or not at all.

Where DuckDB has a function of that name, ours has an overload for its arguments too.
"""

from __future__ import annotations

from typing import Final

from duckgres_tx.catalog.macro import Macro, macro

_HOUR_US: Final = 3_600_000_000
_DAY_US: Final = 24 * _HOUR_US

# An interval's three fields, each with its own sign.
_MONTHS: Final = "(date_part('year', x) * 12 + date_part('month', x))"
_DAYS: Final = "date_part('day', x)"
_TIME_US: Final = (
    f"(date_part('hour', x) * {_HOUR_US} + date_part('minute', x) * 60000000 + date_part('microsecond', x))"
)


def _carried(small: str, size: int, large: str) -> tuple[str, str]:
    """Two fields after whole units of the smaller one went to the larger one, and both have one sign."""
    whole, rest = f"({large} + {small} // {size})", f"({small} % {size})"
    borrowed = f"CASE WHEN {whole} > 0 AND {rest} < 0 THEN 1 WHEN {whole} < 0 AND {rest} > 0 THEN -1 ELSE 0 END"
    return f"({whole} - ({borrowed}))", f"({rest} + ({borrowed}) * {size})"


def _interval(months: str, days: str, time_us: str) -> str:
    return f"to_months(CAST({months} AS INTEGER)) + to_days(CAST({days} AS INTEGER)) + to_microseconds({time_us})"


_DAYS_OF_HOURS, _TIME_OF_HOURS = _carried(_TIME_US, _DAY_US, _DAYS)
_MONTHS_OF_DAYS, _DAYS_OF_DAYS = _carried(_DAYS, 30, _MONTHS)


def _count_of_nulls(word: str) -> tuple[tuple[str, str], ...]:
    overloads = []
    for count in range(1, 9):
        names = [f"a{number}" for number in range(count)]
        overloads.append((", ".join(names), " + ".join(f"CAST({name} {word} AS INTEGER)" for name in names)))
    return tuple(overloads)


_JSON_TYPEOF: Final = (
    "x -> CASE json_type(CAST(x AS JSON)) WHEN 'OBJECT' THEN 'object' WHEN 'ARRAY' THEN 'array' WHEN 'VARCHAR' THEN 'string' "
    "WHEN 'BOOLEAN' THEN 'boolean' WHEN 'NULL' THEN 'null' ELSE CASE WHEN x IS NOT NULL THEN 'number' END END"
)
_ELEMENTS: Final = "unnest(from_json(CAST(x AS JSON), '[\"JSON\"]'))"
_TEXT_ELEMENTS: Final = "unnest(list_transform(from_json(CAST(x AS JSON), '[\"JSON\"]'), lambda e: e ->> '$'))"

QUERY_FUNCTIONS: Final[tuple[Macro, ...]] = (
    macro("chr", "x -> CASE WHEN x = 0 THEN error('null character not permitted') ELSE system.main.chr(x) END"),
    macro("btrim", "x -> trim(x)", "x, characters -> trim(x, characters)"),
    macro("to_hex", "x -> lower(CASE WHEN typeof(x) = 'INTEGER' THEN right(hex(x), 8) ELSE hex(x) END)"),
    macro(
        "encode",
        "x -> system.main.encode(x)",
        "x, form -> CASE lower(form) WHEN 'hex' THEN lower(hex(CAST(x AS BLOB))) WHEN 'base64' THEN "
        "rtrim(regexp_replace(to_base64(CAST(x AS BLOB)), '(.{76})', '\\1\n', 'g'), '\n') "
        "WHEN 'escape' THEN {s}.escaped_bytes(CAST(x AS BLOB)) "
        "ELSE CASE WHEN x IS NOT NULL THEN error('unrecognized encoding: \"' || form || '\"') END END",
    ),
    macro(
        "decode",
        "x -> system.main.decode(x)",
        "x, form -> CASE lower(form) WHEN 'hex' THEN unhex(regexp_replace(x, '[ \\t\\r\\n]', '', 'g')) WHEN 'base64' THEN "
        "from_base64(regexp_replace(x, '[ \\t\\r\\n]', '', 'g')) "
        "ELSE CASE WHEN x IS NOT NULL THEN error('unrecognized encoding: \"' || form || '\"') END END",
    ),
    macro("sha256", "x -> unhex(system.main.sha256(CAST(x AS BLOB)))"),
    macro(
        "width_bucket",
        "x, low, high, buckets -> CASE WHEN low < high THEN CASE WHEN x < low THEN 0 WHEN x >= high THEN buckets + 1 "
        "ELSE CAST(floor((x - low) * buckets / (high - low)) AS INTEGER) + 1 END "
        "WHEN low > high THEN CASE WHEN x > low THEN 0 WHEN x <= high THEN buckets + 1 "
        "ELSE CAST(floor((low - x) * buckets / (low - high)) AS INTEGER) + 1 END "
        "WHEN low = high THEN error('lower bound cannot equal upper bound') END",
    ),
    macro("div", "x, y -> CASE WHEN y = 0 THEN error('division by zero') ELSE trunc(x / y) END"),
    macro(
        "mod",
        "x, y -> coalesce(system.main.mod(x, y), CASE WHEN x IS NOT NULL AND y IS NOT NULL THEN error('division by zero') END)",
    ),
    Macro("num_nulls", _count_of_nulls("IS NULL")),
    Macro("num_nonnulls", _count_of_nulls("IS NOT NULL")),
    Macro("|/", (("x", "sqrt(x)"),)),
    Macro("||/", (("x", "cbrt(x)"),)),
    # Intervals
    macro("justify_hours", f"x -> {_interval(_MONTHS, _DAYS_OF_HOURS, _TIME_OF_HOURS)}"),
    macro("justify_days", f"x -> {_interval(_MONTHS_OF_DAYS, _DAYS_OF_DAYS, _TIME_US)}"),
    # JSON
    macro("to_jsonb", "x -> to_json(x)"),
    macro("json_typeof", _JSON_TYPEOF),
    macro("jsonb_typeof", _JSON_TYPEOF),
    macro("json_object_agg", "k, v -> json_group_object(CAST(k AS VARCHAR), v)"),
    macro("jsonb_object_agg", "k, v -> json_group_object(CAST(k AS VARCHAR), v)"),
    *(macro(f"{kind}_array_elements", f"x -> {_ELEMENTS}") for kind in ("json", "jsonb")),
    *(macro(f"{kind}_array_elements_text", f"x -> {_TEXT_ELEMENTS}") for kind in ("json", "jsonb")),
)

QUERY_TABLES: Final[tuple[Macro, ...]] = (
    *(
        Macro(f"{kind}_array_elements", (("x", f"SELECT {_ELEMENTS} AS value"),), table=True)
        for kind in ("json", "jsonb")
    ),
    *(
        Macro(f"{kind}_array_elements_text", (("x", f"SELECT {_TEXT_ELEMENTS} AS value"),), table=True)
        for kind in ("json", "jsonb")
    ),
)

QUERY_SUPPORT: Final[tuple[Macro, ...]] = (
    # Bytes that are no printable ASCII as three octal digits.
    macro(
        "escaped_bytes",
        "x -> array_to_string(list_transform(regexp_extract_all(hex(x), '..'), lambda h: CASE "
        "WHEN h = '5C' THEN '\\\\' WHEN h = '00' OR h >= '80' THEN printf('\\%03o', CAST('0x' || h AS INTEGER)) "
        "ELSE system.main.decode(unhex(h)) END), '')",
    ),
)
"""Macros of the facts' schema that these use."""
