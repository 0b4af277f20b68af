"""Texts that come again."""

from __future__ import annotations

import pytest

from duckgres_tx.errors import PgError
from duckgres_tx.sql.classify import StatementClass
from duckgres_tx.sql.forms import SetVariable
from duckgres_tx.sql.statement_cache import StatementCache
from duckgres_tx.sql.translation_context import TranslationContext

CONTEXT = TranslationContext()


def test_the_same_text_is_analysed_once():
    """The second time the very same objects come back, their translation too."""
    cache = StatementCache()
    (first,) = cache.statements("select 1")
    (second,) = cache.statements("select 1")
    assert first is second
    assert first.translation(CONTEXT) is second.translation(CONTEXT)


def test_everything_about_a_statement():
    """Class, form, names and tag hang together on one object."""
    query, setting = StatementCache().statements("select count(*) from t; set work_mem = 64")
    assert query.statement_class is StatementClass.QUERY
    assert query.column_names == ("count",)
    assert query.command_tag(3) == "SELECT 3"
    assert query.translation(CONTEXT).text == "select count(*) from t"
    assert setting.form == SetVariable("work_mem", ("64",))


def test_contexts_have_their_own_translations():
    """What is read live isn't what is read from the snapshot."""
    (statement,) = StatementCache().statements("select * from pg_catalog.pg_class")
    snapshot = statement.translation(CONTEXT)
    live = statement.translation(TranslationContext(live=True))
    assert snapshot.catalog_query
    assert live.catalog_query
    assert snapshot.text != live.text


def test_translations_are_for_a_few_databases_at_a_time():
    """A statement that every database runs keeps a bounded number of translations."""
    (statement,) = StatementCache().statements("select 1")
    first = statement.translation(TranslationContext("d0"))
    for number in range(1, 9):
        statement.translation(TranslationContext(f"d{number}"))
    assert statement.translation(TranslationContext("d0")) is not first


def test_the_oldest_is_forgotten():
    """The number of texts is bounded; what was used lately stays."""
    cache = StatementCache(max_entries=2)
    (first,) = cache.statements("select 1")
    cache.statements("select 2")
    cache.statements("select 1")
    cache.statements("select 3")
    assert len(cache) == 2
    assert cache.statements("select 1")[0] is first


def test_the_amount_of_text_is_bounded():
    """A few large texts can't hold the memory of many small ones."""
    cache = StatementCache(max_characters=20)
    cache.statements("select 1")
    cache.statements("select 'abcdefgh'")
    assert len(cache) == 1


def test_long_texts_are_not_kept():
    """A bulk INSERT never comes again."""
    cache = StatementCache(max_text=10)
    cache.statements("select 1234567")
    assert len(cache) == 0


def test_the_policy_is_asked_before_translation():
    """What is forbidden never gets a translation, cached or not."""
    (statement,) = StatementCache().statements("load 'x'")
    for _ in range(2):
        with pytest.raises(PgError) as caught:
            statement.translation(CONTEXT)
        assert caught.value.sqlstate == "42501"


def test_an_empty_text_has_no_statements():
    """The session answers EmptyQueryResponse."""
    assert StatementCache().statements("-- ping") == ()
