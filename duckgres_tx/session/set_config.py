"""``set_config(name, value, is_local)`` in a query: it is SET, so the session does it before DuckDB runs the query.

DuckDB's ``set_config`` is a macro that gives the value back.

Spec: functions-admin.html#FUNCTIONS-ADMIN-SET
"""

from __future__ import annotations

from collections.abc import Sequence

from duckgres_tx.errors import PgError
from duckgres_tx.session.session import Session
from duckgres_tx.sql.set_config_calls import Argument, Parameter, SetConfigCall

_TRUE = frozenset({"t", "true", "on", "yes", "1", "\x01"})
_FALSE = frozenset({"f", "false", "off", "no", "0", "\x00"})


async def set_variables(session: Session, calls: Sequence[SetConfigCall], parameters: Sequence[bytes | None]) -> None:
    """Carry calls out.

    Args:
        session: Whose variables.
        calls: Of the statement that is about to run.
        parameters: As bound.

    Raises:
        PgError: As SET; 22004 for a name that is NULL.
    """
    for call in calls:
        name, value, local = (_resolve(argument, parameters) for argument in (call.name, call.value, call.is_local))
        if name is None:
            raise PgError("22004", "SET requires parameter name")
        is_local = _boolean(local)
        changes = (
            session.variables.reset(name, is_local) if value is None else session.variables.set(name, value, is_local)
        )
        await session.apply(changes)


def _resolve(argument: Argument, parameters: Sequence[bytes | None]) -> str | None:
    if not isinstance(argument, Parameter):
        return argument
    value = parameters[argument.number - 1]
    return None if value is None else value.decode(errors="replace")


def _boolean(text: str | None) -> bool:
    if text is None or text.lower() in _FALSE:
        return False
    if text.lower() in _TRUE:
        return True
    raise PgError("22P02", f'invalid input syntax for type boolean: "{text}"')
