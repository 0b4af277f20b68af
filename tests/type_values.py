"""Values of every type that PostgreSQL and DuckDB share, as literals of both."""

from __future__ import annotations

import random
import struct
import uuid
from collections.abc import Callable

from attrs import frozen

Literal = str | tuple[str, str]


@frozen
class SharedType:
    """A type under both names, with values: one literal for both, or PostgreSQL's and DuckDB's."""

    postgres: str
    duckdb: str
    literals: tuple[Literal, ...]

    @property
    def name(self) -> str:
        """For the test's id."""
        return f"{self.duckdb.lower()}"

    def for_postgres(self) -> list[str]:
        """PostgreSQL's literals."""
        return [literal if isinstance(literal, str) else literal[0] for literal in self.literals]

    def for_duckdb(self) -> list[str]:
        """DuckDB's literals, in the same order."""
        return [literal if isinstance(literal, str) else literal[1] for literal in self.literals]


def array_literal(texts: list[str]) -> bytes:
    """PostgreSQL's text of a text array."""
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return ("{" + ",".join(f'"{text}"' for text in quoted) + "}").encode()


def _integers(bits: int, *, signed: bool = True) -> tuple[str, ...]:
    """The borders, every number of digits, and some at random."""
    chance = random.Random(bits)
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    found = {low, low + 1, 0, 1, high - 1, high}
    for power in range(40):
        found |= {10**power - 1, 10**power, -(10**power), 1 - 10**power}
    found |= {chance.randint(low, high) >> chance.randrange(bits) for _ in range(300)}
    return tuple(str(number) for number in sorted(found) if low <= number <= high)


def _decimals(width: int, scale: int) -> tuple[str, ...]:
    chance = random.Random(width * 100 + scale)
    numbers = {0, 1, -1, 10**width - 1, 1 - 10**width, 10**scale if scale < width else 9}
    for power in range(width):
        numbers |= {10**power, -(10**power) + 1}
    for _ in range(300):
        numbers.add(chance.choice((1, -1)) * chance.randrange(10 ** chance.randint(1, width)))
    texts = []
    for number in sorted(numbers):
        digits = str(abs(number)).rjust(scale + 1, "0")
        point = len(digits) - scale
        texts.append(("-" if number < 0 else "") + digits[:point] + ("." + digits[point:] if scale else ""))
    return tuple(texts)


