"""A session's parameters through SET, SHOW, RESET and the course of its transactions."""

from __future__ import annotations

import pytest

from duckgres_tx.errors import PgError, Severity
from duckgres_tx.sql.classify import classify
from duckgres_tx.sql.forms import TransactionModes
from duckgres_tx.sql.session_statements import parse
from duckgres_tx.sql.split import split
from duckgres_tx.sql.variables import Variables


@pytest.fixture
def variables():
    """An ordinary user's parameters."""
    return Variables("me", superuser=False, server_values={"TimeZone": "Etc/UTC", "port": "5433"})


def apply(variables, sql):
    """Carry out one statement."""
    (statement,) = split(sql)
    return variables.apply(parse(statement, classify(statement)))


@pytest.mark.parametrize(
    ("sql", "name", "shown"),
    [
        ("set work_mem = '1GB'", "work_mem", "1GB"),
        ("set work_mem = '1025kB'", "work_mem", "1025kB"),
        ("set work_mem = '65536B'", "work_mem", "64kB"),
        ("set work_mem = 1024.7", "work_mem", "1025kB"),
        ("set effective_cache_size = '4 GB'", "effective_cache_size", "4GB"),
        ("set effective_cache_size = 3", "effective_cache_size", "24kB"),
        ("set statement_timeout = 100", "statement_timeout", "100ms"),
        ("set statement_timeout = '1.5min'", "statement_timeout", "90s"),
        ("set statement_timeout = '1d'", "statement_timeout", "1d"),
        ("set statement_timeout = 0", "statement_timeout", "0"),
        ("set vacuum_cost_delay = '1.5ms'", "vacuum_cost_delay", "1500us"),
        ("set random_page_cost = 1.50", "random_page_cost", "1.5"),
        ("set jit = tru", "jit", "on"),
        ("set jit = of", "jit", "off"),
        ("set jit = 1", "jit", "on"),
        ("set extra_float_digits = '3'", "extra_float_digits", "3"),
        ("set client_min_messages = DEBUG", "client_min_messages", "debug2"),
        ("set synchronous_commit = true", "synchronous_commit", "on"),
        ("set client_encoding = 'unicode'", "client_encoding", "UTF8"),
        ("set names 'utf-8'", "client_encoding", "UTF8"),
        ("set client_encoding = sql_ascii", "client_encoding", "SQL_ASCII"),
        ("set datestyle = iso, dmy", "DateStyle", "ISO, DMY"),
        ("set datestyle = 'euro'", "DateStyle", "ISO, DMY"),
        ("set datestyle = 'ymd'", "DateStyle", "ISO, YMD"),
        ("set datestyle = german", "DateStyle", "German, DMY"),
        ("set datestyle = mdy, german", "DateStyle", "German, MDY"),
        ("set datestyle = 'sql'", "DateStyle", "SQL, MDY"),
        ("set datestyle = postgresql, european", "DateStyle", "Postgres, DMY"),
        ("set intervalstyle = iso_8601", "IntervalStyle", "iso_8601"),
        ("set bytea_output = 'ESCAPE'", "bytea_output", "escape"),
        ("set search_path to \"A\", b, 'c d'", "search_path", '"A", b, "c d"'),
        ("set search_path = 'a, b'", "search_path", '"a, b"'),
        ("set search_path = ''", "search_path", '""'),
        ("set timezone = 'europe/berlin'", "TimeZone", "Europe/Berlin"),
        ("set time zone 'utc'", "TimeZone", "UTC"),
        ("set time zone -3", "TimeZone", "<-03>+03"),
        ("set timezone = '+02:00'", "TimeZone", "+02:00"),
        ("set time zone interval '+02:00' hour to minute", "TimeZone", "<+02>-02"),
        ("set time zone default", "TimeZone", "Etc/UTC"),
        ("set application_name = 'caf\u00e9'", "application_name", "caf\\xc3\\xa9"),
        ("set my.thing = 'x'", "my.Thing", "x"),
        ("set role me", "role", "me"),
        ("set session authorization me", "session_authorization", "me"),
        ("set standard_conforming_strings = off", "standard_conforming_strings", "off"),
        ("set default_transaction_isolation = 'repeatable read'", "transaction_isolation", "repeatable read"),
        ("set lc_monetary = 'c'", "lc_monetary", "c"),
    ],
)
def test_shows_what_was_set(variables, sql, name, shown):
    """A value comes back in PostgreSQL's canonical form."""
    apply(variables, sql)
    assert variables.show(name) == shown


