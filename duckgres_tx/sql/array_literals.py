"""PostgreSQL's text of an array, ``{1,NULL,"a b"}``, as a list constructor of DuckDB's.

Where an array begins (``[0:1]={a,b}``) is checked and dropped: DuckDB's lists begin at 1.

Spec: arrays.html#ARRAYS-IO
"""

from __future__ import annotations

import re

from attrs import frozen

from duckgres_tx.errors import PgError
from duckgres_tx.sql.tokens import quote_string

MOST_DIMENSIONS = 6
"""PostgreSQL's MAXDIM."""

_SPACE = " \t\n\r\v\f"
_BOUNDS = re.compile(rf"[{_SPACE}]*((?:\[[^\]=]*\][{_SPACE}]*)+)=[{_SPACE}]*", re.DOTALL)
_BOUND = re.compile(r"\[\s*([+-]?\d+)\s*(?::\s*([+-]?\d+)\s*)?\]", re.ASCII)
_PART = re.compile(
    rf'[{_SPACE}]*(?:([{{}},])|"((?:[^"\\]|\\.)*)"|((?:[^{{}},"\\{_SPACE}]|\\.|[{_SPACE}]+(?=[^{{}},"{_SPACE}]))+))',
    re.DOTALL,
)
_SIGNS = {"{": "[", "}": "]", ",": ", "}


@frozen
class ArrayLiteral:
    """An array's text, read.

    Attributes:
        items: The list constructor.
        sizes: How many elements it has in each dimension; none for the empty array.
    """

    items: str
    sizes: tuple[int, ...]


def read_array(value: str) -> ArrayLiteral | None:
    """Read a text; None for one that isn't PostgreSQL's, which may be DuckDB's.

    Raises:
        PgError: 22P02, 2202E and 54000, without a position.
    """
    bounds = _BOUNDS.match(value)
    contents = (value if bounds is None else value[bounds.end() :]).lstrip(_SPACE)
    if not contents.startswith("{"):
        return None
    literal = _Reading(contents).read()
    if bounds is not None:
        _check_bounds(value, bounds[1], literal.sizes)
    return literal


def _malformed(value: str, detail: str) -> PgError:
    return PgError("22P02", f'malformed array literal: "{value}"', detail=detail)


def _check_bounds(value: str, bounds: str, sizes: tuple[int, ...]) -> None:
    told = []
    for match in _BOUND.finditer(bounds):
        # [n] is [1:n]
        lower, upper = (int(match[1]), int(match[2])) if match[2] else (1, int(match[1]))
        if upper < lower:
            raise PgError("2202E", "upper bound cannot be less than lower bound")
        told.append(upper - lower + 1)
    if _BOUND.sub("", bounds).strip(_SPACE):
        raise _malformed(value, '"[" must introduce explicitly-specified array dimensions.')
    if tuple(told) != sizes:
        raise _malformed(value, "Specified array dimensions do not match array contents.")


class _Reading:
    """One text while it is read."""

    def __init__(self, value: str) -> None:
        self._value = value
        self._position = 0
        self._made: list[str] = []
        # Of the lists that are open: how many elements they have until now.
        self._open: list[int] = []
        # Of each dimension: the elements of its first list that has been closed.
        self._sizes: dict[int, int] = {}
        # How deep the elements are.
        self._leaves = 0
        self._after = ""

    def read(self) -> ArrayLiteral:
        while self._open or not self._made:
            match = _PART.match(self._value, self._position)
            if match is None:
                # what can't be read is a quoted element or an escape that doesn't end
                ends = self._after != "item" or not self._value[self._position :].strip(_SPACE)
                raise _malformed(self._value, "Unexpected end of input." if ends else "Unexpected array element.")
            sign, quoted, plain = match.groups()
            self._take_sign(sign) if sign else self._take_element(quoted, plain)
            self._position = match.end()
        if self._value[self._position :].strip(_SPACE):
            raise _malformed(self._value, "Junk after closing right brace.")
        sizes = tuple(self._sizes[depth] for depth in range(1, len(self._sizes) + 1))
        return ArrayLiteral("".join(self._made), sizes if all(sizes) else ())

    def _take_sign(self, sign: str) -> None:
        # An item or a list may stand where one is due, a comma or an end after one; {} is the empty array.
        due = self._after in ("", "{", ",")
        empty = sign == "}" and self._after == "{" and len(self._open) == 1
        if due is not (sign == "{") and not empty:
            raise _malformed(self._value, f'Unexpected "{sign}" character.')
        self._made.append(_SIGNS[sign])
        self._after = "item" if sign == "}" else sign
        if sign == "{":
            self._open_list()
        elif sign == "}":
            self._close_list()

    def _open_list(self) -> None:
        if self._open:
            self._open[-1] += 1
        self._open.append(0)
        depth = len(self._open)
        if depth > MOST_DIMENSIONS:
            raise PgError(
                "54000", f"number of array dimensions ({depth}) exceeds the maximum allowed ({MOST_DIMENSIONS})"
            )
        if 0 < self._leaves < depth:
            raise _malformed(self._value, 'Unexpected "{" character.')

    def _close_list(self) -> None:
        depth, size = len(self._open), self._open.pop()
        if self._sizes.setdefault(depth, size) != size:
            raise _malformed(self._value, "Multidimensional arrays must have sub-arrays with matching dimensions.")

    def _take_element(self, quoted: str | None, plain: str) -> None:
        depth = len(self._open)
        if self._after not in ("{", ",") or depth != (self._leaves or depth):
            what = '"\\" character' if quoted is None and plain.startswith("\\") else "array element"
            raise _malformed(self._value, f"Unexpected {what}.")
        self._leaves = depth
        self._open[-1] += 1
        self._after = "item"
        self._made.append(_item(quoted, plain))


def _item(quoted: str | None, plain: str) -> str:
    if quoted is None and plain.upper() == "NULL":
        return "NULL"
    return quote_string(re.sub(r"\\(.)", r"\1", plain if quoted is None else quoted, flags=re.DOTALL))
