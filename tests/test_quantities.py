"""Durations and sizes, as people write them."""

from __future__ import annotations

import pytest

from duckgres_tx.quantities import parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90.0),
        ("1.5", 1.5),
        ("30s", 30.0),
        ("500ms", 0.5),
        ("5m", 300.0),
        ("5min", 300.0),
        ("1h30m", 5400.0),
        ("1h 30m", 5400.0),
        ("24H", 86400.0),
        ("2d", 172800.0),
        ("0", 0.0),
        ("-1", 0.0),
        ("off", 0.0),
        ("never", 0.0),
    ],
)
def test_durations(text, seconds):
    """Every documented form."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "5 fortnights", "1h30", "-5s", "s", "5mm", "1h-30m"])
def test_what_is_no_duration(text):
    """Refused, with the text in the message."""
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1024", 1024),
        ("4GB", 4_000_000_000),
        ("4GiB", 4 << 30),
        ("512mib", 512 << 20),
        ("1.5kb", 1500),
        ("2k", 2048),
        ("1 TB", 10**12),
        ("50%", 500),
        ("100 %", 1000),
    ],
)
def test_sizes(text, size):
    """As DuckDB reads them; a percentage is of the whole."""
    assert parse_size(text, 1000) == size


@pytest.mark.parametrize("text", ["", "much", "4XB", "-1GB", "0%", "150%", "%"])
def test_what_is_no_size(text):
    """Refused, with the text in the message."""
    with pytest.raises(ValueError, match="size"):
        parse_size(text, 1000)
