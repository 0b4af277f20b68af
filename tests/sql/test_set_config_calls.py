"""set_config is found in a query, and its arguments are known before the query runs."""

from __future__ import annotations

import pytest

from duckgres_tx.errors import FeatureNotSupported
from duckgres_tx.sql.set_config_calls import Parameter, SetConfigCall, find_calls
from duckgres_tx.sql.split import split


def calls(text):
    """The calls in a query."""
    return find_calls(split(text)[0])


def test_queries_without_it_have_no_calls():
    """Nor those that only mention it."""
    assert calls("select 1") == ()
    assert calls("select 'set_config(1)', set_config from t") == ()


def test_what_clients_send_is_understood():
    """asyncpg, pgAdmin, Django."""
    text = "SELECT current_setting('jit') AS cur, set_config('jit', 'off', false) AS new"
    assert calls(text) == (SetConfigCall("jit", "off", "false"),)
    text = "SELECT set_config('bytea_output','hex',false) FROM pg_show_all_settings() WHERE name = 'bytea_output'"
    assert calls(text) == (SetConfigCall("bytea_output", "hex", "false"),)
    text = "select pg_catalog.set_config('TimeZone', $1::text, TRUE)"
    assert calls(text) == (SetConfigCall("TimeZone", Parameter(1), "true"),)


def test_several_calls_keep_their_order():
    """The last one of a name wins."""
    assert [call.value for call in calls("select set_config('a.b','1',true), set_config('a.b',null,true)")] == [
        "1",
        None,
    ]


@pytest.mark.parametrize("argument", ["'a' || 'b'", "x", "(select 'a')", "'a'::text || 'b'"])
def test_other_expressions_are_refused(argument):
    """Their values aren't known before the query runs; the position is theirs."""
    with pytest.raises(FeatureNotSupported) as refused:
        calls(f"select set_config('work_mem', {argument}, false)")
    assert refused.value.position is not None