def _floats(layout: str, bits: int) -> tuple[str, ...]:
    chance = random.Random(bits)
    numbers = [
        0.0,
        -0.0,
        1.0,
        -1.5,
        0.1,
        1e-5,
        1e-4,
        123456.0,
        1234567.0,
        1e14,
        1e15,
        1e16,
        100000.0,
        1e6,
        1e22,
        5e-324,
    ]
    numbers += [chance.uniform(-1000, 1000) for _ in range(200)]
    numbers += [chance.randint(-(10**9), 10**9) / 100 for _ in range(200)]
    for _ in range(2000):
        (number,) = struct.unpack(f"<{layout}", chance.getrandbits(bits).to_bytes(bits // 8, "little"))
        numbers.append(number)
    numbers += [2.0**power for power in range(-30, 60)]
    if layout == "f":
        numbers = [struct.unpack("<f", struct.pack("<f", number))[0] for number in numbers]
        numbers = [number for number in numbers if number != 0 or str(number) == "0.0"]
    texts = [repr(number) for number in numbers if number - number == 0]
    return (*texts, "NaN", "Infinity", "-Infinity")


def _dates() -> tuple[Literal, ...]:
    chance = random.Random(1)
    plain = [
        f"{year:04d}-{month:02d}-{day:02d}"
        for year in (1, 4, 100, 400, 1582, 1899, 1900, 1969, 1970, 1999, 2000, 2024, 2100, 9999)
        for month, day in ((1, 1), (2, 28), (3, 1), (12, 31))
    ]
    plain += ["2024-02-29", "2000-02-29", "10000-01-01", "12345-06-07", "294246-12-31"]
    plain += [
        f"{chance.randint(1, 9999):04d}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}" for _ in range(500)
    ]
    before_christ = [
        (f"{year:04d}-{month:02d}-{day:02d} BC", f"{year:04d}-{month:02d}-{day:02d} (BC)")
        for year, month, day in ((1, 1, 1), (1, 12, 31), (44, 3, 15), (4713, 12, 1), (5, 2, 29), (1000, 6, 30))
    ]
    return (*plain, *before_christ, "infinity", "-infinity")


def _clocks() -> list[str]:
    chance = random.Random(2)
    fixed = [
        "00:00:00",
        "23:59:59.999999",
        "12:00:00",
        "00:00:00.000001",
        "01:02:03.1",
        "01:02:03.123450",
        "09:08:07.01",
    ]
    for _ in range(200):
        clock = f"{chance.randrange(24):02d}:{chance.randrange(60):02d}:{chance.randrange(60):02d}"
        fixed.append(clock + chance.choice(("", f".{chance.randrange(1000000):06d}")))
    return fixed


def _timestamps(digits: int, years: tuple[int, int] = (1, 9999)) -> tuple[Literal, ...]:
    chance = random.Random(digits)
    found: list[Literal] = [
        "1970-01-01 00:00:00",
        "1969-12-31 23:59:59",
        "2000-01-01 00:00:00",
        "infinity",
        "-infinity",
    ]
    for clock in _clocks():
        whole, _, fraction = clock.partition(".")
        fraction = fraction[:digits]
        date = f"{chance.randint(*years):04d}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"
        found.append(f"{date} {whole}" + (f".{fraction}" if fraction else ""))
    if years[1] == 9999:
        found.append(("0044-03-15 12:34:56 BC", "0044-03-15 (BC) 12:34:56"))
    return tuple(found)


def _intervals() -> tuple[str, ...]:
    chance = random.Random(3)
    fixed = [
        "0",
        "1 year",
        "-1 year",
        "1 mon",
        "14 months",
        "-14 months",
        "1 day",
        "-1 day",
        "3 days",
        "1 hour",
        "00:00:00.000001",
        "-00:00:00.000001",
        "1 year 2 months -3 days 04:05:06.789",
        "-1 month 1 day",
        "1 month -1 day",
        "-1 day 01:00:00",
        "1 day -01:00:00",
        "1 year -1 day 02:00:00",
        "100:00:00",
        "-100:59:59.5",
        "999 years",
        "-1 year -2 months -3 days -04:05:06",
        "1 second",
        "-1 second",
        "1 day 00:00:01.5",
        "1 minute",
    ]
    for _ in range(400):
        parts = []
        for unit, most in (("years", 200), ("months", 30), ("days", 500), ("hours", 300), ("seconds", 5000)):
            if chance.random() < 0.5:
                parts.append(f"{chance.randint(-most, most)} {unit}")
        if chance.random() < 0.3:
            parts.append(f"{chance.randint(-999999, 999999)} microseconds")
        fixed.append(" ".join(parts) or "0 days")
    return tuple(text if text != "0" else "0 days" for text in fixed)


def _uuids() -> tuple[str, ...]:
    chance = random.Random(4)
    fixed = ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"]
    return (*fixed, *(str(uuid.UUID(int=chance.getrandbits(128))) for _ in range(100)))


def _blobs() -> tuple[Literal, ...]:
    chance = random.Random(5)
    contents = [b"", b"\0", b"\\", b"'", b"abc", bytes(range(256)), b"twelve bytes", b"thirteen byte"]
    contents += [chance.randbytes(chance.randrange(60)) for _ in range(100)]
    return tuple(("\\x" + content.hex(), "".join(f"\\x{byte:02X}" for byte in content)) for content in contents)


def _bits() -> tuple[str, ...]:
    chance = random.Random(6)
    return tuple(
        "".join(chance.choice("01") for _ in range(length)) for length in (*range(1, 40), 63, 64, 65, 127, 200)
    )


TEXTS: tuple[str, ...] = (
    "",
    "a",
    "NULL",
    "null",
    " ",
    "a b",
    "{",
    "}",
    ",",
    '"',
    "\\",
    "\n",
    "\t",
    "é",
    "日本語",
    "😀",
    "exactly 12 by",
    "x" * 12,
    "x" * 13,
    "x" * 15,
    "x" * 16,
    "x" * 17,
    "x" * 31,
    "x" * 32,
    "x" * 33,
    "x" * 47,
    "x" * 48,
    "x" * 49,
    "x" * 1000,
    "x" * 70000,
    "it's",
    '{"a": 1}',
    "tab\there",
    "\x01\x1f\x7f",
)

SHARED_TYPES: tuple[SharedType, ...] = (
    SharedType("bool", "BOOLEAN", ("true", "false")),
    SharedType("int2", "TINYINT", _integers(8)),
    SharedType("int2", "UTINYINT", _integers(8, signed=False)),
    SharedType("int2", "SMALLINT", _integers(16)),
    SharedType("int4", "USMALLINT", _integers(16, signed=False)),
    SharedType("int4", "INTEGER", _integers(32)),
    SharedType("int8", "UINTEGER", _integers(32, signed=False)),
    SharedType("int8", "BIGINT", _integers(64)),
    SharedType("numeric", "UBIGINT", _integers(64, signed=False)),
    SharedType("numeric", "HUGEINT", _integers(128)),
    SharedType("numeric", "UHUGEINT", _integers(128, signed=False)),
    SharedType("numeric", "BIGNUM", (*_integers(128), "1" + "0" * 100, "-" + "9" * 200, "123456789" * 30)),
    *(
        SharedType(f"numeric({width},{scale})", f"DECIMAL({width},{scale})", _decimals(width, scale))
        for width, scale in (
            (1, 0),
            (4, 0),
            (4, 1),
            (4, 4),
            (9, 0),
            (9, 3),
            (9, 9),
            (15, 2),
            (18, 0),
            (18, 1),
            (18, 3),
            (18, 7),
            (18, 8),
            (18, 9),
            (18, 18),
            (19, 2),
            (38, 0),
            (38, 1),
            (38, 9),
            (38, 19),
            (38, 37),
            (38, 38),
        )
    ),
    SharedType("float4", "FLOAT", _floats("f", 32)),
    SharedType("float8", "DOUBLE", _floats("d", 64)),
    SharedType("text", "VARCHAR", TEXTS),
    SharedType("bytea", "BLOB", _blobs()),
    SharedType("date", "DATE", _dates()),
    SharedType("time", "TIME", (*_clocks(), "24:00:00")),
    SharedType("time", "TIME_NS", tuple(_clocks())),
    SharedType(
        "timetz",
        "TIMETZ",
        tuple(f"{clock}{zone}" for clock in _clocks()[:40] for zone in ("+00", "+02", "-05:30", "+05:45", "-15:59:59")),
    ),
    SharedType("timestamp", "TIMESTAMP", _timestamps(6)),
    SharedType("timestamp", "TIMESTAMP_S", _timestamps(0)),
    SharedType("timestamp", "TIMESTAMP_MS", _timestamps(3)),
    SharedType("timestamp", "TIMESTAMP_NS", _timestamps(6, (1678, 2261))),
    SharedType("interval", "INTERVAL", _intervals()),
    SharedType("uuid", "UUID", _uuids()),
    SharedType("varbit", "BIT", _bits()),
)

Judge = Callable[[str], bytes]
