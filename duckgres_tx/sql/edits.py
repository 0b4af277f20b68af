"""Changes to a statement's text by spans, so that what needs no change stays as the client wrote it.

A pass looks at the tokens and records edits; ``StatementEdit.render`` makes the new text and the map between the
positions of the two. Passes see the client's text only, never one another's edits.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from functools import cached_property

from attrs import define, field, frozen

from duckgres_tx.errors import LocalProtocolError, PgError
from duckgres_tx.sql.brackets import Brackets
from duckgres_tx.sql.split import SourceStatement
from duckgres_tx.sql.tokens import Token


@frozen
class PositionMap:
    """Which character of the source a character of the rendered text came from."""

    # Parallel, ascending: from rendered[i] on, text is copied from source[i] on, or (when not copied[i]) stands for it.
    rendered: tuple[int, ...] = (0,)
    source: tuple[int, ...] = (0,)
    copied: tuple[bool, ...] = (True,)

    def position_in_source(self, position: int) -> int:
        """The source's position for one in the rendered text; both count characters from 0.

        A position in text that was put in is that of the place where it was put in.
        """
        index = bisect.bisect_right(self.rendered, position) - 1
        if self.copied[index]:
            return self.source[index] + position - self.rendered[index]
        return self.source[index]


UNCHANGED = PositionMap()
"""The map of a text that is its source."""


@define(slots=False)
class StatementEdit:
    """One statement while the passes look at it.

    Attributes:
        source: What the client wrote.
        catalog_query: A pass sets it when the statement reads pg_catalog or information_schema.
        notices: What the client is to be told about this translation when the statement runs.
        void_parameters: The numbers of parameters that are no arguments of the calls they stand in, which are of type void.
        fault: Why it can't be planned, which is told when a plan is wanted: the client may go on to prepare it.
        remembered: What passes have found out about the statement for one another, by the function that finds it.
    """

    source: SourceStatement
    catalog_query: bool = False
    notices: list[PgError] = field(factory=list)
    fault: PgError | None = None
    void_parameters: set[int] = field(factory=set)
    remembered: dict[object, object] = field(factory=dict)
    _replaced: list[tuple[int, int, str]] = field(factory=list)
    _wrapped: list[tuple[int, int, str, str]] = field(factory=list)
    _inserted: list[tuple[int, str]] = field(factory=list)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The statement's tokens."""
        return self.source.tokens

    @cached_property
    def brackets(self) -> Brackets:
        """Which brackets belong together, and where operands and type names begin and end."""
        return Brackets(self.source.tokens)

    @cached_property
    def words(self) -> frozenset[str]:
        """All unquoted words of the statement, in lower case: what isn't among them needs no pass."""
        return frozenset(token.word for token in self.source.tokens)

    @property
    def changed(self) -> bool:
        """Whether any edit was recorded."""
        return bool(self._replaced or self._wrapped or self._inserted)

    def text_of(self, first: int, past: int) -> str:
        """The source's text from token ``first`` up to before token ``past``, the outer white space left out."""
        return self.source.text[self.tokens[first].start : self.tokens[past - 1].end]

    def replace(self, start: int, end: int, text: str) -> None:
        """Put ``text`` in the place of the characters from ``start`` up to before ``end``.

        The same replacement twice is one; replacements that overlap otherwise are a mistake of the passes.
        """
        edit = (start, end, text)
        if edit not in self._replaced:
            self._replaced.append(edit)

    def replace_tokens(self, first: int, past: int, text: str) -> None:
        """Replace from token ``first`` up to before token ``past``."""
        self.replace(self.tokens[first].start, self.tokens[past - 1].end, text)

    def delete_tokens(self, first: int, past: int) -> None:
        """Take out from token ``first`` up to before token ``past``, and the white space before them."""
        start = self.tokens[first - 1].end if first else 0
        self.replace(start, self.tokens[past - 1].end, "")

    def insert(self, position: int, text: str) -> None:
        """Put ``text`` before the character at ``position``; several at one position keep their order."""
        self._inserted.append((position, text))

    def wrap(self, start: int, end: int, before: str, after: str) -> None:
        """Put ``before`` and ``after`` around a span; wraps of spans that contain one another nest."""
        self._wrapped.append((start, end, before, after))

    def wrap_tokens(self, first: int, past: int, before: str, after: str) -> None:
        """Wrap from token ``first`` up to before token ``past``."""
        self.wrap(self.tokens[first].start, self.tokens[past - 1].end, before, after)

    def is_replaced(self, start: int, end: int) -> bool:
        """Whether an earlier pass already replaces something within this span."""
        return any(first < end and start < past for first, past, _ in self._replaced)

    def render(self) -> tuple[str, PositionMap]:
        """The edited text and its map.

        Raises:
            LocalProtocolError: two passes replace overlapping spans.
        """
        text = self.source.text
        parts: list[str] = []
        runs = [(0, 0, True)]
        rendered = done = 0

        def put(piece: str, source: int, is_copy: bool) -> None:
            nonlocal rendered
            if piece:
                if runs[-1][0] == rendered:
                    runs.pop()
                runs.append((rendered, source, is_copy))
                parts.append(piece)
                rendered += len(piece)

        for start, end, piece in self._in_order():
            if start < done:
                raise LocalProtocolError(f"overlapping edits at character {start} of {text!r}")
            put(text[done:start], done, True)
            put(piece, start, False)
            done = end
        put(text[done:], done, True)
        return "".join(parts), PositionMap(*(tuple(column) for column in zip(*runs, strict=True)))

    def _in_order(self) -> Sequence[tuple[int, int, str]]:
        # At one position: what closes an inner span before what closes an outer one, then insertions, then what opens
        # an outer span before an inner one, then the replaced text.
        keyed: list[tuple[tuple[int, int, int], tuple[int, int, str]]] = []
        for order, (start, end, before, after) in enumerate(self._wrapped):
            keyed.append(((end, 0, -start * 4096 + order), (end, end, after)))
            keyed.append(((start, 2, -end * 4096 - order), (start, start, before)))
        for order, (position, piece) in enumerate(self._inserted):
            keyed.append(((position, 1, order), (position, position, piece)))
        for start, end, piece in self._replaced:
            keyed.append(((start, 3, end), (start, end, piece)))
        keyed.sort(key=lambda item: item[0])
        return [edit for _, edit in keyed]
