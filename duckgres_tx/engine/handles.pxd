"""DuckDB's handles and how long they live, whatever order Python drops its objects in.

A handle's struct is freed when nobody refers to it any more (``references``, under the pool's mutex). What it stands for
in DuckDB is ended on a native thread only, in the strand of its connection, so never while that connection works.
Execution and statement refer to the connection, that to the database: results end before statements, those before
connections, those before the database.
"""

from duckgres_tx.engine.advisory_locks cimport LockTable
from duckgres_tx.engine.ahead cimport Ahead
from duckgres_tx.engine.capi cimport (
    duckdb_connection,
    duckdb_data_chunk,
    duckdb_database,
    duckdb_logical_type,
    duckdb_prepared_statement,
    duckdb_result,
    idx_t,
)
from duckgres_tx.engine.context cimport ContextStore
from duckgres_tx.engine.tasks cimport Core, Crew, Outcome, Strand, Task


cdef struct DatabaseHandle:
    Task retire
    Strand strand
    Core *core
    int references
    duckdb_database handle          # strand
    Crew crew
    int threads                     # the setting that it was opened with; 0: DuckDB has threads of its own
    ContextStore *store
    LockTable *locks
    bint invalidated                # a fatal error has happened; set once, read at any time
    # Under the mutex.
    int open_connections            # made or being made
    bint closing
    Task *closers                   # close jobs that wait for open_connections to become 0
    ConnectionHandle *connections


# The one result that a connection may have open. Strand only.
cdef struct Stream:
    bint open
    duckdb_result result
    duckdb_data_chunk chunk
    idx_t row                       # the next one of the chunk
    idx_t rows                      # in the chunk
    idx_t chunks                    # fetched so far
    Ahead ahead
    void *owner                     # whose result it is


cdef struct ConnectionHandle:
    Task retire
    Task closer                     # closes it when nobody waits for that
    Strand strand                   # strand.connection is the handle, NULL when not connected
    Core *core
    DatabaseHandle *database
    int references
    bint closing                    # mutex
    bint counted                    # in the database's open_connections; mutex
    idx_t id
    ConnectionHandle *next          # of the database; mutex
    ConnectionHandle *previous
    StatementHandle *statements     # strand
    Stream stream


cdef struct StatementHandle:
    Task retire
    ConnectionHandle *connection
    int references
    duckdb_prepared_statement handle    # strand; NULL once closed
    StatementHandle *next           # of the connection; strand
    StatementHandle *previous
    # What DuckDB told when it was prepared.
    int statement_type
    idx_t n_parameters              # the highest number, gaps counted
    idx_t first_gap                 # the first number below it that the statement doesn't use; 0: none
    duckdb_logical_type *parameter_types    # NULL: a gap, or not resolved
    idx_t n_columns
    duckdb_logical_type *column_types
    char **column_names             # DuckDB's memory
    # What its client is told of enums, set before it is first executed; NULL: nothing.
    int *element_oids               # of each column: the OID of an array's elements; 0: what their type says
    char **enum_names               # of each parameter, for messages; NULL: it is none
    bint columnless                 # its rows are sent without a column: a SELECT without a list


# NULL without memory. One reference for the caller; the parent is counted one more.
cdef DatabaseHandle *make_database(Core *core) noexcept nogil
cdef ConnectionHandle *make_connection(DatabaseHandle *database) noexcept nogil
cdef StatementHandle *make_statement(ConnectionHandle *connection) noexcept nogil

# Without the mutex. The last release hands the rest to a native thread.
cdef void release_database(DatabaseHandle *database) noexcept nogil
cdef void release_connection(ConnectionHandle *connection) noexcept nogil
cdef void release_statement(StatementHandle *statement) noexcept nogil

# Steps' parts, in the strand of what they end; again is harmless.
cdef void close_statement(StatementHandle *statement) noexcept nogil
cdef void close_connection(Task *task, ConnectionHandle *connection) noexcept nogil
cdef void close_database(DatabaseHandle *database) noexcept nogil
# End the open result, so that its query is over for DuckDB too.
cdef void end_stream(ConnectionHandle *connection) noexcept nogil

# With the mutex held: nothing more may begin, what runs is interrupted.
cdef void stop_connection_locked(ConnectionHandle *connection) noexcept nogil
# The same, and it closes. Again is harmless.
cdef void dismiss_connection_locked(ConnectionHandle *connection) noexcept nogil
# The same for a database and all its connections, which then close; `closer` is submitted when they have.
# False: no thread can be had for that; nothing has happened.
cdef bint stop_database_locked(DatabaseHandle *database, Task *closer) noexcept nogil
# Count one connection more; False: the database is closing.
cdef bint count_connection_locked(ConnectionHandle *connection) noexcept nogil
# It is not open (any more): without the mutex.
cdef void uncount_connection(ConnectionHandle *connection) noexcept nogil
