"""Shows ``duckgres`` to `twistd`. There must be no ``__init__.py`` in this directory or the one above it."""

from __future__ import annotations

from twisted.application.service import ServiceMaker

duckgres = ServiceMaker(
    "duckgres_tx",
    "duckgres_tx.tap",
    "A server that speaks the PostgreSQL protocol and answers from DuckDB.",
    "duckgres",
)
