"""Statements that run, as the native threads see them."""

from libc.stdint cimport int64_t

from duckgres_tx.engine.buffers cimport Buffer
from duckgres_tx.engine.capi cimport idx_t
from duckgres_tx.engine.copy_rows cimport Framing
from duckgres_tx.engine.handles cimport StatementHandle
from duckgres_tx.engine.tasks cimport Core, Task, pthread_cond_t
from duckgres_tx.engine.plans cimport ColumnPlan, Render

cdef enum:
    RING_SLOTS = 4

cdef enum Stage:
    STAGE_START        # nothing of DuckDB's exists
    STAGE_STREAM       # the connection's open result is this run's
    STAGE_REPLAY       # the rest is in the spool file
    STAGE_ENDED        # no rows are left to encode


# A Render that several executions share, counted under the pool's mutex.
cdef struct SharedRender:
    Core *core
    int references
    Render *render

# A client's parameter; `data` points into the block that holds all of them.
cdef struct Parameter:
    const char *data           # NULL: SQL's NULL
    int64_t length
    int oid
    int format


cdef struct Run:
    Task task
    StatementHandle *statement     # counted
    SharedRender *render           # counted
    Parameter *parameters          # one block of memory; NULL once bound
    int n_parameters
    int *formats                   # of the result's columns
    int n_formats
    Framing *framing               # of COPY; NULL: DataRows
    # The step's own; others may look when it doesn't run.
    Stage stage
    ColumnPlan **plans
    int n_columns
    idx_t row_limit
    idx_t rows
    idx_t total_rows
    int64_t rows_changed           # -1: it told no number
    int result_kind
    bint suspended
    bint filling                   # the slot after the filled ones is being written
    bint past_first                # a buffer has been handed over
    int64_t published_ns
    int spool_fd                   # -1: none
    int64_t spool_at
    int64_t spool_size
    # Under the mutex.
    Buffer slots[RING_SLOTS]
    int first
    int filled
    pthread_cond_t room
