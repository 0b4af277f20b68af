"""Command tags."""

from __future__ import annotations

import pytest

from duckgres_tx.sql.split import split
from duckgres_tx.sql.tags import command_tag


@pytest.mark.parametrize(
    ("sql", "tag"),
    [
        ("select 1", "SELECT 5"),
        ("(select 1) union (select 2)", "SELECT 5"),
        ("values (1)", "SELECT 5"),
        ("table t", "SELECT 5"),
        ("from t", "SELECT 5"),
        ("with a as (select 1) select * from a", "SELECT 5"),
        ("with a as (select 1) insert into t select * from a", "INSERT 0 5"),
        ("with a as (delete from t returning *) select * from a", "SELECT 5"),
        ("/*Fivetran*/ insert into t values (1)", "INSERT 0 5"),
        ("update t set a = 1", "UPDATE 5"),
        ("delete from t", "DELETE 5"),
        ("merge into t using s on true when matched then delete", "MERGE 5"),
        ("create table t(a int)", "CREATE TABLE"),
        ("create temp table if not exists t(a int default (1 + 2))", "CREATE TABLE"),
        ("create or replace table t as select 1", "SELECT 5"),
        ("create table t(a) as select 1", "SELECT 5"),
        ("create or replace view v as select 1", "CREATE VIEW"),
        ("create unique index concurrently i on t(a)", "CREATE INDEX"),
        ("create macro f(x) as x", "CREATE FUNCTION"),
        ("create schema s", "CREATE SCHEMA"),
        ("create sequence s", "CREATE SEQUENCE"),
        ("create type e as enum ('a')", "CREATE TYPE"),
        ("drop table if exists t cascade", "DROP TABLE"),
        ("alter table t add column b int", "ALTER TABLE"),
        ("truncate t", "TRUNCATE TABLE"),
        ("comment on table t is 'x'", "COMMENT"),
        ("explain select 1", "EXPLAIN"),
        ("copy t to '/tmp/x'", "COPY 5"),
        ("with a as (select 1) table a", "SELECT 5"),
        ("with a as (select 1) a", "SELECT 5"),
        ("drop", "DROP "),
        ("drop table a, b", "DROP TABLE"),
        ("create table t(id serial)", "CREATE TABLE"),
        ("vacuum", "VACUUM"),
        ("analyze t", "ANALYZE"),
        ("checkpoint", "CHECKPOINT"),
        ("pragma table_info('t')", "SELECT 5"),
        ("describe t", "SELECT 5"),
    ],
)
def test_tags(sql, tag):
    """Pgjdbc and npgsql read counts out of these words."""
    assert command_tag(split(sql)[0].tokens, 5) == tag
