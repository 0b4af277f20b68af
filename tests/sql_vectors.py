"""Reading the vector files of tests/sql."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent / "sql"


def pairs(name: str) -> list[tuple[str, str]]:
    """The ``(input, output)`` of a file: blocks with empty lines between, ``=>`` between the two; ``#`` is a comment."""
    found = []
    for block in (HERE / name).read_text(encoding="utf-8").split("\n\n"):
        lines = [line for line in block.strip("\n").split("\n") if not line.startswith("#")]
        if any(lines):
            given, arrow, expected = "\n".join(lines).partition("\n=> ")
            assert arrow, f"no => in {block!r} of {name}"
            found.append((given, expected))
    return found


def rows(name: str) -> list[tuple[str, ...]]:
    """The rows of a file: a line each, its fields between ``  |  ``."""
    lines = (HERE / name).read_text(encoding="utf-8").split("\n")
    return [
        tuple(field.strip() for field in line.split("  |  ")) for line in lines if line and not line.startswith("#")
    ]
