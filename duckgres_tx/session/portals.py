"""Portals: statements with their parameters bound, that may give their rows in pieces.

A portal dies with its transaction, except a cursor WITH HOLD. One whose rows are partly sent holds DuckDB's one open result;
before anything else runs on the connection the rest is spooled to a temporary file.

Spec: protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY, sql-declare.html#SQL-DECLARE
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from attrs import define, field, frozen

from duckgres_tx.engine.execution import Execution
from duckgres_tx.errors import PgError
from duckgres_tx.session.prepared_statements import PreparedStatement
from duckgres_tx.wire.backend import FieldDescription


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
        created_at: Seconds since 1970.
    """

    name: str
    statement: PreparedStatement
    parameters: Sequence[bytes | None] = ()
    parameter_formats: tuple[int, ...] = ()
    result_formats: tuple[int, ...] = ()
    execution: Execution | None = None
    rows: list[bytes] | None = None
    tag: str = ""
    created_at: float = field(factory=time.time)


@define(eq=False)
class Cursor(Portal):
    """A portal that DECLARE has made. It is begun at once, so that it shows what there was then.

    Attributes:
        declaration: The text of the DECLARE.
        binary: BINARY was said.
        scroll: SCROLL was said.
        hold: WITH HOLD was said.
        held: Its transaction has been committed: all its rows are spooled, and it lives until it is closed.
        ahead: The first row, produced before anybody has asked for one.
        position: How many rows have been fetched or passed over.
    """

    declaration: str = ""
    binary: bool = False
    scroll: bool = False
    hold: bool = False
    held: bool = False
    ahead: list[bytes] = field(factory=list)
    position: int = 0


@frozen
class ExhaustedPortal:
    """A portal that has run to its end: a query gives no more rows, anything else can't be run again."""

    name: str
    statement: PreparedStatement
    result_formats: tuple[int, ...] = ()
    created_at: float = 0.0


class Portals:
    """The session's portals by name."""

    __slots__ = ("_by_name", "_ended")

    def __init__(self) -> None:
        self._by_name: dict[str, Portal | ExhaustedPortal] = {}
        # Those that the transaction that ended last has taken along.
        self._ended: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self._by_name)

    def __iter__(self) -> Iterator[Portal | ExhaustedPortal]:
        return iter(self._by_name.values())

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

    def replace(self, portal: Portal) -> None:
        """Another portal takes the place of the one that has its name; what that held is the new one's now."""
        self._by_name[portal.name] = portal

    def find(self, name: str) -> Portal | ExhaustedPortal:
        """The portal of this name.

        Raises:
            PgError: 34000.
        """
        found = self._by_name.get(name)
        if found is None:
            raise PgError("34000", f'portal "{name}" does not exist')
        return found

    def ended(self, name: str) -> bool:
        """Whether the transaction that ended last had a portal of this name, which isn't there any more."""
        return name in self._ended and name not in self._by_name

    def find_cursor(self, name: str) -> Portal | ExhaustedPortal:
        """As ``find``, in the words for SQL's CLOSE and FETCH.

        Raises:
            PgError: 34000.
        """
        found = self._by_name.get(name)
        if found is None:
            raise PgError("34000", f'cursor "{name}" does not exist')
        return found

    def fields(self, name: str) -> tuple[FieldDescription, ...] | None:
        """The columns of a portal's rows; None when it has none, or isn't there."""
        found = self._by_name.get(name)
        return None if found is None else found.statement.fields

    def exhaust(self, portal: Portal) -> None:
        """The portal has run to its end."""
        portal.execution = None
        portal.rows = None
        if self._by_name.get(portal.name) is portal:
            self._by_name[portal.name] = ExhaustedPortal(
                portal.name, portal.statement, portal.result_formats, portal.created_at
            )

    def close(self, name: str) -> None:
        """Forget one; it is no error if there is none."""
        portal = self._by_name.pop(name, None)
        if portal is not None:
            close_portal(portal)

    def end_of_transaction(self) -> None:
        """The transaction has ended: so have its portals, but not the cursors that are held."""
        # a block that has failed fails again with each error in it
        if self._by_name:
            self._ended = frozenset(self._by_name)
        for name, portal in list(self._by_name.items()):
            if not (isinstance(portal, Cursor) and portal.held):
                close_portal(portal)
                del self._by_name[name]

    def close_all(self) -> None:
        """Forget all, those that are held too."""
        for portal in self._by_name.values():
            close_portal(portal)
        self._by_name.clear()

    def to_hold(self) -> list[Cursor]:
        """The cursors that shall outlive the transaction of now."""
        return [
            portal
            for portal in self._by_name.values()
            if isinstance(portal, Cursor) and portal.hold and not portal.held
        ]


def close_portal(portal: Portal | ExhaustedPortal) -> None:
    """Free what a portal holds, off the reactor."""
    if isinstance(portal, Portal) and portal.execution is not None:
        portal.execution.close()
        portal.execution = None
    if isinstance(portal, Cursor):
        portal.ahead.clear()
