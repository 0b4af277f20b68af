"""``python -m benchmarks [part …] [--sf 1] [--runs 3] [--quick]``: measure, print, remember."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from benchmarks import bulk, catalog, connecting, copying, flatness, memory, report, small, streaming, tpch
from benchmarks.figures import Figure
from benchmarks.processes import UnavailableError
from benchmarks.stage import Options, Stage

PARTS: dict[str, Callable[[Stage], Iterator[Figure]]] = {
    module.PART: module.measure
    for module in (bulk, copying, streaming, small, connecting, catalog, tpch, memory, flatness)
}
# Nothing to calibrate: these look at our processes only, or at DuckDB.
OURS_ONLY = {catalog.PART, flatness.PART, streaming.PART, tpch.PART, memory.PART}
DEFAULT_DIRECTORY = Path(tempfile.gettempdir()) / "duckgres-benchmarks"


def parse(arguments: list[str]) -> tuple[list[str], Options, bool]:
    """The parts to run, the options, and whether to write the tables into the documentation."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"any of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--sf", type=float, help="TPC-H scale factor (default 1; 0.1 with --quick)")
    parser.add_argument("--runs", type=int, help="runs whose median counts (default 3; 1 with --quick)")
    parser.add_argument("--quick", action="store_true", help="small data, short stretches: to see that it works")
    parser.add_argument(
        "--stream-gb", type=float, help="length of the streams of part stream (default 10; 0.2 with --quick)"
    )
    parser.add_argument("--calibrate", action="store_true", help="PostgreSQL on both sides: ratios must be near 1")
    parser.add_argument("--document", action="store_true", help="write the ratios into docs/performance.md")
    parser.add_argument("--directory", type=Path, default=DEFAULT_DIRECTORY, help="where made data is kept")
    told = parser.parse_args(arguments)
    unknown = set(told.parts) - set(PARTS)
    if unknown:
        parser.error(f"no part is called {', '.join(sorted(unknown))}")
    if told.document and (told.quick or told.calibrate):
        parser.error("--document is for full runs")
    options = Options(
        scale=told.sf or (0.1 if told.quick else 1.0),
        runs=told.runs or (1 if told.quick else 3),
        quick=told.quick,
        calibrate=told.calibrate,
        directory=told.directory,
        stream_gb=told.stream_gb or (0.2 if told.quick else 10.0),
    )
    parts = told.parts or [name for name in PARTS if not (told.calibrate and name in OURS_ONLY)]
    return parts, options, told.document


def main(arguments: list[str]) -> int:
    """Run the parts; the exit status is 1 when a target was missed or a part failed."""
    parts, options, document = parse(arguments)
    # Leave through the with blocks, so that every server that was started ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    figures: list[Figure] = []
    failed = False
    with Stage(options) as stage:
        for part in parts:
            begin = time.monotonic()
            print(f"== {part}", flush=True)
            try:
                for figure in PARTS[part](stage):
                    if options.calibrate:
                        figure = attrs.evolve(figure, target=None)
                    figures.append(figure)
                    print(report.text_line(figure), flush=True)
            except UnavailableError as reason:
                print(f"skipped: {reason}", flush=True)
            except Exception:  # noqa: BLE001 - see below
                # One part's failure must not cost the figures of the others; the exit status tells it.
                failed = True
                traceback.print_exc()
            finally:
                stage.end_part()
            print(f"   ({time.monotonic() - begin:.0f} s)", flush=True)
        described = report.machine(stage.postgres.version(), options.scale)
    if figures and not options.calibrate:
        report.remember(figures, described)
        if document:
            report.embed(figures)
    return 1 if failed or any(figure.verdict == "missed" for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
