"""Nothing is left out of a third party's suite without a reason."""

from __future__ import annotations

import pytest
from suites.lists import LISTS, read_list
from suites.run import SUITES


def test_every_suite_has_a_list():
    """And every list its suite."""
    assert sorted(path.stem for path in LISTS.glob("*.txt")) == sorted(SUITES)


@pytest.mark.parametrize("suite", SUITES)
def test_every_line_has_a_reason(suite):
    """A test, or the beginning of several, once; a few words why."""
    for test, reason in read_list(suite).items():
        assert test.startswith(SUITES[suite].tests) or suite == "libpq_pipeline"
        assert reason


def test_a_line_without_a_reason_is_refused(tmp_path, monkeypatch):
    """So is one that is there twice."""
    monkeypatch.setattr("suites.lists.LISTS", tmp_path)
    for text in ("tests/a.py\n", "tests/a.py  # \n", "tests/a.py  # why not\ntests/a.py  # once more\n"):
        (tmp_path / "x.txt").write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=r"x\.txt:"):
            read_list("x")
