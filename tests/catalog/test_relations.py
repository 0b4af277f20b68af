"""The relations have PostgreSQL's columns and types, true rows, and one source of OIDs."""

from __future__ import annotations

import pytest
from catalog_database import CatalogDatabase

from duckgres_tx.catalog import pg_columns
from duckgres_tx.catalog.facts_functions import SCALAR_TYPES
from duckgres_tx.catalog.relation import Relation, duckdb_type
from duckgres_tx.engine.alias_types import ALIAS_TYPES
from duckgres_tx.engine.logical_types import LogicalType, TypeId
from duckgres_tx.engine.pg_types import pg_type_of

WIRE_OIDS = {"oid": 26, "name": 19, "char": 18, "int2vector": 22, "oidvector": 30, "regproc": 24, "xid": 28, "bool": 16}


@pytest.mark.parametrize("name", sorted(pg_columns.PG_CATALOG))
def test_a_relation_has_the_columns_of_postgresql(catalog: CatalogDatabase, name: str) -> None:
    """In order, and announced with PostgreSQL's types."""
    listed = Relation(name).listed_columns()

    columns = catalog.prepare(f"select * from pg_catalog.{name}").columns

    assert [column for column, _ in listed] == [column.name for column in columns]
    for (_, kind), column in zip(listed, columns, strict=True):
        if kind in WIRE_OIDS:
            assert (column.name, WIRE_OIDS[kind]) == (column.name, pg_type_of(column.type).oid)


@pytest.mark.parametrize("name", sorted(pg_columns.INFORMATION_SCHEMA))
def test_information_schema_has_the_columns_of_postgresql(catalog: CatalogDatabase, name: str) -> None:
    """In order."""
    columns = catalog.prepare(f"select * from information_schema.{name}").columns

    assert [column for column, _ in Relation(name, info=True).listed_columns()] == [column.name for column in columns]


@pytest.mark.parametrize(
    ("relation", "key"),
    [
        ("pg_class", "oid"),
        ("pg_constraint", "oid"),
        ("pg_type", "oid"),
        ("pg_proc", "oid"),
        ("pg_namespace", "oid"),
        ("pg_attribute", "attrelid, attnum"),
        ("pg_index", "indexrelid"),
        ("pg_enum", "oid"),
    ],
)
def test_a_key_is_unique(catalog: CatalogDatabase, relation: str, key: str) -> None:
    """No two rows are told from one another by nothing."""
    assert catalog.rows(f"select {key} from {relation} group by {key} having count(*) > 1") == []


@pytest.mark.parametrize(
    "query",
    [
        "select 1 from pg_class c left join pg_namespace n on n.oid = c.relnamespace where n.oid is null",
        "select 1 from pg_attribute a left join pg_class c on c.oid = a.attrelid where c.oid is null",
        "select 1 from pg_attribute a left join pg_type t on t.oid = a.atttypid where t.oid is null and a.atttypid is not null",
        "select 1 from pg_constraint k left join pg_class c on c.oid = k.conrelid where c.oid is null",
        "select 1 from pg_constraint k left join pg_class c on c.oid = k.conindid where c.oid is null and k.contype in ('p', 'u', 'f')",
        "select 1 from pg_index i left join pg_class c on c.oid = i.indexrelid where c.relkind is distinct from 'i'",
        "select 1 from pg_type t left join pg_proc p on p.oid = t.typinput where p.oid is null",
        "select 1 from pg_type t left join pg_type e on e.oid = t.typarray where t.typarray <> 0 and e.typelem is distinct from t.oid",
        "select 1 from pg_proc p left join pg_type t on t.oid = p.prorettype where t.oid is null",
        "select 1 from pg_class c left join pg_roles r on r.oid = c.relowner where r.oid is null",
        "select 1 from pg_attrdef d left join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum where not a.atthasdef",
    ],
)
def test_what_refers_to_something_finds_it(catalog: CatalogDatabase, query: str) -> None:
    """All OIDs come from one source."""
    assert catalog.rows(query) == []


