"""Integers, floating-point numbers and numeric as PostgreSQL reads them, text and binary. No GIL.

Each function returns 0, or -1 with the reading's complaint filled.
"""

from libc.stdint cimport int64_t, uint64_t

from duckgres_tx.engine.input_errors cimport Reading


cdef enum:
    MOST_DIGITS = 38


# A number in decimal: (-1)^negative * size / 10^scale, of at most 38 digits; or none at all.
cdef struct Number:
    bint special
    bint negative
    uint64_t high
    uint64_t low
    int scale
    # The same as a double; NaN and the infinities only here.
    double approximate


cdef int read_integer_text(Reading *reading, const char *text, int64_t length, int width, int64_t *value) noexcept nogil
cdef int read_integer_binary(Reading *reading, const char *data, int64_t length, int width, int64_t *value) noexcept nogil
cdef int read_oid_text(Reading *reading, const char *text, int64_t length, int64_t *value) noexcept nogil
cdef int read_float_text(Reading *reading, const char *text, int64_t length, int width, double *value) noexcept nogil
cdef int read_float_binary(Reading *reading, const char *data, int64_t length, int width, double *value) noexcept nogil
cdef int read_numeric_text(Reading *reading, const char *text, int64_t length, Number *number) noexcept nogil
cdef int read_numeric_binary(Reading *reading, const char *data, int64_t length, Number *number) noexcept nogil

# A Number made of a whole number.
cdef Number number_from_integer(int64_t value) noexcept nogil

# Bring it to a scale, exactly; False when digits would be lost or there would be more than 38.
cdef bint rescale(Number *number, int scale) noexcept nogil

# How many digits the size has; 1 for 0.
cdef int count_digits(uint64_t high, uint64_t low) noexcept nogil
