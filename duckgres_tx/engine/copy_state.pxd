"""A COPY … FROM STDIN as the native threads see it. No GIL."""

from libc.stdint cimport int64_t, uint64_t

from duckgres_tx.engine.buffers cimport Buffer
from duckgres_tx.engine.capi cimport duckdb_data_chunk, idx_t
from duckgres_tx.engine.copy_arena cimport Arena
from duckgres_tx.engine.copy_parser cimport Parser
from duckgres_tx.engine.handles cimport StatementHandle
from duckgres_tx.engine.runs cimport SharedRender
from duckgres_tx.engine.tasks cimport Task, pthread_cond_t, pthread_mutex_t

cdef enum:
    BATCHES = 32
    # What DuckDB compresses at once: a slice of the stream ends with such a group of rows.
    GROUP_ROWS = 122880


# Rows on their way from the parser to DuckDB.
cdef struct Batch:
    duckdb_data_chunk chunk
    Arena arena
    idx_t rows
    size_t bytes               # of the stream
    bint ends_group            # with it the stream has a multiple of GROUP_ROWS


# The task inserts, in the connection's strand. A helper, which has no strand, parses meanwhile if a thread is free for it;
# it is only active while the task runs.
cdef struct CopyIn:
    Task task
    Task helper
    StatementHandle *statement     # counted; its columns are those of the stream
    SharedRender *render
    const char *insert             # kept by the job, as all that the parser is told
    const char *select
    const char *condition
    const char *merge
    const char *merge_end
    const char **names
    # Whoever parses.
    Parser parser
    Buffer taken
    uint64_t parsed_bytes
    idx_t parsed_rows
    int filling                    # the batch in hand: the one behind the filled ones
    bint gave_up                   # the client did, and what it had sent before has been taken
    # Under the mutex.
    Batch batches[BATCHES]
    int first
    int filled
    size_t filled_bytes            # of the stream
    bint helper_active
    bint helper_stop
    bint parsed_all                # or failed
    bint has_input
    bint abandoned
    uint64_t rows                  # given to DuckDB
    Taker *taking                  # whose slice it is that gets the rows; NULL: nobody's
    int takers
    int64_t slices                 # begun by the statement that runs
    int64_t merged                 # of these, how many are in the table
    bint inserts_only              # the table can't be merged into; the statement's own
    bint pausing                   # the statement gets no more rows
    CopyIn *next_offer             # `copy_feed`'s
    pthread_cond_t changed         # the task waits, and takers do
    pthread_cond_t more            # the helper waits
    # Under its own mutex.
    pthread_mutex_t input_mutex
    Buffer incoming
    bint full                      # the writer waits for room
    bint input_ended


# A branch of the statement, while a thread of DuckDB's executes it.
cdef struct Taker:
    CopyIn *copy
    Batch *batch                   # in DuckDB's hands
    int64_t slice                  # its number; -1: it had no turn yet
    size_t bytes
    bint over
