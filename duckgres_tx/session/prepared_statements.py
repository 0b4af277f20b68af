"""Statements that are ready to run, and the names that clients give them.

Spec: protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

from attrs import define, field, frozen

from duckgres_tx.engine.database import Statement
from duckgres_tx.engine.logical_types import LogicalType
from duckgres_tx.errors import PgError
from duckgres_tx.sql.forms import SessionStatement
from duckgres_tx.sql.guards import Guard
from duckgres_tx.sql.set_config_calls import SetConfigCall
from duckgres_tx.sql.statement_cache import AnalyzedStatement
from duckgres_tx.wire.backend import FieldDescription, RowDescription
from duckgres_tx.wire.fields import spread


@define(eq=False)
class PreparedStatement:
    """One statement, understood and ready; made by ``preparation.prepare`` alone.

    Attributes:
        name: The client's name for it; "" for the unnamed one and for those of simple queries.
        analyzed: What the client wrote, and what is known of it; None for an empty statement.
        form: The parsed statement when the session carries it out itself.
        native: DuckDB's statement otherwise.
        text: What DuckDB was given.
        to_query: From a position in ``text`` to one in ``query``, both from 1.
        catalog_query: It reads the catalog's relations, which must be fresh when it runs.
        live: It reads them from the session's own tables.
        explains: It is an EXPLAIN, whose rows are made anew (``explaining``).
        settings: Calls of set_config in it.
        guard: What it does nothing about, depending on whether it exists.
        signals: It may tell other sessions to stop.
        declared_oids: The parameter types that Parse declared, as they came.
        parameter_oids: The types that ParameterDescription tells.
        reading_oids: The same as the engine knows them: an enum is text to it.
        array_parameters: Which parameters (from 0) are arrays, of a built-in type.
        dimensions: The number of dimensions of arrays that have more than one, by the parameter's number, from 1.
        widened: The same statement for such arrays, made when some were bound.
        fields: The columns of its rows, text format; None when it gives none.
        column_types: DuckDB's types of these, to notice that they have changed.
        told_as_text: Which columns (from 0) have a type that only their values tell; until then they are text for the client.
        generation: The database's catalog generation it was prepared under.
        epoch: The session's epoch it was prepared under.
        row_type_changed: What was told of its rows is no longer so.
        fault: Why it can't be planned: told when it is bound, or run.
        notices: To be sent when it runs.
        query: The whole text that came with it, for pg_prepared_statements and logs.
        body: The query of a DECLARE; its parameters are this statement's.
        from_sql: PREPARE has made it, not Parse.
        created_at: Seconds since 1970.
    """

    name: str
    analyzed: AnalyzedStatement | None
    form: SessionStatement | None = None
    native: Statement | None = None
    text: str = ""
    to_query: Callable[[int], int] | None = None
    catalog_query: bool = False
    live: bool = False
    explains: bool = False
    settings: tuple[SetConfigCall, ...] = ()
    signals: bool = False
    guard: Guard | None = None
    declared_oids: tuple[int, ...] = ()
    parameter_oids: tuple[int, ...] = ()
    reading_oids: tuple[int, ...] = ()
    array_parameters: tuple[int, ...] = ()
    dimensions: Mapping[int, int] = field(factory=dict)
    widened: PreparedStatement | None = None
    fields: tuple[FieldDescription, ...] | None = None
    column_types: tuple[LogicalType, ...] = ()
    told_as_text: frozenset[int] = frozenset()
    generation: int = 0
    epoch: int = 0
    row_type_changed: bool = False
    notices: tuple[PgError, ...] = ()
    fault: PgError | None = None
    query: str = ""
    body: PreparedStatement | None = None
    from_sql: bool = False
    created_at: float = field(factory=time.time)
    # RowDescription by result formats, encoded: a prepared statement is described more often than made.
    _descriptions: dict[tuple[int, ...], bytes] = field(factory=dict)

    def position_in_query(self, position: int) -> int:
        """Where in the client's text a position in DuckDB's is, both from 1."""
        return position if self.to_query is None else self.to_query(position)

    def formats_of_values(self, formats: tuple[int, ...]) -> tuple[int, ...]:
        """The formats that values are encoded in, for those that the client asks for: text looks the same in both."""
        if not self.told_as_text:
            return formats
        codes = spread(formats, len(self.column_types))
        return tuple(0 if index in self.told_as_text else code for index, code in enumerate(codes))

    def forget_descriptions(self) -> None:
        """The fields have changed."""
        self._descriptions.clear()

    def row_description(self, formats: tuple[int, ...]) -> bytes:
        """RowDescription for rows in these formats; the statement has rows."""
        found = self._descriptions.get(formats)
        if found is None:
            fields = self.fields or ()
            codes = spread(formats, len(fields))
            columns = [
                FieldDescription(f.name, f.table_oid, f.column_number, f.type_oid, f.type_size, f.type_modifier, code)
                for f, code in zip(fields, codes, strict=True)
            ]
            found = self._descriptions[formats] = RowDescription(columns).encode()
        return found


@frozen(kw_only=True)
class SleepingStatement:
    """A statement of a session that has come from another worker: what the client was told of it. It isn't prepared here yet.

    Attributes are those of `PreparedStatement`.
    """

    name: str
    query: str
    declared_oids: tuple[int, ...] = ()
    parameter_oids: tuple[int, ...] = ()
    fields: tuple[FieldDescription, ...] | None = None
    from_sql: bool = False
    created_at: float = 0.0

    @classmethod
    def of(cls, statement: PreparedStatement | SleepingStatement) -> SleepingStatement:
        """What is to be known of a statement elsewhere."""
        return cls(
            name=statement.name,
            query=statement.query,
            declared_oids=statement.declared_oids,
            parameter_oids=statement.parameter_oids,
            fields=statement.fields,
            from_sql=statement.from_sql,
            created_at=statement.created_at,
        )


def used_parameters(
    statement: PreparedStatement, values: Sequence[bytes | None], formats: tuple[int, ...]
) -> tuple[Sequence[bytes | None], tuple[int, ...]]:
    """Values and format codes of those parameters that a statement uses: Parse may declare more, and Bind then gives values to all."""
    if statement.native is None or len(values) <= (used := len(statement.native.parameter_types)):
        return values, formats
    return values[:used], formats if len(formats) == 1 else formats[:used]


class PreparedStatements:
    """The session's prepared statements by name; SQL's PREPARE and the protocol's Parse share them.

    What DuckDB holds for a statement is freed with the last reference to it, off the reactor: a portal keeps the statement that
    it was made from alive.
    """

    __slots__ = ("_asleep", "_by_name")

    def __init__(self) -> None:
        self._by_name: dict[str, PreparedStatement] = {}
        self._asleep: dict[str, SleepingStatement] = {}

    def __iter__(self) -> Iterator[PreparedStatement | SleepingStatement]:
        return chain(self._asleep.values(), self._by_name.values())

    def lay_down(self, statement: SleepingStatement) -> None:
        """Keep a statement that isn't prepared before it is used."""
        self._asleep[statement.name] = statement

    def asleep(self, name: str) -> SleepingStatement | None:
        """The statement of this name, if it is not prepared yet: `preparation.wake` does that."""
        return self._asleep.get(name)

    def fields(self, name: str) -> tuple[FieldDescription, ...] | None:
        """The columns of a statement's rows; None when it has none.

        Raises:
            PgError: 26000.
        """
        asleep = self._asleep.get(name)
        return self.find(name).fields if asleep is None else asleep.fields

    def check_new(self, name: str) -> None:
        """Refuse a name that is taken; the unnamed one is replaced.

        Raises:
            PgError: 42P05.
        """
        if name and (name in self._by_name or name in self._asleep):
            raise PgError("42P05", f'prepared statement "{name}" already exists')

    def add(self, statement: PreparedStatement) -> None:
        """Keep a statement under its name; the unnamed one replaces its predecessor."""
        self._asleep.pop(statement.name, None)
        self._by_name[statement.name] = statement

    def find(self, name: str) -> PreparedStatement:
        """The statement of this name.

        Raises:
            PgError: 26000.
        """
        found = self._by_name.get(name)
        if found is None:
            raise PgError(
                "26000",
                f'prepared statement "{name}" does not exist' if name else "unnamed prepared statement does not exist",
            )
        return found

    def pop(self, name: str) -> None:
        """Forget one; it is no error if there is none."""
        self._by_name.pop(name, None)
        self._asleep.pop(name, None)

    def clear(self) -> None:
        """Forget all."""
        self._by_name.clear()
        self._asleep.clear()
