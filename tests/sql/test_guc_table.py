"""The table of parameters, and its page in the documentation."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from duckgres_tx.sql.guc_rules import stored_form
from duckgres_tx.sql.guc_table import DEFINITIONS, SECTIONS, Kind, Meaning, read_section
from duckgres_tx.sql.guc_values import read_name_list, with_unit

ROOT = Path(__file__).parent.parent.parent


def test_every_default_is_a_value_that_set_would_take():
    """A default goes through the same checks as a client's value, and stays what it is."""
    for definition in DEFINITIONS.values():
        assert stored_form(definition, definition.default, definition.default) == definition.default, definition.name


def test_names_are_unique_and_described():
    """No section repeats another's parameter, and each entry says what it is and what SET of it does."""
    read = [definition for section in SECTIONS.values() for definition in read_section(section)]
    assert len(read) == len(DEFINITIONS)
    for definition in read:
        assert definition.description, definition.name
        assert definition.effect, definition.name
        assert (definition.kind is Kind.ENUM) == bool(definition.choices), definition.name
        assert (definition.kind in (Kind.INTEGER, Kind.REAL)) == bool(definition.bounds[0]), definition.name


def test_what_clients_set_at_connect_is_known():
    """psql, pgjdbc, npgsql, Rails, postgres_fdw, pg_dump: a parameter that is missing here breaks one of them."""
    for name in [
        "extra_float_digits",
        "application_name",
        "client_encoding",
        "datestyle",
        "intervalstyle",
        "timezone",
        "search_path",
        "statement_timeout",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
        "idle_session_timeout",
        "client_min_messages",
        "standard_conforming_strings",
        "bytea_output",
        "default_transaction_isolation",
        "default_transaction_read_only",
        "row_security",
        "jit",
        "work_mem",
        "maintenance_work_mem",
        "max_identifier_length",
        "max_index_keys",
        "block_size",
        "lc_collate",
        "lc_ctype",
        "lc_messages",
        "lc_monetary",
        "xmloption",
        "check_function_bodies",
        "escape_string_warning",
        "synchronous_commit",
        "synchronize_seqscans",
        "quote_all_identifiers",
        "role",
        "ssl",
        "port",
        "default_table_access_method",
        "default_tablespace",
        "enable_seqscan",
        "plan_cache_mode",
        "max_connections",
    ]:
        assert name in DEFINITIONS


def test_nothing_read_only_is_called_enforced():
    """The meaning follows from who may set it."""
    assert DEFINITIONS["server_version"].meaning is Meaning.READ_ONLY
    assert DEFINITIONS["work_mem"].meaning is Meaning.REMEMBERED
    assert DEFINITIONS["timezone"].meaning is Meaning.ENFORCED


def test_the_page_is_up_to_date():
    """docs/variables.md is what tools/update_variables.py makes of the table."""
    render = runpy.run_path(str(ROOT / "tools" / "update_variables.py"))["render"]
    assert (ROOT / "docs" / "variables.md").read_text(encoding="utf-8") == render()


@pytest.mark.parametrize(
    ("stored", "base", "shown"),
    [("0", "ms", "0"), ("-1", "kB", "-1"), ("1.5", "us", "1.5us"), ("7", "", "7"), ("1024", "8kB", "8MB")],
)
def test_units(stored, base, shown):
    """A number is shown in the greatest unit that needs no fraction."""
    assert with_unit(stored, base) == shown


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('"$user", public, main', ("$user", "public", "main")),
        ('A , "b""c,d"', ("a", 'b"c,d')),
        ("", ()),
        ('""', ("",)),
    ],
)
def test_name_lists(text, names):
    """search_path's stored form reads back as names."""
    assert read_name_list(text) == names


@pytest.mark.parametrize("text", ["a,", ",a", "a b", '"a', 'a"b"', "a,,b"])
def test_malformed_name_lists(text):
    """A list with quotes or commas out of place is refused."""
    with pytest.raises(ValueError, match=r"."):
        read_name_list(text)
