"""Preparing and executing, as far as it needs no ring: steps' parts, in the strand of their connection. No GIL."""

from duckgres_tx.engine.buffers cimport Buffer
from duckgres_tx.engine.capi cimport duckdb_connection, duckdb_prepared_statement, duckdb_result
from duckgres_tx.engine.handles cimport DatabaseHandle, StatementHandle
from duckgres_tx.engine.plans cimport ColumnPlan, Render
from duckgres_tx.engine.tasks cimport Task

# Each returns whether it went well; if not, the task says why.

# Prepare into `statement`, which gets DuckDB's handle and what DuckDB tells about it.
cdef bint prepare_statement(Task *task, StatementHandle *statement, const char *sql) noexcept nogil

# Execute a prepared statement as far as its first rows. The result is the caller's to destroy.
cdef bint execute_prepared(
    Task *task, duckdb_connection connection, duckdb_prepared_statement statement, bint streaming, duckdb_result *result
) noexcept nogil

# Of a result that is being fetched: the task fails with its error, if there is one.
cdef void take_error(Task *task, duckdb_result *result) noexcept nogil

# Run any number of statements. The rows of the last one are appended to `rows` as DataRow messages in text form,
# unless `rows` is NULL.
cdef bint run_script(
    Task *task, duckdb_connection connection, const char *sql, const Render *render, Buffer *rows
) noexcept nogil

# After a failure: remember when it was one that the database does not survive.
cdef void note_failure(DatabaseHandle *database, Task *task) noexcept nogil

# One plan for each of the result's columns; `formats`: none = all text, one = for all, or one for each.
# `element_oids`: NULL, or for each column the OID that an array's elements are said to have, 0 for that of their type.
# NULL without memory.
cdef ColumnPlan **plan_columns(
    duckdb_result *result, int count, const int *formats, int n_formats, const int *element_oids, const Render *render
) noexcept nogil
cdef void free_plans(ColumnPlan **plans, int count) noexcept nogil
