"""The columns of the rows that the session makes itself.

Spec: sql-show.html, sql-execute.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from duckgres_tx.sql import forms
from duckgres_tx.sql.guc_table import DEFINITIONS
from duckgres_tx.wire.backend import FieldDescription

if TYPE_CHECKING:
    from duckgres_tx.session.session import Session

_SHOW_ALL = ("name", "setting", "description")


def describe(session: Session, form: forms.SessionStatement) -> tuple[FieldDescription, ...] | None:
    """The columns of a statement's rows; None when it has none.

    Raises:
        PgError: 42704 for an unknown variable, 26000 for an unknown prepared statement.
    """
    match form:
        case forms.ShowVariable(name=None):
            return tuple(FieldDescription(name) for name in _SHOW_ALL)
        case forms.ShowVariable(name=str(name)):
            session.variables.show(name)
            return (FieldDescription(display_name(name)),)
        case forms.ExecuteStatement(name=name):
            return session.statements.find(name).fields
    return None


def display_name(name: str) -> str:
    """How a variable is spelled, whatever case it was asked for in."""
    definition = DEFINITIONS.get(name.lower())
    return name if definition is None else definition.name
