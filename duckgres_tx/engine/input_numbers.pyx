"""Integers, floating-point numbers and numeric, as PostgreSQL's *in functions read them.

Touches: nothing but what it is given. No GIL.

Spec: datatype-numeric.html, sql-syntax-lexical.html#SQL-SYNTAX-CONSTANTS-NUMERIC
"""

from libc.math cimport HUGE_VAL, INFINITY, NAN
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc, strtod
from libc.string cimport memcpy

from duckgres_tx.engine.input_errors cimport (
    bad_syntax, float_out_of_range, no_memory, number_out_of_range, too_many_digits
)
from duckgres_tx.engine.numbers cimport MOST_DIGITS, append_digit, settle
from duckgres_tx.engine.spans cimport Span, is_digit, trim
from duckgres_tx.engine.text_numbers cimport high128, low128, make128, uint128


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
        return too_many_digits(reading)
    return 0


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
                if not append_digit(&size, &count, 0):
                    return False
                number.scale += 1
                pending -= 1
            if not append_digit(&size, &count, byte - c"0"):
                return False
            number.scale += after_point
    while pending > 0 and count < MOST_DIGITS and number.scale < MOST_DIGITS:
        append_digit(&size, &count, 0)
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
    return settle(number)
