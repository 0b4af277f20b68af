r"""``standard_conforming_strings = off``: ``'a\'b'`` is what ``E'a\'b'`` is else.

A text is rewritten before anything looks at it, so that nobody else needs to know.

Spec: runtime-config-compatible.html#GUC-STANDARD-CONFORMING-STRINGS
"""

from __future__ import annotations

import re
from bisect import bisect_left

from attrs import frozen

from duckgres_tx.errors import PgError, Severity

# Whatever may hold a quote, and the plain constants themselves.
_PARTS = re.compile(
    r"""
      (?P<plain>'(?:[^'\\]|''|\\.)*+')
    | [eE]'(?:[^'\\]|''|\\.)*+'
    | (?:[bBxXnN]|[uU]&)'(?:[^']|'')*+'
    | [A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*+
    | "(?:[^"]|"")*+"
    | --[^\n]*+
    | /\*.*?\*/
    | \$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$
    | .
    """,
    re.VERBOSE | re.DOTALL,
)


@frozen
class StandardText:
    """A text as it is with standard_conforming_strings.

    Attributes:
        text: It.
        inserted: Where in it letters were put in, from 0, one for each.
    """

    text: str
    inserted: tuple[int, ...] = ()

    def position_before(self, position: int) -> int:
        """The place in the client's text of one in this, both from 1."""
        return position - bisect_left(self.inserted, position - 1)

    def restore(self, error: PgError) -> None:
        """Have an error point into the client's text."""
        if error.position is not None:
            error.position = self.position_before(error.position)

    def warnings(self) -> list[PgError]:
        """What PostgreSQL says of each such constant while ``escape_string_warning`` is on."""
        return [
            PgError(
                "22P06",
                "nonstandard use of \\\\ in a string literal"
                if self.text[place + 2 :].partition("\\")[2][:1] == "\\"
                else "nonstandard use of escape in a string literal",
                severity=Severity.WARNING,
                position=self.position_before(place + 1),
            )
            for place in sorted(set(self.inserted))
        ]


def standard_text(text: str) -> StandardText:
    """Give the plain constants with a backslash their E."""
    if "\\" not in text:
        return StandardText(text)
    parts: list[str] = []
    inserted: list[int] = []
    length = 0
    for match in _PARTS.finditer(text):
        part = match.group()
        if match["plain"] is not None and "\\" in part:
            letters = " E" if parts and parts[-1][-1:].isidentifier() else "E"
            inserted += [length] * len(letters)
            part = letters + part
        parts.append(part)
        length += len(part)
    return StandardText("".join(parts), tuple(inserted))
