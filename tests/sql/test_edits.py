"""Span edits, brackets and positions."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duckgres_tx.errors import LocalProtocolError
from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.split import split


def edit_of(sql):
    """An edit of one statement."""
    return StatementEdit(split(sql)[0])


@pytest.mark.parametrize(
    ("sql", "operand", "type_text"),
    [
        ("select a.b.c::int", "a.b.c", "int"),
        ("select -1::int", "1", "int"),
        ("select f(x, g(y))::int", "f(x, g(y))", "int"),
        ("select count(*) filter (where a)::int", "count(*) filter (where a)", "int"),
        ("select sum(a) over (partition by b)::numeric(10,2)", "sum(a) over (partition by b)", "numeric(10,2)"),
        ("select mode() within group (order by a)::int", "mode() within group (order by a)", "int"),
        ("select (1+2)::double precision", "(1+2)", "double precision"),
        (
            "select case when a then case when b then c end end::text",
            "case when a then case when b then c end end",
            "text",
        ),
        ("select array[1,2]::int[][]", "array[1,2]", "int[][]"),
        ("select a[1]::int", "a[1]", "int"),
        ("select [1,2]::int[]", "[1,2]", "int[]"),
        ("select date '2020-01-01'::timestamp(3) with time zone", "date '2020-01-01'", "timestamp(3) with time zone"),
        ("select x at time zone 'utc'::text", "'utc'", "text"),
        ("select timestamp with time zone '2020'::text", "timestamp with time zone '2020'", "text"),
        ("select x in (1)::int", "(1)", "int"),
        ("select (f(x)).a::int", "(f(x)).a", "int"),
        ("select exists(select 1)::int", "exists(select 1)", "int"),
        ("select count(*) over w::int", "count(*) over w", "int"),
        ("select a)::int", ")", "int"),
        ("end::int", "end", "int"),
        ("''::int", "''", "int"),
        ("(1)::int", "(1)", "int"),
        ("select 1::double precision(3)", "1", "double precision(3)"),
        ("select a::national character(3)", "a", "national character(3)"),
        ("select a::int array", "a", "int array"),
        ("select cast(x as character varying(3))::text", "cast(x as character varying(3))", "text"),
        ("select {'a': 1}::struct(a int)", "{'a': 1}", "struct(a int)"),
        ("select $1[1]::int", "$1[1]", "int"),
        ("select a::national character varying(3)", "a", "national character varying(3)"),
        ('select "A"."B"::pg_catalog."char"', '"A"."B"', 'pg_catalog."char"'),
    ],
)
def test_finds_what_a_cast_is_about(sql, operand, type_text):
    """A cast binds tighter than everything but dots and subscripts."""
    edit = edit_of(sql)
    index = next(i for i, token in enumerate(edit.tokens) if token.text == "::")
    assert edit.text_of(edit.brackets.operand_start(index), index) == operand
    assert edit.text_of(index + 1, edit.brackets.type_past(index + 1)) == type_text


def test_a_chain_of_casts_has_the_whole_left_side_as_operand():
    """In ``a::int::text`` the second cast is about ``a::int``."""
    edit = edit_of("select a::timestamp with time zone::text")
    last = max(i for i, token in enumerate(edit.tokens) if token.text == "::")
    assert edit.text_of(edit.brackets.operand_start(last), last) == "a::timestamp with time zone"


def test_no_type_after_a_cast():
    """A cast to nothing leaves the mistake to DuckDB."""
    edit = edit_of("select 1:: ")
    assert edit.brackets.type_past(3) == 3
    edit = edit_of("select 1::(2)")
    assert edit.brackets.type_past(3) == 3


def test_a_varying_type_with_a_modifier_is_one_operand():
    """``a::character varying(3)::text`` has the first cast as the operand of the second."""
    edit = edit_of("select a::character varying(3)::text")
    last = max(i for i, token in enumerate(edit.tokens) if token.text == "::")
    assert edit.text_of(edit.brackets.operand_start(last), last) == "a::character varying(3)"


def test_wraps_nest_whatever_their_order():
    """An outer wrap stands outside, recorded before or after the inner one."""
    for order in ((0, 1), (1, 0)):
        edit = edit_of("select x::a::b")
        spans = [(1, 4, "F("), (1, 6, "G(")]
        for which in order:
            first, past, before = spans[which]
            edit.wrap_tokens(first, past, before, ")")
        assert edit.render()[0] == "select G(F(x::a)::b)"


def test_deleting_takes_the_white_space_before():
    """What is left reads as if the clause had never been there."""
    edit = edit_of("select 1  for update")
    edit.delete_tokens(2, 4)
    assert edit.render()[0] == "select 1"


def test_the_same_replacement_twice_is_one():
    """Two passes may come to the same result."""
    edit = edit_of("select x")
    edit.replace_tokens(1, 2, "y")
    edit.replace_tokens(1, 2, "y")
    assert edit.render()[0] == "select y"


def test_overlapping_replacements_are_a_bug():
    """They are never silently resolved."""
    edit = edit_of("select x y")
    edit.replace_tokens(1, 3, "a")
    edit.replace_tokens(2, 3, "b")
    with pytest.raises(LocalProtocolError):
        edit.render()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6), st.text("xy", max_size=4)), max_size=4))
def test_positions_lead_back_to_the_source(edits):
    """Every character that was copied is found at its place in the source; an inserted one leads to its place."""
    edit = edit_of("aa bb cc dd ee ff")
    last = 0
    for first, length, text in sorted(edits):
        past = min(first + length, 6)
        if first >= last and past > first:
            edit.replace_tokens(first, past, text)
            last = past
    text, positions = edit.render()
    for position, character in enumerate(text):
        if character not in "xy":
            assert edit.source.text[positions.position_in_source(position)] == character
        assert 0 <= positions.position_in_source(position) <= len(edit.source.text)
