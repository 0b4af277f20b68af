"""The tables: plain text while running, markdown of everything that was last measured, ratios for the documentation."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import attrs
import cattrs
import duckdb

from benchmarks.figures import TIMES, Figure

RESULTS = Path(__file__).with_name("results")
DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"
NOTHING = "\N{EN DASH}"
FULL_HEADER = ("what", "unit", "ours", "peer", "theirs", "ratio", "target", "", "note")
RATIO_HEADER = ("what", "measured beside", "ratio or value", "target", "")


def number(value: float | None) -> str:
    """Three significant digits, no exponent."""
    if value is None:
        return NOTHING
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _ratio(figure: Figure) -> str:
    return NOTHING if figure.ratio is None else f"{figure.ratio:.3g} {TIMES}"


def full_row(figure: Figure) -> tuple[str, ...]:
    """Everything: absolute values belong to the machine that they were measured on."""
    target = figure.target.describe() if figure.target else ""
    return (figure.what, figure.unit, number(figure.ours), figure.peer, number(figure.theirs), _ratio(figure), target,
            figure.verdict, figure.note)  # fmt: skip


def ratio_row(figure: Figure) -> tuple[str, ...]:
    """What holds on other machines too: the ratio, or an absolute value where the target is one."""
    shown = _ratio(figure) if figure.ratio is not None else f"{number(figure.ours)} {figure.unit}"
    return (figure.what, figure.peer, shown, figure.target.describe() if figure.target else "", figure.verdict)


def text_line(figure: Figure) -> str:
    """One figure on one line of the terminal."""
    what, unit, ours, peer, theirs, ratio, target, verdict, note = full_row(figure)
    beside = f"{peer} {theirs}" if peer else ""
    return f"{what:<58} {ours:>9} {unit:<9} {beside:<32} {ratio:>8} {target:<8} {verdict:<7} {note}".rstrip()


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '¦') for cell in line)} |" for line in lines)


def markdown(figures: Sequence[Figure], machine: str) -> str:
    """All figures, a table for each part."""
    sections = [f"# Last run\n\n{machine}"]
    for part in dict.fromkeys(figure.part for figure in figures):
        rows = [full_row(figure) for figure in figures if figure.part == part]
        sections.append(f"## {part}\n\n{_table(FULL_HEADER, rows)}")
    return "\n\n".join(sections) + "\n"


def machine(postgres_version: str, scale: float) -> str:
    """What the figures were measured with."""
    cores = len(re.findall(r"^processor\s", Path("/proc/cpuinfo").read_text(), re.MULTILINE))
    return (f"{cores} cores, Python {platform.python_version()}, DuckDB {duckdb.__version__},"
            f" PostgreSQL {postgres_version}, TPC-H SF{scale:g}")  # fmt: skip


def remember(figures: Sequence[Figure], described: str, directory: Path = RESULTS) -> list[Figure]:
    """Merge these parts into the last results and write ``last.json`` and ``last.md``; all of them, in order."""
    directory.mkdir(exist_ok=True)
    stored = directory / "last.json"
    older = cattrs.structure(json.loads(stored.read_text()), list[Figure]) if stored.exists() else []
    renewed = {figure.part for figure in figures}
    merged = [figure for figure in older if figure.part not in renewed] + list(figures)
    stored.write_text(json.dumps([attrs.asdict(figure) for figure in merged], indent=1))
    (directory / "last.md").write_text(markdown(merged, described))
    return merged


def _between(table: str, markers: re.Match[str]) -> str:
    return f"{markers[1]}{table}\n{markers[2]}"


def embed(figures: Sequence[Figure], document: Path = DOCUMENT) -> None:
    """Replace the measured tables in the documentation, part by part, between their markers.

    Raises:
        LookupError: The document has no place for a part.
    """
    text = document.read_text()
    for part in dict.fromkeys(figure.part for figure in figures):
        table = _table(RATIO_HEADER, [ratio_row(figure) for figure in figures if figure.part == part])
        place = re.compile(rf"(<!-- measured: {part} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not place.search(text):
            message = f"{document} has no <!-- measured: {part} --> … <!-- end -->"
            raise LookupError(message)
        # A function's value is taken as it is, a replacement text would have its backslashes read.
        text = place.sub(partial(_between, table), text)
    document.write_text(text)
