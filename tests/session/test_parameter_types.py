"""Parameters get the type that the client declared, and error positions survive the casts."""

from __future__ import annotations

from duckgres_tx.engine.enum_types import NO_ENUMS
from duckgres_tx.engine.logical_types import LogicalType, TypeId
from duckgres_tx.session.parameter_types import CastText, cast_parameters, declared_casts, missing_casts, written_types


def test_a_cast_is_put_around_each_use():
    """A parameter may be used more than once, and stand beside anything."""
    cast = cast_parameters("select $1, f($2,$1)+$10", {1: "INTEGER", 10: "DATE"})
    assert cast.text == "select ($1::INTEGER), f($2,($1::INTEGER))+($10::DATE)"


def test_what_only_looks_like_a_parameter_stays():
    """In strings, comments and names a dollar means nothing."""
    text = "select '$1', \"$1\", $$ $1 $$ -- $1\n/* $1 */"
    assert cast_parameters(text, {1: "INTEGER"}).text == text


def test_named_parameters_stay():
    """DuckDB has them; no client can give them a value."""
    assert cast_parameters("select $1, $n::int", {1: "INTEGER"}).text == "select ($1::INTEGER), $n::int"
    assert written_types("select $1::int, $n::int", {1}) == {1: "int"}


def test_a_cast_of_the_clients_own_is_enough():
    """`$1::int` says it all."""
    assert cast_parameters("select $1::int, $1", {1: "INTEGER"}).text == "select $1::int, ($1::INTEGER)"


def test_what_is_to_be_checked_is_cast_all_the_same():
    """An enum's label cast to text is a label first; the two casts must not become one."""
    assert cast_parameters("select $1::text, $1", {1: "mood"}, checked=(1,)).text == (
        "select (CASE WHEN true THEN $1::mood END)::text, ($1::mood)"
    )


def test_positions_lead_back_to_the_text_without_casts():
    """Every character of the text before has its place in the text after."""
    text = "select $1 + $2 from t where x = $1"
    cast = cast_parameters(text, {1: "INTEGER", 2: "DATE"})
    for position, character in enumerate(cast.text):
        before = cast.position_before(position)
        inside = any(start <= position < start + length for start, length in cast.inserted)
        assert inside or text[before] == character
    assert cast.position_before(cast.text.index("from")) == text.index("from")


def test_nothing_to_cast_changes_nothing():
    """Byte for byte."""
    assert cast_parameters("select $1", {}) == CastText("select $1")


def test_declared_types_are_cast_unless_unknown_or_numeric():
    """0 and 705 declare nothing; a numeric has no fixed scale."""
    assert declared_casts((23, 0, 705, 1700, 25, 1007, 999999), NO_ENUMS) == {
        1: "INTEGER",
        5: "VARCHAR",
        6: "INTEGER[]",
    }


def test_what_duckdb_cannot_tell_becomes_text_or_what_was_declared():
    """As PostgreSQL does with `select $1`; and a numeric isn't squeezed into an integer."""
    types = (LogicalType(TypeId.INVALID), LogicalType(TypeId.INVALID), LogicalType(TypeId.INTEGER))
    assert missing_casts(types, (), NO_ENUMS) == {1: "VARCHAR", 2: "VARCHAR"}
    assert missing_casts(types, (1700, 0, 1700), NO_ENUMS) == {1: "DECIMAL(38,10)", 2: "VARCHAR", 3: "DECIMAL(38,10)"}


def test_types_that_are_written_behind_parameters():
    """Also those of several words; only of the parameters that are asked for."""
    text = "SELECT $1::int, $2 :: timestamp with time zone, $3 + 1, $4::numeric(10, 2)[], '$5::int', $2::text"
    assert written_types(text, {1, 2, 3, 4, 5}) == {
        1: "int",
        2: "timestamp with time zone",
        4: "numeric(10, 2)[]",
    }
    assert written_types(text, {2}) == {2: "timestamp with time zone"}
    assert written_types("SELECT $1", {1}) == {}
