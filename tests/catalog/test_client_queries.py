"""What clients really send runs, and gives what PostgreSQL gives for the same schema."""

from __future__ import annotations

import re
from collections.abc import Callable

import psycopg
import pytest
from catalog_database import SCHEMA, CatalogDatabase, Rows
from client_queries import CLIENTS, ClientQuery, client_queries

ALL = [query for client in CLIENTS for query in client_queries(client)]
# psql's commands whose rows must be PostgreSQL's own, but for the OIDs.
COMPARED_COMMANDS = (
    r"\d",
    r"\dt",
    r"\dv",
    r"\di",
    r"\ds",
    r"\dT",
    r"\dT+ mood",
    r"\d customers",
    r"\d+ customers",
    r"\d orders",
    r"\d sm.t1",
    r"\d t2",
    r"\d v1",
    r"\d big_orders",
    r"\d seq1",
    r"\d orders_pkey",
    r"\d orders_amount_idx",
    r"\dp",
)
# reloptions, which DuckDB hasn't: NULL and not an empty list.
LEFT_OUT = (r"\d+ customers (2)",)
# Of other clients, the queries about the schema's own objects.
COMPARED_QUERIES = (
    ("pgjdbc", "getTables"),
    ("pgjdbc", "getColumns"),
    ("pgjdbc", "getPrimaryKeys"),
    ("pgjdbc", "getBestRowIdentifier"),
    ("pgjdbc", "getImportedKeys"),
    ("pgjdbc", "getImportedKeys of older drivers"),
    ("pgjdbc", "getIndexInfo"),
    ("pgjdbc", "a type by name"),
    ("pgjdbc", "the SQL type of a type"),
    ("pgjdbc", "getTypeInfo"),
    ("tools", "npgsql: labels of enums"),
    ("tools", "pgx: an unknown type"),
    ("tools", "Rails: columns"),
    ("tools", "Django: constraints"),
    ("tools", "Django: indexes"),
    ("tools", "pgcli: foreign keys"),
    ("tools", "Power BI: keys"),
    ("tools", "Power BI: foreign keys"),
)


def _oid_in(rows: Callable[[str], Rows]) -> Callable[[str], str]:
    def oid(name: str) -> str:
        found = rows(
            f"select oid from pg_class where relname = '{name}' union all select oid from pg_type where typname = '{name}' "
            f"union all select oid from pg_proc where proname = '{name}' and oid >= 16384"
        )
        return found[0][0] or ""

    return oid


@pytest.fixture(scope="module")
def with_macro(catalog: CatalogDatabase) -> CatalogDatabase:
    """The schema and the function that some queries look for."""
    catalog.script("create macro add_one(x) as x + 1")
    catalog.rebuild()
    return catalog


@pytest.mark.parametrize("query", ALL, ids=lambda query: f"{query.client}: {query.title}")
def test_every_query_runs(with_macro: CatalogDatabase, query: ClientQuery) -> None:
    """No client meets an error when it looks into the catalog."""
    with_macro.rows(query.with_oids(_oid_in(with_macro.rows)))


@pytest.mark.parametrize("query", ALL, ids=lambda query: f"{query.client}: {query.title}")
def test_every_query_is_known_as_one(query: ClientQuery, catalog: CatalogDatabase) -> None:
    """The snapshot is looked after for whatever reads it."""
    if re.search(r"\bpg_catalog\.pg_\w+\b(?!\()|\bfrom pg_|information_schema\.(?!_)", query.sql, re.IGNORECASE):
        assert catalog.translate(query.with_oids(lambda name: "1")).catalog_query


@pytest.fixture(scope="module")
def postgres(oracle) -> Callable[[str], Rows]:
    """A PostgreSQL with the same schema; gives a query's rows as texts."""
    with psycopg.connect(oracle.dsn, autocommit=True) as admin:
        admin.execute("create database catalog_tests")
    connection = psycopg.connect(oracle.dsn.replace("dbname=postgres", "dbname=catalog_tests"), autocommit=True)
    connection.execute("set time zone 'UTC'")
    for statement in SCHEMA.split(";\n"):
        if statement.strip():
            connection.execute(statement)
    connection.execute("create function add_one(x integer) returns integer language sql as 'select x + 1'")

    def rows(sql: str) -> Rows:
        result = connection.pgconn.exec_(sql.encode())
        assert result.error_message == b"", result.error_message.decode()
        return [
            tuple(
                None if value is None else value.decode()
                for value in (result.get_value(row, column) for column in range(result.nfields))
            )
            for row in range(result.ntuples)
        ]

    yield rows
    connection.close()
    with psycopg.connect(oracle.dsn, autocommit=True) as admin:
        admin.execute("drop database catalog_tests")


def _compared() -> list[ClientQuery]:
    found = []
    for query in ALL:
        command = re.sub(r" \(\d+\)$", "", query.title)
        if (query.client == "psql" and command in COMPARED_COMMANDS) or (query.client, query.title) in COMPARED_QUERIES:
            found.append(query)
    return [query for query in found if query.title not in LEFT_OUT]


_NORMAL = (
    # OIDs of the databases' own objects, and their names in place of the other's.
    (re.compile(r"\b(1[4-9]\d{3}|[2-9]\d{4}|\d{6,10})\b(?!\d)"), "OID"),
    # PostgreSQL shows the casts it has put in.
    (re.compile(r"::numeric|::text"), ""),
    (re.compile(r"\bcatalog_tests\b"), "memory"),
)


def _normal(rows: Rows) -> Rows:
    made = []
    for row in rows:
        values = []
        for value in row:
            text = {"true": "t", "false": "f"}.get(value or "", value)
            for pattern, replacement in _NORMAL:
                text = None if text is None else pattern.sub(replacement, text)
            values.append(text)
        made.append(tuple(values))
    return sorted(made, key=repr)


@pytest.mark.oracle
@pytest.mark.parametrize("query", _compared(), ids=lambda query: f"{query.client}: {query.title}")
def test_rows_are_those_of_postgresql(
    with_macro: CatalogDatabase, postgres: Callable[[str], Rows], query: ClientQuery
) -> None:
    """Names, kinds, keys, types and defaults are the same."""
    expected = postgres(query.with_oids(_oid_in(postgres)))
    given = with_macro.rows(query.with_oids(_oid_in(with_macro.rows)))

    assert _normal(expected) == _normal(given)