@pytest.mark.parametrize("name", sorted(ALIAS_TYPES))
def test_every_alias_type_is_announced_as_postgresqls(catalog: CatalogDatabase, name: str) -> None:
    """And format_type's name for it is known."""
    (column,) = catalog.prepare(f"select cast(null as {name}) as x").columns

    assert name == column.type.alias
    assert SCALAR_TYPES[name] == pg_type_of(column.type).oid


@pytest.mark.parametrize("name", sorted(set(SCALAR_TYPES) - set(ALIAS_TYPES)))
def test_a_column_has_the_type_that_its_values_are_sent_with(catalog: CatalogDatabase, name: str) -> None:
    """pg_attribute and RowDescription agree."""
    (column,) = catalog.prepare(f"select cast(null as {name}) as x").columns

    assert SCALAR_TYPES[name] == pg_type_of(column.type).oid


@pytest.mark.parametrize("type_id", TypeId)
def test_every_type_that_is_sent_has_a_row(catalog: CatalogDatabase, type_id: TypeId) -> None:
    """pg_type knows it, and the array of it."""
    if type_id in (TypeId.LIST, TypeId.ARRAY):
        return
    oid = pg_type_of(LogicalType(type_id)).oid
    array_oid = pg_type_of(LogicalType(TypeId.LIST, child=LogicalType(type_id))).oid

    assert [(str(array_oid),)] == catalog.rows(f"select typarray from pg_type where oid = {oid}")
    assert [(str(oid),)] == catalog.rows(f"select typelem from pg_type where oid = {array_oid}")


def test_aliases_survive_what_clients_do_with_columns(catalog: CatalogDatabase) -> None:
    """UNION, CASE, coalesce, subqueries and aggregates keep PostgreSQL's type."""
    columns = catalog.prepare(
        "select max(oid), case when true then min(oid) end, coalesce(min(relname), min(relname)), (select min(relkind) from pg_class) "
        "from (select oid, relname from pg_class union all select oid, relname from pg_class) s"
    ).columns

    assert [column.type.alias for column in columns] == ["pg_oid", "pg_oid", "pg_name", "pg_char"]


def test_our_own_objects_do_not_show(catalog: CatalogDatabase) -> None:
    """Neither in pg_class nor in information_schema."""
    assert catalog.rows("select 1 from pg_class where relname like '\\_\\_pg%' escape '\\' or relname = 'facts'") == []
    assert catalog.rows("select schema_name from information_schema.schemata order by 1") == [
        ("information_schema",),
        ("main",),
        ("pg_catalog",),
        ("pg_toast",),
        ("public",),
        ("sm",),
    ]


def test_the_databases_and_roles_are_the_hosts(catalog: CatalogDatabase) -> None:
    """And the current one is always among them."""
    assert catalog.rows("select datname from pg_database order by 1") == [("memory",), ("other",)]
    assert catalog.rows("select rolname, rolsuper from pg_roles order by 1") == [("bob", "f"), ("postgres", "t")]


def test_information_schema_tells_of_columns(catalog: CatalogDatabase) -> None:
    """Names, defaults, nullability and types in PostgreSQL's words."""
    rows = catalog.rows(
        "select column_name, column_default, is_nullable, data_type, udt_name, numeric_precision, numeric_scale "
        "from information_schema.columns where table_name = 'orders' and column_name in ('id', 'amount', 'tags', 'customer_id') "
        "order by ordinal_position"
    )

    assert rows == [
        ("id", None, "NO", "integer", "int4", "32", "0"),
        ("customer_id", None, "YES", "integer", "int4", "32", "0"),
        ("amount", None, "NO", "numeric", "numeric", "12", "3"),
        ("tags", None, "YES", "ARRAY", "_text", None, None),
    ]


def test_duckdb_types_are_mapped() -> None:
    """A type that PostgreSQL's list has and ours hasn't is text."""
    assert duckdb_type("_oid") == "pg_oid[]"
    assert duckdb_type("anyarray") == "VARCHAR"
