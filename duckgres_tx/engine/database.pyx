"""The pool that works on databases, and the jobs that can be given to it.

This module is what the rest of the program uses of the engine; the stub says what it may rely on.

GIL: all of it. Native threads see the structs of ``jobs``, ``handles`` and ``runs`` only.
"""

from libc.stdint cimport uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from duckgres_tx.engine.buffers cimport swap32
from duckgres_tx.engine.capi cimport idx_t
from duckgres_tx.engine.connections cimport Connection as OpenConnection
from duckgres_tx.engine.connections cimport Database as OpenDatabase
from duckgres_tx.engine.connections cimport Statement as OpenStatement
from duckgres_tx.engine.copy_in cimport start_copy_in
from duckgres_tx.engine.execution cimport RenderBox, make_render_box, start_execution
from duckgres_tx.engine.handles cimport (
    count_connection_locked,
    dismiss_connection_locked,
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
    close_step,
    connect_step,
    open_step,
    prepare_step,
    script_step,
)
from duckgres_tx.engine.native_threads cimport Job as NativeJob
from duckgres_tx.engine.native_threads cimport Pool
from duckgres_tx.engine.tasks cimport Task, init_task, lock, submit_locked, submit_patient_locked, unlock

# The seam: whatever others need is found here.
from duckgres_tx.engine.connections import Column, Connection, Database, Progress, Statement, StatementType
from duckgres_tx.engine.error_types import DuckDBError
from duckgres_tx.engine.execution import Execution, ResultKind
from duckgres_tx.engine.native_threads import Job
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


cdef bytes _c_text(object text):
    """UTF-8 for C, which knows no NUL inside."""
    cdef bytes encoded = text if isinstance(text, bytes) else text.encode()
    if b"\0" in encoded:
        raise ValueError("text for DuckDB can't contain a NUL")
    return encoded


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
        cdef OpenDatabase database = OpenDatabase.__new__(OpenDatabase)
        database.handle = work.database
        work.database = NULL
        database.pool = self.pool
        database.path = self.path
        return database


cdef class ConnectJob(NativeJob):
    cdef OpenDatabase database
    cdef bytes script
    cdef bint patient

    def __dealloc__(self):
        cdef ConnectTask *work = <ConnectTask *>self.task
        if work != NULL and work.connection != NULL:
            release_connection(work.connection)

    cdef bint submit(self) noexcept nogil:
        return submit_patient_locked(self.task) if self.patient else submit_locked(self.task)

    cdef object make_result(self):
        cdef ConnectTask *work = <ConnectTask *>self.task
        cdef OpenConnection connection = OpenConnection.__new__(OpenConnection)
        connection.handle = work.connection
        work.connection = NULL
        connection.pool = self.pool
        connection.database = self.database
        return connection


cdef class PrepareJob(NativeJob):
    cdef OpenConnection connection
    cdef bytes sql

    def __dealloc__(self):
        cdef PrepareTask *work = <PrepareTask *>self.task
        if work != NULL and work.statement != NULL:
            release_statement(work.statement)

    cdef object make_result(self):
        cdef PrepareTask *work = <PrepareTask *>self.task
        cdef OpenStatement statement = OpenStatement.__new__(OpenStatement)
        statement.handle = work.statement
        work.statement = NULL
        statement.pool = self.pool
        statement.connection = self.connection
        statement.sql = self.sql
        return statement


cdef class ScriptJob(NativeJob):
    cdef OpenConnection connection
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


cdef dict _with_crew(object options):
    """All of DuckDB's threads are ours (`crews`)."""
    cdef dict known = dict(options)
    if "threads" in known:
        known.setdefault("external_threads", known["threads"])
    return known


cdef Task *_make_task(size_t size) except NULL:
    cdef Task *task = <Task *>calloc(1, size)
    if task == NULL:
        raise MemoryError
    return task


# --- the pool

