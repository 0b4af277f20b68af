"""Integers, floating-point numbers and numeric as PostgreSQL reads them from binary. No GIL.

Each function returns 0, or -1 with the reading's complaint filled. `width` is the type's size in bytes.
"""

from libc.stdint cimport int64_t

from duckgres_tx.engine.input_errors cimport Reading
from duckgres_tx.engine.numbers cimport Number


cdef int read_integer_binary(Reading *reading, const char *data, int64_t length, int width, int64_t *value) noexcept nogil
cdef int read_float_binary(Reading *reading, const char *data, int64_t length, int width, double *value) noexcept nogil
cdef int read_numeric_binary(Reading *reading, const char *data, int64_t length, Number *number) noexcept nogil
