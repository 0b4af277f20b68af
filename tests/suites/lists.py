"""What is left out of third parties' suites, and why."""

from __future__ import annotations

from pathlib import Path

LISTS = Path(__file__).parent


def read_list(suite: str) -> dict[str, str]:
    """What is left out, and why: lines of ``beginning of a test's id  # reason``; a line of its own that begins with # is a remark.

    Raises:
        ValueError: A line has no reason, or is there twice.
    """
    path = LISTS / f"{suite}.txt"
    found: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        test, _, reason = line.partition("  # ")
        if not test.strip() or not reason.strip() or test in found:
            raise ValueError(f"{path.name}:{number}: a test, two spaces, # and a reason are wanted, once: {line!r}")
        found[test.strip()] = reason.strip()
    return found
