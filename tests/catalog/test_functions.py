"""pg_catalog's functions give what PostgreSQL's give."""

from __future__ import annotations

import pytest
from catalog_database import CatalogDatabase

from duckgres_tx.engine.database import DuckDBError

# Expressions that don't depend on the database; PostgreSQL is the judge.
SAME = r"""
format_type(23, -1)
format_type(1700, ((10 << 16) | 2) + 4)
format_type(1231, ((10 << 16) | 2) + 4)
format_type(1043, 24)
format_type(1043, null)
format_type(1015, -1)
format_type(1114, 3)
format_type(1184, -1)
format_type(18, null)
format_type(null, null)
quote_ident('plain')
quote_ident('Mixed')
quote_ident('with "quote"')
quote_ident('select')
quote_ident('1a')
quote_literal('it''s')
quote_literal('back\slash')
quote_literal(null)
quote_nullable(null)
quote_nullable(42)
pg_size_pretty(0::bigint)
pg_size_pretty(10239::bigint)
pg_size_pretty(10240::bigint)
pg_size_pretty(1234567::bigint)
pg_size_pretty(123456789012::bigint)
pg_catalog.format('%s of %I is %L', 1, 'a B', 'it''s')
pg_catalog.format('%s%%', null)
pg_typeof(1)
pg_typeof(1::bigint)
pg_typeof('x'::text)
pg_typeof(now())
pg_typeof(array[1, 2])
pg_typeof(1.5::double precision)
pg_typeof(true)
array_upper(array[1, 2, 3], 1)
array_upper(array[1, 2, 3], 2)
array_lower(array[1, 2, 3], 1)
array_length(array_remove(array[1, 2, 1], 1), 1)
array_ndims(array[1, 2])
array_dims(array[1, 2])
cardinality(array[1, 2])
get_byte('\x00c8ff'::bytea, 1)
get_byte(set_byte('abc', 1, 255), 1)
set_byte('x'::bytea, 0, 66) = 'B'::bytea
array_to_string(parse_ident('"Sche""ma".table'), '|')
'abc' ~ 'b'
'abc' ~ '^b'
'abc' !~ 'b'
'ABC' ~* 'b'
'ABC' !~* 'b'
'a' || 'b' ~ 'ab'
not 'abc' ~ 'x'
~ 5
'abc' OPERATOR(pg_catalog.~) '^(abc)$' COLLATE pg_catalog.default
'b' = any('{a,b}')
2 = any('{1,2}')
3 <> all('{1,2}')
'pg_class'::regclass::oid
'pg_catalog.pg_class'::regclass::oid
'1259'::regclass::oid
'pg_class'::regclass = 1259
1259::regclass::text
'int4'::regtype::oid
'integer'::regtype::oid
'character varying(20)'::regtype::oid
'int4[]'::regtype::oid
'timestamp with time zone'::regtype::text
23::regtype::text
1007::regtype::text
0::regtype::text
'array_in'::regproc::oid
'pg_catalog.array_in'::regproc::oid
750::regproc::text
'array_in(cstring,oid,integer)'::regprocedure::oid
'pg_catalog'::regnamespace::oid
11::regnamespace::text
to_regclass('no_such_relation') is null
to_regtype('no_such_type') is null
to_regtype('text')::oid
to_regtype('"text"')::oid
to_regtype('pg_catalog."int4"[]')::oid
to_regtype('"integer"') is null
to_regtype('_int4')::oid
'"char"'::regtype::oid
cast('pg_type' as regclass)::oid
'x'::name || 'y'
pg_encoding_to_char(6)
pg_char_to_encoding('utf-8')
getdatabaseencoding()
pg_client_encoding()
pg_is_in_recovery()
pg_get_userbyid(10)
current_user
session_user
user
current_role
current_schema
current_schema()
current_schemas(false)::text = array['public']::text or current_schemas(false)::text <> ''
has_table_privilege('pg_class', 'select')
has_table_privilege(1259, 'select')
has_table_privilege(4, 'select') is null
has_schema_privilege('public', 'usage')
has_schema_privilege(current_user, 'pg_catalog', 'usage')
has_database_privilege(current_database(), 'connect')
has_any_column_privilege('pg_class', 'select')
pg_has_role('postgres', 'usage')
has_table_privilege('postgres', 'pg_class', 'select')
has_table_privilege(10::oid, 1259::oid, 'select')
has_column_privilege('pg_class', 'oid', 'select')
has_column_privilege('postgres', 'pg_class', 'oid', 'select')
has_function_privilege('version()', 'execute')
has_type_privilege('int4', 'usage')
has_language_privilege('sql', 'usage')
pg_get_partkeydef('pg_class'::regclass) is null
pg_stat_get_numscans('pg_class'::regclass) >= 0
pg_total_relation_size('orders') >= pg_relation_size('orders')
pg_get_indexdef(0) is null
pg_get_constraintdef(0) is null
txid_current() > 0
pg_postmaster_start_time() < now()
clock_timestamp() >= now()
pg_typeof(clock_timestamp())
pg_advisory_unlock_all()
array(select unnest(array[3, 1]) order by 1) = array[1, 3]
pg_table_is_visible(1259)
pg_type_is_visible(23)
pg_my_temp_schema()::int >= 0
pg_get_expr(null, 0) is null
obj_description(0, 'pg_class') is null
col_description(1259, 1) is null
shobj_description(999999, 'pg_database') is null
pg_backend_pid() > 0
current_setting('no.such', true) is null
(current_schemas(true))[1]
(select count(*) from pg_get_keywords() where word = 'select')
(select string_agg(x::text || n::text, ',') from information_schema._pg_expandarray(array[7, 8]))
(select string_agg((k).x || ':' || (k).n, ',' order by (k).n) from (select information_schema._pg_expandarray(array[7, 8]) as k) s)
(select string_agg(i::text, ',' order by i) from generate_series(1, 3) i)
to_char(timestamp '2024-02-29 15:04:05.678901', 'YYYY-MM-DD HH24:MI:SS.US')
to_char(timestamp '2024-02-29 15:04:05.678901', 'DD Mon YYYY, HH12:MI AM, MS, Q')
to_char(timestamp '2024-02-09 05:04:05', 'FMDD.FMMM.YY FMHH24h "at MI" MI')
to_char(date '2024-02-09', 'Day, DD Month YYYY|FMDay, FMMonth|DAY|day|DY|dy|MON|mon')
to_char(date '2024-12-30', 'IYYY-IW-ID IDDD DDD WW W D CC J')
to_char(date '2024-03-01', 'DDth FMDDth MMTH FMDDDth')
to_char(date '2024-03-11', 'DDth') || to_char(date '2024-03-22', 'DDth') || to_char(date '2024-03-23', 'DDTH')
to_char(timestamptz '2024-07-01 12:00:00+00', 'YYYY-MM-DD HH24:MI')
to_char(timestamp '2024-07-01 00:30:00', 'HH:MI a.m. P.M. SSSS YYY Y')
to_char(null::timestamp, 'YYYY') is null
to_char(timestamp '2024-07-01 00:30:00', 'no pattern: % %%')
to_date('29.02.2024', 'DD.MM.YYYY')
to_date('2024 Feb 9', 'YYYY Mon DD')
to_timestamp('2024-02-29 15:04:05', 'YYYY-MM-DD HH24:MI:SS')
pg_catalog.to_timestamp('2024-02-29 03:04 pm', 'YYYY-MM-DD HH12:MI am')
to_timestamp(0)
to_timestamp(1700000000.5)
initcap('hello wORLD, o''neil 3rd')
'a_c' like 'a\_c'
'abc' like 'a\_c'
'a%c' like 'a\%' || 'c'
'a\c' like 'a\\c'
'A_C' ilike 'a\_%'
'abc' not like 'a!_c' escape '!'
'abc' similar to 'a%'
'abc' similar to '(a|x)b_'
'abc' similar to 'b'
'a.c' similar to 'a.c'
'abc' similar to 'a.c'
'abc' not similar to '%(b|d)%'
'aXc' similar to 'a[A-Z]c'
array_to_string(array['a', null, 'b'], ',', '*')
array_to_string(array['a', null, 'b'], ',')
array_to_string(array[1, 2], '-')
array[1, null, 2]::text
(array['a b', '', 'NULL', 'x"y\z', '{'])::text || '!'
'{{1,2},{3,4}}'::int[]::text
cast('{a,"b,c"}'::text[] as varchar)
(select array_agg(n order by n)::text from generate_series(1, 3) g(n))
array[true, false]::text || array[1.50, 2]::numeric(4,2)[]::text || '{2000-01-02}'::date[]::text
null::int[]::text
array_to_string('[0:1] = {a,b}'::text[], ',') || array_length('[2:3][0:0]={{1},{2}}'::int[], 1)
array['2000-01-02 03:04:05+01'::timestamptz]::text
jsonb '{"a": null, "b": {"c": 1}}' || jsonb '{"b": [], "e/~f": "x\"y", "longest": null}'
'{"a": 1}'::jsonb || '{}'::jsonb
'[1, 2]'::jsonb || '[3, [4]]'::jsonb
'[]'::jsonb || '[]'::jsonb
'[1]'::jsonb || '{"a": null}'::jsonb
'"x"'::jsonb || '2'::jsonb || 'null'::jsonb
null::jsonb || '1'::jsonb
not '{"a": 1}'::jsonb ->> 'a' = '1'
true and '{"a": {"b": "x"}}'::json -> 'a' ->> 'b' = 'x'
1 = 1 and '{"a": null}'::json ->> 'a' is null
(select string_agg(a || b::text || n::text, ',' order by n) from unnest(array['x', 'y'], array[1, 2]) with ordinality t(a, b, n))
(select count(*) from pg_type where typname in ('int4', 'text') and typreceive::text in ('int4recv', 'textrecv'))
chr(65) || chr(8364)
btrim('xyxtrimyyx', 'xyz') || '|' || btrim('  a ')
to_hex(255) || to_hex(-1) || to_hex(4294967296)
encode('abc'::bytea, 'hex') || encode('abc'::bytea, 'base64')
encode(decode(repeat('ab', 100), 'hex'), 'base64')
encode('\x00ff415c0a7f'::bytea, 'escape')
decode('616263', 'hex') = 'abc'::bytea and decode('YW Jj', 'base64') = 'abc'::bytea
encode(null::bytea, 'hex') is null
sha256('abc'::bytea) = '\xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'::bytea
width_bucket(5.35, 0.024, 10.06, 5)
width_bucket(-1, 0, 10, 5) * 100 + width_bucket(10, 0, 10, 5) * 10 + width_bucket(7.9, 10, 0, 4)
div(7, 2)::int + div(-7, 2)::int * 10 + div(7.5, 2)::int * 100
mod(7, 4) + mod(-7, 4) * 10
mod(null, 0) is null and div(7, null) is null
num_nulls(1, null, 'a', null) * 10 + num_nonnulls(1, null, 'a')
|/ 25.0::float8 = 5
round((||/ 27.0::float8)::numeric, 5)
justify_hours(interval '27 hours')
justify_hours(interval '1 day -3 hours')
justify_hours(interval '-1 day 30 hours 5 minutes 2.5 seconds')
justify_days(interval '35 days') = interval '1 month 5 days'
extract(day from justify_days(interval '2 mons -35 days 3 hours'))
extract(month from justify_days(interval '-1 year 65 days')) * 100 + extract(day from justify_days(interval '-1 year 65 days'))
json_typeof('[1]') || json_typeof('{}') || json_typeof('"a"') || json_typeof('1.5') || json_typeof('true')
jsonb_typeof('null'::jsonb)
json_typeof(null) is null
to_jsonb(1)
to_jsonb('a'::text)
(select count(*) from json_array_elements('[1, {"a": 2}]'))
(select string_agg(e, '|' order by e) from jsonb_array_elements_text('["x", "y", null]'::jsonb) t(e))
(select sum(value::text::int) from json_array_elements('[1, 2]'))
(select json_agg(x order by x desc) ->> 0 from (values (1), (2)) v(x))
(select jsonb_agg(x) filter (where x > 1) ->> 0 from (values (1), (2)) v(x))
(select json_agg(distinct x)::jsonb from (values (1), (1)) v(x))
(select json_agg(x) is null from (values (1)) v(x) where x > 1)
(select every(x > 1) filter (where x > 1) from (values (1), (2)) v(x))
'{"a": {"b": [1, "x"]}}'::json #>> '{a,b,1}'
'{"a": {"b": [1, "x"]}}'::jsonb #> '{a,b}' ->> 0
1 = 1 and '{"a/~": {"b c": "d"}}'::json #>> '{"a/~","b c"}' = 'd'
'{"a": 1}'::jsonb #>> '{b}' is null
'{"a": 1}'::jsonb #>> array['a']
(select indkey[0] from pg_index i join pg_class c on c.oid = i.indexrelid where c.relname = 'orders_pkey')
"""


