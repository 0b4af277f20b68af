"""The passes that bring the catalog's names, casts and operators to DuckDB, as text to text."""

from __future__ import annotations

import pytest

from duckgres_tx.sql.split import split
from duckgres_tx.sql.translate import Translation, TranslationContext, translate


def _translate(sql: str, *, live: bool = False) -> Translation:
    (statement,) = split(sql)
    return translate(statement, TranslationContext("db", live))


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select * from pg_catalog.pg_class", "select * from __pg.pg.pg_class"),
        ('select * from "pg_catalog"."pg_class"', "select * from __pg.pg.pg_class"),
        ("select pg_catalog.pg_class.oid from pg_catalog.pg_class", "select pg_class.oid from __pg.pg.pg_class"),
        ("select * from db.pg_catalog.pg_class", "select * from __pg.pg.pg_class"),
        ("select * from information_schema.tables", "select * from __pg.info.tables"),
        ("SELECT * FROM INFORMATION_SCHEMA.COLUMNS", "SELECT * FROM __pg.info.columns"),
        ("select pg_catalog.version()", "select __pg.pg.version()"),
        ("select pg_catalog.lower('A')", "select lower('A')"),
        ("select pg_catalog.format('%I', a) from t", "select __pg.pg.pg_format('%I', a) from t"),
        ("select current_role, current_catalog", "select __pg.pg.current_user(), __pg.pg.current_catalog()"),
        ("select json_build_object('a', 1)", "select json_object('a', 1)"),
        ("select x::pg_catalog.text from t", "select x::text from t"),
        ("select 'x' operator(pg_catalog.~) 'y' collate pg_catalog.default", "select 'x' <~> 'y'"),
        ("select a ~ 'x', a !~ 'x', a ~* 'x', ~ 5 from t", "select a <~> 'x', a !<~> 'x', a ~* 'x', ~ 5 from t"),
        ("select 1 where a = any('{r,p}')", "select 1 where a = any(['r', 'p'])"),
        ("select 1 where a = any('{1,2}')", "select 1 where a = any([1, 2])"),
        (
            "select a || b || '[1]'::jsonb from t",
            "select __pg.pg.jsonb_concat(__pg.pg.jsonb_concat(a , b) , '[1]'::JSON) from t",
        ),
        (
            "select to_json(1) || a, a || 'json', b || c::text from t",
            "select __pg.pg.jsonb_concat(to_json(1) , a), a || 'json', b || c::text from t",
        ),
        ("select 't'::regclass::oid", "select __pg.pg.regclass_in(CAST('t' AS VARCHAR))::pg_oid"),
        ("select cast('t' as regclass)::oid", "select __pg.pg.regclass_in(CAST('t' AS VARCHAR))::pg_oid"),
        ("select c.oid::regclass from t c", "select __pg.pg.regclass_out(c.oid) from t c"),
        ("select oid::regtype::text from t", "select __pg.pg.regtype_out(oid)::text from t"),
        ("select 1 where a = 't'::regclass", "select 1 where a = __pg.pg.regclass_in(CAST('t' AS VARCHAR))"),
        ("select x::oid, y::name from t", "select x::pg_oid, y::pg_name from t"),
        ("create table t (a oid, b name)", "create table t (a BIGINT, b VARCHAR)"),
        ("create view v as select a ~ 'x' from t", "create view v as select regexp_matches(a , 'x', 's') from t"),
        (
            "create table t (a text check (a !~* '^x'))",
            "create table t (a text check ((NOT regexp_matches(a , '^x', 'is'))))",
        ),
        ("select i from generate_series(1, n) i", "select i from generate_series(1, n) i(i)"),
        (
            "select * from unnest(a, b) with ordinality t(x, y, n)",
            "select * from (SELECT unnest(a), unnest( b), generate_subscripts(a, 1)) t(x, y, n)",
        ),
        ("select i.indkey[0] from pg_index i", "select CAST(i.indkey AS INTEGER[])[(0) + 1] from pg_index i"),
        ("select unnest(indkey) from pg_index", "select unnest(CAST(indkey AS INTEGER[])) from pg_index"),
        ("select indkey from pg_index", "select indkey from pg_index"),
        ("select c.xmin from pg_class c", "select CAST(1 AS pg_xid) from pg_class c"),
        ("select typreceive::text from pg_type", "select __pg.pg.regproc_out(typreceive)::text from pg_type"),
        ("select pg_relation_size('t')", "select pg_relation_size(__pg.pg.regclass_in('t'))"),
    ],
)
def test_a_statement_becomes_duckdbs(sql: str, expected: str) -> None:
    """What DuckDB hasn't is written as what it has."""
    assert _translate(sql).text == expected


@pytest.mark.parametrize(
    "sql",
    [
        "select 'pg_catalog.pg_class' /* pg_catalog.pg_class */",
        "select a.oid, name from t a where indkey[0] = 1 and xmin > 2",
        "select current_user, current_schema",
        "select relname from pg_class where oid = 5",
        "select x.operator, x.any from x",
        "select array_agg(a) from t where a = any(array[1, 2])",
    ],
)
def test_a_statement_that_needs_nothing_stays_as_it_is(sql: str) -> None:
    """Byte for byte."""
    assert _translate(sql).untouched


@pytest.mark.parametrize(
    ("sql", "reads_catalog"),
    [
        ("select 1", False),
        ("select version(), current_user, current_schema()", False),
        ("select a ~ 'x' from t", False),
        ("select * from pg_class", True),
        ("select * from information_schema.tables", True),
        ("select pg_table_is_visible(5)", True),
        ("select 't'::regclass", True),
        ("select has_table_privilege('t', 'select')", True),
    ],
)
def test_what_reads_the_catalog_is_marked(sql: str, reads_catalog: bool) -> None:
    """So that the snapshot is made fresh for it, and for nothing else."""
    assert _translate(sql).catalog_query == reads_catalog


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select * from pg_catalog.pg_class", "select * from __pg.pg_live.pg_class"),
        (
            "select c.oid from pg_class c, pg_type t",
            "select c.oid from __pg.pg_live.pg_class c, __pg.pg_live.pg_type t",
        ),
        ("select pg_class.oid from pg_class", "select pg_class.oid from __pg.pg_live.pg_class"),
        ("select * from information_schema.tables", "select * from __pg.info_live.tables"),
        ("select pg_table_is_visible(c.oid) from t c", "select __pg.pg_live.pg_table_is_visible(c.oid) from t c"),
        ("select 't'::regclass::oid", "select __pg.pg_live.regclass_in(CAST('t' AS VARCHAR))::pg_oid"),
        ("select * from pg_am, pg_settings", "select * from __pg.pg.pg_am, __pg.pg.pg_settings"),
    ],
)
def test_a_live_session_reads_its_own(sql: str, expected: str) -> None:
    """All that depends on the database is read from the session's facts, unqualified names too."""
    assert _translate(sql, live=True).text == expected


def test_positions_lead_back_to_what_the_client_wrote() -> None:
    """The caret of an error stays under the right word."""
    sql = "select nosuch from pg_catalog.pg_class where oid = 't'::regclass and other"

    translation = _translate(sql)

    for word in ("nosuch", "other"):
        assert translation.position_in_source(translation.text.index(word)) == sql.index(word)
