"""docs/zero-downtime.md says the truth about its tests."""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
PAGE = (HERE / "docs" / "zero-downtime.md").read_text(encoding="utf-8")
ROWS = {line.split("|")[1].strip(): line for line in PAGE.splitlines() if line.startswith("| U")}


def live_tests() -> dict[str, str]:
    """Every live test's name and docstring."""
    found = {}
    for path in (HERE / "tests" / "live").glob("test_*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found[node.name] = ast.get_docstring(node) or ""
    return found


def test_all_promises_are_there() -> None:
    """One row for each, in order."""
    assert list(ROWS) == [f"U{number}" for number in range(1, 20)]


def test_every_test_that_is_named_exists() -> None:
    """By its own name, or by its file's."""
    tests = live_tests()
    named = re.findall(r"`(test_\w+)`", PAGE)
    files = re.findall(r"`(tests/live/\w+\.py)`", PAGE)

    assert [name for name in named if name not in tests] == []
    assert [path for path in files if not (HERE / path).is_file()] == []
    assert len(named) > 20


def test_every_test_of_a_promise_is_on_the_page() -> None:
    """A test whose docstring begins with a promise's number is named in that promise's row, or its whole file is."""
    of_file = {
        node.name: path.name
        for path in (HERE / "tests" / "live").glob("test_*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    for name, docstring in live_tests().items():
        number = re.match(r"(U\d+): ", docstring)
        if number is not None:
            row = ROWS[number[1]]
            assert f"`{name}`" in row or of_file[name] in row, f"{name} is not in the row of {number[1]}"
