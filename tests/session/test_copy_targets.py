"""COPY writes where the configuration allows, and never onto the database itself."""

from __future__ import annotations

import pytest

from duckgres_tx.errors import PgError
from duckgres_tx.session.copy_targets import check_copy_target
from duckgres_tx.sql.split import split


def check(text, *directories):
    """Check the only statement of a text."""
    check_copy_target(split(text)[0], directories)


@pytest.mark.parametrize(
    "text",
    [
        "copy t to '/data/postgres.duckdb.wal'",
        "copy (select 'x' to_, 1) to '/allowed/../data/x.csv' (format csv)",
        "COPY t(a, b) TO E'/data/x'",
        "copy t to ('/allowed/' || 'x.csv')",
        "copy t to '/allowedx/y'",
        "copy t to 'file:///data/postgres.duckdb.wal'",
        "copy t to 'FILE:/data/postgres.duckdb.wal'",
        "copy t to '~/x'",
        "/* hidden */ copy t to 'relative.csv'",
    ],
)
def test_targets_elsewhere_are_refused(text):
    """By whatever spelling."""
    with pytest.raises(PgError) as refused:
        check(text, "/allowed")
    assert refused.value.sqlstate == "42501"


@pytest.mark.parametrize(
    "text", ["copy t to '/allowed/x.csv'", "copy t to '/allowed/a/b.parquet' (format parquet)", "copy t from '/x'"]
)
def test_targets_inside_and_other_statements_pass(text):
    """Reading is DuckDB's own to check."""
    check(text, "/allowed", "/other")


def test_a_link_does_not_lead_out(tmp_path):
    """What is written through a link counts where it ends."""
    (tmp_path / "allowed").mkdir()
    (tmp_path / "allowed" / "link").symlink_to(tmp_path)
    with pytest.raises(PgError):
        check(f"copy t to '{tmp_path}/allowed/link/x.csv'", str(tmp_path / "allowed"))
