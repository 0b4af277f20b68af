"""The snapshot shows what was committed when it was built, and live tables what a transaction itself sees."""

from __future__ import annotations

from catalog_database import CatalogDatabase


def _names(catalog: CatalogDatabase, *, live: bool = False) -> list[str]:
    rows = catalog.rows(
        "select relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where n.nspname not in ('pg_catalog', 'information_schema') and relkind = 'r' order by 1",
        live=live,
    )
    return [name or "" for (name,) in rows]


def test_a_rebuild_shows_new_tables(empty_catalog: CatalogDatabase) -> None:
    """And not before."""
    empty_catalog.script("create table t (a integer)")
    assert _names(empty_catalog) == []

    empty_catalog.rebuild()

    assert _names(empty_catalog) == ["t"]


def test_oids_stay_while_the_object_lives(empty_catalog: CatalogDatabase) -> None:
    """Through ALTER and rebuilds."""
    empty_catalog.script("create table t (a integer primary key)")
    empty_catalog.rebuild()
    query = "select oid from pg_class where relname like 't%' order by relname"
    before = empty_catalog.rows(query)

    empty_catalog.script("create table a (x integer); alter table t add column b text; comment on table t is 'x'")
    empty_catalog.rebuild()

    assert before == empty_catalog.rows(query)


def test_uncommitted_changes_are_seen_live(empty_catalog: CatalogDatabase) -> None:
    """By the transaction that made them, and by nobody after its rollback."""
    empty_catalog.script("begin; create table t (a integer primary key, b text default 'x')")

    assert _names(empty_catalog, live=True) == ["t"]
    assert empty_catalog.rows(
        "select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = 't'::regclass order by attnum",
        live=True,
    ) == [("a", "integer"), ("b", "text")]

    empty_catalog.script("rollback")
    empty_catalog.rebuild()
    assert _names(empty_catalog) == []


def test_temporary_objects_are_seen_live(empty_catalog: CatalogDatabase) -> None:
    """In a schema of their own, before all others; the tables that this needs don't show."""
    empty_catalog.script("create temp table t (a integer); create table t (b integer)")

    assert [
        (schema, visible)
        for schema, visible in empty_catalog.rows(
            "select nspname, pg_table_is_visible(c.oid) from pg_class c join pg_namespace n on n.oid = relnamespace "
            "where relname = 't' order by 1",
            live=True,
        )
    ] == [("pg_temp_1", "t"), ("public", "f")]
    assert _names(empty_catalog, live=True) == ["t", "t"]


def test_an_older_transaction_goes_on_with_what_it_saw(empty_catalog: CatalogDatabase) -> None:
    """A rebuild in between does not take the tables away under it."""
    empty_catalog.script("begin")
    assert _names(empty_catalog) == []

    empty_catalog.script("create table later (a integer)", maintenance=True)
    empty_catalog.rebuild()

    assert _names(empty_catalog) == []
    empty_catalog.script("commit")
    assert _names(empty_catalog) == ["later"]


def test_names_that_need_quotes_survive(empty_catalog: CatalogDatabase) -> None:
    """In every definition."""
    empty_catalog.script(
        'create schema "My Schema"; create table "My Schema"."Order" ("Id" integer primary key, "a b" text unique, '
        '"select" integer check ("select" > 0)); create index "My Index" on "My Schema"."Order" ("a b")'
    )
    empty_catalog.rebuild()

    assert empty_catalog.rows("select indexdef from pg_indexes order by 1") == [
        ('CREATE INDEX "My Index" ON "My Schema"."Order" USING btree ("a b")',),
        ('CREATE UNIQUE INDEX "Order_a b_key" ON "My Schema"."Order" USING btree ("a b")',),
        ('CREATE UNIQUE INDEX "Order_pkey" ON "My Schema"."Order" USING btree ("Id")',),
    ]
    assert [
        empty_catalog.value("""select '"My Schema"."Order"'::regclass::text"""),
    ] == ['"My Schema"."Order"']


def test_every_kind_of_type_has_a_column(empty_catalog: CatalogDatabase) -> None:
    """Nested ones, unsigned ones and enums too."""
    empty_catalog.script(
        "create type mood as enum ('sad', 'o''k'); create table t (a mood, b mood[], c struct(x integer, y text), d integer[][], "
        "e map(text, integer), f ubigint, g hugeint, h decimal(20,5)[], i union(p integer, q text), j bit, k timestamp_ns, "
        "l integer[3], m uinteger, n json, o struct(z integer)[])"
    )
    empty_catalog.rebuild()

    rows = empty_catalog.rows(
        "select format_type(atttypid, atttypmod) from pg_attribute where attrelid = 't'::regclass order by attnum"
    )

    assert [
        *(
            "mood",
            "mood[]",
            "json",
            "integer[]",
            "json",
            "numeric",
            "numeric",
            "numeric(20,5)[]",
            "json",
            "bit varying",
        ),
        *("timestamp without time zone", "integer[]", "bigint", "json", "json[]"),
    ] == [name for (name,) in rows]


def test_generated_columns_and_sequences(empty_catalog: CatalogDatabase) -> None:
    """pg_attribute and pg_attrdef say how a column gets its values."""
    empty_catalog.script(
        "create sequence s; create table t (id integer default nextval('s'), b integer, c integer generated always as (b + 1))"
    )
    empty_catalog.rebuild()

    assert empty_catalog.rows(
        "select attname, attgenerated, pg_get_expr(adbin, adrelid) from pg_attribute left join pg_attrdef "
        "on adrelid = attrelid and adnum = attnum where attrelid = 't'::regclass order by attnum"
    ) == [
        ("id", "", "nextval('s'::regclass)"),
        ("b", "", None),
        ("c", "s", "CAST((b + 1) AS INTEGER)"),
    ]
    assert empty_catalog.value("select pg_get_serial_sequence('t', 'id')") == "public.s"
