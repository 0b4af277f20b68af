"""Numbers into the vectors of COPY's data chunks.

Touches: the column's vector. No GIL.
"""

from libc.stdint cimport int8_t, int16_t, int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy

from duckgres_tx.engine.buffers cimport swap16
from duckgres_tx.engine.capi cimport (
    DUCKDB_TYPE_BIGINT, DUCKDB_TYPE_DECIMAL, DUCKDB_TYPE_HUGEINT, DUCKDB_TYPE_INTEGER, DUCKDB_TYPE_SMALLINT,
    DUCKDB_TYPE_TINYINT, DUCKDB_TYPE_UBIGINT, DUCKDB_TYPE_UHUGEINT, DUCKDB_TYPE_USMALLINT,
    DUCKDB_TYPE_UTINYINT, duckdb_hugeint, duckdb_type
)
from duckgres_tx.engine.input_errors cimport number_out_of_range
from duckgres_tx.engine.numbers cimport MOST_DIGITS, count_digits
from duckgres_tx.engine.text_numbers cimport high128, low128, make128, uint128


cdef enum:
    QUICK_DIGITS = 18
    # Of four digits.
    QUICK_GROUPS = 4

cdef int64_t[19] TENS
TENS[0] = 1
for _power in range(1, 19):
    TENS[_power] = TENS[_power - 1] * 10


cdef int _refuse(int64_t number, const char *text, int64_t length, Reading *reading) noexcept nogil:
    cdef char digits[32]
    if text != NULL:
        return number_out_of_range(reading, text, length)
    return number_out_of_range(reading, digits, snprintf(digits, sizeof(digits), b"%lld", <long long>number))


cdef int store_integer(
    CopyColumn *column, idx_t row, int64_t number, const char *text, int64_t length, Reading *reading
) noexcept nogil:
    cdef duckdb_type id = column.id
    if id == DUCKDB_TYPE_INTEGER:
        if number != <int32_t>number:
            return _refuse(number, text, length, reading)
        (<int32_t *>column.data)[row] = <int32_t>number
    elif id == DUCKDB_TYPE_BIGINT:
        (<int64_t *>column.data)[row] = number
    elif id == DUCKDB_TYPE_SMALLINT:
        if number != <int16_t>number:
            return _refuse(number, text, length, reading)
        (<int16_t *>column.data)[row] = <int16_t>number
    elif id == DUCKDB_TYPE_TINYINT:
        if number != <int8_t>number:
            return _refuse(number, text, length, reading)
        (<int8_t *>column.data)[row] = <int8_t>number
    elif id == DUCKDB_TYPE_UTINYINT:
        if number != <uint8_t>number:
            return _refuse(number, text, length, reading)
        (<uint8_t *>column.data)[row] = <uint8_t>number
    elif id == DUCKDB_TYPE_USMALLINT:
        if number != <uint16_t>number:
            return _refuse(number, text, length, reading)
        (<uint16_t *>column.data)[row] = <uint16_t>number
    else:
        if number != <uint32_t>number:
            return _refuse(number, text, length, reading)
        (<uint32_t *>column.data)[row] = <uint32_t>number
    return 0


cdef inline void _store_small(CopyColumn *column, idx_t row, int64_t number) noexcept nogil:
    """Into a DECIMAL of up to 64 bits."""
    if column.kept == DUCKDB_TYPE_BIGINT:
        (<int64_t *>column.data)[row] = number
    elif column.kept == DUCKDB_TYPE_INTEGER:
        (<int32_t *>column.data)[row] = <int32_t>number
    else:
        (<int16_t *>column.data)[row] = <int16_t>number


cdef bint read_decimal64(CopyColumn *column, idx_t row, const char *text, int64_t length) noexcept nogil:
    cdef bint negative = length > 0 and text[0] == c"-"
    cdef int64_t index = negative
    cdef int64_t point = -1
    cdef int64_t number = 0
    cdef uint32_t digit
    cdef int scale
    if length - index < 1 or length - index > QUICK_DIGITS:
        return False
    while index < length:
        digit = <uint8_t>text[index] - <uint32_t>c"0"
        if digit <= 9:
            number = number * 10 + digit
        elif text[index] == c"." and point < 0:
            point = index
        else:
            return False
        index += 1
    scale = <int>(length - point - 1) if point >= 0 else 0
    if scale > column.scale or (point >= 0 and length - negative == 1):
        return False
    scale = column.scale - scale
    # Both factors are below 10^18, so the product is checked before it is made.
    if number >= TENS[column.width] // TENS[scale] + 1:
        return False
    number *= TENS[scale]
    if number >= TENS[column.width]:
        return False
    _store_small(column, row, -number if negative else number)
    return True


