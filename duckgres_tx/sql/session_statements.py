"""The statements that the session carries out itself, from tokens to their parsed form (``forms``)."""

from __future__ import annotations

from collections.abc import Callable

from duckgres_tx.errors import LocalProtocolError
from duckgres_tx.sql import grammar_copy, grammar_objects, grammar_portals, grammar_transactions, grammar_variables
from duckgres_tx.sql.classify import StatementClass
from duckgres_tx.sql.forms import RunScript, SessionStatement
from duckgres_tx.sql.reader import TokenReader
from duckgres_tx.sql.split import SourceStatement


def _script(reader: TokenReader) -> RunScript:
    reader.rest()
    return RunScript(reader.statement)


_GRAMMAR: dict[StatementClass, Callable[[TokenReader], SessionStatement]] = {
    StatementClass.SCRIPT: _script,
    StatementClass.BEGIN: grammar_transactions.begin,
    StatementClass.COMMIT: grammar_transactions.commit,
    StatementClass.ROLLBACK: grammar_transactions.rollback,
    StatementClass.SAVEPOINT: grammar_transactions.savepoint,
    StatementClass.ROLLBACK_TO: grammar_transactions.rollback_to,
    StatementClass.RELEASE: grammar_transactions.release,
    StatementClass.PREPARED_TRANSACTION: grammar_transactions.prepared_transaction,
    StatementClass.SET_TRANSACTION: grammar_transactions.set_transaction,
    StatementClass.SET_SESSION_CHARACTERISTICS: grammar_transactions.set_transaction,
    StatementClass.SET_CONSTRAINTS: grammar_transactions.set_constraints,
    StatementClass.SET: grammar_variables.set_variable,
    StatementClass.SHOW: grammar_variables.show,
    StatementClass.RESET: grammar_variables.reset,
    StatementClass.DISCARD: grammar_variables.discard,
    StatementClass.PREPARE: grammar_portals.prepare,
    StatementClass.EXECUTE: grammar_portals.execute,
    StatementClass.DEALLOCATE: grammar_portals.deallocate,
    StatementClass.DECLARE: grammar_portals.declare,
    StatementClass.FETCH: grammar_portals.fetch,
    StatementClass.MOVE: grammar_portals.fetch,
    StatementClass.CLOSE_CURSOR: grammar_portals.close,
    StatementClass.COPY: grammar_copy.copy,
    StatementClass.CREATE_DATABASE: grammar_objects.create_database,
    StatementClass.DROP_DATABASE: grammar_objects.drop_database,
    StatementClass.LISTEN: grammar_objects.listen,
    StatementClass.NOTIFY: grammar_objects.notify,
    StatementClass.UNLISTEN: grammar_objects.unlisten,
    StatementClass.LOCK: grammar_objects.lock,
}


def is_session_statement(statement_class: StatementClass) -> bool:
    """Whether ``parse`` takes statements of this class; all others are DuckDB's or refused by ``policy``."""
    return statement_class in _GRAMMAR


def parse(statement: SourceStatement, statement_class: StatementClass) -> SessionStatement:
    """Parse a statement of the session's own.

    Raises:
        PgError: 42601, its position counted in the whole query string; 0A000 for what PostgreSQL has and this server
            hasn't.
        LocalProtocolError: the class isn't one of the session's.
    """
    grammar = _GRAMMAR.get(statement_class)
    if grammar is None:
        raise LocalProtocolError(f"{statement_class} is no session statement")
    reader = TokenReader(statement)
    parsed = grammar(reader)
    reader.finish()
    return parsed
