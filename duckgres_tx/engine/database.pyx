"""Databases, connections and statements of DuckDB, and the pool that works on them.

This module is what the rest of the program uses of the engine; the stub says what it may rely on.

GIL: all of it. Native threads see the structs of ``jobs``, ``handles`` and ``runs`` only.
"""

import re
from enum import IntEnum

from attrs import frozen
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from duckgres_tx.engine.buffers cimport swap16, swap32
from duckgres_tx.engine.capi cimport (
    api,
    duckdb_logical_type,
    duckdb_query_progress_type,
    idx_t,
)
from duckgres_tx.engine.context cimport set_context_value
from duckgres_tx.engine.encoder cimport describe_type
from duckgres_tx.engine.execution cimport RenderBox, make_render_box, start_execution
from duckgres_tx.engine.handles cimport (
    ConnectionHandle,
    DatabaseHandle,
    StatementHandle,
    count_connection_locked,
    make_connection,
    make_database,
    make_statement,
    release_connection,
    release_database,
    release_statement,
    stop_connection_locked,
    stop_database_locked,
    uncount_connection,
)
from duckgres_tx.engine.jobs cimport (
    CloseTask,
    ConnectTask,
    OpenTask,
    PrepareTask,
    ScriptTask,
    close,
    connect,
    open_database,
    prepare,
    script,
)
from duckgres_tx.engine.native_threads cimport Job as NativeJob
from duckgres_tx.engine.native_threads cimport (
    Pool,
    Task,
    init_task,
    interrupt_locked,
    lock,
    submit_locked,
    unlock,
)

from duckgres_tx.engine.execution import Execution, ResultKind
from duckgres_tx.engine.logical_types import LogicalType, TypeId
from duckgres_tx.engine.native_threads import DuckDBError, Job
from duckgres_tx.engine.rendering import RenderOptions

__all__ = [
    "Column",
    "Connection",
    "Database",
    "DuckDBError",
    "Execution",
    "Job",
    "NativeThreads",
    "Progress",
    "ResultKind",
    "Statement",
    "StatementType",
]

cdef enum:
    # RenderOptions kept for C; sessions with other ones make them anew.
    MAX_RENDERS = 256
    DATA_ROW_HEAD = 7
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


cdef bytes _c_text(object text):
    """UTF-8 for C, which knows no NUL inside."""
    cdef bytes encoded = text if isinstance(text, bytes) else text.encode()
    if b"\0" in encoded:
        raise ValueError("text for DuckDB can't contain a NUL")
    return encoded


# --- what is open

cdef class Database:
    """An open DuckDB instance. Dropping the last reference to it and to all that came from it closes it."""

    cdef DatabaseHandle *handle
    cdef Pool pool
    cdef readonly str path

    def __dealloc__(self):
        if self.handle != NULL:
            release_database(self.handle)

    @property
    def invalidated(self):
        """Whether a fatal or internal error has happened: every further statement fails."""
        return self.handle.invalidated

    @property
    def closed(self):
        """Whether close() has been asked for."""
        return self.handle.closing


cdef class Connection:
    """A connection to a database."""

    cdef ConnectionHandle *handle
    cdef Pool pool
    cdef readonly Database database

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
        cdef NativeJob parked = None
        lock(handle.core)
        if handle.strand.current != NULL:
            interrupt_locked(handle.strand.current)
        elif handle.strand.parked != NULL:
            parked = <NativeJob>handle.strand.parked.owner
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


cdef class Statement:
    """A prepared statement."""

    cdef StatementHandle *handle
    cdef Pool pool
    cdef readonly Connection connection
    cdef readonly bint closed
    cdef bytes sql
    cdef tuple _parameter_types
    cdef tuple _columns

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


# --- jobs

cdef class OpenJob(NativeJob):
    cdef list kept
    cdef str path

    def __dealloc__(self):
        cdef OpenTask *work = <OpenTask *>self.task
        if work != NULL:
            free(work.options)
            if work.database != NULL:
                release_database(work.database)

    cdef object make_result(self):
        cdef OpenTask *work = <OpenTask *>self.task
        cdef Database database = Database.__new__(Database)
        database.handle = work.database
        work.database = NULL
        database.pool = self.pool
        database.path = self.path
        return database


