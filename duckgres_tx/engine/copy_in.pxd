"""COPY … FROM STDIN as the native threads see it. No GIL but in the class."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from duckgres_tx.engine.buffers cimport Buffer
from duckgres_tx.engine.capi cimport duckdb_appender, duckdb_data_chunk, idx_t
from duckgres_tx.engine.copy_arena cimport Arena
from duckgres_tx.engine.copy_parser cimport Parser
from duckgres_tx.engine.execution cimport RenderBox
from duckgres_tx.engine.handles cimport StatementHandle
from duckgres_tx.engine.native_threads cimport Job, Pool
from duckgres_tx.engine.runs cimport SharedRender
from duckgres_tx.engine.tasks cimport Task, pthread_cond_t, pthread_mutex_t

cdef enum:
    BATCHES = 8


# Rows on their way from the parser to DuckDB.
cdef struct Batch:
    duckdb_data_chunk chunk
    Arena arena
    idx_t rows
    size_t bytes               # of the stream


# The task appends, in the connection's strand. A helper, which has no strand, parses meanwhile if a thread is free for it;
# it is only active while the task runs.
cdef struct CopyIn:
    Task task
    Task helper
    StatementHandle *statement     # counted; its columns are those of the stream
    SharedRender *render
    const char *insert             # kept by the job, as all that the parser is told
    const char **names
    # Whoever parses.
    Parser parser
    Buffer taken
    uint64_t parsed_bytes
    bint gave_up                   # the client did, and what it had sent before has been taken
    # The task's own.
    duckdb_appender appender
    bint appender_made
    idx_t unflushed
    size_t unflushed_bytes
    # Under the mutex.
    Batch batches[BATCHES]
    int first
    int filled
    bint helper_active
    bint helper_stop
    bint parsed_all                # or failed
    bint has_input
    bint abandoned
    uint64_t rows
    pthread_cond_t changed         # the task waits
    pthread_cond_t more            # the helper waits
    # Under its own mutex.
    pthread_mutex_t input_mutex
    Buffer incoming
    bint full                      # the writer waits for room
    bint input_ended


cdef class CopyInJob(Job):
    cdef tuple kept
    cdef bytes reason

cdef CopyInJob start_copy_in(Pool pool, StatementHandle *statement, RenderBox render, object source)
