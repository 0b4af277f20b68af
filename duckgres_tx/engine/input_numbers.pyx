"""Integers, floating-point numbers and numeric, as PostgreSQL's *in and *recv functions read them.

Touches: nothing but what it is given. No GIL.

Spec: datatype-numeric.html, sql-syntax-lexical.html#SQL-SYNTAX-CONSTANTS-NUMERIC
"""

from libc.math cimport HUGE_VAL, INFINITY, NAN
from libc.stdint cimport int16_t, int32_t, int64_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, strtod
from libc.string cimport memcpy

from duckgres_tx.engine.buffers cimport swap16, swap32, swap64
from duckgres_tx.engine.input_errors cimport (
    bad_binary, bad_syntax, complain, float_out_of_range, no_memory, number_out_of_range
)
from duckgres_tx.engine.spans cimport Span, is_digit, trim
from duckgres_tx.engine.text_numbers cimport forty_digits, high128, low128, make128, uint128


cdef extern from "<stdlib.h>":
    float strtof(const char *text, char **end) noexcept nogil

cdef extern from *:
    """
    #include <errno.h>
    #define duckgres_forget_error() (errno = 0)
    #define duckgres_was_range_error() (errno == ERANGE)
    """
    void forget_error "duckgres_forget_error"() noexcept nogil
    bint was_range_error "duckgres_was_range_error"() noexcept nogil

cdef extern from "<strings.h>":
    int strncasecmp(const char *left, const char *right, size_t length) noexcept nogil


cdef enum:
    # A text longer than this is no number that could be kept.
    LONGEST_NUMBER = 200000
    SPECIAL_SIGN = 0xC000
    INFINITE_SIGN = 0xD000
    MINUS_INFINITE_SIGN = 0xF000
    NEGATIVE_SIGN = 0x4000


cdef int read_integer_text(Reading *reading, const char *text, int64_t length, int width, int64_t *value) noexcept nogil:
    cdef Span span = trim(text, length)
    cdef bint negative = False
    cdef uint64_t size = 0
    cdef uint64_t limit = (1ULL << (8 * width - 1)) - 1
    cdef uint64_t digit
    cdef int64_t index = 0
    if span.length > 0 and (span.text[0] == c"-" or span.text[0] == c"+"):
        negative = span.text[0] == c"-"
        index = 1
    if index >= span.length:
        return bad_syntax(reading, text, length)
    limit += negative
    while index < span.length:
        if not is_digit(span.text[index]):
            return bad_syntax(reading, text, length)
        digit = <uint64_t>(span.text[index] - c"0")
        if size > (limit - digit) // 10:
            return number_out_of_range(reading, text, length)
        size = size * 10 + digit
        index += 1
    value[0] = <int64_t>(0 - size if negative else size)
    return 0


cdef int read_oid_text(Reading *reading, const char *text, int64_t length, int64_t *value) noexcept nogil:
    """An unsigned 32-bit number; strtoul takes a minus sign too, and so does oidin."""
    if read_integer_text(reading, text, length, 8, value):
        return -1
    if value[0] > 0xffffffffLL or value[0] < -0x80000000LL:
        return number_out_of_range(reading, text, length)
    value[0] &= 0xffffffffLL
    return 0


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


cdef bint _special_word(Span span, double *value) noexcept nogil:
    """NaN, Infinity, inf, with a sign, in any case."""
    cdef bint negative = False
    if span.length > 0 and (span.text[0] == c"-" or span.text[0] == c"+"):
        negative = span.text[0] == c"-"
        span.text += 1
        span.length -= 1
    if span.length == 3 and strncasecmp(span.text, b"nan", 3) == 0:
        value[0] = NAN
        return True
    if (span.length == 8 and strncasecmp(span.text, b"infinity", 8) == 0) or (
        span.length == 3 and strncasecmp(span.text, b"inf", 3) == 0
    ):
        value[0] = -INFINITY if negative else INFINITY
        return True
    return False


cdef bint _is_number(Span span) noexcept nogil:
    """[+-] digits [. digits] [e [+-] digits], with a digit somewhere before the e."""
    cdef int64_t index = 0
    cdef int64_t digits = 0
    if index < span.length and (span.text[index] == c"-" or span.text[index] == c"+"):
        index += 1
    while index < span.length and is_digit(span.text[index]):
        index += 1
        digits += 1
    if index < span.length and span.text[index] == c".":
        index += 1
        while index < span.length and is_digit(span.text[index]):
            index += 1
            digits += 1
    if digits == 0:
        return False
    if index < span.length and (span.text[index] | 32) == c"e":
        index += 1
        if index < span.length and (span.text[index] == c"-" or span.text[index] == c"+"):
            index += 1
        digits = index
        while index < span.length and is_digit(span.text[index]):
            index += 1
        if index == digits:
            return False
    return index == span.length