cdef class ConnectJob(NativeJob):
    cdef Database database
    cdef bytes script

    def __dealloc__(self):
        cdef ConnectTask *work = <ConnectTask *>self.task
        if work != NULL and work.connection != NULL:
            release_connection(work.connection)

    cdef object make_result(self):
        cdef ConnectTask *work = <ConnectTask *>self.task
        cdef Connection connection = Connection.__new__(Connection)
        connection.handle = work.connection
        work.connection = NULL
        connection.pool = self.pool
        connection.database = self.database
        return connection


cdef class PrepareJob(NativeJob):
    cdef Connection connection
    cdef bytes sql

    def __dealloc__(self):
        cdef PrepareTask *work = <PrepareTask *>self.task
        if work != NULL and work.statement != NULL:
            release_statement(work.statement)

    cdef object make_result(self):
        cdef PrepareTask *work = <PrepareTask *>self.task
        cdef Statement statement = Statement.__new__(Statement)
        statement.handle = work.statement
        work.statement = NULL
        statement.pool = self.pool
        statement.connection = self.connection
        statement.sql = self.sql
        return statement


cdef class ScriptJob(NativeJob):
    cdef Connection connection
    cdef RenderBox render
    cdef bytes sql

    def __dealloc__(self):
        if self.task != NULL:
            free((<ScriptTask *>self.task).rows.data)

    cdef object make_result(self):
        cdef ScriptTask *work = <ScriptTask *>self.task
        return _read_rows(work.rows.data, work.rows.length)


cdef class CloseJob(NativeJob):
    # Keeps the handle that is being closed.
    cdef object thing

    cdef bint submit(self) noexcept nogil:
        cdef CloseTask *work = <CloseTask *>self.task
        if work.connection != NULL:
            stop_connection_locked(work.connection)
        if work.database != NULL:
            return stop_database_locked(work.database, self.task)
        return submit_locked(self.task)


cdef uint32_t _read32(const char *data) noexcept:
    cdef uint32_t value
    memcpy(&value, data, 4)
    return swap32(value)


cdef list _read_rows(const char *data, size_t size):
    """DataRow messages in text form as lists."""
    cdef list rows = []
    cdef list row
    cdef size_t at = 0
    cdef size_t end
    cdef uint32_t length
    while at < size:
        end = at + 1 + _read32(data + at + 1)
        at += DATA_ROW_HEAD
        row = []
        while at < end:
            length = _read32(data + at)
            at += 4
            if length == <uint32_t>-1:
                row.append(None)
                continue
            row.append(data[at:at + length].decode())
            at += length
        rows.append(row)
    return rows


cdef Task *_make_task(size_t size) except NULL:
    cdef Task *task = <Task *>calloc(1, size)
    if task == NULL:
        raise MemoryError
    return task


# --- the pool

