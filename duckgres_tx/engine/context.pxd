"""What SQL may know of the session that runs it: the seam of ``duckgres_context(name)``; what it may tell the session, by
``duckgres_note(name, value)``; and ``duckgres_clock()``. No GIL."""

from duckgres_tx.engine.capi cimport duckdb_connection, idx_t

# The values of all connections of one database. Shared by the binding and by DuckDB's function, so it is counted.
cdef struct ContextStore

# One reference for the caller; NULL without memory.
cdef ContextStore *make_context_store() noexcept nogil
cdef void release_context_store(ContextStore *store) noexcept nogil

# Register the functions with the instance behind `connection`. The instance keeps a reference until it is closed.
# 0, or -1 when DuckDB refuses or there is no memory.
cdef int register_context_functions(duckdb_connection connection, ContextStore *store) noexcept nogil

# Set, or with value NULL remove, what the connection gets for a name. Any thread. 0, or -1 without memory.
cdef int set_context_value(
    ContextStore *store, idx_t connection_id, const char *name, size_t name_length, const char *value, size_t value_length
) noexcept nogil
# Remove a value, and give a copy of it that is the caller's to free; NULL where there is none. 0, or -1 without memory.
cdef int take_context_value(
    ContextStore *store, idx_t connection_id, const char *name, size_t name_length, char **value, size_t *value_length
) noexcept nogil
# Drop all values of a connection that ends.
cdef void forget_connection(ContextStore *store, idx_t connection_id) noexcept nogil

# The id that the function will see for a connection.
cdef idx_t connection_id_of(duckdb_connection connection) noexcept nogil
