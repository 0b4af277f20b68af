"""Durations and sizes as people write them in a configuration."""

from __future__ import annotations

import re

_DURATION_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(us|ms|min|s|m|h|d)")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_OFF = frozenset({"off", "never", "-1", "0"})

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)", re.IGNORECASE)
# as DuckDB reads them: KB is 1,000 and KiB is 1,024
_SIZE_UNITS = {"": 1, "b": 1} | {
    f"{letter}{suffix}": factor**power
    for power, letter in enumerate("kmgt", start=1)
    for suffix, factor in (("b", 1000), ("ib", 1024), ("", 1024))
}


def parse_duration(text: str) -> float:
    """Seconds from ``90``, ``30s``, ``500ms``, ``5m``, ``1h30m``, ``2d``; ``off``, ``never``, ``0`` and ``-1`` are 0.

    Raises:
        ValueError: It is none of them.
    """
    text = text.strip().lower()
    if text in _OFF:
        return 0.0
    if _NUMBER.fullmatch(text):
        return float(text)
    parts = _DURATION_PART.findall(text)
    if not parts or "".join(_DURATION_PART.split(text)[::3]).strip():
        raise ValueError(f"{text!r} is not a duration like 30s, 5m or 1h30m")
    return sum(float(number) * _DURATION_UNITS[unit] for number, unit in parts)


def parse_size(text: str, whole_bytes: int) -> int:
    """Bytes from ``4GB``, ``512MiB``, ``1073741824`` or, as a share of the whole, ``75%``.

    Raises:
        ValueError: It is none of them.
    """
    text = text.strip()
    if text.endswith("%") and _NUMBER.fullmatch(text[:-1].strip()):
        share = float(text[:-1])
        if 0 < share <= 100:
            return int(whole_bytes * share / 100)
    match = _SIZE.fullmatch(text)
    if match is None or match[2].lower() not in _SIZE_UNITS:
        raise ValueError(f"{text!r} is not a size like 4GB, 512MiB or 75%")
    return int(float(match[1]) * _SIZE_UNITS[match[2].lower()])
