"""Parameters that are dates in text, for a session whose ``DateStyle`` has another order than MDY, which the engine reads.

Spec: datatype-datetime.html#DATATYPE-DATETIME-INPUT
"""

from __future__ import annotations

from collections.abc import Sequence

from duckgres_tx.sql.time_constants import is_common, read_constant
from duckgres_tx.wire import oids
from duckgres_tx.wire.fields import spread

USUAL_ORDER = "MDY"
_KINDS = {oids.DATE: "date", oids.TIMESTAMP: "timestamp", oids.TIMESTAMPTZ: "timestamptz"}


def ordered_dates(
    values: Sequence[bytes | None], types: Sequence[int], formats: tuple[int, ...], order: str
) -> list[bytes | None]:
    """The parameters of a Bind, dates in the order year, month, day; what isn't read here is left as it is."""
    return [
        value if value is None or code or oid not in _KINDS else _in_order(value, _KINDS[oid], order)
        for value, oid, code in zip(values, types, spread(formats, len(values)), strict=True)
    ]


def _in_order(value: bytes, kind: str, order: str) -> bytes:
    text = value.decode("utf-8", "replace")
    written = None if is_common(text) else read_constant(text, kind, order)
    if written is None:
        return value
    without_era = written.replace(" (BC)", "")
    return (without_era if without_era == written else f"{without_era} BC").encode()
