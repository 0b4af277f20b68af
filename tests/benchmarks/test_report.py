"""Tables of what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.figures import TIMES, Figure, Target

FAST = Figure("bulk", "select * from lineitem", "M rows/s", 6.0, "PostgreSQL", 1.2, Target(4), "a | b")
SMALL = Figure("small", "select 1", "tps", 30_000.0, "PostgreSQL", 60_000.0)


def test_ratios_do_not_name_the_machines_speed() -> None:
    """The documentation's rows hold on other machines: ratio and target only."""
    assert report.ratio_row(FAST) == ("select * from lineitem", "PostgreSQL", f"5 {TIMES}", f"≥ 4 {TIMES}", "ok")


def test_an_absolute_figure_shows_its_value() -> None:
    """Where nothing stands beside us the value is what there is to tell."""
    lone = Figure("memory", "idle", "KB", 47.3, target=Target(100, at_least=False, absolute=True))

    assert report.ratio_row(lone) == ("idle", "", "47.3 KB", "≤ 100", "ok")


def test_running_one_part_keeps_the_others(tmp_path: Path) -> None:
    """A part that was run again replaces its own figures only."""
    report.remember([FAST, SMALL], "machine", tmp_path)
    again = Figure("small", "select 1", "tps", 40_000.0, "PostgreSQL", 60_000.0)

    assert report.remember([again], "machine", tmp_path) == [FAST, again]
    written = (tmp_path / "last.md").read_text()
    assert "40,000" in written
    assert "30,000" not in written


def test_a_bar_in_a_note_does_not_break_the_table(tmp_path: Path) -> None:
    """Every line of a table has as many columns as its header."""
    lines = [line for line in report.markdown([FAST], "machine").splitlines() if line.startswith("|")]

    assert {line.count("|") for line in lines} == {len(report.FULL_HEADER) + 1}


def test_the_document_gets_the_ratios_between_its_markers(tmp_path: Path) -> None:
    """Only what stands between a part's markers is replaced, and a second time as well."""
    document = tmp_path / "performance.md"
    document.write_text(
        "before\n<!-- measured: bulk -->\n<!-- end -->\nbetween\n<!-- measured: small -->\nold\n<!-- end -->\n"
    )
    report.embed([FAST], document)
    report.embed([FAST], document)

    text = document.read_text()
    assert text.count(f"5 {TIMES}") == 1
    assert text.startswith("before\n<!-- measured: bulk -->\n| what |")
    assert text.endswith("between\n<!-- measured: small -->\nold\n<!-- end -->\n")


def test_a_part_without_a_place_is_told(tmp_path: Path) -> None:
    """Nothing that was measured is left out silently."""
    document = tmp_path / "performance.md"
    document.write_text("nothing here\n")

    with pytest.raises(LookupError, match="measured: bulk"):
        report.embed([FAST], document)
