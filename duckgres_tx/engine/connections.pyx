"""What is open, for Python: databases, connections, statements; and what they tell.

GIL: all of it. The handles behind them are ended on native threads only (``handles``).
"""

import re
from enum import IntEnum

from attrs import frozen
from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from duckgres_tx.engine.advisory_locks cimport VainUnlocks, holds_session_locks, settle_locks, unlock_all
from duckgres_tx.engine.capi cimport api, duckdb_logical_type, duckdb_query_progress_type, idx_t
from duckgres_tx.engine.context cimport set_context_value, take_context_value
from duckgres_tx.engine.encoder cimport describe_type
from duckgres_tx.engine.handles cimport (
    ConnectionHandle,
    release_connection,
    release_database,
    release_statement,
)
from duckgres_tx.engine.native_threads cimport Job
from duckgres_tx.engine.parameters cimport check_parameter
from duckgres_tx.engine.tasks cimport interrupt_locked, lock, unlock

from duckgres_tx.engine.error_types import DuckDBError
from duckgres_tx.engine.execution import ResultKind
from duckgres_tx.engine.logical_types import LogicalType, TypeId

cdef enum:
    DUCKDB_STATEMENT_TYPE_SELECT = 1
    DUCKDB_STATEMENT_TYPE_CREATE = 7


class StatementType(IntEnum):
    """``duckdb_statement_type``."""

    INVALID = 0
    SELECT = 1
    INSERT = 2
    UPDATE = 3
    EXPLAIN = 4
    DELETE = 5
    PREPARE = 6
    CREATE = 7
    EXECUTE = 8
    ALTER = 9
    TRANSACTION = 10
    COPY = 11
    ANALYZE = 12
    VARIABLE_SET = 13
    CREATE_FUNC = 14
    DROP = 15
    EXPORT = 16
    PRAGMA = 17
    VACUUM = 18
    CALL = 19
    SET = 20
    LOAD = 21
    RELATION = 22
    EXTENSION = 23
    LOGICAL_PLAN = 24
    ATTACH = 25
    DETACH = 26
    MULTI = 27
    COPY_DATABASE = 28
    UPDATE_EXTENSIONS = 29
    MERGE_INTO = 30


@frozen
class Column:
    """A column that a statement will return."""

    name: str
    type: LogicalType


@frozen
class Progress:
    """How far a connection's statement is, as DuckDB guesses.

    Attributes:
        percentage: 0 to 100; -1 when unknown.
        rows_processed: Rows read so far.
        total_rows: Rows to read.
    """

    percentage: float
    rows_processed: int
    total_rows: int


cdef object _UNRESOLVED = LogicalType(TypeId.INVALID)


cdef object _describe(duckdb_logical_type type):
    return _UNRESOLVED if type == NULL else describe_type(type)


# --- what is open

cdef class Database:
    """An open DuckDB instance. Dropping the last reference to it and to all that came from it closes it."""

    def __dealloc__(self):
        if self.handle != NULL:
            release_database(self.handle)

    @property
    def invalidated(self):
        """Whether a fatal or internal error has happened: every further statement fails."""
        return self.handle.invalidated

    @property
    def threads(self):
        """How many may work on a statement; 0 when DuckDB has threads of its own."""
        return self.handle.crew.size + 1 if self.handle.threads else 0

    def set_threads(self, int count):
        """Let so many threads work on a statement from now on, up to the number that it was opened with.

        DuckDB's own settings stay as they are: it makes as many tasks as before, and fewer threads do them. To change
        these settings would start threads of DuckDB's own and join them, which hangs when others are inside.
        """
        lock(self.handle.core)
        self.handle.crew.size = max(0, min(count, self.handle.threads) - 1)
        unlock(self.handle.core)

    @property
    def closed(self):
        """Whether close() has been asked for."""
        return self.handle.closing


