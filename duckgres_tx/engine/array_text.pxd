"""The function that shows a list as PostgreSQL shows an array. No GIL."""

from duckgres_tx.engine.capi cimport duckdb_connection

# Register `duckgres_array_text` with the instance behind `connection`. 0, or -1 when DuckDB refuses.
cdef int register_array_text(duckdb_connection connection) noexcept nogil