@pytest.mark.parametrize(
    ("sql", "sqlstate", "message"),
    [
        ("set foo = 1", "42704", 'unrecognized configuration parameter "foo"'),
        ("reset foo", "42704", 'unrecognized configuration parameter "foo"'),
        ("reset a.b", "42704", 'unrecognized configuration parameter "a.b"'),
        ('set "a-b.c" = 1', "42602", 'invalid configuration parameter name "a-b.c"'),
        ("set server_version = '1'", "55P02", 'parameter "server_version" cannot be changed'),
        ("reset server_version", "55P02", 'parameter "server_version" cannot be changed'),
        ("set port = 3", "55P02", 'parameter "port" cannot be changed without restarting the server'),
        ("set ssl = on", "55P02", 'parameter "ssl" cannot be changed now'),
        ("set log_connections = on", "55P02", 'parameter "log_connections" cannot be set after connection start'),
        ("set log_statement = 'all'", "42501", 'permission denied to set parameter "log_statement"'),
        ("set jit = foo", "22023", 'parameter "jit" requires a Boolean value'),
        ("set jit = o", "22023", 'parameter "jit" requires a Boolean value'),
        ("set bytea_output = foo", "22023", 'invalid value for parameter "bytea_output": "foo"'),
        ("set work_mem = x", "22023", 'invalid value for parameter "work_mem": "x"'),
        ("set work_mem = '1 foo'", "22023", 'invalid value for parameter "work_mem": "1 foo"'),
        ("set extra_float_digits = '1s'", "22023", 'invalid value for parameter "extra_float_digits": "1s"'),
        ("set work_mem = 1", "22023", '1 kB is outside the valid range for parameter "work_mem" (64 .. 2147483647)'),
        ("set geqo_seed = 2", "22023", '2 is outside the valid range for parameter "geqo_seed" (0 .. 1)'),
        ("set application_name = a, b", "22023", "SET application_name takes only one argument"),
        ("set timezone = 'foo'", "22023", 'invalid value for parameter "TimeZone": "foo"'),
        ("set timezone = 'PST'", "22023", 'invalid value for parameter "TimeZone": "PST"'),
        ("set time zone 170", "22023", 'invalid value for parameter "TimeZone": "170"'),
        ("set time zone interval '1 day'", "22023", 'invalid value for parameter "TimeZone": "INTERVAL 1 day"'),
        ("set time zone 5.5", "0A000", 'time zone "5.5" is not supported'),
        ("set datestyle = 'iso, foo'", "22023", 'invalid value for parameter "DateStyle": "iso, foo"'),
        ("set datestyle = mdy, dmy", "22023", 'invalid value for parameter "DateStyle": "mdy, dmy"'),
        ("set client_encoding = 'euc-tw'", "0A000", "conversion between EUC_TW and UTF8 is not supported"),
        ("set client_encoding = foo", "22023", 'invalid value for parameter "client_encoding": "foo"'),
        ("set array_nulls = off", "0A000", 'setting array_nulls to "off" is not supported'),
        ("set lc_monetary = 'de_DE'", "0A000", 'setting lc_monetary to "de_DE" is not supported'),
        ("set role other", "42501", 'permission denied to set role "other"'),
        ("set session authorization other", "42501", 'permission denied to set session authorization "other"'),
    ],
)
def test_refusals(variables, sql, sqlstate, message):
    """What isn't taken is refused in PostgreSQL's words, and changes nothing."""
    before = variables.show_all()
    with pytest.raises(PgError) as caught:
        apply(variables, sql)
    assert (caught.value.sqlstate, caught.value.message) == (sqlstate, message)
    assert variables.show_all() == before


def test_unknown_names_can_not_be_shown(variables):
    """The name is given back as it was asked for."""
    with pytest.raises(PgError) as caught:
        variables.show("Foo.bar")
    assert (caught.value.sqlstate, caught.value.message) == (
        "42704",
        'unrecognized configuration parameter "Foo.bar"',
    )


def test_superusers_set_more():
    """Only superusers change what is logged; even they can't become another user here."""
    variables = Variables("postgres", superuser=True)
    apply(variables, "set log_statement = 'all'")
    assert variables.show("log_statement") == "all"
    with pytest.raises(PgError) as caught:
        apply(variables, "set role other")
    assert caught.value.sqlstate == "0A000"
    assert variables.show("is_superuser") == "on"


