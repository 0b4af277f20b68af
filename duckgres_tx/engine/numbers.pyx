"""Decimal numbers of at most 38 digits.

Touches: nothing but what it is given. No GIL.
"""

from libc.stdint cimport int64_t, uint64_t

from duckgres_tx.engine.text_numbers cimport forty_digits, high128, low128, make128, uint128


cdef int count_digits(uint64_t high, uint64_t low) noexcept nogil:
    cdef char digits[40]
    cdef int skipped = 0
    forty_digits(digits, high, low)
    while skipped < 39 and digits[skipped] == c"0":
        skipped += 1
    return 40 - skipped


cdef Number number_from_integer(int64_t value) noexcept nogil:
    cdef Number number
    number.special = False
    number.negative = value < 0
    number.high = 0
    number.low = 0 - <uint64_t>value if value < 0 else <uint64_t>value
    number.scale = 0
    number.approximate = <double>value
    return number


cdef bint rescale(Number *number, int scale) noexcept nogil:
    cdef uint128 size = make128(number.high, number.low)
    cdef uint128 ten = make128(0, 10)
    cdef uint128 rest
    if number.special or scale < 0:
        return False
    while number.scale < scale:
        if size != make128(0, 0) and count_digits(high128(size), low128(size)) >= MOST_DIGITS:
            return False
        size = size * ten
        number.scale += 1
    while number.scale > scale:
        rest = size % ten
        if rest != make128(0, 0):
            return False
        size = size // ten
        number.scale -= 1
    number.high = high128(size)
    number.low = low128(size)
    return True


cdef bint append_digit(uint128 *size, int *count, int digit) noexcept nogil:
    """One more digit; False when there are 38 already."""
    cdef uint128 ten = make128(0, 10)
    cdef uint128 more = make128(0, digit)
    if count[0] > 0 or digit > 0:
        count[0] += 1
    if count[0] > MOST_DIGITS:
        return False
    size[0] = size[0] * ten
    size[0] = size[0] + more
    return True


cdef bint settle(Number *number) noexcept nogil:
    """Bring the scale into 0 to 38."""
    if number.high == 0 and number.low == 0:
        number.scale = 0 if number.scale < 0 else MOST_DIGITS if number.scale > MOST_DIGITS else number.scale
        return True
    if number.scale < 0:
        return number.scale > -MOST_DIGITS and rescale(number, 0)
    if number.scale > MOST_DIGITS:
        return number.scale < 2 * MOST_DIGITS and rescale(number, MOST_DIGITS)
    return True