cdef class Connection:
    """A connection to a database."""

    def __dealloc__(self):
        if self.handle != NULL:
            release_connection(self.handle)

    @property
    def closed(self):
        """Whether close() has been asked for, of it or of its database."""
        return self.handle.closing

    def interrupt(self):
        """Stop what runs, or waits to run next, on this connection. Any thread; never blocks."""
        cdef ConnectionHandle *handle = self.handle
        cdef Job parked = None
        lock(handle.core)
        if handle.strand.current != NULL:
            interrupt_locked(handle.strand.current)
        elif handle.strand.parked != NULL:
            parked = <Job>handle.strand.parked.owner
        unlock(handle.core)
        if parked is not None:
            parked.interrupt()

    def progress(self):
        """How far the running statement is. Any thread; never blocks."""
        cdef duckdb_query_progress_type progress
        progress.percentage = -1
        progress.rows_processed = 0
        progress.total_rows_to_process = 0
        lock(self.handle.core)
        if self.handle.strand.connection != NULL:
            progress = api.query_progress(self.handle.strand.connection)
        unlock(self.handle.core)
        return Progress(progress.percentage, progress.rows_processed, progress.total_rows_to_process)

    def set_context(self, str name not None, value):
        """Say what ``duckgres_context(name)`` gives to statements of this connection; None removes it."""
        cdef bytes key = name.encode()
        cdef bytes text = None if value is None else value.encode()
        if self.handle.closing:
            raise ValueError("the connection is closed")
        if set_context_value(
            self.handle.database.store, self.handle.id, PyBytes_AS_STRING(key), len(key),
            NULL if text is None else PyBytes_AS_STRING(text), 0 if text is None else len(text)
        ):
            raise MemoryError

    def take_notes(self, str name not None):
        """What statements of this connection have said with ``duckgres_note(name, …)`` since the last time, line by line."""
        cdef bytes key = name.encode()
        cdef char *text = NULL
        cdef size_t length = 0
        if take_context_value(
            self.handle.database.store, self.handle.id, PyBytes_AS_STRING(key), len(key), &text, &length
        ):
            raise MemoryError
        if text == NULL:
            return ()
        try:
            return tuple(text[:length].decode().splitlines())
        finally:
            free(text)

    def settle_locks(self, bint transaction_too):
        """A statement, or with it a transaction, is over: free the advisory locks that were the transaction's.

        Returns:
            The kind of lock of each unlock since the last time that had nothing to unlock, as PostgreSQL calls it.
        """
        cdef VainUnlocks vain = settle_locks(self.handle.database.locks, self.handle.id, transaction_too)
        return ("ExclusiveLock",) * vain.exclusive + ("ShareLock",) * vain.shared

    def unlock_all(self):
        """Free the advisory locks that are the session's."""
        unlock_all(self.handle.database.locks, self.handle.id)

    def holds_locks(self):
        """Whether there are any of those."""
        return holds_session_locks(self.handle.database.locks, self.handle.id)