@pytest.mark.oracle
@pytest.mark.parametrize("expression", SAME.strip().splitlines())
def test_a_function_gives_what_postgresql_gives(catalog: CatalogDatabase, oracle, expression: str) -> None:
    """One value, as text."""
    oracle.connection.execute("set search_path = public")
    oracle.connection.execute("create table if not exists orders (id integer, line integer, primary key (id, line))")
    expected = oracle.value(f"select ({expression})::text")

    given = catalog.value(f"select ({expression})::text")

    assert given == (None if expected is None else expected.decode())


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("version()", "PostgreSQL 16.9 on DuckDB"),
        ("pg_catalog.version()", "PostgreSQL 16.9 on DuckDB"),
        ("current_setting('TimeZone')", "UTC"),
        ("current_setting('default_table_access_method')", "heap"),
        ("current_database()", "memory"),
        ("current_catalog", "memory"),
        ("pg_postmaster_start_time() = '2026-01-02 03:04:05+00'", "t"),
        ("pg_get_constraintdef(oid) from pg_constraint where conname = 'customers_n_check'", "CHECK (n > 0)"),
        ("pg_get_viewdef('v1'::regclass)", " SELECT a, b FROM t2 WHERE (a > 1);"),
        ("pg_get_viewdef('v1')", " SELECT a, b FROM t2 WHERE (a > 1);"),
        ("pg_get_serial_sequence('customers', 'id') is null", "t"),
        ("obj_description('customers'::regclass, 'pg_class')", "people who buy"),
        ("col_description('customers'::regclass, 2)", "where to write"),
        ("'customers'::regclass", "customers"),
        ("oid::regclass from pg_class where relname = 't1'", "sm.t1"),
        ("'sm.t1'::regclass = oid from pg_class where relname = 't1'", "t"),
        ("'mood'::regtype::text", "mood"),
        ("to_regclass('customers') is not null", "t"),
        ("pg_table_is_visible('sm.t1'::regclass)", "f"),
        ("pg_relation_size('t2')", "48"),
        (
            "format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'orders'::regclass and attname = 'amount'",
            "numeric(12,3)",
        ),
    ],
)
def test_a_function_tells_of_this_session_and_database(catalog: CatalogDatabase, expression: str, value: str) -> None:
    """What depends on who asks, and on what is there."""
    assert value == catalog.value(f"select {expression}")


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("'no_such'::regclass::oid", 'relation "no_such" does not exist'),
        ("'no_such'::regtype::oid", 'type "no_such" does not exist'),
        ("'no_such'::regproc::oid", 'function "no_such" does not exist'),
        ("'no_such'::regnamespace::oid", 'schema "no_such" does not exist'),
        ("current_setting('no.such')", 'unrecognized configuration parameter "no.such"'),
        ("pg_relation_size('no_such')", 'relation "no_such" does not exist'),
    ],
)
def test_an_unknown_name_is_an_error(catalog: CatalogDatabase, expression: str, message: str) -> None:
    """In PostgreSQL's words."""
    with pytest.raises(DuckDBError) as caught:
        catalog.rows(f"select {expression}")

    assert message in caught.value.message
