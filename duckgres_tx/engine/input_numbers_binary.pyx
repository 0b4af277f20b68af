"""Integers, floating-point numbers and numeric, as PostgreSQL's *recv functions read them.

Touches: nothing but what it is given. No GIL.
"""

from libc.math cimport INFINITY, NAN
from libc.stdint cimport int16_t, int32_t, int64_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport strtod
from libc.string cimport memcpy

from duckgres_tx.engine.buffers cimport swap16, swap32, swap64
from duckgres_tx.engine.input_errors cimport bad_binary, too_many_digits
from duckgres_tx.engine.numbers cimport MOST_DIGITS, append_digit, rescale, settle
from duckgres_tx.engine.text_numbers cimport forty_digits, high128, low128, make128, uint128


cdef enum:
    SPECIAL_SIGN = 0xC000
    INFINITE_SIGN = 0xD000
    NEGATIVE_SIGN = 0x4000


cdef int read_integer_binary(Reading *reading, const char *data, int64_t length, int width, int64_t *value) noexcept nogil:
    cdef uint16_t two
    cdef uint32_t four
    cdef uint64_t eight
    if length != width:
        return bad_binary(reading)
    if width == 2:
        memcpy(&two, data, 2)
        value[0] = <int16_t>swap16(two)
    elif width == 4:
        memcpy(&four, data, 4)
        value[0] = <int32_t>swap32(four)
    else:
        memcpy(&eight, data, 8)
        value[0] = <int64_t>swap64(eight)
    return 0


cdef int read_float_binary(Reading *reading, const char *data, int64_t length, int width, double *value) noexcept nogil:
    cdef uint32_t four
    cdef uint64_t eight
    cdef float single
    if length != width:
        return bad_binary(reading)
    if width == 4:
        memcpy(&four, data, 4)
        four = swap32(four)
        memcpy(&single, &four, 4)
        value[0] = single
    else:
        memcpy(&eight, data, 8)
        eight = swap64(eight)
        memcpy(value, &eight, 8)
    return 0


cdef int read_numeric_binary(Reading *reading, const char *data, int64_t length, Number *number) noexcept nogil:
    """See binary_numbers for the layout."""
    cdef uint16_t header[4]
    cdef int groups, weight, sign, scale
    cdef int index
    if length < 8:
        return bad_binary(reading)
    for index in range(4):
        memcpy(&header[index], data + 2 * index, 2)
        header[index] = swap16(header[index])
    groups = header[0]
    weight = <int16_t>header[1]
    sign = header[2]
    scale = header[3]
    number.special = sign >= SPECIAL_SIGN
    if length != 8 + 2 * groups or (sign != 0 and sign != NEGATIVE_SIGN and not number.special):
        return bad_binary(reading)
    if number.special:
        number.approximate = NAN if sign == SPECIAL_SIGN else INFINITY if sign == INFINITE_SIGN else -INFINITY
        return 0
    number.negative = sign == NEGATIVE_SIGN
    return _take_groups(reading, data + 8, groups, weight, scale, number)


cdef int _take_groups(Reading *reading, const char *data, int groups, int weight, int scale, Number *number) noexcept nogil:
    cdef uint128 size = make128(0, 0)
    cdef int count = 0
    cdef int index, unit
    cdef uint16_t group
    for index in range(groups):
        memcpy(&group, data + 2 * index, 2)
        group = swap16(group)
        if group > 9999:
            return bad_binary(reading)
        unit = 1000
        while unit > 0:
            if not append_digit(&size, &count, group // unit % 10):
                # Zeros that only fill the last group up may go.
                if index == groups - 1 and group % (unit * 10) == 0:
                    break
                return too_many_digits(reading)
            unit //= 10
        if unit > 0:
            # Of the last group that many digits are missing.
            number.scale = 0
            while unit > 0:
                number.scale -= 1
                unit //= 10
        else:
            number.scale = 0
    if groups == 0:
        number.scale = 0
    number.scale += 4 * (groups - 1 - weight)
    number.high = high128(size)
    number.low = low128(size)
    if not settle(number):
        return too_many_digits(reading)
    # The scale that was sent, for a number that shows it: 1.50 is no 1.5.
    if scale <= MOST_DIGITS:
        rescale_if_exact(number, scale)
    number.approximate = _approximate(number)
    return 0


cdef inline void rescale_if_exact(Number *number, int scale) noexcept nogil:
    cdef Number tried = number[0]
    if rescale(&tried, scale):
        number[0] = tried


cdef double _approximate(Number *number) noexcept nogil:
    """By way of text, for the nearest double."""
    cdef char text[64]
    cdef char *out = text
    cdef int scale = number.scale
    cdef double value
    if number.negative:
        out[0] = c"-"
        out += 1
    forty_digits(out, number.high, number.low)
    out += 40
    out[0] = c"e"
    out[1] = c"-"
    out[2] = c"0" + scale // 10
    out[3] = c"0" + scale % 10
    out[4] = 0
    value = strtod(text, NULL)
    return value
