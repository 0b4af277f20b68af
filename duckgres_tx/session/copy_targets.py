"""Which files ``COPY … TO 'file'`` may write.

With external access off DuckDB still lets SQL write the files that the instance itself uses: the database, its write-ahead log
and what it spills. A COPY onto the log would lose what was committed; so the target is checked here too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from duckgres_tx.errors import PgError
from duckgres_tx.sql.split import SourceStatement
from duckgres_tx.sql.tokens import Kind, string_value

_OPENING = frozenset("([{")
_CLOSING = frozenset(")]}")


def check_copy_target(source: SourceStatement, allowed_directories: Sequence[str]) -> None:
    """Refuse a COPY to a file that is in none of these directories; other statements pass.

    Args:
        source: The statement.
        allowed_directories: As the server's configuration has them.

    Raises:
        PgError: 42501.
    """
    tokens = source.tokens
    if not tokens[0].is_word("copy"):
        return
    depth = 0
    for index, token in enumerate(tokens[:-1]):
        if token.text in _OPENING:
            depth += 1
        elif token.text in _CLOSING:
            depth -= 1
        elif depth == 0 and token.is_word("to"):
            target = tokens[index + 1]
            if target.kind is not Kind.STRING or not _is_inside(string_value(target.text), allowed_directories):
                raise PgError(
                    "42501",
                    "permission denied to COPY to a file",
                    detail="Files can only be written in the directories that the server's configuration allows.",
                    hint="COPY TO STDOUT and psql's \\copy write the client's files.",
                    position=source.offset + target.start + 1,
                )
            return


def _is_inside(target: str, directories: Sequence[str]) -> bool:
    # DuckDB reads these two as names of local files as well.
    if target.lower().startswith("file:") or target.startswith("~"):
        return False
    # Any other scheme is no file here: DuckDB itself decides on those.
    if "://" in target:
        return True
    resolved = Path(target).resolve()
    return any(resolved.is_relative_to(Path(directory).resolve()) for directory in directories)