def test_changes_say_what_is_to_be_done(variables):
    """DuckDB, the client and the session's context functions are told, each in its own form."""
    changes = apply(variables, "set time zone -3")
    assert changes.values == {"timezone": "<-03>+03"}
    assert changes.duckdb_statements == ("SET TimeZone = 'Etc/GMT+3'",)
    assert changes.parameter_status == (("TimeZone", "<-03>+03"),)
    assert changes.context == (("guc.timezone", "<-03>+03"),)
    assert variables.time_zone == "Etc/GMT+3"


def test_setting_the_same_value_changes_nothing(variables):
    """No ParameterStatus is sent for what didn't change."""
    assert not apply(variables, "set client_encoding = 'UTF8'").values


def test_rollback_undoes_everything(variables):
    """SET and SET LOCAL both end with a transaction that is rolled back."""
    apply(variables, "set work_mem = '5MB'")
    variables.begin()
    apply(variables, "set work_mem = '6MB'")
    apply(variables, "set local work_mem = '7MB'")
    apply(variables, "set local timezone = 'Europe/Paris'")
    apply(variables, "set my.x = 1")
    changes = variables.rollback()
    assert changes.values == {"work_mem": "5MB", "timezone": "Etc/UTC", "my.x": ""}
    assert changes.duckdb_statements == ("SET TimeZone = 'Etc/UTC'",)
    assert variables.show("work_mem") == "5MB"


def test_commit_keeps_set_and_ends_set_local(variables):
    """SET's value is under SET LOCAL's, and comes to light at COMMIT."""
    variables.begin()
    apply(variables, "set work_mem = '6MB'")
    apply(variables, "set local work_mem = '7MB'")
    assert variables.show("work_mem") == "7MB"
    assert variables.commit().values == {"work_mem": "6MB"}
    assert not variables.rollback().values


def test_set_after_set_local_wins(variables):
    """As in PostgreSQL, the later SET is what holds and what stays."""
    variables.begin()
    apply(variables, "set local work_mem = '7MB'")
    apply(variables, "set work_mem = '8MB'")
    assert not variables.commit().values
    assert variables.show("work_mem") == "8MB"


def test_set_local_to_default(variables):
    """SET LOCAL x TO DEFAULT lasts as long as the transaction."""
    apply(variables, "set work_mem = '5MB'")
    variables.begin()
    apply(variables, "set local work_mem to default")
    assert variables.show("work_mem") == "4MB"
    variables.commit()
    assert variables.show("work_mem") == "5MB"


def test_set_local_outside_of_a_transaction_only_warns(variables):
    """The value is checked all the same."""
    (notice,) = apply(variables, "set local work_mem = '7MB'").notices
    assert (notice.sqlstate, notice.severity) == ("25P01", Severity.WARNING)
    assert notice.message == "SET LOCAL can only be used in transaction blocks"
    assert variables.show("work_mem") == "4MB"
    with pytest.raises(PgError):
        apply(variables, "set local work_mem = 'x'")


def test_set_local_to_default_outside_of_a_transaction_only_warns(variables):
    """As SET LOCAL with a value does."""
    apply(variables, "set work_mem = '5MB'")
    assert [notice.sqlstate for notice in apply(variables, "set local work_mem to default").notices] == ["25P01"]
    assert variables.show("work_mem") == "5MB"


def test_reset_all_within_a_transaction(variables):
    """SET LOCAL's values go, too; a rollback brings all of them back to what was before."""
    apply(variables, "set work_mem = '5MB'")
    variables.begin()
    variables.begin()
    apply(variables, "set local statement_timeout = 5")
    apply(variables, "reset all")
    assert (variables.show("work_mem"), variables.show("statement_timeout")) == ("4MB", "0")
    variables.rollback()
    assert variables.show("work_mem") == "5MB"
    assert not variables.commit().values


def test_a_search_path_from_the_startup_packet(variables):
    """Ibis sends ``options=-csearch_path=…``: a list as text."""
    variables.start({"search_path": 'a, "B"', "DateStyle": "DEFAULT, ISO"})
    assert (variables.show("search_path"), variables.show("datestyle")) == ('a, "B"', "ISO, MDY")
    with pytest.raises(PgError) as caught:
        variables.start({"search_path": "a,,b"})
    assert (caught.value.sqlstate, caught.value.message) == (
        "22023",
        'invalid value for parameter "search_path": "a,,b"',
    )


