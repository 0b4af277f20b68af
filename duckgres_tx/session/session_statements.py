"""What the session answers by itself, without DuckDB or with statements of its own: SET, BEGIN, PREPARE and so on.

Each form has one function; the command tag it gives is PostgreSQL's.

Spec: sql-commands.html#SQL-COMMANDS
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from attrs import field, frozen

from duckgres_tx.errors import FeatureNotSupported, PgError, Severity
from duckgres_tx.session.preparation import prepare, wake
from duckgres_tx.session.prepared_statements import PreparedStatement, used_parameters
from duckgres_tx.session.scripts import run_script
from duckgres_tx.session.session import Session
from duckgres_tx.session.transactions import BlockState, no_transaction
from duckgres_tx.sql import forms
from duckgres_tx.wire.backend import DataRow


@frozen
class Outcome:
    """What a statement of the session's own has given.

    Attributes:
        tag: The command tag.
        rows: Encoded DataRows, if it has rows.
    """

    tag: str
    rows: tuple[bytes, ...] = field(default=(), repr=False)


async def carry_out(session: Session, form: forms.SessionStatement) -> Outcome:
    """Carry a statement out.

    Raises:
        PgError: What PostgreSQL would say; 0A000 for what this server hasn't.
    """
    return await _ACTIONS[type(form)](session, form)


async def _begin(session: Session, form: forms.BeginTransaction) -> Outcome:
    changes = session.begin_block(form.modes)
    await session.apply(changes)
    return Outcome("START TRANSACTION" if form.word == "start" else "BEGIN")


async def _commit(session: Session, form: forms.CommitTransaction) -> Outcome:
    state, modes = session.block.state, session.block.modes
    if form.chain and state not in (BlockState.EXPLICIT, BlockState.FAILED):
        raise PgError("25P01", "COMMIT AND CHAIN can only be used in transaction blocks")
    if state is BlockState.FAILED:
        await session.rollback()
    elif state is BlockState.NONE:
        session.notice(no_transaction())
    else:
        if state is BlockState.IMPLICIT:
            session.notice(no_transaction())
        await session.commit()
    if form.chain:
        await session.apply(session.begin_block(modes))
    return Outcome("ROLLBACK" if state is BlockState.FAILED else "COMMIT")


async def _rollback(session: Session, form: forms.RollbackTransaction) -> Outcome:
    state, modes = session.block.state, session.block.modes
    explicit = state in (BlockState.EXPLICIT, BlockState.FAILED)
    if form.chain and not explicit:
        raise PgError("25P01", "ROLLBACK AND CHAIN can only be used in transaction blocks")
    if not explicit:
        session.notice(no_transaction())
    if state is not BlockState.NONE:
        await session.rollback()
    if form.chain:
        await session.apply(session.begin_block(modes))
    return Outcome("ROLLBACK")


async def _savepoint(session: Session, form: forms.Savepoint) -> Outcome:
    session.notice(session.block.set_savepoint(form.name))
    return Outcome("SAVEPOINT")


async def _release(session: Session, form: forms.ReleaseSavepoint) -> Outcome:
    session.block.release_savepoint(form.name)
    return Outcome("RELEASE")


async def _rollback_to(session: Session, form: forms.RollbackToSavepoint) -> Outcome:
    session.block.rollback_to_savepoint(form.name)
    return Outcome("ROLLBACK")


async def _prepared_transaction(session: Session, form: forms.PreparedTransaction) -> Outcome:
    if form.word != "prepare":
        raise PgError("42704", f'prepared transaction with identifier "{form.gid}" does not exist')
    if session.block.state is not BlockState.NONE:
        # As a COMMIT that fails, it leaves no transaction behind.
        await session.rollback()
    raise PgError(
        "55000", "prepared transactions are disabled", hint="Set max_prepared_transactions to a nonzero value."
    )


async def _set(session: Session, form: forms.SetVariable | forms.ResetVariable | forms.SetTransaction) -> Outcome:
    if isinstance(form, forms.SetTransaction) and not form.for_session:
        _check_modes(session, form.modes)
    await session.apply(session.variables.apply(form))
    return Outcome("RESET" if isinstance(form, forms.ResetVariable) else "SET")


def _check_modes(session: Session, modes: forms.TransactionModes) -> None:
    if not session.block.ran:
        return
    if modes.isolation is not None and modes.isolation != session.variables.show("transaction_isolation"):
        raise PgError("25001", "SET TRANSACTION ISOLATION LEVEL must be called before any query")
    if modes.read_only is False and session.variables.is_on("transaction_read_only"):
        raise PgError("25001", "transaction read-write mode must be set before any query")


async def _set_constraints(session: Session, form: forms.SetConstraints) -> Outcome:
    if form.deferred:
        raise FeatureNotSupported("constraints can't be deferred")
    return Outcome("SET CONSTRAINTS")


async def _show(session: Session, form: forms.ShowVariable) -> Outcome:
    if form.name is not None:
        return Outcome("SHOW", (_row((session.variables.show(form.name),)),))
    rows = [_row((row.name, row.setting, row.description)) for row in session.variables.show_all()]
    return Outcome("SHOW", tuple(rows))


def _row(values: Sequence[str]) -> bytes:
    return DataRow([value.encode() for value in values]).encode()


async def _discard(session: Session, form: forms.Discard) -> Outcome:
    what = form.what
    if what is forms.DiscardTarget.ALL:
        session.block.need_none("DISCARD ALL")
        session.close_portals()
        await session.apply(session.variables.reset_all())
        await session.apply(session.variables.reset("session_authorization"))
        session.statements.clear()
        session.native.unlock_all()
    if what in (forms.DiscardTarget.ALL, forms.DiscardTarget.TEMP):
        await session.drop_temporary_objects()
    if what in (forms.DiscardTarget.ALL, forms.DiscardTarget.PLANS):
        session.epoch += 1
    return Outcome(f"DISCARD {what.value}")


async def _prepare(session: Session, form: forms.PrepareStatement) -> Outcome:
    session.statements.check_new(form.name)
    declared = tuple([await _type_oid(session, name) for name in form.types])
    analyzed = session.cache.analyzed(form.body)
    statement = await prepare(session, analyzed, name=form.name, declared_oids=declared, query=form.body.text)
    if statement.form is not None:
        raise PgError("42601", "only queries and statements that change data can be prepared")
    statement.from_sql = True
    session.statements.add(statement)
    return Outcome("PREPARE")


async def _type_oid(session: Session, name: str) -> int:
    """The OID of a type as SQL spells it: DuckDB is asked, so that all its types are known."""
    probe = await prepare(session, session.cache.statements(f"SELECT NULL::{name}")[0])
    return probe.fields[0].type_oid if probe.fields else 0


async def _evaluate(session: Session, expressions: Sequence[str]) -> list[str | None]:
    """The values of expressions, as text."""
    (analyzed,) = session.cache.statements(f"SELECT {', '.join(f'({expression})' for expression in expressions)}")
    if session.block.wants_native:
        await session.begin_native()
    rows = await session.run(analyzed.translation(session.translation_context).text)
    return rows[0]


async def resolve_execute(
    session: Session, form: forms.ExecuteStatement
) -> tuple[PreparedStatement, tuple[bytes | None, ...]]:
    """The prepared statement that an EXECUTE means, and its arguments' values as text.

    Raises:
        PgError: 26000 for an unknown name, 42601 for too few or too many arguments, whatever evaluating them raises.
    """
    await wake(session, form.name)
    statement = session.statements.find(form.name)
    wanted = len(statement.parameter_oids)
    if len(form.arguments) != wanted:
        raise PgError(
            "42601",
            f'wrong number of parameters for prepared statement "{form.name}"',
            detail=f"Expected {wanted} parameters but got {len(form.arguments)}.",
        )
    if not form.arguments:
        return statement, ()
    values = await _evaluate(session, form.arguments)
    used, _ = used_parameters(statement, [None if value is None else value.encode() for value in values], ())
    return statement, tuple(used)


async def _execute(session: Session, form: forms.ExecuteStatement) -> Outcome:
    raise PgError("XX000", "EXECUTE is run by the protocol that asked for it")


async def _deallocate(session: Session, form: forms.Deallocate) -> Outcome:
    if form.name is None:
        session.statements.clear()
        return Outcome("DEALLOCATE ALL")
    # that there is one is all that counts
    session.statements.fields(form.name)
    session.statements.pop(form.name)
    return Outcome("DEALLOCATE")


async def _create_database(session: Session, form: forms.CreateDatabase) -> Outcome:
    session.block.need_none("CREATE DATABASE")
    _need_superuser(session, "permission denied to create database")
    for option, value in form.options:
        _check_database_option(session, option, value)
    await session.databases.create(form.name)
    session.database.catalog_changed()
    return Outcome("CREATE DATABASE")


_DATABASE_OPTIONS = {
    "template": ("template0", "template1", "default"),
    "encoding": ("utf8", "utf-8", "unicode", "default", "6"),
    "lc_collate": ("c", "c.utf-8", "posix", "default"),
    "lc_ctype": ("c", "c.utf-8", "posix", "default"),
    "locale": ("c", "c.utf-8", "posix", "default"),
    "connection_limit": ("-1", "default"),
    "allow_connections": ("true", "default"),
    "is_template": ("false", "default"),
    "tablespace": ("pg_default", "default"),
}


def _check_database_option(session: Session, option: str, value: str) -> None:
    if option == "owner":
        if value.lower() not in (session.user.lower(), "default"):
            raise FeatureNotSupported("a database can't be owned by another user")
    elif value.lower() not in _DATABASE_OPTIONS.get(option.replace(" ", "_"), ()):
        raise FeatureNotSupported(f"CREATE DATABASE option {option} = {value} is not supported")


async def _drop_database(session: Session, form: forms.DropDatabase) -> Outcome:
    session.block.need_none("DROP DATABASE")
    if not session.databases.exists(form.name) and form.if_exists:
        session.notice(PgError("00000", f'database "{form.name}" does not exist, skipping', severity=Severity.NOTICE))
        return Outcome("DROP DATABASE")
    _need_superuser(session, f"must be owner of database {form.name}")
    if form.name == session.database.name:
        raise PgError("55006", "cannot drop the currently open database")
    if form.force:
        raise FeatureNotSupported("DROP DATABASE ... WITH (FORCE) is not supported")
    await session.databases.drop(form.name)
    session.database.catalog_changed()
    return Outcome("DROP DATABASE")


def _need_superuser(session: Session, refusal: str) -> None:
    if not session.superuser:
        raise PgError("42501", refusal)


async def _close_cursor(session: Session, form: forms.CloseCursor) -> Outcome:
    if form.name is None:
        session.close_portals()
        return Outcome("CLOSE CURSOR ALL")
    session.portals.find_cursor(form.name)
    session.close_portal(form.name)
    return Outcome("CLOSE CURSOR")


async def _cursor(session: Session, form: forms.DeclareCursor | forms.FetchCursor) -> Outcome:
    raise PgError("XX000", f"{type(form).__name__} is run by the protocol that asked for it")


async def _copy(session: Session, form: forms.CopyStandardStream) -> Outcome:
    raise PgError("XX000", "COPY is run by the protocol that asked for it")


async def _listen(session: Session, form: forms.Listen | forms.Notify) -> Outcome:
    raise FeatureNotSupported(f"{type(form).__name__.upper()} is not supported")


async def _unlisten(session: Session, form: forms.Unlisten) -> Outcome:
    # Nothing is ever listened to, so there is nothing to forget; connection pools say it when they reset a session.
    return Outcome("UNLISTEN")


async def _lock(session: Session, form: forms.LockTables) -> Outcome:
    if session.block.state is BlockState.NONE:
        raise PgError("25P01", "LOCK TABLE can only be used in transaction blocks")
    raise FeatureNotSupported(
        "LOCK TABLE is not supported", hint="Transactions that change the same rows conflict, and one of them fails."
    )


async def _script(session: Session, form: forms.RunScript) -> Outcome:
    return Outcome(await run_script(session, form.source))


_ACTIONS: dict[type[Any], Callable[[Any, Any], Awaitable[Outcome]]] = {
    forms.BeginTransaction: _begin,
    forms.CommitTransaction: _commit,
    forms.RollbackTransaction: _rollback,
    forms.Savepoint: _savepoint,
    forms.ReleaseSavepoint: _release,
    forms.RollbackToSavepoint: _rollback_to,
    forms.PreparedTransaction: _prepared_transaction,
    forms.SetVariable: _set,
    forms.ResetVariable: _set,
    forms.SetTransaction: _set,
    forms.SetConstraints: _set_constraints,
    forms.ShowVariable: _show,
    forms.Discard: _discard,
    forms.PrepareStatement: _prepare,
    forms.ExecuteStatement: _execute,
    forms.Deallocate: _deallocate,
    forms.CreateDatabase: _create_database,
    forms.DropDatabase: _drop_database,
    forms.DeclareCursor: _cursor,
    forms.FetchCursor: _cursor,
    forms.CloseCursor: _close_cursor,
    forms.CopyStandardStream: _copy,
    forms.Listen: _listen,
    forms.Notify: _listen,
    forms.Unlisten: _unlisten,
    forms.LockTables: _lock,
    forms.RunScript: _script,
}