cdef class NativeThreads(Pool):
    """The native threads, and the jobs that can be given to them. Reactor thread only."""

    cdef dict renders

    def __init__(self, int max_threads, double idle_timeout_s=10.0):
        self.renders = {}

    cdef RenderBox _render(self, object options):
        box = self.renders.get(options)
        if box is None:
            if len(self.renders) >= MAX_RENDERS:
                self.renders.clear()
            box = make_render_box(self.core, options)
            self.renders[options] = box
        return box

    def open_database(self, str path not None, options, str script=""):
        """Open (or create) a database; ``script`` runs before anyone else can see it."""
        cdef OpenJob job = OpenJob.__new__(OpenJob)
        cdef OpenTask *work
        cdef int at = 0
        job.pool = self
        job.path = path
        job.kept = [_c_text(path), _c_text(script)]
        for name, value in options.items():
            job.kept.append(_c_text(name))
            job.kept.append(_c_text(value))
        job.task = _make_task(sizeof(OpenTask))
        work = <OpenTask *>job.task
        init_task(job.task, self.core, NULL, open_database)
        work.path = <const char *><bytes>job.kept[0]
        work.script = <const char *><bytes>job.kept[1]
        work.options = <const char **>malloc((len(job.kept) + 1) * sizeof(char *))
        work.database = make_database(self.core)
        if work.options == NULL or work.database == NULL:
            raise MemoryError
        work.n_options = (len(job.kept) - 2) // 2
        for at in range(2 * work.n_options):
            work.options[at] = <const char *><bytes>job.kept[2 + at]
        job.start()
        return job

    def connect(self, Database database not None, str script=""):
        """Make a connection; ``script`` (SETs) runs on it first."""
        cdef ConnectJob job = ConnectJob.__new__(ConnectJob)
        cdef ConnectTask *work
        cdef bint counted
        job.pool = self
        job.database = database
        job.script = _c_text(script)
        job.task = _make_task(sizeof(ConnectTask))
        work = <ConnectTask *>job.task
        work.connection = make_connection(database.handle)
        if work.connection == NULL:
            raise MemoryError
        work.script = job.script
        init_task(job.task, self.core, &work.connection.strand, connect)
        lock(self.core)
        counted = count_connection_locked(work.connection)
        unlock(self.core)
        if not counted:
            raise ValueError("the database is closed")
        try:
            job.start()
        except BaseException:
            uncount_connection(work.connection)
            raise
        return job

    def prepare(self, Connection connection not None, bytes sql not None):
        """Prepare one statement, UTF-8."""
        cdef PrepareJob job = PrepareJob.__new__(PrepareJob)
        cdef PrepareTask *work
        _check_open(connection)
        job.pool = self
        job.connection = connection
        job.sql = _c_text(sql)
        job.task = _make_task(sizeof(PrepareTask))
        work = <PrepareTask *>job.task
        work.statement = make_statement(connection.handle)
        if work.statement == NULL:
            raise MemoryError
        work.sql = job.sql
        init_task(job.task, self.core, &connection.handle.strand, prepare)
        job.start()
        return job

    def run(self, Connection connection not None, bytes sql not None):
        """Run any number of statements, UTF-8; the rows of the last one as text, as PostgreSQL writes values in UTC."""
        cdef ScriptJob job = ScriptJob.__new__(ScriptJob)
        cdef ScriptTask *work
        _check_open(connection)
        job.pool = self
        job.connection = connection
        job.sql = _c_text(sql)
        job.render = self._render(RenderOptions())
        job.task = _make_task(sizeof(ScriptTask))
        work = <ScriptTask *>job.task
        work.connection = connection.handle
        work.sql = job.sql
        work.render = job.render.shared.render
        init_task(job.task, self.core, &connection.handle.strand, script)
        job.start()
        return job

    def execute(
        self, Statement statement not None, parameters, parameter_formats, parameter_oids, result_formats, render,
        idx_t row_limit=0
    ):
        """Execute a prepared statement."""
        if statement.closed:
            raise ValueError("the statement is closed")
        _check_open(statement.connection)
        return start_execution(
            self, statement.handle, self._render(render), parameters, parameter_formats, parameter_oids,
            result_formats, row_limit
        )

    def close(self, thing):
        """Free a statement, a connection with all that depends on it, or a database with all of its connections."""
        cdef CloseJob job = CloseJob.__new__(CloseJob)
        cdef CloseTask *work
        job.pool = self
        job.thing = thing
        job.task = _make_task(sizeof(CloseTask))
        work = <CloseTask *>job.task
        if isinstance(thing, Statement):
            work.statement = (<Statement>thing).handle
            init_task(job.task, self.core, &work.statement.connection.strand, close)
            (<Statement>thing).closed = True
        elif isinstance(thing, Connection):
            work.connection = (<Connection>thing).handle
            init_task(job.task, self.core, &work.connection.strand, close)
        elif isinstance(thing, Database):
            work.database = (<Database>thing).handle
            init_task(job.task, self.core, &work.database.strand, close)
        else:
            raise TypeError(f"a {type(thing).__name__} is nothing that can be closed")
        job.start()
        return job


cdef int _check_open(Connection connection) except -1:
    if connection.handle.closing:
        raise ValueError("the connection is closed")
    return 0
