"""Data chunks to DataRow messages: the seam that ``database`` uses.

All of it runs without the GIL, but for the three functions that say otherwise. Nothing here keeps state between
calls other than in the plans, which belong to one execution and may be used by one thread at a time.

Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-DATAROW
"""

from duckgres_tx.engine.buffers cimport Buffer, Writer
from duckgres_tx.engine.capi cimport duckdb_data_chunk, duckdb_logical_type, idx_t
from duckgres_tx.engine.plans cimport ColumnPlan, Render


# Results of the encoding functions. What has been appended to the buffer before a failure is whole messages only.
cdef enum:
    ENCODED = 0
    ENCODE_NO_MEMORY = -1
    # A list of lists that is no rectangle was asked for in binary.
    ENCODE_RAGGED = -2
    # A value beyond what its PostgreSQL type can say: a date in binary, or a BIGNUM of too many digits.
    ENCODE_OVERFLOW = -3
    # A type that this version of the program doesn't know.
    ENCODE_UNKNOWN_TYPE = -4


# A DuckDBError's message ("Out of Memory Error: ...", "Conversion Error: ...") for a result that is not ENCODED. Static.
cdef const char *encode_failure(int result) noexcept nogil

# The plan for one column; NULL when there is no memory. `format` is 0 for text, 1 for binary.
# The plan keeps `render`, which must outlive it, and nothing of `type`.
cdef ColumnPlan *plan_column(duckdb_logical_type type, int format, const Render *render) noexcept nogil
cdef void free_plan(ColumnPlan *plan) noexcept nogil

# Append one DataRow for each row of [first_row, last_row).
cdef int encode_data_rows(
    ColumnPlan **plans, int n_columns, duckdb_data_chunk chunk, idx_t first_row, idx_t last_row, Buffer *out
) noexcept nogil

# The same, but stop after the row with which the buffer reaches `soft_limit` bytes. `next_row` tells where to go on.
cdef int encode_data_rows_within(
    ColumnPlan **plans, int n_columns, duckdb_data_chunk chunk, idx_t first_row, idx_t last_row,
    size_t soft_limit, Buffer *out, idx_t *next_row
) noexcept nogil

# The same with another type byte in place of DataRow's: a row of a binary COPY is otherwise the same.
cdef int encode_rows_as(
    char type_byte, ColumnPlan **plans, int n_columns, duckdb_data_chunk chunk, idx_t first_row, idx_t last_row,
    size_t soft_limit, Buffer *out, idx_t *next_row
) noexcept nogil

# One value, which is not NULL, without its length; its end, or NULL with the writer's `result` set.
cdef char *write_value(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil

# GIL held. `options` is a RenderOptions; raises UnknownTimeZone. Free it after the plans made with it.
cdef Render *make_render(object options) except NULL
cdef void free_render(Render *render) noexcept nogil

# GIL held. The LogicalType of a C logical type, which stays the caller's.
cdef object describe_type(duckdb_logical_type type)
