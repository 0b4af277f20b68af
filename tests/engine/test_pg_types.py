"""What columns are announced as."""

from __future__ import annotations

import struct

import psycopg
import pytest
from encoded_rows import Duck
from oracle import Oracle

from duckgres_tx.engine.logical_types import LogicalType, TypeId
from duckgres_tx.engine.pg_types import (
    ALIASES,
    PgType,
    duckdb_type_name,
    pg_type_name,
    pg_type_of,
    sql_type_name,
)

# DuckDB's name of a type, and PostgreSQL's of what it is announced as.
ANNOUNCED = [
    ("BOOLEAN", "bool"),
    ("TINYINT", "int2"),
    ("SMALLINT", "int2"),
    ("INTEGER", "int4"),
    ("BIGINT", "int8"),
    ("UTINYINT", "int2"),
    ("USMALLINT", "int4"),
    ("UINTEGER", "int8"),
    ("UBIGINT", "numeric"),
    ("HUGEINT", "numeric"),
    ("UHUGEINT", "numeric"),
    ("BIGNUM", "numeric"),
    ("FLOAT", "float4"),
    ("DOUBLE", "float8"),
    ("VARCHAR", "text"),
    ("BLOB", "bytea"),
    ("DATE", "date"),
    ("TIME", "time"),
    ("TIME_NS", "time"),
    ("TIMETZ", "timetz"),
    ("TIMESTAMP", "timestamp"),
    ("TIMESTAMP_S", "timestamp"),
    ("TIMESTAMP_MS", "timestamp"),
    ("TIMESTAMP_NS", "timestamp"),
    ("TIMESTAMPTZ", "timestamptz"),
    ("INTERVAL", "interval"),
    ("UUID", "uuid"),
    ("BIT", "varbit"),
    ("JSON", "json"),
    ("STRUCT(a INTEGER)", "json"),
    ("MAP(VARCHAR, INTEGER)", "json"),
    ("UNION(a INTEGER)", "json"),
    ("VARIANT", "json"),
    ("GEOMETRY", "bytea"),
    ("ENUM('a', 'b')", "text"),
    ("DECIMAL(15,2)", "numeric"),
    ("pg_oid", "oid"),
    ("pg_name", "name"),
    ("pg_char", "char"),
    ("pg_xid", "xid"),
    ("pg_regproc", "regproc"),
    ("pg_regclass", "regclass"),
    ("pg_regtype", "regtype"),
    ("pg_regnamespace", "regnamespace"),
    ("pg_regrole", "regrole"),
    ("pg_aclitem", "aclitem"),
    ("pg_bpchar", "bpchar"),
    ("pg_cstring", "cstring"),
    ("pg_inet", "inet"),
    ("pg_cidr", "cidr"),
    ("pg_macaddr", "macaddr"),
    ("pg_point", "point"),
]


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("duckdb", "postgres"),
    [*ANNOUNCED, ("pg_int2vector", "int2vector"), ("pg_oidvector", "oidvector"), ("pg_node_tree", "pg_node_tree")],
)
def test_oid_and_size_are_postgresqls(oracle: Oracle, duck: Duck, duckdb: str, postgres: str) -> None:
    """RowDescription says what pg_type says."""
    [column] = duck.types(f"select null::{duckdb}")
    expected = oracle.value("select format('%s %s', oid, typlen) from pg_type where typname = $1", [postgres.encode()])
    announced = pg_type_of(column)
    if postgres == "aclitem":
        # PostgreSQL 16 made it longer.
        expected = b"1033 16"

    assert f"{announced.oid} {announced.size}".encode() == expected


@pytest.mark.oracle
@pytest.mark.parametrize(("duckdb", "postgres"), ANNOUNCED)
def test_lists_are_announced_as_arrays(oracle: Oracle, duck: Duck, duckdb: str, postgres: str) -> None:
    """Lists, lists of lists and fixed-size arrays are typarray of what their elements are."""
    expected = oracle.value("select typarray from pg_type where typname = $1", [postgres.encode()])
    for suffix in ("[]", "[][]", "[3]", "[2][3]"):
        [column] = duck.types(f"select null::{duckdb}{suffix}")

        assert pg_type_of(column).size == -1
        assert str(pg_type_of(column).oid).encode() == expected


@pytest.mark.parametrize(("duckdb", "postgres"), ANNOUNCED)
def test_the_element_type_inside_a_binary_array_is_the_announced_one(duck: Duck, duckdb: str, postgres: str) -> None:
    """The encoders and the announcement have one opinion."""
    [column] = duck.types(f"select null::{duckdb}")
    value = duck.value(f"select [null::{duckdb}]", 1)
    assert value is not None
    _, has_nulls, element = struct.unpack_from(">3i", value)

    assert (has_nulls, element) == (1, pg_type_of(column).oid)


