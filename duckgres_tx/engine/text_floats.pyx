"""The shortest decimal text of a binary floating-point number, in PostgreSQL's format.

Touches: its own table, filled at import and read-only afterwards. No GIL needed after that.

The digits are found with Schubfach (Raffaello Giulietti, "The Schubfach way to render doubles", 2020): scale the number
and the bounds of its rounding interval by a power of ten that is known to 128 bits, rounding to odd so that no
comparison is misled, and take the shortest decimal between them, the nearest when there are several. PostgreSQL
excludes the bounds themselves even where IEEE's round-half-even would read them back as the number, so this does too.

Spec: datatype-numeric.html#DATATYPE-FLOAT, runtime-config-client.html#GUC-EXTRA-FLOAT-DIGITS
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy

from duckgres_tx.engine.text_numbers cimport high128, low128, make128, uint128, write_uint64
from duckgres_tx.engine.text_temporal cimport write_pair, write_text


cdef enum:
    SMALLEST_POWER = -292
    POWERS = 617

# g(k) = floor(10^k * 2^(127 - floor(log2(10^k)))) + 1, for k from SMALLEST_POWER: 128 bits, the topmost set.
cdef uint64_t power_high[POWERS]
cdef uint64_t power_low[POWERS]


def _fill_powers():
    for index in range(POWERS):
        power = index + SMALLEST_POWER
        if power >= 0:
            number = 10**power
            shift = 128 - number.bit_length()
            significand = number << shift if shift >= 0 else number >> -shift
        else:
            # floor(2^shift / 10^-power) with 128 significant bits.
            shift = 127 + (10**-power).bit_length()
            significand = (1 << shift) // 10**-power
            if significand.bit_length() > 128:
                significand >>= 1
        significand += 1
        power_high[index] = significand >> 64
        power_low[index] = significand & 0xFFFFFFFFFFFFFFFF


_fill_powers()


# A positive number as digits * 10^exponent; no trailing zero is taken away yet.
cdef struct Decimal:
    uint64_t digits
    int exponent


cdef inline int log10_of_power_of_2(int exponent) noexcept nogil:
    """floor(log10(2^exponent)), for |exponent| <= 1650."""
    return (exponent * 315653) >> 20


cdef inline int log10_of_three_quarters(int exponent) noexcept nogil:
    """floor(log10(3/4 * 2^exponent)), for |exponent| <= 1650."""
    return (exponent * 315653 - 131237) >> 20


cdef inline int log2_of_power_of_10(int exponent) noexcept nogil:
    """floor(log2(10^exponent)), for |exponent| <= 1233."""
    return (exponent * 1741647) >> 19


cdef inline uint64_t round_to_odd(uint64_t high, uint64_t low, uint64_t factor) noexcept nogil:
    """The top 64 bits of the 192-bit product, its last bit set when any bit below is."""
    cdef uint128 first = make128(0, low) * make128(0, factor)
    cdef uint128 second = make128(0, high) * make128(0, factor)
    cdef uint128 carried = make128(0, high128(first))
    second = second + carried
    return high128(second) | (low128(second) > 1)


cdef inline uint32_t round_to_odd_float(uint64_t power, uint32_t factor) noexcept nogil:
    """The same for single precision: 64 bits of the power are enough."""
    cdef uint128 product = make128(0, power) * make128(0, factor)
    cdef uint64_t low = low128(product)
    return <uint32_t>high128(product) | (<uint32_t>(low >> 32) > 1)


cdef Decimal shortest(uint64_t significand, int exponent, bint lower_is_closer) noexcept nogil:
    """The shortest decimal of significand * 2^exponent, strictly inside its rounding interval.

    `lower_is_closer` tells that the number below is at half the distance of the one above: the significand is a power
    of two.
    """
    cdef Decimal decimal
    cdef int k = log10_of_three_quarters(exponent) if lower_is_closer else log10_of_power_of_2(exponent)
    cdef int shift = exponent + log2_of_power_of_10(-k) + 1
    cdef uint64_t high = power_high[-k - SMALLEST_POWER]
    cdef uint64_t low = power_low[-k - SMALLEST_POWER]
    cdef uint64_t lower = round_to_odd(high, low, (4 * significand - 2 + lower_is_closer) << shift)
    cdef uint64_t middle = round_to_odd(high, low, (4 * significand) << shift)
    cdef uint64_t upper = round_to_odd(high, low, (4 * significand + 2) << shift)
    cdef uint64_t floor = middle // 4
    cdef uint64_t tens
    cdef bint below, above
    # Without the bounds themselves.
    lower += 1
    upper -= 1
    if floor >= 10:
        # Is there one digit less?
        tens = floor // 10
        below = lower <= 40 * tens
        above = 40 * tens + 40 <= upper
        if below != above:
            decimal.digits = tens + above
            decimal.exponent = k + 1
            return decimal
    below = lower <= 4 * floor
    above = 4 * floor + 4 <= upper
    decimal.exponent = k
    if below != above:
        decimal.digits = floor + above
    else:
        decimal.digits = floor + (middle > 4 * floor + 2 or (middle == 4 * floor + 2 and (floor & 1) == 1))
    return decimal


cdef Decimal shortest_float(uint32_t significand, int exponent, bint lower_is_closer) noexcept nogil:
    """The same for single precision."""
    cdef Decimal decimal
    cdef int k = log10_of_three_quarters(exponent) if lower_is_closer else log10_of_power_of_2(exponent)
    cdef int shift = exponent + log2_of_power_of_10(-k) + 1
    # The table's powers are rounded up at 128 bits; their upper 64 bits, rounded up, serve here.
    cdef uint64_t power = power_high[-k - SMALLEST_POWER] + 1
    cdef uint32_t lower = round_to_odd_float(power, (4 * significand - 2 + lower_is_closer) << shift)
    cdef uint32_t middle = round_to_odd_float(power, (4 * significand) << shift)
    cdef uint32_t upper = round_to_odd_float(power, (4 * significand + 2) << shift)
    cdef uint32_t floor = middle // 4
    cdef uint32_t tens
    cdef bint below, above
    # Without the bounds themselves.
    lower += 1
    upper -= 1
    if floor >= 10:
        tens = floor // 10
        below = lower <= 40 * tens
        above = 40 * tens + 40 <= upper
        if below != above:
            decimal.digits = tens + above
            decimal.exponent = k + 1
            return decimal
    below = lower <= 4 * floor
    above = 4 * floor + 4 <= upper
    decimal.exponent = k
    if below != above:
        decimal.digits = floor + above
    else:
        decimal.digits = floor + (middle > 4 * floor + 2 or (middle == 4 * floor + 2 and (floor & 1) == 1))
    return decimal


cdef inline char *write_decimal(char *out, Decimal decimal, int precision) noexcept nogil:
    """%g's choice between fixed and scientific notation: scientific below 10^-4 and from 10^`precision` on."""
    cdef char digits[32]
    cdef int size, position, index
    while decimal.digits % 10 == 0:
        decimal.digits //= 10
        decimal.exponent += 1
    size = write_uint64(digits, decimal.digits) - digits
    # The power of ten of the first digit.
    position = decimal.exponent + size - 1
    if position < -4 or position >= precision:
        return write_scientific(out, digits, size, position)
    if position < 0:
        out = write_text(out, b"0.0000", 1 - position)
        return write_text(out, digits, size)
    if decimal.exponent >= 0:
        out = write_text(out, digits, size)
        for index in range(decimal.exponent):
            out[index] = c"0"
        return out + decimal.exponent
    out = write_text(out, digits, position + 1)
    out[0] = c"."
    return write_text(out + 1, digits + position + 1, size - position - 1)


