"""numeric's binary form. No GIL, no allocation: the caller has made room.

Wire: Int16(groups) Int16(weight) Int16(sign: 0, 0x4000 negative, 0xC000 NaN) Int16(digits after the point)
      groups x Int16(base 10000, most significant first, without zero groups at either end)
Spec: numeric_send in PostgreSQL's numeric.c
"""

from libc.stdint cimport int64_t, uint16_t, uint64_t
from libc.string cimport memcpy, memset

from duckgres_tx.engine.buffers cimport put16, put64
from duckgres_tx.engine.text_numbers cimport ctz64, forty_digits


cdef extern from *:
    """
    #define duckgres_clz64(x) __builtin_clzll(x)
    """
    int clz64 "duckgres_clz64"(uint64_t) noexcept nogil


cdef enum:
    NUMERIC_NEGATIVE = 0x4000


cdef inline char *write_groups(
    char *out, const uint16_t *groups, int size, int fractional, bint negative, int scale
) noexcept nogil:
    """`size` groups, the least significant first, `fractional` of them after the point; the last one isn't zero."""
    cdef int first = 0
    cdef int index
    while first < size and groups[first] == 0:
        first += 1
    if first == size:
        memset(out, 0, 6)
        put16(out + 6, scale)
        return out + 8
    put16(out, size - first)
    put16(out + 2, size - fractional - 1)
    put16(out + 4, NUMERIC_NEGATIVE if negative else 0)
    put16(out + 6, scale)
    out += 8
    for index in range(size - 1, first - 1, -1):
        put16(out, groups[index])
        out += 2
    return out


cdef inline char *write_numeric_size(char *out, uint64_t size, bint negative, int scale) noexcept nogil:
    """`size` / 10^`scale`, for a size below 10^16."""
    cdef uint16_t groups[8]
    cdef uint64_t rest
    cdef int count = 0
    # The last group is filled up with zeros.
    if scale & 3 == 1:
        size *= 1000
    elif scale & 3 == 2:
        size *= 100
    elif scale & 3 == 3:
        size *= 10
    while size != 0:
        rest = size // 10000
        groups[count] = <uint16_t>(size - rest * 10000)
        size = rest
        count += 1
    return write_groups(out, groups, count, (scale + 3) >> 2, negative, scale)


cdef inline char *write_four_groups(char *out, uint64_t size, bint negative, int scale, int padding) noexcept nogil:
    """A size below 10^13, by its four groups in one word; `padding` zeros fill its last group up."""
    cdef uint64_t high, low, groups, header
    cdef int before, behind
    if padding & 1:
        size *= 10
    if padding & 2:
        size *= 100
    high = size // 100000000
    low = size - high * 100000000
    groups = high // 10000
    high -= groups * 10000
    groups = groups << 48 | high << 32
    high = low // 10000
    groups |= high << 16 | (low - high * 10000)
    if groups == 0:
        memset(out, 0, 6)
        put16(out + 6, scale)
        return out + 8
    before = clz64(groups) >> 4
    behind = ctz64(groups) >> 4
    header = <uint64_t>(4 - before - behind) << 48 | <uint64_t>(<uint16_t>(3 - before - ((scale + 3) >> 2))) << 32
    put64(out, header | (<uint64_t>NUMERIC_NEGATIVE << 16 if negative else 0) | <uint64_t>scale)
    put64(out + 8, groups << (before * 16))
    return out + 16 - 2 * (before + behind)


cdef inline char *write_numeric64(char *out, int64_t value, int scale) noexcept nogil:
    cdef uint64_t size = <uint64_t>value
    if value < 0:
        size = 0 - size
    if size < 10000000000000ULL:
        return write_four_groups(out, size, value < 0, scale, (4 - (scale & 3)) & 3)
    if size < 10000000000000000ULL:
        return write_numeric_size(out, size, value < 0, scale)
    return write_numeric_digits(out, 0, size, value < 0, scale)


cdef inline char *write_numeric128(char *out, int64_t high, uint64_t low, int scale) noexcept nogil:
    cdef bint negative = high < 0
    cdef uint64_t upper = <uint64_t>high
    if negative:
        low = 0 - low
        upper = ~upper + (low == 0)
    if upper == 0 and low < 10000000000000000ULL:
        return write_numeric_size(out, low, negative, scale)
    return write_numeric_digits(out, upper, low, negative, scale)


cdef inline char *write_numeric_digits(char *out, uint64_t high, uint64_t low, bint negative, int scale) noexcept nogil:
    """Any size, by its 40 digits."""
    cdef char digits[48]
    cdef uint16_t groups[12]
    cdef int padding = (4 - (scale & 3)) & 3
    cdef int count = 11
    cdef int index
    cdef const char *group
    # Zeros around the 40 digits bring the point to a multiple of 4: `padding` after, 4 - padding before.
    memset(digits, c"0", 48)
    forty_digits(digits + 4 - padding, high, low)
    for index in range(11):
        group = digits + 40 - 4 * index
        groups[index] = (
            (group[0] - c"0") * 1000 + (group[1] - c"0") * 100 + (group[2] - c"0") * 10 + (group[3] - c"0")
        )
    while count > 0 and groups[count - 1] == 0:
        count -= 1
    return write_groups(out, groups, count, (scale + 3) >> 2, negative, scale)
