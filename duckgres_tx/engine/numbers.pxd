"""Decimal numbers of at most 38 digits, which is what DuckDB's DECIMAL holds. No GIL."""

from libc.stdint cimport int64_t, uint64_t

from duckgres_tx.engine.text_numbers cimport uint128


cdef enum:
    MOST_DIGITS = 38


# (-1)^negative * size / 10^scale; or none at all.
cdef struct Number:
    bint special
    bint negative
    uint64_t high
    uint64_t low
    int scale
    # The same as a double; NaN and the infinities only here.
    double approximate


# A Number made of a whole number.
cdef Number number_from_integer(int64_t value) noexcept nogil

# Bring it to a scale, exactly; False when digits would be lost or there would be more than 38.
cdef bint rescale(Number *number, int scale) noexcept nogil

# Bring a scale of any size into 0 to 38; False when that would take more than 38 digits.
cdef bint settle(Number *number) noexcept nogil

# One more digit behind `size`, of which `count` are significant; False when that would be the 39th.
cdef bint append_digit(uint128 *size, int *count, int digit) noexcept nogil

# How many digits the size has; 1 for 0.
cdef int count_digits(uint64_t high, uint64_t low) noexcept nogil