cdef inline char *write_scientific(char *out, const char *digits, int size, int position) noexcept nogil:
    """d[.ddd]e+dd, the exponent with two digits at least."""
    out[0] = digits[0]
    out += 1
    if size > 1:
        out[0] = c"."
        out = write_text(out + 1, digits + 1, size - 1)
    out[0] = c"e"
    out[1] = c"-" if position < 0 else c"+"
    position = -position if position < 0 else position
    if position >= 100:
        return write_uint64(out + 2, position)
    return write_pair(out + 2, position)


cdef inline char *write_special(char *out, bint negative, bint not_a_number) noexcept nogil:
    if not_a_number:
        return write_text(out, b"NaN", 3)
    if negative:
        return write_text(out, b"-Infinity", 9)
    return write_text(out, b"Infinity", 8)


cdef char *write_double(char *out, double value, int extra_float_digits) noexcept nogil:
    cdef uint64_t bits, fraction, whole
    cdef int biased
    cdef Decimal decimal
    memcpy(&bits, &value, 8)
    fraction = bits & 0xFFFFFFFFFFFFFULL
    biased = <int>(bits >> 52) & 0x7FF
    if biased == 0x7FF:
        return write_special(out, bits >> 63, fraction != 0)
    if extra_float_digits <= 0:
        return out + snprintf(out, 32, b"%.*g", <int>(15 + extra_float_digits if extra_float_digits > -15 else 1), value)
    if bits >> 63:
        out[0] = c"-"
        out += 1
    if biased == 0 and fraction == 0:
        out[0] = c"0"
        return out + 1
    if biased >= 1023 and biased <= 1023 + 49:
        # A whole number below 10^15 is its own shortest text.
        whole = (fraction | (1ULL << 52)) >> (1075 - biased)
        if <double>whole == (value if value > 0 else -value) and whole < 1000000000000000ULL:
            return write_uint64(out, whole)
    if biased == 0:
        decimal = shortest(fraction, -1074, False)
    else:
        decimal = shortest(fraction | (1ULL << 52), biased - 1075, fraction == 0 and biased > 1)
    return write_decimal(out, decimal, 15)


cdef char *write_float(char *out, float value, int extra_float_digits) noexcept nogil:
    cdef uint32_t bits, fraction
    cdef int biased
    cdef Decimal decimal
    memcpy(&bits, &value, 4)
    fraction = bits & 0x7FFFFF
    biased = <int>(bits >> 23) & 0xFF
    if biased == 0xFF:
        return write_special(out, bits >> 31, fraction != 0)
    if extra_float_digits <= 0:
        return out + snprintf(out, 32, b"%.*g", <int>(6 + extra_float_digits if extra_float_digits > -6 else 1), <double>value)
    if bits >> 31:
        out[0] = c"-"
        out += 1
    if biased == 0 and fraction == 0:
        out[0] = c"0"
        return out + 1
    if biased == 0:
        decimal = shortest_float(fraction, -149, False)
    else:
        decimal = shortest_float(fraction | (1U << 23), biased - 150, fraction == 0 and biased > 1)
    return write_decimal(out, decimal, 6)


def shortest_texts(values, bint single=False):
    """The text of each number, for the tests that compare it with Python's own."""
    cdef char text[64]
    cdef list texts = []
    for value in values:
        if single:
            texts.append(text[: write_float(text, value, 1) - text].decode())
        else:
            texts.append(text[: write_double(text, value, 1) - text].decode())
    return texts