cdef bint _shift(uint64_t *number, int places) noexcept nogil:
    """Times ten to a power; False when digits other than zero would be lost, or there are too many."""
    if not -QUICK_DIGITS <= places <= QUICK_DIGITS:
        return number[0] == 0
    if places >= 0:
        if number[0] > <uint64_t>TENS[QUICK_DIGITS] // <uint64_t>TENS[places]:
            return False
        number[0] *= <uint64_t>TENS[places]
        return True
    if number[0] % <uint64_t>TENS[-places]:
        return False
    number[0] //= <uint64_t>TENS[-places]
    return True


cdef bint read_decimal64_binary(CopyColumn *column, idx_t row, const char *data, int64_t length) noexcept nogil:
    cdef uint16_t[4 + QUICK_GROUPS] words
    cdef uint64_t number = 0
    cdef int groups, index, places, hidden
    if length < 8 or length > 8 + 2 * QUICK_GROUPS:
        return False
    memcpy(words, data, length)
    groups = swap16(words[0])
    if length != 8 + 2 * groups or swap16(words[2]) & 0xbfff:
        return False
    for index in range(groups):
        words[4 + index] = swap16(words[4 + index])
        if words[4 + index] > 9999:
            return False
        number = number * 10000 + words[4 + index]
    # What the last group's ones count; digits behind the value's own scale don't.
    places = 4 * (<int16_t>swap16(words[1]) - (groups - 1))
    hidden = -places - <int>swap16(words[3])
    if hidden > 0:
        number = number // <uint64_t>TENS[hidden] if hidden <= QUICK_DIGITS else 0
        places += hidden
    if not _shift(&number, places + column.scale) or number >= <uint64_t>TENS[column.width]:
        return False
    _store_small(column, row, -<int64_t>number if swap16(words[2]) else <int64_t>number)
    return True


cdef int _field_overflow(CopyColumn *column, Reading *reading) noexcept nogil:
    memcpy(reading.sqlstate, b"22003", 6)
    if column.id == DUCKDB_TYPE_DECIMAL:
        # What follows the line's end is the detail.
        snprintf(
            reading.error, reading.error_size,
            b"numeric field overflow\nA field with precision %d, scale %d must round to an absolute value less than %s%d.",
            column.width, column.scale, <const char *>(b"10^" if column.width > column.scale else b""),
            <int>(column.width - column.scale if column.width > column.scale else 1)
        )
    else:
        snprintf(reading.error, reading.error_size, b"value is out of range for the column's type")
    return -1


cdef int _no_number(CopyColumn *column, double value, Reading *reading) noexcept nogil:
    """NaN and the infinities, which DuckDB's DECIMAL hasn't."""
    memcpy(reading.sqlstate, b"22003", 6)
    snprintf(
        reading.error, reading.error_size, b"numeric field overflow\nA field with precision %d, scale %d cannot hold %s.",
        column.width, column.scale, <const char *>(b"NaN" if value != value else b"an infinite value")
    )
    return -1


cdef bint _round(Number *number, int scale, uint128 *size) noexcept nogil:
    """The digits at a scale, half away from zero; False: there are too many."""
    cdef uint128 ten = make128(0, 10)
    cdef uint128 five = make128(0, 5)
    cdef uint128 zero = make128(0, 0)
    cdef uint128 one = make128(0, 1)
    cdef uint128 rest = zero
    size[0] = make128(number.high, number.low)
    while number.scale < scale:
        if size[0] != zero and count_digits(high128(size[0]), low128(size[0])) >= MOST_DIGITS:
            return False
        size[0] = size[0] * ten
        number.scale += 1
    while number.scale > scale:
        rest = size[0] % ten
        size[0] = size[0] // ten
        number.scale -= 1
    if rest >= five:
        size[0] = size[0] + one
    return True