def test_transaction_modes_end_with_the_transaction(variables):
    """BEGIN READ ONLY is for that transaction, the session's characteristics for those to come."""
    variables.begin()
    variables.set_modes(TransactionModes(read_only=True))
    assert variables.is_on("transaction_read_only")
    variables.commit()
    assert not variables.is_on("transaction_read_only")
    changes = apply(variables, "set session characteristics as transaction read only, isolation level serializable")
    assert changes.parameter_status == (("default_transaction_read_only", "on"),)
    assert changes.values["transaction_read_only"] == "on"
    assert [notice.sqlstate for notice in changes.notices] == ["01000"]
    assert variables.show("transaction_isolation") == "serializable"


def test_a_default_is_for_the_transactions_to_come(variables):
    """The one that is open goes on as it began."""
    variables.begin()
    changes = apply(variables, "set default_transaction_read_only = on")
    assert not variables.is_on("transaction_read_only")
    assert "transaction_read_only" not in changes.values
    assert variables.commit().values == {"transaction_read_only": "on"}
    assert variables.is_on("transaction_read_only")


def test_set_transaction_needs_a_transaction(variables):
    """Outside of one it warns and does nothing, in each of its spellings."""
    for sql in ("set transaction read only", "set transaction_read_only = on", "reset transaction_isolation"):
        assert apply(variables, sql).notices[0].sqlstate == "25P01"
    assert not variables.is_on("transaction_read_only")


def test_reset_goes_back_to_what_the_client_began_with(variables):
    """Values of the startup packet are what RESET restores."""
    variables.start({"application_name": "psql", "work_mem": "9MB", "my.x": "1"})
    apply(variables, "set application_name = 'other'")
    apply(variables, "set my.x = 2")
    apply(variables, "set work_mem = '1MB'")
    apply(variables, "reset work_mem")
    assert variables.show("work_mem") == "9MB"
    changes = apply(variables, "reset all")
    assert changes.values == {"application_name": "psql", "my.x": "1"}


def test_start_refuses_what_set_would():
    """An unknown startup parameter or a bad value ends the login."""
    for values, sqlstate in (
        ({"foo": "1"}, "42704"),
        ({"client_encoding": "EUC_TW"}, "0A000"),
        ({"server_version": "1"}, "55P02"),
        ({"role": "other"}, "42501"),
        ({"log_connections": "on"}, "42501"),
    ):
        with pytest.raises(PgError) as caught:
            Variables("me").start(values)
        assert caught.value.sqlstate == sqlstate


def test_reported_parameters(variables):
    """Clients rely on these after login; pgjdbc refuses to go on without some of them."""
    reported = dict(variables.reported())
    assert reported.keys() == {
        "application_name",
        "client_encoding",
        "DateStyle",
        "default_transaction_read_only",
        "in_hot_standby",
        "integer_datetimes",
        "IntervalStyle",
        "is_superuser",
        "scram_iterations",
        "search_path",
        "server_encoding",
        "server_version",
        "session_authorization",
        "standard_conforming_strings",
        "TimeZone",
    }
    assert reported["session_authorization"] == "me"
    assert reported["TimeZone"] == "Etc/UTC"


def test_show_all(variables):
    """Every parameter by name, but the ones that PostgreSQL hides; and the extensions' that were set."""
    apply(variables, "set my.x = 'y'")
    apply(variables, "set work_mem = '1MB'")
    shown = {row.name: row.setting for row in variables.show_all()}
    assert list(shown) == sorted(shown, key=str.lower)
    assert "role" not in shown
    assert (shown["my.x"], shown["work_mem"], shown["port"]) == ("y", "1MB", "5433")


def test_context_holds_every_parameter(variables):
    """current_setting() sees what SHOW shows."""
    context = dict(variables.all_context())
    assert context["guc.timezone"] == "Etc/UTC"
    assert context["guc.work_mem"] == "4MB"


def test_numbers_are_in_base_units(variables):
    """The session reads its time limits so."""
    apply(variables, "set statement_timeout = '2s'")
    assert variables.number("statement_timeout") == 2000.0
