"""docs/lessons.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "lessons.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`((?:\w+/)*\w+\.(?:py|pt))(?:::(\w+))?`", PAGE)))


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[f"{file}::{name}" for file, name in NAMED])
def test_what_is_named_is_there(file, name):
    """A test that was renamed takes its line along."""
    text = (TESTS / file).read_text(encoding="utf-8")
    assert not name or re.search(rf"^\s*(?:async )?def {name}\(", text, re.MULTILINE)


def test_every_row_names_one():
    """But for the open ones."""
    rows = [line for line in PAGE.partition("## Open")[0].splitlines() if line.startswith("| ")]
    held = [line for line in rows if not line.startswith("| what users hit")]
    assert len(held) > 100
    assert [line for line in held if not re.search(r"`[\w/]+\.(?:py|pt)", line)] == []
