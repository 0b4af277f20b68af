"""TPC-H's published answers, compared with the rows that a client got."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

# Averages in the published answers are doubles printed in full; the order of summation moves their last digits.
RELATIVE_TOLERANCE = 1e-6
ABSOLUTE_TOLERANCE = 0.011


def differences(rows: Sequence[Sequence[object]], answer: str) -> list[str]:
    """What differs from an answer in the form of DuckDB's ``tpch_answers()``: a header line, fields between bars.

    Returns:
        A sentence for each difference, nothing when all is equal.
    """
    expected = [line.split("|") for line in answer.splitlines()[1:]]
    if len(rows) != len(expected):
        return [f"{len(rows)} rows instead of {len(expected)}"]
    found = []
    for index, (row, fields) in enumerate(zip(rows, expected, strict=True), 1):
        if len(row) != len(fields):
            found.append(f"row {index}: {len(row)} columns instead of {len(fields)}")
            continue
        found.extend(
            f"row {index} column {column}: {value!r} instead of {field!r}"
            for column, (value, field) in enumerate(zip(row, fields, strict=True), 1)
            if not _same(value, field)
        )
    return found


def _same(value: object, field: str) -> bool:
    if value is None:
        return field in ("", "NULL")
    if isinstance(value, int | float | Decimal):
        return math.isclose(float(value), float(field), rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)
    # char(n) columns are padded on one side only.
    return str(value).rstrip() == field.rstrip()