cdef class NativeThreads(Pool):
    """The native threads, and the jobs that can be given to them. Reactor thread only."""

    cdef dict renders

    def __init__(self, int max_threads, double idle_timeout_s=10.0, fetch_ahead=None):
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
        for name, value in _with_crew(options).items():
            job.kept.append(_c_text(name))
            job.kept.append(_c_text(value))
        job.task = _make_task(sizeof(OpenTask))
        work = <OpenTask *>job.task
        init_task(job.task, self.core, NULL, open_step)
        work.path = <const char *><bytes>job.kept[0]
        work.script = <const char *><bytes>job.kept[1]
        work.options = <const char **>malloc((len(job.kept) + 1) * sizeof(char *))
        work.database = make_database(self.core)
        if work.options == NULL or work.database == NULL:
            raise MemoryError
        work.n_options = (len(job.kept) - 2) // 2
        for at in range(2 * work.n_options):
            work.options[at] = <const char *><bytes>job.kept[2 + at]
        if "threads" in options and "external_threads" not in options:
            work.database.threads = int(options["threads"])
            work.database.crew.size = work.database.threads - 1
        job.start()
        return job

    def connect(self, OpenDatabase database not None, str script="", bint patient=False):
        """Make a connection; ``script`` (SETs) runs on it first. ``patient``: nobody waits for it yet."""
        cdef ConnectJob job = ConnectJob.__new__(ConnectJob)
        cdef ConnectTask *work
        cdef bint counted
        job.pool = self
        job.database = database
        job.script = _c_text(script)
        job.patient = patient
        job.task = _make_task(sizeof(ConnectTask))
        work = <ConnectTask *>job.task
        work.connection = make_connection(database.handle)
        if work.connection == NULL:
            raise MemoryError
        work.script = job.script
        init_task(job.task, self.core, &work.connection.strand, connect_step)
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

    def prepare(self, OpenConnection connection not None, bytes sql not None):
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
        init_task(job.task, self.core, &connection.handle.strand, prepare_step)
        job.start()
        return job

    def run(self, OpenConnection connection not None, bytes sql not None):
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
        init_task(job.task, self.core, &connection.handle.strand, script_step)
        job.start()
        return job

    def execute(
        self, OpenStatement statement not None, parameters, parameter_formats, parameter_oids, result_formats, render,
        idx_t row_limit=0, framing=None
    ):
        """Execute a prepared statement."""
        if statement.closed:
            raise ValueError("the statement is closed")
        _check_open(statement.connection)
        return start_execution(
            self, statement.handle, self._render(render), parameters, parameter_formats, parameter_oids,
            result_formats, row_limit, framing
        )

    def copy_in(self, OpenStatement statement not None, source, render):
        """Read a COPY's stream into a table; the statement's columns are those of the stream, and it isn't executed."""
        if statement.closed:
            raise ValueError("the statement is closed")
        _check_open(statement.connection)
        return start_copy_in(self, statement.handle, self._render(render), source)

    def discard(self, OpenConnection connection not None):
        """Close a connection; nobody hears when that is done."""
        lock(self.core)
        dismiss_connection_locked(connection.handle)
        unlock(self.core)

    def close(self, thing):
        """Free a statement, a connection with all that depends on it, or a database with all of its connections."""
        cdef CloseJob job = CloseJob.__new__(CloseJob)
        cdef CloseTask *work
        job.pool = self
        job.thing = thing
        job.task = _make_task(sizeof(CloseTask))
        work = <CloseTask *>job.task
        if isinstance(thing, OpenStatement):
            work.statement = (<OpenStatement>thing).handle
            init_task(job.task, self.core, &work.statement.connection.strand, close_step)
            (<OpenStatement>thing).closed = True
        elif isinstance(thing, OpenConnection):
            work.connection = (<OpenConnection>thing).handle
            init_task(job.task, self.core, &work.connection.strand, close_step)
        elif isinstance(thing, OpenDatabase):
            work.database = (<OpenDatabase>thing).handle
            init_task(job.task, self.core, &work.database.strand, close_step)
        else:
            raise TypeError(f"a {type(thing).__name__} is nothing that can be closed")
        job.start()
        return job


cdef int _check_open(OpenConnection connection) except -1:
    if connection.handle.closing:
        raise ValueError("the connection is closed")
    return 0