@pytest.mark.oracle
@pytest.mark.parametrize(("width", "scale"), [(1, 0), (18, 3), (37, 37)])
def test_a_decimals_modifier(oracle: Oracle, duck: Duck, width: int, scale: int) -> None:
    """Precision and scale are in atttypmod, of arrays too."""
    oracle.connection.execute("drop table if exists t")
    oracle.connection.execute(f"create table t (n numeric({width},{scale}))")
    expected = oracle.value("select atttypmod from pg_attribute where attrelid = 't'::regclass and attname = 'n'")
    for suffix in ("", "[]"):
        [column] = duck.types(f"select null::decimal({width},{scale}){suffix}")

        assert str(pg_type_of(column).modifier).encode() == expected


def test_null_is_text(duck: Duck) -> None:
    """A NULL of no type is announced as text, as PostgreSQL resolves unknown."""
    assert pg_type_of(LogicalType(TypeId.SQLNULL)) == PgType(25, -1)


@pytest.mark.oracle
def test_names_are_postgresqls(oracle: Oracle) -> None:
    """The typname and format_type's name of every OID that may be announced."""
    oids = [oid for oid in range(1, 4200) if pg_type_name(oid) is not None]
    assert len(oids) > 70
    for oid in oids:
        expected = oracle.value(
            f"select format('%s|%s', typname, format_type(oid, null)) from pg_type where oid = {oid}"
        )

        assert f"{pg_type_name(oid)}|{sql_type_name(oid)}".encode() == expected


@pytest.mark.oracle
def test_every_type_has_a_cast_in_duckdb(duck: Duck, oracle: Oracle) -> None:
    """A parameter's declared type can be written into the statement."""
    duck.run("select 1")
    for oid in range(1, 4200):
        name = duckdb_type_name(oid)
        if name is not None:
            assert duck.value(f"select null::{name}") is None


def test_unknown_oids() -> None:
    """What isn't known has no name, and is left to the caller."""
    assert (pg_type_name(99999), sql_type_name(99999), duckdb_type_name(99999)) == (None, None, None)


@pytest.mark.parametrize(
    ("oid", "name"),
    [
        (23, "INTEGER"),
        (1007, "INTEGER[]"),
        (25, "VARCHAR"),
        (1700, "DECIMAL(38,10)"),
        (3802, "JSON"),
        (1184, "TIMESTAMPTZ"),
    ],
)
def test_duckdbs_names(oid: int, name: str) -> None:
    """The names that casts are written with."""
    assert duckdb_type_name(oid) == name


def test_a_users_own_alias_is_its_base_type(duck: Duck) -> None:
    """Only the catalog's aliases and JSON are special."""
    assert "my_type" not in ALIASES
    assert pg_type_of(LogicalType(TypeId.INTEGER, alias="my_type")) == PgType(23, 4)


@pytest.mark.parametrize(
    "name",
    [
        "INTEGER",
        "DECIMAL(15,2)",
        "INTEGER[]",
        "INTEGER[3]",
        "INTEGER[][]",
        "MAP(VARCHAR, INTEGER)",
        "TIMESTAMP_NS",
        "TIMESTAMP WITH TIME ZONE",
        "TIME WITH TIME ZONE",
        "ENUM('a', 'it''s')",
        'STRUCT("a" INTEGER, "b c" VARCHAR[])',
        'UNION("i" INTEGER, "s" VARCHAR)',
        "HUGEINT",
        "BIGNUM",
        "VARIANT",
    ],
)
def test_a_types_name_reads_back(duck: Duck, name: str) -> None:
    """sql_name() is SQL for the same type."""
    [column] = duck.types(f"select null::{name}")

    assert column.sql_name() == name
    assert column.known


def test_unresolved_parameters_are_known_to_be_unknown() -> None:
    """INVALID is DuckDB's word for a type that it could not tell."""
    assert not LogicalType(TypeId.INVALID).known


@pytest.mark.oracle
def test_psycopg_reads_what_is_announced(oracle: Oracle, duck: Duck) -> None:
    """A driver's own loaders, chosen by OID, give Python's values for both formats."""
    sql = (
        "select 1, 2::bigint, 1.50::decimal(9,2), date '2024-02-29', [1,2], uuid '00112233-4455-6677-8899-aabbccddeeff'"
    )
    transformer = psycopg.adapt.Transformer(oracle.connection)
    for result_format in (0, 1):
        [row] = duck.rows(sql, result_format)
        loaded = [
            transformer.get_loader(pg_type_of(column).oid, psycopg.pq.Format(result_format)).load(value or b"")
            for column, value in zip(duck.types(sql), row, strict=True)
        ]

        assert [str(value) for value in loaded] == [
            "1",
            "2",
            "1.50",
            "2024-02-29",
            "[1, 2]",
            "00112233-4455-6677-8899-aabbccddeeff",
        ]
