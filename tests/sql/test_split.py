"""Query strings into statements."""

from __future__ import annotations

import pytest

from duckgres_tx.errors import PgError
from duckgres_tx.sql.split import split


def test_splits_on_semicolons_that_are_tokens():
    """A semicolon in a string, name, comment or dollar quote ends nothing."""
    sql = "select ';'; select \";\" /* ; */; select $$;$$ -- ;\n"
    assert [statement.text for statement in split(sql)] == ["select ';'", ' select ";" /* ; */', " select $$;$$ -- ;\n"]


@pytest.mark.parametrize("sql", ["", ";", " ; ;; ", "-- ping", "/* nothing */;"])
def test_a_text_without_tokens_has_no_statement(sql):
    """Such a query is answered by EmptyQueryResponse."""
    assert split(sql) == ()


def test_one_statement_is_the_text_up_to_its_semicolon():
    """Comments stay with the statement, for DuckDB gets it byte for byte."""
    (statement,) = split("/* a */ select 1 -- b\n;")
    assert (statement.text, statement.offset) == ("/* a */ select 1 -- b\n", 0)


def test_positions_count_from_the_statement():
    """Tokens know their place in their own statement, the statement its place in the whole."""
    sql = "select 1; select x"
    second = split(sql)[1]
    token = second.tokens[1]
    assert second.text[token.start : token.end] == "x"
    assert sql[second.offset + token.start :] == "x"


def test_an_error_in_the_last_statement_keeps_the_first_from_running():
    """As in PostgreSQL, a string that doesn't end fails the whole query string."""
    with pytest.raises(PgError) as caught:
        split("select 1; select 'x")
    assert caught.value.position == 18
