"""What SQL may not do."""

from __future__ import annotations

import pytest

from duckgres_tx.errors import PgError
from duckgres_tx.sql.classify import classify
from duckgres_tx.sql.policy import Policy
from duckgres_tx.sql.split import split


def check(sql, policy=None):
    """Ask the policy about one statement."""
    (statement,) = split(sql)
    (policy or Policy()).check(statement, classify(statement))


@pytest.mark.parametrize(
    "sql",
    [
        "install httpfs",
        "load '/x/y.duckdb_extension'",
        "explain analyze load 'x'",
        "update extensions",
        "attach '/etc/passwd'",
        "detach x",
        "use other",
        "export database '/x'",
        "import database '/x'",
        "create secret s (type s3)",
        "create or replace persistent secret s (type s3)",
        "drop secret s",
        "set threads = 1",
        'SET "threads" = 1',
        "set session memory_limit = '1GB'",
        "set global default_order = 'asc'",
        "set enable_external_access = true",
        "set lock_configuration = true",
        "reset threads",
        "pragma threads = 1",
        "pragma enable_profiling",
        "pragma copy_database('a', 'b')",
        "copy from database a to b",
        "call enable_logging('QueryLog', storage = 'file')",
        "select * from enable_logging()",
        'select * from "enable_logging" ()',
        "select * from system.main.enable_profiling(save_location = '/x')",
        "select * from /* x */ Enable_Logging /* y */ ()",
        "create view v as select * from enable_logging()",
        "create macro m() as table select * from enable_logging()",
        "from query('select * from enable_logging()')",
        "from query($$ from query('call enable_logging()') $$)",
        "from query('select ' || '1')",
        "from query(getvariable('x'))",
        "select * from json_execute_serialized_sql('{}')",
        "select * from arrow_scan(1, 2, 3)",
        "force checkpoint",
        "delete from __pg_facts.main.roles",
        'select * from "__pg".pg.pg_class',
        'insert into U&"\\005f_pg_facts".main.roles values (1)',
        "create table pg_catalog.x (a int)",
        "drop view if exists pg_catalog.pg_class",
        "delete from pg_catalog.pg_class",
        "update pg_catalog.pg_class set relname = 'x'",
        "insert into information_schema.tables values (1)",
        "call force_checkpoint()",
    ],
)
def test_forbidden(sql):
    """Everything that reaches beyond the session's own database is refused with 42501, or isn't even grammar."""
    with pytest.raises(PgError) as caught:
        check(sql)
    assert caught.value.sqlstate in ("42501", "42601")


@pytest.mark.parametrize(
    "sql",
    [
        "select 1",
        "select 'enable_logging()', enable_logging from t",
        "select '__pg', t.__pg from t",
        "create table t as select * from pg_catalog.pg_class",
        "insert into t select * from information_schema.tables",
        "set integer_division = true",
        "set session default_order = 'desc'",
        "reset default_order",
        "pragma table_info('t')",
        "pragma version",
        "pragma",
        "pragma integer_division = true",
        "explain select 1",
        "explain (analyze, format json) select 1",
        "explain analyze insert into t values (1)",
        "from query('select 1')",
        "copy t to '/x'",
        "call pragma_version()",
        "checkpoint",
    ],
)
def test_allowed(sql):
    """DuckDB's own harmless statements stay usable."""
    check(sql)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("grant select on t to x", "GRANT is not supported"),
        ("create materialized view v as select 1", "CREATE MATERIALIZED VIEW is not supported"),
        ("create or replace trigger x before insert on t", "CREATE TRIGGER is not supported"),
        ("drop role x", "DROP ROLE is not supported"),
        ("create user mapping for x", "CREATE USER MAPPING is not supported"),
        ("refresh materialized view v", "REFRESH MATERIALIZED VIEW is not supported"),
        ("do $$ begin end $$", "DO is not supported"),
        ("copy t from program 'x'", "COPY to or from an external program is not supported"),
        ("set local default_order = 'desc'", "SET LOCAL is not supported for DuckDB's setting default_order"),
        ("alter database x rename to y", "ALTER DATABASE is not supported"),
        ("select pg_notify('a', 'b')", "notifications are not supported"),
        ("select lo_create(0)", "large objects are not supported"),
    ],
)
def test_what_is_not_here_is_said_so(sql, message):
    """PostgreSQL's statements without a counterpart are refused with 0A000, never acknowledged."""
    with pytest.raises(PgError) as caught:
        check(sql)
    assert (caught.value.sqlstate, caught.value.message) == ("0A000", message)


def test_explain_of_another_statement_is_a_syntax_error_at_it():
    """EXPLAIN ANALYZE COMMIT would end the transaction behind the session's back."""
    with pytest.raises(PgError) as caught:
        check("explain analyze commit")
    assert (caught.value.sqlstate, caught.value.position) == ("42601", 17)


@pytest.mark.parametrize(
    ("policy", "sql"),
    [
        (Policy(extensions=True), "load httpfs"),
        (Policy(other_databases=True), "attach 'x'"),
        (Policy(server_settings=True), "set threads = 1"),
        (Policy(server_settings=True), "pragma threads = 1"),
        (Policy(secrets=True), "create secret s (type s3)"),
        (Policy(file_exports=True), "export database '/x'"),
    ],
)
def test_the_configuration_can_allow(policy, sql):
    """Each switch opens what it names."""
    check(sql, policy)
