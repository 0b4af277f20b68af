"""What simple queries have prepared last: a client that asks the same again needn't wait for DuckDB to plan it again."""

from __future__ import annotations

from duckgres_tx.engine.database import StatementType
from duckgres_tx.session.prepared_statements import PreparedStatement

# Each holds a plan of DuckDB's; enough for a health check, a dashboard's tick, a benchmark's loop.
MAX_STATEMENTS = 4
MAX_TEXT_LENGTH = 1024


class RecentQueries:
    """The session's last plain SELECTs, by their text. Who takes one out puts it back when it has run."""

    __slots__ = ("_by_text",)

    def __init__(self) -> None:
        self._by_text: dict[str, PreparedStatement] = {}

    def take(self, text: str) -> PreparedStatement | None:
        """The statement of this text; whether it is stale is the caller's to find out."""
        return self._by_text.pop(text, None)

    def keep(self, statement: PreparedStatement) -> None:
        """Keep a statement that has run, unless it is of a kind whose preparing does more than planning."""
        native, text = statement.native, statement.query
        if (
            native is None
            or native.statement_type is not StatementType.SELECT
            or statement.catalog_query
            or statement.settings
            or len(text) > MAX_TEXT_LENGTH
        ):
            return
        self._by_text[text] = statement
        if len(self._by_text) > MAX_STATEMENTS:
            del self._by_text[next(iter(self._by_text))]

    def clear(self) -> None:
        """Forget all."""
        self._by_text.clear()
