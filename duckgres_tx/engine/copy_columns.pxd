"""COPY's values into the vectors of data chunks: text and binary. No GIL."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from duckgres_tx.engine.capi cimport duckdb_logical_type, duckdb_type, duckdb_vector, idx_t
from duckgres_tx.engine.copy_arena cimport Arena
from duckgres_tx.engine.input_errors cimport Reading
from duckgres_tx.engine.plans cimport Render


# A label of an ENUM, sorted by its bytes.
cdef struct Label:
    char *text
    int64_t length
    uint32_t index


# Where a column's values go, and how they are read.
cdef struct CopyColumn:
    # The type that the chunks have: the column's own, or VARCHAR for what DuckDB has to make of text.
    duckdb_logical_type carrier
    duckdb_type id
    # DECIMAL: what its values are kept in.
    duckdb_type kept
    int width
    int scale
    # PostgreSQL's type, and its name in messages.
    int oid
    const char *type_name
    # ENUM.
    Label *labels
    uint32_t n_labels
    duckdb_type label_type
    # LIST: its elements. An ARRAY is carried as a LIST.
    CopyColumn *element
    idx_t elements
    idx_t capacity
    const Render *render
    # Of the chunk in hand.
    duckdb_vector vector
    char *data
    uint64_t *validity


# A column for values of a type; False without memory. `free_column` takes what is half made too.
cdef bint make_column(CopyColumn *column, duckdb_logical_type type, const Render *render) noexcept nogil
cdef void free_column(CopyColumn *column) noexcept nogil

# Values go into this vector now, whose chunk has been reset.
cdef void bind_column(CopyColumn *column, duckdb_vector vector) noexcept nogil

# How long a binary value of PostgreSQL's type is; 0 when that depends.
cdef int fixed_size(duckdb_type id, int oid) noexcept nogil

cdef void set_null(CopyColumn *column, idx_t row) noexcept nogil

# One value that is not NULL. 0, or -1 with the complaint filled. Text of more than 12 bytes is copied into the arena.
cdef int read_text_value(
    CopyColumn *column, idx_t row, const char *text, int64_t length, Arena *arena, Reading *reading
) noexcept nogil
cdef int read_binary_value(
    CopyColumn *column, idx_t row, const char *data, int64_t length, Arena *arena, Reading *reading
) noexcept nogil