cdef int _to_double(Span span, int width, double *value, bint *out_of_range) noexcept nogil:
    """strtod of a number that is known to be one; -1 without memory."""
    cdef char few[64]
    cdef char *text = few
    if span.length >= 64:
        text = <char *>malloc(span.length + 1)
        if text == NULL:
            return -1
    memcpy(text, span.text, span.length)
    text[span.length] = 0
    forget_error()
    value[0] = strtof(text, NULL) if width == 4 else strtod(text, NULL)
    # As PostgreSQL: an underflow to a subnormal is none.
    out_of_range[0] = was_range_error() and (value[0] == 0 or value[0] >= HUGE_VAL or value[0] <= -HUGE_VAL)
    if text != few:
        free(text)
    return 0


cdef int read_float_text(Reading *reading, const char *text, int64_t length, int width, double *value) noexcept nogil:
    cdef Span span = trim(text, length)
    cdef bint out_of_range = False
    if _special_word(span, value):
        return 0
    if not _is_number(span) or span.length > LONGEST_NUMBER:
        return bad_syntax(reading, text, length)
    if _to_double(span, width, value, &out_of_range):
        return no_memory(reading)
    if out_of_range:
        return float_out_of_range(reading, text, length)
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


cdef inline bint _append(uint128 *size, int *count, int digit) noexcept nogil:
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


cdef int read_numeric_text(Reading *reading, const char *text, int64_t length, Number *number) noexcept nogil:
    cdef Span span = trim(text, length)
    cdef bint out_of_range = False
    number.special = _special_word(span, &number.approximate)
    if number.special:
        return 0
    if not _is_number(span) or span.length > LONGEST_NUMBER:
        return bad_syntax(reading, text, length)
    if _to_double(span, 8, &number.approximate, &out_of_range):
        return no_memory(reading)
    if not _take_digits(span, number):
        return _too_many_digits(reading)
    return 0


cdef int _too_many_digits(Reading *reading) noexcept nogil:
    return complain(reading, b"22003", b"numeric field overflow: a value has more than 38 digits")


cdef bint _take_digits(Span span, Number *number) noexcept nogil:
    """The digits of a number that is known to be one; False when they are more than 38."""
    cdef uint128 size = make128(0, 0)
    cdef int count = 0
    cdef bint after_point = False
    cdef bint negative_exponent = False
    cdef int64_t index
    cdef int64_t pending = 0
    cdef int exponent = 0
    cdef char byte
    number.negative = span.text[0] == c"-"
    number.scale = 0
    index = 1 if span.text[0] == c"-" or span.text[0] == c"+" else 0
    while index < span.length and (span.text[index] | 32) != c"e":
        byte = span.text[index]
        index += 1
        if byte == c".":
            after_point = True
        elif after_point and byte == c"0":
            # Zeros at the end aren't needed if there is no room for them.
            pending += 1
        else:
            if pending > MOST_DIGITS:
                return False
            while pending > 0:
                if not _append(&size, &count, 0):
                    return False
                number.scale += 1
                pending -= 1
            if not _append(&size, &count, byte - c"0"):
                return False
            number.scale += after_point
    while pending > 0 and count < MOST_DIGITS and number.scale < MOST_DIGITS:
        _append(&size, &count, 0)
        number.scale += 1
        pending -= 1
    if index < span.length:
        index += 1
        negative_exponent = span.text[index] == c"-"
        while index < span.length:
            if is_digit(span.text[index]) and exponent < 100000:
                exponent = exponent * 10 + (span.text[index] - c"0")
            index += 1
    number.scale += exponent if negative_exponent else -exponent
    number.high = high128(size)
    number.low = low128(size)
    return _settle(number)


cdef bint _settle(Number *number) noexcept nogil:
    """Bring the scale into 0 to 38."""
    if number.high == 0 and number.low == 0:
        number.scale = 0 if number.scale < 0 else MOST_DIGITS if number.scale > MOST_DIGITS else number.scale
        return True
    if number.scale < 0:
        return number.scale > -MOST_DIGITS and rescale(number, 0)
    if number.scale > MOST_DIGITS:
        return number.scale < 2 * MOST_DIGITS and rescale(number, MOST_DIGITS)
    return True


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
            if not _append(&size, &count, group // unit % 10):
                # Zeros that only fill the last group up may go.
                if index == groups - 1 and group % (unit * 10) == 0:
                    break
                return _too_many_digits(reading)
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
    if not _settle(number):
        return _too_many_digits(reading)
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
