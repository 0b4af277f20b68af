"""The columns of the rows that the session makes itself.

Spec: sql-show.html, sql-execute.html, sql-explain.html
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from duckgres_tx.session.portals import Portals
from duckgres_tx.session.prepared_statements import PreparedStatements
from duckgres_tx.sql import forms
from duckgres_tx.sql.guc_table import DEFINITIONS
from duckgres_tx.sql.tokens import Token
from duckgres_tx.sql.variables import Variables
from duckgres_tx.wire import oids
from duckgres_tx.wire.backend import FieldDescription

_SHOW_ALL = ("name", "setting", "description")


def describe(
    form: forms.SessionStatement, variables: Variables, statements: PreparedStatements, portals: Portals
) -> tuple[FieldDescription, ...] | None:
    """The columns of a statement's rows; None when it has none.

    Args:
        form: The statement.
        variables: The session's, for SHOW.
        statements: The session's, for EXECUTE.
        portals: The session's, for FETCH.

    Raises:
        PgError: 42704 for an unknown variable, 26000 for an unknown prepared statement.
    """
    match form:
        case forms.ShowVariable(name=None):
            return tuple(FieldDescription(name) for name in _SHOW_ALL)
        case forms.ShowVariable(name=str(name)):
            variables.show(name)
            return (FieldDescription(display_name(name)),)
        case forms.ExecuteStatement(name=name):
            return statements.fields(name)
        case forms.FetchCursor(name=name, move=False):
            # one that isn't there yet may be when the FETCH is executed
            return portals.fields(name)
    return None


def display_name(name: str) -> str:
    """How a variable is spelled, whatever case it was asked for in."""
    definition = DEFINITIONS.get(name.lower())
    return name if definition is None else definition.name


def describe_plan(tokens: Sequence[Token]) -> tuple[FieldDescription, ...]:
    """The column of an EXPLAIN's rows."""
    return (FieldDescription("QUERY PLAN", type_oid=oids.JSON if plan_format(tokens) == "json" else oids.TEXT),)


def plan_format(tokens: Sequence[Token]) -> str:
    """What an EXPLAIN's option FORMAT says, in lower case; "" without one."""
    if len(tokens) < 2 or tokens[1].text != "(":
        return ""
    for token, following in pairwise(tokens):
        if token.text == ")":
            break
        if token.is_word("format"):
            return following.name or following.text.strip("'").lower()
    return ""
