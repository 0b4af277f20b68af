"""Arrays into the list vectors of COPY's data chunks. No GIL. Each returns 0, or -1 with the complaint filled."""

from libc.stdint cimport int64_t

from duckgres_tx.engine.capi cimport idx_t
from duckgres_tx.engine.copy_arena cimport Arena
from duckgres_tx.engine.copy_columns cimport CopyColumn
from duckgres_tx.engine.input_errors cimport Reading


cdef int read_array_text(
    CopyColumn *column, idx_t row, const char *text, int64_t length, Arena *arena, Reading *reading
) noexcept nogil
cdef int read_array_binary(
    CopyColumn *column, idx_t row, const char *data, int64_t length, Arena *arena, Reading *reading
) noexcept nogil
