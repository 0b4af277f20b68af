"""The translation's passes, a file each: ``Callable[[StatementEdit, TranslationContext], None]``.

A pass looks at the tokens, records span edits, and does nothing when it finds nothing. A new one is listed in
``translate.PASSES`` and has its vectors (PostgreSQL in, DuckDB out) under ``tests/sql/``.
"""

from __future__ import annotations

__all__: list[str] = []
