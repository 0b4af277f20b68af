"""A database with the catalog installed, in this process, through the engine; queries are translated as a session's are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from attrs import define

from duckgres_tx.catalog.install import Setting, databases_script, install_script, roles_script
from duckgres_tx.catalog.names import ATTACHED
from duckgres_tx.catalog.search_path import effective_search_path
from duckgres_tx.catalog.snapshot import live_script, rebuild_script
from duckgres_tx.engine.database import Connection, Database, NativeThreads, Statement
from duckgres_tx.sql.split import split
from duckgres_tx.sql.translate import Translation, TranslationContext, translate

WAIT_S = 60.0
CATALOG = "memory"
PATH = ("public", "main")
CONTEXT = {
    "user": "postgres",
    "database": CATALOG,
    "pid": "77",
    "search_path": ",".join(PATH),
    "guc.server_version": "16.9",
    "guc.timezone": "UTC",
    "start_time": "2026-01-02 03:04:05+00",
}
SETTINGS = (
    Setting("timezone", "UTC"),
    Setting("search_path", '"$user", public, main'),
    Setting("default_table_access_method", "heap"),
)
# One schema for DuckDB and PostgreSQL alike.
SCHEMA = """
create schema sm;
create table t2 (a bigint, b text);
create view v1 as select a, b from t2 where a > 1;
create table sm.t1 (id integer primary key, name text not null, amt numeric(10,2) default 0, ts timestamp, d date, b boolean);
create type mood as enum ('sad', 'ok', 'happy');
create sequence seq1 start 5;
create table customers (id integer primary key, email text not null unique, mood mood, created timestamptz default now(),
  n integer default 7 check (n > 0), label text default 'x');
create table orders (id integer, line integer not null, customer_id integer references customers(id),
  amount numeric(12,3) not null, tags text[], u uuid, j json, bin bytea, f4 real, f8 double precision, si smallint,
  iv interval, t time, primary key (id, line), check (amount >= 0));
create index orders_amount_idx on orders (amount);
create unique index orders_u_idx on orders (u, si);
comment on table customers is 'people who buy';
comment on column customers.email is 'where to write';
create view big_orders as select o.id, o.amount, c.email from orders o join customers c on c.id = o.customer_id
  where o.amount > 100;
comment on view big_orders is 'the big ones';
insert into t2 values (1, 'x'), (2, 'y'), (3, null);
"""

Rows = list[tuple[str | None, ...]]


@define
class CatalogDatabase:
    """One instance with a session's connection, and another connection that rebuilds."""

    threads: NativeThreads
    database: Database
    session: Connection
    maintenance: Connection

    def script(self, text: str, *, maintenance: bool = False) -> Rows:
        """Run statements as they are; the rows of the last one."""
        job = self.threads.run(self.maintenance if maintenance else self.session, text.encode())
        self.threads.wait(job, WAIT_S)
        return [tuple(row) for row in job.result]

    def rebuild(self) -> None:
        """Bring the snapshot up to date."""
        self.script(rebuild_script(CATALOG), maintenance=True)

    def translate(self, sql: str, *, live: bool = False) -> Translation:
        """Translate one statement."""
        (statement,) = split(sql)
        return translate(statement, TranslationContext(CATALOG, live))

    def rows(self, sql: str, *, live: bool = False) -> Rows:
        """A statement's rows as texts."""
        if live:
            self.script(live_script(CATALOG))
        return self.script(self.translate(sql, live=live).text)

    def value(self, sql: str, *, live: bool = False) -> str | None:
        """The only value of a query."""
        ((value,),) = self.rows(sql, live=live)
        return value

    def prepare(self, sql: str) -> Statement:
        """A statement's types and columns."""
        job = self.threads.prepare(self.session, self.translate(sql).text.encode())
        self.threads.wait(job, WAIT_S)
        return job.result


def open_catalog_database(threads: NativeThreads) -> CatalogDatabase:
    """Open one in memory, with the schema ``public`` and nothing in it."""
    job = threads.open_database(":memory:", {})
    threads.wait(job, WAIT_S)
    connections = []
    for _ in range(2):
        connection = threads.connect(job.result)
        threads.wait(connection, WAIT_S)
        connections.append(connection.result)
    opened = CatalogDatabase(threads, job.result, *connections)
    opened.script(f"ATTACH ':memory:' AS {ATTACHED}; {install_script(SETTINGS)}")
    opened.script(databases_script([CATALOG, "other"]))
    opened.script(roles_script(["postgres", "bob"], ["postgres"]))
    opened.script("create schema public")
    for name, value in CONTEXT.items():
        opened.session.set_context(name, value)
    opened.script(effective_search_path(PATH, CATALOG))
    return opened


@pytest.fixture(scope="session")
def threads() -> Iterator[NativeThreads]:
    """The native threads of all the catalog's tests."""
    pool = NativeThreads(4)
    yield pool
    pool.shutdown()


@pytest.fixture(scope="module")
def catalog(threads: NativeThreads) -> CatalogDatabase:
    """A database with ``SCHEMA``, its snapshot fresh; for tests that only read."""
    opened = open_catalog_database(threads)
    opened.script(SCHEMA)
    opened.rebuild()
    return opened


@pytest.fixture
def empty_catalog(threads: NativeThreads) -> CatalogDatabase:
    """A database of the test's own, without objects, its snapshot fresh."""
    opened = open_catalog_database(threads)
    opened.rebuild()
    return opened
