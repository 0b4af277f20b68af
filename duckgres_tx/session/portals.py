"""Portals: statements with their parameters bound, that may give their rows in pieces.

A portal dies with its transaction. One whose rows are partly sent holds DuckDB's one open result; before anything else runs
on the connection the rest is spooled to a temporary file.

Spec: protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, frozen

from duckgres_tx.engine.execution import Execution
from duckgres_tx.errors import PgError
from duckgres_tx.session.prepared_statements import PreparedStatement


@define(eq=False)
class Portal:
    """A portal that can still be executed.

    Attributes:
        name: "" for the unnamed one.
        statement: What it runs.
        parameters: As bound; None is NULL.
        parameter_formats: One for each, one for all, or none.
        result_formats: Likewise for the columns.
        execution: The run, once begun; suspended between two Executes.
        rows: Rows of a result that the session made itself, and that were not sent yet.
        tag: The command tag of such a result.
    """

    name: str
    statement: PreparedStatement
    parameters: Sequence[bytes | None] = ()
    parameter_formats: tuple[int, ...] = ()
    result_formats: tuple[int, ...] = ()
    execution: Execution | None = None
    rows: list[bytes] | None = None
    tag: str = ""


@frozen
class ExhaustedPortal:
    """A portal that has run to its end: a query gives no more rows, anything else can't be run again."""

    name: str
    statement: PreparedStatement
    result_formats: tuple[int, ...] = ()


class Portals:
    """The session's portals by name."""

    __slots__ = ("_by_name",)

    def __init__(self) -> None:
        self._by_name: dict[str, Portal | ExhaustedPortal] = {}

    def __len__(self) -> int:
        return len(self._by_name)

    def add(self, portal: Portal) -> None:
        """Keep a new portal; the unnamed one replaces its predecessor.

        Raises:
            PgError: 42P03 when the name is taken.
        """
        name = portal.name
        taken = self._by_name.get(name)
        if taken is not None:
            if name:
                raise PgError("42P03", f'cursor "{name}" already exists')
            close_portal(taken)
        self._by_name[name] = portal

    def find(self, name: str) -> Portal | ExhaustedPortal:
        """The portal of this name.

        Raises:
            PgError: 34000.
        """
        found = self._by_name.get(name)
        if found is None:
            raise PgError("34000", f'portal "{name}" does not exist')
        return found

    def find_cursor(self, name: str) -> Portal | ExhaustedPortal:
        """As ``find``, in the words for SQL's CLOSE and FETCH.

        Raises:
            PgError: 34000.
        """
        found = self._by_name.get(name)
        if found is None:
            raise PgError("34000", f'cursor "{name}" does not exist')
        return found

    def exhaust(self, portal: Portal) -> None:
        """The portal has run to its end."""
        portal.execution = None
        portal.rows = None
        if self._by_name.get(portal.name) is portal:
            self._by_name[portal.name] = ExhaustedPortal(portal.name, portal.statement, portal.result_formats)

    def close(self, name: str) -> None:
        """Forget one; it is no error if there is none."""
        portal = self._by_name.pop(name, None)
        if portal is not None:
            close_portal(portal)

    def close_all(self) -> None:
        """The transaction has ended: so have its portals."""
        if self._by_name:
            for portal in self._by_name.values():
                close_portal(portal)
            self._by_name.clear()


def close_portal(portal: Portal | ExhaustedPortal) -> None:
    """Free what a portal holds, off the reactor."""
    if isinstance(portal, Portal) and portal.execution is not None:
        portal.execution.close()
        portal.execution = None
