"""Fetching a long result's chunks ahead of their encoding: see ``ahead.pyx``."""

from duckgres_tx.engine.capi cimport duckdb_data_chunk, duckdb_result
from duckgres_tx.engine.tasks cimport Core, Task, pthread_cond_t

cdef enum:
    CHUNKS_AHEAD = 4


# What a second thread has fetched, under the mutex. One end is the step of the run, the other the task in here.
cdef struct Ahead:
    Task task
    duckdb_result result
    bint asked                 # the strand's own: has it been used for this result?
    bint active                # the task is queued or runs; only it may fetch
    bint stop                  # it should end
    bint over                  # there is nothing more to fetch
    duckdb_data_chunk chunks[CHUNKS_AHEAD]
    int first
    int count
    pthread_cond_t changed

cdef bint init_ahead(Ahead *ahead, Core *core) noexcept nogil
cdef void destroy_ahead(Ahead *ahead) noexcept nogil

# Without the mutex, in the strand of the result's connection.
# Nothing happens when there is no thread to be had at once.
cdef void fetch_ahead(Ahead *ahead, duckdb_result *result) noexcept nogil
# The next chunk, waited for; False: there is none here, so fetch it yourself.
cdef bint take_ahead(Ahead *ahead, duckdb_data_chunk *chunk) noexcept nogil
# No more fetching from here on; waits for what is being fetched.
cdef void stop_ahead(Ahead *ahead) noexcept nogil
# And forget what has been fetched.
cdef void clear_ahead(Ahead *ahead) noexcept nogil
