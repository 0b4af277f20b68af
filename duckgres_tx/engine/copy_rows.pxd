"""Data chunks to CopyData messages: COPY … TO STDOUT in text, CSV and binary. No GIL.

Spec: sql-copy.html#SQL-COPY-FILE-FORMATS
"""

from libc.stdint cimport uint8_t

from duckgres_tx.engine.buffers cimport Buffer
from duckgres_tx.engine.capi cimport duckdb_data_chunk, idx_t
from duckgres_tx.engine.plans cimport ColumnPlan


cdef enum:
    FRAMING_TEXT = 0
    FRAMING_CSV = 1
    FRAMING_BINARY = 2


# How rows are written. One block of memory with what it points to; freed by whoever made it.
cdef struct Framing:
    int format
    char delimiter
    char quote
    char escape
    # Numbers and times may hold the delimiter or the quote: they have to be searched as text is.
    bint search_all
    const char *null
    size_t null_length
    # By column: quoted even if there is no need to.
    const uint8_t *forced
    # Binary: the header stands before the first row, in its message.
    bint head_due


# GIL held. Of a CopyFraming (`copy_framing`), for so many columns.
cdef Framing *make_framing(object options, int n_columns) except NULL

# As encode_data_rows_within: one CopyData for each row.
cdef int encode_copy_rows_within(
    Framing *framing, ColumnPlan **plans, int n_columns, duckdb_data_chunk chunk, idx_t first_row, idx_t last_row,
    size_t soft_limit, Buffer *out, idx_t *next_row
) noexcept nogil
