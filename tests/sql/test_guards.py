"""IF EXISTS and IF NOT EXISTS."""

from __future__ import annotations

import pytest

from duckgres_tx.sql.guards import guard_of
from duckgres_tx.sql.split import split


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("create table if not exists T (a int)", '42P07 relation "t" already exists, skipping'),
        ('create temp sequence if not exists "S s"', '42P07 relation "S s" already exists, skipping'),
        ("create unique index concurrently if not exists i on t (a)", '42P07 relation "i" already exists, skipping'),
        ("create schema if not exists s", '42P06 schema "s" already exists, skipping'),
        ("drop table if exists a.b.t", '00000 table "t" does not exist, skipping'),
        ("drop view if exists v cascade", '00000 view "v" does not exist, skipping'),
        ("drop index concurrently if exists i", '00000 index "i" does not exist, skipping'),
        ("drop type if exists t", '00000 type "t" does not exist, skipping'),
        ("alter table if exists only t rename to u", '00000 relation "t" does not exist, skipping'),
        ("create table t (a int)", None),
        ("drop table t", None),
        ("drop function if exists f", None),
        ("alter view if exists v rename to w", None),
        ("create table if not exists", None),
        ("drop table", None),
        ("drop", None),
        ("select 1", None),
    ],
)
def test_what_is_said(sql, expected):
    """In PostgreSQL's words, when there is nothing to do."""
    guard = guard_of(split(sql)[0])

    assert (guard and f"{guard.notice().sqlstate} {guard.notice().message}") == expected


def test_where_it_is_made():
    """As a temporary one, or where its schema says."""
    guard = guard_of(split("create temporary table if not exists t (a int)")[0])
    assert (guard.parts, guard.creates, guard.temporary) == (("t",), True, True)
    assert guard_of(split('create table if not exists s."T" (a int)')[0]).parts == ("s", '"T"')
