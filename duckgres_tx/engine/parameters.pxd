"""PostgreSQL's parameter values to DuckDB's: the seam that ``database`` uses. No GIL.

Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-BIND
"""

from libc.stdint cimport int64_t

from duckgres_tx.engine.capi cimport duckdb_logical_type, duckdb_prepared_statement, idx_t


# Bind one parameter. 0, or -1 with `error` (PostgreSQL's wording, UTF-8, at most `error_size` bytes with the final NUL)
# and `sqlstate` (5 characters and a NUL: 22P02, 22P03, 22003, 22007, 22008, 22021, 53200 ...) filled.
#
# index: from 1, as DuckDB counts.   type: the parameter's resolved type; NULL or INVALID when there is none.
# oid: what the client declared in Parse, 0 when nothing.   format: 0 text, 1 binary.
# data: NULL is SQL's NULL; otherwise `length` bytes, which need no final NUL.
# enum_name: what a message calls the enum that the value, or an element of it, is of; NULL when nobody knows.
cdef int bind_parameter(
    duckdb_prepared_statement statement, idx_t index, duckdb_logical_type type, int oid, int format,
    const char *data, int64_t length, const char *enum_name, char *error, size_t error_size, char *sqlstate
) noexcept nogil

# Only read it: whether bind_parameter will. Any thread.
cdef int check_parameter(
    idx_t index, duckdb_logical_type type, int oid, int format, const char *data, int64_t length,
    const char *enum_name, char *error, size_t error_size, char *sqlstate
) noexcept nogil
