"""Integers and decimals as text. No GIL, no allocation: the caller has made room.

Digits are made eight at a time inside one 64-bit word, without a branch on how many there are, and stored whole: a
writer may scribble up to 8 bytes past what it returns.

Spec: datatype-numeric.html
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from duckgres_tx.engine.buffers cimport likely


cdef extern from *:
    """
    typedef unsigned __int128 duckgres_u128;
    #define duckgres_ctz64(x) __builtin_ctzll(x)
    #define duckgres_u128_make(high, low) (((duckgres_u128)(high) << 64) | (low))
    #define duckgres_u128_low(x) ((uint64_t)(x))
    #define duckgres_u128_high(x) ((uint64_t)((x) >> 64))
    """
    # Cython takes it for 64 bits: never mix it with other types in one expression.
    ctypedef unsigned long long uint128 "duckgres_u128"
    int ctz64 "duckgres_ctz64"(uint64_t) noexcept nogil
    uint128 make128 "duckgres_u128_make"(uint64_t high, uint64_t low) noexcept nogil
    uint64_t low128 "duckgres_u128_low"(uint128) noexcept nogil
    uint64_t high128 "duckgres_u128_high"(uint128) noexcept nogil


cdef inline uint64_t eight_digits(uint32_t value) noexcept nogil:
    """The 8 decimal digits of `value` < 10^8, one a byte, the first in the lowest byte."""
    cdef uint64_t fours, twos
    # Two lanes of 32 bits: value // 10000 and value % 10000; then four of 16; then eight of 8.
    # The multiplications by a scaled reciprocal are exact for the range of each lane.
    cdef uint64_t high = <uint64_t>value // 10000
    fours = high | ((value - high * 10000) << 32)
    high = ((fours * 10486) >> 20) & 0x0000007f0000007fULL
    twos = high | ((fours - high * 100) << 16)
    high = ((twos * 103) >> 10) & 0x000f000f000f000fULL
    return high | ((twos - high * 10) << 8)


cdef inline char *write_up_to_eight(char *out, uint32_t value) noexcept nogil:
    """`value` < 10^8 without leading zeros. Scribbles 8 bytes."""
    cdef uint64_t digits = eight_digits(value)
    cdef int skipped = ctz64(digits | (1ULL << 56)) >> 3
    cdef uint64_t text = (digits | 0x3030303030303030ULL) >> (skipped * 8)
    memcpy(out, &text, 8)
    return out + 8 - skipped


cdef inline char *write_eight(char *out, uint32_t value) noexcept nogil:
    """`value` < 10^8 as exactly 8 digits."""
    cdef uint64_t text = eight_digits(value) | 0x3030303030303030ULL
    memcpy(out, &text, 8)
    return out + 8


cdef inline char *write_uint64(char *out, uint64_t value) noexcept nogil:
    cdef uint64_t high
    if likely(value < 100000000ULL):
        return write_up_to_eight(out, <uint32_t>value)
    if value < 10000000000000000ULL:
        high = value // 100000000ULL
        out = write_up_to_eight(out, <uint32_t>high)
        return write_eight(out, <uint32_t>(value - high * 100000000ULL))
    high = value // 10000000000000000ULL
    out = write_up_to_eight(out, <uint32_t>high)
    value -= high * 10000000000000000ULL
    high = value // 100000000ULL
    out = write_eight(out, <uint32_t>high)
    return write_eight(out, <uint32_t>(value - high * 100000000ULL))


cdef inline char *write_int64(char *out, int64_t value) noexcept nogil:
    cdef uint64_t negative = <uint64_t>value >> 63
    out[0] = c"-"
    return write_uint64(out + negative, (<uint64_t>value ^ (0 - negative)) + negative)


cdef inline void sixteen_digits(char *out, uint64_t value) noexcept nogil:
    cdef uint64_t high = value // 100000000ULL
    write_eight(out, <uint32_t>high)
    write_eight(out + 8, <uint32_t>(value - high * 100000000ULL))


cdef inline void forty_digits(char *out, uint64_t high, uint64_t low) noexcept nogil:
    """The 128-bit number with leading zeros: 40 digits hold it."""
    cdef uint128 value = make128(high, low)
    cdef uint128 base = make128(0, 10000000000000000ULL)
    cdef uint128 quotient, product
    if high == 0 and low < 10000000000000000ULL:
        memcpy(out, b"000000000000000000000000", 24)
        sixteen_digits(out + 24, low)
        return
    quotient = value // base
    product = quotient * base
    product = value - product
    sixteen_digits(out + 24, low128(product))
    value = quotient
    quotient = value // base
    product = quotient * base
    product = value - product
    sixteen_digits(out + 8, low128(product))
    write_eight(out, <uint32_t>low128(quotient))


cdef inline char *write_uint128(char *out, uint64_t high, uint64_t low) noexcept nogil:
    cdef char digits[40]
    cdef int skipped = 0
    if high == 0:
        return write_uint64(out, low)
    forty_digits(digits, high, low)
    while digits[skipped] == c"0":
        skipped += 1
    memcpy(out, digits + skipped, 40 - skipped)
    return out + 40 - skipped


cdef inline char *write_int128(char *out, int64_t high, uint64_t low) noexcept nogil:
    cdef uint64_t upper = <uint64_t>high
    if high < 0:
        out[0] = c"-"
        out += 1
        low = 0 - low
        upper = ~upper + (low == 0)
    return write_uint128(out, upper, low)


cdef inline char *write_point(char *out, const char *digits, int size, int scale) noexcept nogil:
    """`size` digits with zeros in front, the last `scale` of them after a point; at least one before it."""
    cdef int skipped = 0
    cdef int whole = size - scale
    while skipped < whole - 1 and digits[skipped] == c"0":
        skipped += 1
    memcpy(out, digits + skipped, whole - skipped)
    out += whole - skipped
    if scale == 0:
        return out
    out[0] = c"."
    memcpy(out + 1, digits + whole, scale)
    return out + 1 + scale


cdef inline char *write_decimal64(char *out, int64_t value, int scale) noexcept nogil:
    """`value` / 10^`scale`, for a scale of at least 1."""
    cdef uint64_t negative = <uint64_t>value >> 63
    cdef uint64_t size = (<uint64_t>value ^ (0 - negative)) + negative
    cdef uint64_t digits, text, high
    cdef int skipped, whole
    cdef char padded[24]
    out[0] = c"-"
    out += negative
    if likely(size < 100000000ULL and scale < 8):
        digits = eight_digits(<uint32_t>size)
        # The marker keeps one digit before the point.
        skipped = ctz64(digits | (1ULL << (56 - scale * 8))) >> 3
        text = digits | 0x3030303030303030ULL
        whole = 8 - scale - skipped
        digits = text >> (skipped * 8)
        memcpy(out, &digits, 8)
        out[whole] = c"."
        text >>= 64 - scale * 8
        memcpy(out + whole + 1, &text, 8)
        return out + whole + 1 + scale
    high = size // 10000000000000000ULL
    write_eight(padded, <uint32_t>high)
    sixteen_digits(padded + 8, size - high * 10000000000000000ULL)
    return write_point(out, padded, 24, scale)


cdef inline int count_zeros(int64_t high, uint64_t low, int most) noexcept nogil:
    """How many zeros end a number's decimal digits, at most `most` (below 40)."""
    cdef char digits[40]
    cdef uint64_t upper = <uint64_t>high
    cdef int zeros = 0
    if high < 0:
        low = 0 - low
        upper = ~upper + (low == 0)
    forty_digits(digits, upper, low)
    while zeros < most and digits[39 - zeros] == c"0":
        zeros += 1
    return zeros


cdef inline char *trim_fraction(char *out) noexcept nogil:
    """The end of a decimal's text without zeros behind the point; without the point when nothing else is behind it."""
    while (out - 1)[0] == c"0":
        out -= 1
    return out - 1 if (out - 1)[0] == c"." else out


cdef inline char *write_decimal128(char *out, int64_t high, uint64_t low, int scale) noexcept nogil:
    cdef char digits[40]
    cdef uint64_t upper = <uint64_t>high
    if high == <int64_t>low >> 63 and scale > 0 and scale < 19:
        return write_decimal64(out, <int64_t>low, scale)
    if high < 0:
        out[0] = c"-"
        out += 1
        low = 0 - low
        upper = ~upper + (low == 0)
    forty_digits(digits, upper, low)
    return write_point(out, digits, 40, scale)
