"""PostgreSQL's search_path as DuckDB's."""

from __future__ import annotations

import pytest

from duckgres_tx.catalog.search_path import effective_schemas, effective_search_path


@pytest.mark.parametrize(
    ("setting", "existing", "effective"),
    [
        (("$user", "public", "main"), ("main", "public"), ("public", "main")),
        (("$user", "public"), ("main", "public", "bob"), ("bob", "public")),
        (("nosuch",), ("main",), ()),
        (("PUBLIC", "public"), ("public",), ("public",)),
    ],
)
def test_only_schemas_that_exist_are_searched(
    setting: tuple[str, ...], existing: tuple[str, ...], effective: tuple[str, ...]
) -> None:
    """``$user`` stands for the user, and nothing is searched twice."""
    assert effective == effective_schemas(setting, "bob", existing)


def test_the_catalog_is_searched_last() -> None:
    """So that DuckDB makes new objects in the first schema, and users' names win."""
    assert (
        effective_search_path(("public", "main"), "my db")
        == """SET search_path = '"my db"."public","my db"."main",__pg.pg'"""
    )


def test_without_any_schema_it_is_main() -> None:
    """DuckDB has to make things somewhere."""
    assert effective_search_path((), "d") == """SET search_path = '"d"."main",__pg.pg'"""
