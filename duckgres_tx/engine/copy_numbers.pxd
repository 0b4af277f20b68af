"""Numbers into the vectors of COPY's data chunks. No GIL. Each returns 0, or -1 with the complaint filled."""

from libc.stdint cimport int64_t

from duckgres_tx.engine.capi cimport idx_t
from duckgres_tx.engine.copy_columns cimport CopyColumn
from duckgres_tx.engine.input_errors cimport Reading
from duckgres_tx.engine.numbers cimport Number


# Into any column of whole numbers; `text` is what messages show, NULL for what came in binary.
cdef int store_integer(
    CopyColumn *column, idx_t row, int64_t number, const char *text, int64_t length, Reading *reading
) noexcept nogil

# Into DECIMAL, UBIGINT, HUGEINT or UHUGEINT; rounded to the column's scale, as numeric's modifier does.
cdef int store_number(CopyColumn *column, idx_t row, Number *number, Reading *reading) noexcept nogil

# A plain decimal number of at most 18 digits into a DECIMAL of up to 64 bits. False: it is none, or does not fit as it is.
cdef bint read_decimal64(CopyColumn *column, idx_t row, const char *text, int64_t length) noexcept nogil

# A plain whole number, or one in binary, of up to 39 digits into UBIGINT, HUGEINT or UHUGEINT. False: it is none, or too large.
cdef bint read_whole_text(CopyColumn *column, idx_t row, const char *text, int64_t length) noexcept nogil
cdef bint read_whole_binary(CopyColumn *column, idx_t row, const char *data, int64_t length) noexcept nogil

# The same for a number in binary.
cdef bint read_decimal64_binary(CopyColumn *column, idx_t row, const char *data, int64_t length) noexcept nogil
