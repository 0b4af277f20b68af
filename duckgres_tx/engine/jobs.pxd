"""What the jobs of ``NativeThreads`` do, as the native threads see them. No GIL.

Each struct belongs to a job object, which keeps alive what its pointers lead to.
"""

from duckgres_tx.engine.buffers cimport Buffer
from duckgres_tx.engine.handles cimport ConnectionHandle, DatabaseHandle, StatementHandle
from duckgres_tx.engine.plans cimport Render
from duckgres_tx.engine.tasks cimport Outcome, Task


cdef struct OpenTask:
    Task task
    DatabaseHandle *database
    const char *path
    int n_options
    const char **options       # name, value, name, value …
    const char *script

cdef struct ConnectTask:
    Task task
    ConnectionHandle *connection
    const char *script

cdef struct PrepareTask:
    Task task
    StatementHandle *statement
    const char *sql

cdef struct ScriptTask:
    Task task
    ConnectionHandle *connection
    const char *sql
    const Render *render
    Buffer rows

cdef struct CloseTask:
    Task task
    DatabaseHandle *database
    ConnectionHandle *connection
    StatementHandle *statement

cdef Outcome open_step(Task *task) noexcept nogil
cdef Outcome connect_step(Task *task) noexcept nogil
cdef Outcome prepare_step(Task *task) noexcept nogil
cdef Outcome script_step(Task *task) noexcept nogil
# Closes the one thing of the three that is there.
cdef Outcome close_step(Task *task) noexcept nogil