cdef class Statement:
    """A prepared statement."""

    def __dealloc__(self):
        if self.handle != NULL:
            release_statement(self.handle)

    @property
    def statement_type(self):
        """What kind of statement DuckDB takes it for."""
        return StatementType(self.handle.statement_type)

    @property
    def parameter_types(self):
        """The types of $1, $2 …; INVALID where DuckDB could not tell."""
        cdef idx_t at
        if self._parameter_types is None:
            self._parameter_types = tuple(
                [_describe(self.handle.parameter_types[at]) for at in range(self.handle.n_parameters)]
            )
        return self._parameter_types

    def check_parameters(self, values, formats, oids):
        """Read values as they will be read when the statement is executed, and forget them.

        Args:
            values: Text or binary; None is NULL. As many as the statement has parameters.
            formats: None, one for all, or one for each.
            oids: The types that the client declared; missing or 0 = unknown.

        Raises:
            DuckDBError: One can't be read; with PostgreSQL's words and SQLSTATE.
        """
        cdef char error[512]
        cdef char sqlstate[6]
        cdef Py_ssize_t at
        cdef Py_ssize_t n_formats = len(formats)
        cdef Py_ssize_t n_oids = len(oids)
        cdef int format
        cdef bytes text
        memset(sqlstate, 0, sizeof(sqlstate))
        for at in range(min(len(values), <Py_ssize_t>self.handle.n_parameters)):
            if values[at] is None:
                continue
            text = bytes(values[at])
            format = formats[at if n_formats > 1 else 0] if n_formats else 0
            if check_parameter(
                at + 1, self.handle.parameter_types[at], <int><unsigned int>(oids[at] if at < n_oids else 0), format,
                PyBytes_AS_STRING(text), len(text),
                NULL if self.handle.enum_names == NULL else self.handle.enum_names[at], error, sizeof(error), sqlstate
            ):
                raise DuckDBError("INVALID_INPUT", error.decode(errors="replace"), sqlstate.decode())

    def hide_columns(self):
        """Have its rows sent without any column, as those of a SELECT without a list; before it is executed."""
        self.handle.columnless = True

    def tell_enums(self, element_oids, names):
        """What the client is told of the enums in it; once, and before it is executed.

        Args:
            element_oids: For each column, the OID of the elements of an array of enums; 0 for all others.
            names: For each parameter, what messages call its enum; None for all others.
        """
        cdef Py_ssize_t at
        cdef Py_ssize_t count = len(names)
        cdef size_t size = (count + 1) * sizeof(char *)
        cdef list encoded = [None if name is None else name.encode() for name in names]
        cdef char *text
        if self.handle.element_oids != NULL or self.handle.enum_names != NULL:
            raise ValueError("the statement has been told already")
        if len(element_oids) != <Py_ssize_t>self.handle.n_columns or count != <Py_ssize_t>self.handle.n_parameters:
            raise ValueError("one for each column and one for each parameter is wanted")
        for name in encoded:
            size += 0 if name is None else len(name) + 1
        self.handle.element_oids = <int *>malloc((len(element_oids) + 1) * sizeof(int))
        # One block: the pointers, then the names.
        self.handle.enum_names = <char **>malloc(size)
        if self.handle.element_oids == NULL or self.handle.enum_names == NULL:
            raise MemoryError
        for at in range(len(element_oids)):
            self.handle.element_oids[at] = <int><unsigned int>element_oids[at]
        text = <char *>(self.handle.enum_names + count + 1)
        for at in range(count):
            self.handle.enum_names[at] = NULL
            if encoded[at] is not None:
                self.handle.enum_names[at] = text
                memcpy(text, PyBytes_AS_STRING(encoded[at]), len(encoded[at]) + 1)
                text += len(encoded[at]) + 1

    @property
    def columns(self):
        """What it returns; of statements without rows the count or the status that DuckDB answers with."""
        cdef idx_t at
        if self._columns is None:
            self._columns = tuple(
                [
                    Column(self.handle.column_names[at].decode(errors="replace"), _describe(self.handle.column_types[at]))
                    for at in range(self.handle.n_columns)
                ]
            )
        return self._columns

    @property
    def result_kind(self):
        """What it will give. DuckDB doesn't say so before it is executed; what it calls its columns does."""
        cdef int statement_type = self.handle.statement_type
        if statement_type == DUCKDB_STATEMENT_TYPE_SELECT:
            return ResultKind.ROWS
        if statement_type in _CHANGING:
            return ResultKind.ROWS if _returns_rows(self.sql) else ResultKind.CHANGED_ROWS
        columns = [(column.name, column.type.id) for column in self.columns]
        if columns == [("Count", TypeId.BIGINT)]:
            return ResultKind.NOTHING if statement_type == DUCKDB_STATEMENT_TYPE_CREATE else ResultKind.CHANGED_ROWS
        if columns == [("Success", TypeId.BOOLEAN)] or not columns:
            return ResultKind.NOTHING
        return ResultKind.ROWS


# INSERT, UPDATE, DELETE, MERGE: rows only with RETURNING.
_CHANGING = frozenset({2, 3, 5, 30})
# What may hold the word without meaning it, or the word.
_RETURNING = re.compile(
    rb"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/|\b(?P<word>returning)\b""",
    re.IGNORECASE | re.DOTALL,
)


cdef bint _returns_rows(bytes sql):
    return b"returning" in sql.lower() and any(match["word"] for match in _RETURNING.finditer(sql))
