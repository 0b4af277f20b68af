"""The table function from which DuckDB takes the rows of a COPY. No GIL."""

from duckgres_tx.engine.capi cimport duckdb_connection
from duckgres_tx.engine.copy_state cimport CopyIn
from duckgres_tx.engine.handles cimport DatabaseHandle

# Register it with the database's instance, behind `connection`. 0, or -1.
cdef int register_copy_function(duckdb_connection connection, DatabaseHandle *database) noexcept nogil

# Insert what has been parsed and what comes next, until the stream ends, pauses or fails; False: the task has failed.
cdef bint insert_rows(CopyIn *copy, duckdb_connection connection) noexcept nogil
