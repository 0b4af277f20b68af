"""Dates and times into the vectors of COPY's data chunks. No GIL. Each returns 0, or -1 with the complaint filled."""

from libc.stdint cimport int64_t

from duckgres_tx.engine.capi cimport idx_t
from duckgres_tx.engine.copy_columns cimport CopyColumn
from duckgres_tx.engine.input_errors cimport Reading


# DATE, and TIMESTAMP of any kind.
cdef int read_instant(
    CopyColumn *column, idx_t row, const char *data, int64_t length, bint binary, Reading *reading
) noexcept nogil

# TIME, TIME_NS, TIME WITH TIME ZONE.
cdef int read_clock(
    CopyColumn *column, idx_t row, const char *data, int64_t length, bint binary, Reading *reading
) noexcept nogil