cdef int store_number(CopyColumn *column, idx_t row, Number *number, Reading *reading) noexcept nogil:
    cdef uint128 size
    cdef duckdb_hugeint huge
    cdef int scale = column.scale if column.id == DUCKDB_TYPE_DECIMAL else 0
    if number.special and column.id == DUCKDB_TYPE_DECIMAL:
        return _no_number(column, number.approximate, reading)
    if number.special or not _round(number, scale, &size):
        return _field_overflow(column, reading)
    huge.lower = low128(size)
    huge.upper = <int64_t>high128(size)
    if column.id == DUCKDB_TYPE_DECIMAL and count_digits(huge.upper, huge.lower) > column.width:
        return _field_overflow(column, reading)
    if column.id == DUCKDB_TYPE_UBIGINT or column.id == DUCKDB_TYPE_UHUGEINT:
        if number.negative and (huge.upper or huge.lower):
            return _field_overflow(column, reading)
        if column.id == DUCKDB_TYPE_UBIGINT:
            if huge.upper:
                return _field_overflow(column, reading)
            (<uint64_t *>column.data)[row] = huge.lower
            return 0
        (<duckdb_hugeint *>column.data)[row] = huge
        return 0
    if number.negative:
        huge.upper = <int64_t>(~<uint64_t>huge.upper + (huge.lower == 0))
        huge.lower = 0 - huge.lower
    if column.id == DUCKDB_TYPE_DECIMAL and column.kept != DUCKDB_TYPE_HUGEINT:
        _store_small(column, row, <int64_t>huge.lower)
    else:
        (<duckdb_hugeint *>column.data)[row] = huge
    return 0


cdef bint _store_whole(CopyColumn *column, idx_t row, uint128 size, bint negative) noexcept nogil:
    cdef duckdb_hugeint huge
    huge.lower = low128(size)
    huge.upper = <int64_t>high128(size)
    if column.id == DUCKDB_TYPE_HUGEINT:
        if huge.upper < 0:
            return False
        if negative:
            huge.upper = <int64_t>(~<uint64_t>huge.upper + (huge.lower == 0))
            huge.lower = 0 - huge.lower
    elif negative and (huge.upper or huge.lower):
        return False
    elif column.id == DUCKDB_TYPE_UBIGINT:
        if huge.upper:
            return False
        (<uint64_t *>column.data)[row] = huge.lower
        return True
    (<duckdb_hugeint *>column.data)[row] = huge
    return True


cdef bint _add_digits(uint128 *size, int factor, int digits) noexcept nogil:
    """`size * factor + digits`; False when that has more than 128 bits."""
    cdef uint128 most = make128(<uint64_t>-1, <uint64_t>-1)
    cdef uint128 times = make128(0, factor)
    cdef uint128 more = make128(0, digits)
    cdef uint128 room = most - more
    room = room // times
    if size[0] > room:
        return False
    size[0] = size[0] * times
    size[0] = size[0] + more
    return True


cdef bint read_whole_text(CopyColumn *column, idx_t row, const char *text, int64_t length) noexcept nogil:
    cdef bint negative = length > 0 and text[0] == c"-"
    cdef int64_t index = negative
    cdef uint128 size = make128(0, 0)
    cdef uint32_t digit
    if index == length:
        return False
    while index < length:
        digit = <uint8_t>text[index] - <uint32_t>c"0"
        if digit > 9 or not _add_digits(&size, 10, digit):
            return False
        index += 1
    return _store_whole(column, row, size, negative)


cdef bint read_whole_binary(CopyColumn *column, idx_t row, const char *data, int64_t length) noexcept nogil:
    """Int16(groups) Int16(weight) Int16(sign) Int16(scale), and groups of four digits."""
    cdef uint16_t[4] head
    cdef uint16_t group
    cdef uint128 size = make128(0, 0)
    cdef int index, groups, weight
    if length < 8:
        return False
    memcpy(head, data, 8)
    groups = swap16(head[0])
    weight = <int16_t>swap16(head[1])
    if length != 8 + 2 * groups or weight < groups - 1 or weight > 12 or swap16(head[2]) & 0xbfff:
        return False
    for index in range(weight + 1):
        group = 0
        if index < groups:
            memcpy(&group, data + 8 + 2 * index, 2)
            group = swap16(group)
        if group > 9999 or not _add_digits(&size, 10000, group):
            return False
    return _store_whole(column, row, size, swap16(head[2]) == 0x4000)
