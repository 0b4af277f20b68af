"""Giving parameters the types that the client declared, or text where nothing tells: by casts in the text for DuckDB.

DuckDB takes a parameter's type from where it stands, PostgreSQL from what Parse declared; where DuckDB finds none, it knows no
column's type either.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet

from attrs import frozen

from duckgres_tx.engine.enum_types import EnumTypes
from duckgres_tx.engine.logical_types import LogicalType, TypeId
from duckgres_tx.engine.pg_types import duckdb_type_name
from duckgres_tx.sql.brackets import Brackets
from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.split import split
from duckgres_tx.sql.tokens import Kind, tokenize
from duckgres_tx.sql.type_positions import type_positions

NUMERIC_OID = 1700
UNKNOWN_OIDS = frozenset({0, 705})

_WHOLE_NUMBERS = frozenset(
    {
        *(TypeId.TINYINT, TypeId.SMALLINT, TypeId.INTEGER, TypeId.BIGINT, TypeId.HUGEINT, TypeId.UTINYINT),
        *(TypeId.USMALLINT, TypeId.UINTEGER, TypeId.UBIGINT, TypeId.UHUGEINT),
    }
)
_NUMBERS = _WHOLE_NUMBERS | {TypeId.FLOAT, TypeId.DOUBLE, TypeId.DECIMAL}


@frozen
class CastText:
    """A text with casts put in.

    Attributes:
        text: For DuckDB.
        inserted: Where in ``text`` something was put in (its first character), and how long it is; ascending.
        before: What it was made from, when that had something put in already.
    """

    text: str
    inserted: tuple[tuple[int, int], ...] = ()
    before: CastText | None = None

    def position_before(self, position: int) -> int:
        """The position before the casts were put in, for one in ``text``; both from 0."""
        found = self._position_before(position)
        return found if self.before is None else self.before.position_before(found)

    def _position_before(self, position: int) -> int:
        moved = 0
        for start, length in self.inserted:
            if position < start + length:
                return min(position, start) - moved
            moved += length
        return position - moved


def declared_casts(declared_oids: tuple[int, ...], enums: EnumTypes) -> dict[int, str]:
    """Parameter number (from 1) to type name, for those whose declared type DuckDB has exactly.

    numeric isn't among them: a DECIMAL has a fixed scale, so it is better taken from where the parameter stands.
    """
    casts = {}
    for number, oid in enumerate(declared_oids, 1):
        if oid not in UNKNOWN_OIDS and oid != NUMERIC_OID:
            name = duckdb_type_name(oid, enums)
            if name is not None:
                casts[number] = name
    return casts


def missing_casts(types: tuple[LogicalType, ...], declared_oids: tuple[int, ...], enums: EnumTypes) -> dict[int, str]:
    """Likewise for those that DuckDB could not resolve, or has resolved so that a numeric would lose its fraction."""
    casts = {}
    for number, logical_type in enumerate(types, 1):
        oid = declared_oids[number - 1] if number <= len(declared_oids) else 0
        if logical_type.id is TypeId.INVALID or (oid == NUMERIC_OID and logical_type.id in _WHOLE_NUMBERS):
            casts[number] = duckdb_type_name(oid, enums) or "VARCHAR"
    return casts


def cast_parameters(
    written: str | CastText, casts: Mapping[int, str], firm: Collection[int] = (), checked: Collection[int] = ()
) -> CastText:
    """Put a cast behind each use of these parameters that hasn't one already.

    Args:
        written: The statement.
        casts: Parameter number (from 1) to type name.
        firm: Numbers of those whose cast must not be taken together with another one around it: DuckDB takes
            ``CAST($1 AS VARCHAR)`` for a parameter, which then has two types where it is compared with another type.
        checked: Numbers of those that are cast even if they have a cast: not everything that the latter takes is of their type.

    Raises:
        PgError: 42601, as ``tokenize``.
    """
    earlier = written if isinstance(written, CastText) else CastText(written)
    if not casts and not firm:
        return earlier
    text = earlier.text
    tokens = tokenize(text)
    brackets = Brackets(tokens) if firm else None
    pieces: list[tuple[int, str]] = []
    for index, token in enumerate(tokens):
        # a name behind the dollar is DuckDB's
        if token.kind is not Kind.PARAMETER or not token.text[1:].isdigit():
            continue
        number = int(token.text[1:])
        has_cast = index + 1 < len(tokens) and tokens[index + 1].text == "::"
        name = None if has_cast and number not in checked else casts.get(number)
        end = token.end
        if brackets is not None and number in firm:
            if has_cast:
                end = tokens[brackets.type_past(index + 2) - 1].end
            before, after = "(CASE WHEN true THEN ", f"{'' if name is None else f'::{name}'} END)"
        elif name is not None and has_cast:
            # Of two casts of a parameter DuckDB would leave the outer one out.
            before, after = "(CASE WHEN true THEN ", f"::{name} END)"
        elif name is not None:
            before, after = "(", f"::{name})"
        else:
            continue
        pieces += ((token.start, before), (end, after))
    return _with_pieces(earlier, pieces)


def _with_pieces(earlier: CastText, pieces: Iterable[tuple[int, str]]) -> CastText:
    """A text with something put in at these positions, which ascend."""
    parts: list[str] = []
    inserted: list[tuple[int, int]] = []
    done = length = 0
    for start, piece in pieces:
        parts += (earlier.text[done:start], piece)
        length += start - done
        inserted.append((length, len(piece)))
        length += len(piece)
        done = start
    parts.append(earlier.text[done:])
    return CastText("".join(parts), tuple(inserted), earlier if earlier.inserted else None)


def widen_types(text: str, dimensions: Mapping[int, int]) -> CastText:
    """Give the types that stand behind parameters (``$1::int[]``, ``CAST($1 AS int[])``) a bracket for each dimension.

    Args:
        text: The statement.
        dimensions: Parameter number (from 1) to how many it needs.

    Raises:
        PgError: 42601, as ``tokenize``.
    """
    if not dimensions:
        return CastText(text)
    edit = StatementEdit(split(text)[0])
    pieces = []
    for position in type_positions(edit):
        operand = edit.tokens[position.operand]
        if operand.kind is not Kind.PARAMETER or position.operand_past - position.operand != 1:
            continue
        wanted = dimensions.get(int(operand.text[1:]), 0) if operand.text[1:].isdigit() else 0
        has = edit.text_of(position.first, position.past).count("[")
        if 0 < has < wanted:
            pieces.append((edit.tokens[position.past - 1].end, "[]" * (wanted - has)))
    return _with_pieces(CastText(text), sorted(pieces))


def widen_names(casts: Mapping[int, str], dimensions: Mapping[int, int]) -> dict[int, str]:
    """Likewise for the names of types that are put behind parameters."""
    widened = dict(casts)
    for number, wanted in dimensions.items():
        name = casts.get(number, "")
        if "[" in name:
            widened[number] = name + "[]" * (wanted - name.count("["))
    return widened


def unresolved(types: tuple[LogicalType, ...]) -> frozenset[int]:
    """The numbers (from 1) of the parameters that DuckDB found no type for, or more than one."""
    return frozenset(number for number, logical_type in enumerate(types, 1) if not logical_type.known)


def written_types(text: str, numbers: AbstractSet[int]) -> dict[int, str]:
    """Parameter number (from 1) to the type that stands behind it, ``$1::type``, for those of them that have one.

    Raises:
        PgError: 42601, as ``tokenize``.
    """
    tokens = tokenize(text)
    brackets = Brackets(tokens)
    found: dict[int, str] = {}
    for index, token in enumerate(tokens[:-2]):
        if token.kind is not Kind.PARAMETER or tokens[index + 1].text != "::" or not token.text[1:].isdigit():
            continue
        if int(token.text[1:]) in numbers:
            past = brackets.type_past(index + 2)
            found.setdefault(int(token.text[1:]), text[tokens[index + 2].start : tokens[past - 1].end])
    return found


def unresolved_columns(types: tuple[LogicalType, ...]) -> frozenset[int]:
    """Which columns (from 0) have no type yet."""
    return frozenset(index for index, logical_type in enumerate(types) if not logical_type.known)


def nothing(logical_type: LogicalType | None) -> str:
    """What stands for a parameter of a type: no value, and no constant. A subquery is one that isn't looked into before a statement runs."""
    return f"(SELECT CAST(NULL AS {'VARCHAR' if logical_type is None else logical_type.sql_name()}))"


def sample(logical_type: LogicalType | None) -> str:
    """What stands for a parameter of a type: a constant, such as the value might be."""
    name = "VARCHAR" if logical_type is None else logical_type.sql_name()
    value = "0" if logical_type is not None and logical_type.id in _NUMBERS else "''" if name == "VARCHAR" else "NULL"
    return f"CAST({value} AS {name})"


def without_parameters(
    text: str, types: tuple[LogicalType, ...], stand_in: Callable[[LogicalType | None], str] = nothing
) -> str:
    """The statement with something else in its parameters' places, to ask for its columns.

    Some of DuckDB's functions (``json_object``, ``list_concat``) tell their type only once all parameters have values.

    Args:
        text: The statement.
        types: Of its parameters.
        stand_in: Gives the text for a type; None is one that isn't known.

    Raises:
        PgError: 42601, as ``tokenize``.
    """
    parts: list[str] = []
    done = 0
    for token in tokenize(text):
        if token.kind is Kind.PARAMETER and token.text[1:].isdigit():
            number = int(token.text[1:])
            known = number <= len(types) and types[number - 1].known
            parts += (text[done : token.start], stand_in(types[number - 1] if known else None))
            done = token.end
    parts.append(text[done:])
    return "".join(parts)
