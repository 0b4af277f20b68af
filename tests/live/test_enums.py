"""Enums as types of their own, as drivers see them that look types up."""

from __future__ import annotations

import asyncio

import asyncpg
import psycopg
import pytest
from psycopg.types import TypeInfo
from psycopg.types.enum import EnumInfo, register_enum


@pytest.fixture
def connection(server):
    """A session in which there are two enums of the same labels, and a table with one of them."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("create type feeling as enum ('sad', 'ok', 'happy')")
        connection.execute("create type feeling_too as enum ('sad', 'ok', 'happy')")
        connection.execute("create table felt (id int, one feeling, more feeling[])")
        connection.execute("insert into felt values (1, 'ok', array['sad', 'happy']), (2, null, null)")
        yield connection
        connection.execute("drop table felt; drop type feeling; drop type feeling_too")


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_psycopg_makes_members_of_labels(connection, binary):
    """Columns, casts, parameters and arrays are of the type that the catalog names, in either format."""
    info = EnumInfo.fetch(connection, "feeling")
    register_enum(info, connection)
    feeling = info.enum
    parameter = "%b" if binary else "%t"

    def value(sql, *parameters):
        return connection.execute(sql.replace("%s", parameter), parameters or None, binary=binary).fetchone()

    assert info.labels == ["sad", "ok", "happy"]
    assert value("select one, more from felt where id = 1") == (feeling.ok, [feeling.sad, feeling.happy])
    assert value("select 'sad'::feeling, '{ok}'::feeling[]") == (feeling.sad, [feeling.ok])
    assert value("select %s, %s", feeling.ok, [feeling.sad]) == (feeling.ok, [feeling.sad])
    assert value("select %s::text", feeling.ok) == ("ok",)
    assert value("select id from felt where one = %s and one = any(%s)", feeling.ok, [feeling.ok]) == (1,)


def test_of_two_with_the_same_labels_the_one_that_is_named(connection):
    """DuckDB knows labels only."""
    one, other = (TypeInfo.fetch(connection, name) for name in ("feeling", "feeling_too"))

    assert connection.execute("select 'ok'::feeling_too").description[0].type_code == other.oid
    assert connection.execute("select one from felt").description[0].type_code == one.oid


def test_what_is_no_label_is_refused(connection):
    """By the enum's name."""
    for sql, parameters in [
        ("select 'bad'::feeling", None),
        ("select cast(array['ok', 'bad'] as feeling[])", None),
        ("select %s::feeling", ["bad"]),
        ("select id from felt where one = %s", ["bad"]),
        ("insert into felt (id, one) values (3, %s)", ["bad"]),
    ]:
        with pytest.raises(psycopg.errors.InvalidTextRepresentation) as caught:
            connection.execute(sql, parameters)
        assert caught.value.diag.message_primary == 'invalid input value for enum feeling: "bad"'


def test_binary_copy_goes_both_ways(connection):
    """With the enum's OID in its arrays."""
    with connection.cursor().copy("copy felt to stdout (format binary)") as copy:
        rows = b"".join(copy)
    with connection.cursor().copy("copy felt from stdin (format binary)") as copy:
        copy.write(rows)

    assert TypeInfo.fetch(connection, "feeling").oid.to_bytes(4, "big") in rows
    assert connection.execute("select count(*), count(more) from felt where one = 'ok' or one is null").fetchone() == (
        4,
        2,
    )


def test_one_that_is_not_committed_yet(connection):
    """Its maker sees it already, and nobody else ever when it is rolled back."""
    with connection.transaction(force_rollback=True):
        connection.execute("create type unborn as enum ('a')")
        code = connection.execute("select 'a'::unborn").description[0].type_code
        assert connection.execute("select oid from pg_type where typname = 'unborn'").fetchone() == (code,)
    assert connection.execute("select oid from pg_type where typname = 'unborn'").fetchone() is None


def test_dropped_and_made_anew_by_another_session(server, connection):
    """A prepared statement's parameter follows what its type has become."""
    with psycopg.connect(server.dsn(), autocommit=True) as other:
        other.execute("create type passing as enum ('a')")
        assert connection.execute("select 'a'::passing, %s::passing", ["a"], prepare=True).fetchone() == ("a", "a")
        other.execute("drop type passing; create type passing as enum ('b', 'a')")
        assert connection.execute("select %s::passing", ["b"]).fetchone() == ("b",)
        code = connection.execute("select 'b'::passing").description[0].type_code
        assert other.execute("select 'passing'::regtype::oid").fetchone() == (code,)
        other.execute("drop type passing")


def test_asyncpg_introspects(server, connection):
    """It asks the catalog about each OID that it doesn't know, and sends labels in binary."""

    async def ask():
        asking = await asyncpg.connect(server.url())
        try:
            row = await asking.fetchrow("select one, more from felt where id = 1 and one = any($1)", ["ok"])
            return tuple(row), await asking.fetchval("select $1::feeling", "happy")
        finally:
            await asking.close()

    assert asyncio.run(ask()) == (("ok", ["sad", "happy"]), "happy")


def test_node_postgres_declares_nothing(connection):
    """`= ANY($1)` with an array as text of no type is one of what it is compared with."""
    pgconn = connection.pgconn
    for sql, value in [
        ("select id from felt where one = any($1)", b"{ok}"),
        ("select id from felt where id = any($1)", b"{1,5}"),
    ]:
        assert pgconn.exec_params(sql.encode(), [value]).get_value(0, 0) == b"1"
