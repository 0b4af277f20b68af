"""DuckDB values of a wanted type, made from what a parameter says.

Touches: the heap, for the values. No GIL.
"""

from libc.stdint cimport (
    INT8_MAX, INT8_MIN, INT16_MAX, INT16_MIN, INT32_MAX, INT32_MIN, INT64_MAX, UINT8_MAX, UINT16_MAX,
    UINT32_MAX, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
)

from duckgres_tx.engine.capi cimport (
    DUCKDB_TYPE_BIGINT, DUCKDB_TYPE_DATE, DUCKDB_TYPE_DECIMAL, DUCKDB_TYPE_DOUBLE, DUCKDB_TYPE_FLOAT,
    DUCKDB_TYPE_HUGEINT, DUCKDB_TYPE_INTEGER, DUCKDB_TYPE_INVALID, DUCKDB_TYPE_SMALLINT, DUCKDB_TYPE_TIMESTAMP,
    DUCKDB_TYPE_TIMESTAMP_MS, DUCKDB_TYPE_TIMESTAMP_NS, DUCKDB_TYPE_TIMESTAMP_S, DUCKDB_TYPE_TINYINT,
    DUCKDB_TYPE_UBIGINT, DUCKDB_TYPE_UHUGEINT, DUCKDB_TYPE_UINTEGER, DUCKDB_TYPE_USMALLINT, DUCKDB_TYPE_UTINYINT, api,
    duckdb_date, duckdb_decimal, duckdb_hugeint, duckdb_timestamp, duckdb_timestamp_ms, duckdb_timestamp_ns,
    duckdb_timestamp_s, duckdb_uhugeint
)
from duckgres_tx.engine.numbers cimport count_digits, number_from_integer, rescale


cdef int64_t DAY_MICROS = 86400000000LL


cdef Target make_target(duckdb_logical_type type) noexcept nogil:
    cdef Target target
    target.type = type
    target.id = DUCKDB_TYPE_INVALID if type == NULL else api.get_type_id(type)
    target.width = target.scale = 0
    if target.id == DUCKDB_TYPE_DECIMAL:
        target.width = api.decimal_width(type)
        target.scale = api.decimal_scale(type)
    return target


cdef duckdb_value value_of_integer(Target *target, int64_t value) noexcept nogil:
    cdef Number number
    cdef duckdb_hugeint huge
    if target.id == DUCKDB_TYPE_BIGINT:
        return api.create_int64(value)
    elif target.id == DUCKDB_TYPE_INTEGER and INT32_MIN <= value <= INT32_MAX:
        return api.create_int32(<int32_t>value)
    elif target.id == DUCKDB_TYPE_SMALLINT and INT16_MIN <= value <= INT16_MAX:
        return api.create_int16(<int16_t>value)
    elif target.id == DUCKDB_TYPE_TINYINT and INT8_MIN <= value <= INT8_MAX:
        return api.create_int8(<int8_t>value)
    elif target.id == DUCKDB_TYPE_UTINYINT and 0 <= value <= UINT8_MAX:
        return api.create_uint8(<uint8_t>value)
    elif target.id == DUCKDB_TYPE_USMALLINT and 0 <= value <= UINT16_MAX:
        return api.create_uint16(<uint16_t>value)
    elif target.id == DUCKDB_TYPE_UINTEGER and 0 <= value <= <int64_t>UINT32_MAX:
        return api.create_uint32(<uint32_t>value)
    elif target.id == DUCKDB_TYPE_UBIGINT and value >= 0:
        return api.create_uint64(<uint64_t>value)
    elif target.id == DUCKDB_TYPE_HUGEINT:
        huge.lower = <uint64_t>value
        huge.upper = -1 if value < 0 else 0
        return api.create_hugeint(huge)
    elif target.id == DUCKDB_TYPE_DOUBLE or target.id == DUCKDB_TYPE_FLOAT:
        return _whole_as_float(target, value)
    elif target.id == DUCKDB_TYPE_DECIMAL or target.id == DUCKDB_TYPE_UHUGEINT:
        number = number_from_integer(value)
        return value_of_number(target, &number)
    return NULL


cdef duckdb_value _whole_as_float(Target *target, int64_t value) noexcept nogil:
    cdef int64_t exact = 1LL << (53 if target.id == DUCKDB_TYPE_DOUBLE else 24)
    if value > exact or value < -exact:
        return NULL
    return api.create_double(<double>value) if target.id == DUCKDB_TYPE_DOUBLE else api.create_float(<float>value)


cdef duckdb_hugeint _signed(Number *number) noexcept nogil:
    cdef duckdb_hugeint huge
    huge.lower = number.low
    huge.upper = <int64_t>number.high
    if number.negative:
        huge.lower = 0 - number.low
        huge.upper = <int64_t>(~number.high + (huge.lower == 0))
    return huge


cdef duckdb_value _decimal(Number *number, int width) noexcept nogil:
    cdef duckdb_decimal decimal
    decimal.width = <uint8_t>width
    decimal.scale = <uint8_t>number.scale
    decimal.value = _signed(number)
    return api.create_decimal(decimal)


cdef duckdb_value natural_number(Number *number) noexcept nogil:
    cdef int width
    if number.special:
        return api.create_double(number.approximate)
    width = count_digits(number.high, number.low)
    return _decimal(number, width if width > number.scale else number.scale)


cdef duckdb_value value_of_number(Target *target, Number *number) noexcept nogil:
    cdef Number exact = number[0]
    cdef duckdb_uhugeint unsigned_huge
    if target.id == DUCKDB_TYPE_DOUBLE:
        return api.create_double(number.approximate)
    elif target.id == DUCKDB_TYPE_FLOAT:
        return value_of_double(target, number.approximate)
    elif target.id == DUCKDB_TYPE_DECIMAL:
        if rescale(&exact, target.scale) and count_digits(exact.high, exact.low) <= target.width:
            return _decimal(&exact, target.width)
        return NULL
    elif not rescale(&exact, 0):
        return NULL
    elif target.id == DUCKDB_TYPE_HUGEINT:
        return api.create_hugeint(_signed(&exact)) if exact.high <= <uint64_t>INT64_MAX else NULL
    elif target.id == DUCKDB_TYPE_UHUGEINT or (target.id == DUCKDB_TYPE_UBIGINT and exact.high == 0):
        if exact.negative and (exact.high | exact.low) != 0:
            return NULL
        unsigned_huge.lower = exact.low
        unsigned_huge.upper = exact.high
        return api.create_uint64(exact.low) if target.id == DUCKDB_TYPE_UBIGINT else api.create_uhugeint(unsigned_huge)
    elif exact.high == 0 and exact.low <= <uint64_t>INT64_MAX:
        return value_of_integer(target, -<int64_t>exact.low if exact.negative else <int64_t>exact.low)
    return NULL


cdef duckdb_value value_of_double(Target *target, double value) noexcept nogil:
    if target.id == DUCKDB_TYPE_DOUBLE:
        return api.create_double(value)
    elif target.id == DUCKDB_TYPE_FLOAT:
        # NaN equals nothing, itself included.
        return api.create_float(<float>value) if <double><float>value == value or value != value else NULL
    elif -9007199254740992.0 <= value <= 9007199254740992.0 and <double><int64_t>value == value:
        return NULL if target.id == DUCKDB_TYPE_DECIMAL else value_of_integer(target, <int64_t>value)
    return NULL


cdef duckdb_value value_of_date(Target *target, int32_t days) noexcept nogil:
    cdef duckdb_date date
    if target.id == DUCKDB_TYPE_DATE:
        date.days = days
        return api.create_date(date)
    if days == INT32_MAX or days == -INT32_MAX:
        return value_of_timestamp(target, INT64_MAX if days > 0 else -INT64_MAX)
    if days > 106751990 or days < -106751990:
        return NULL
    return value_of_timestamp(target, days * DAY_MICROS)


cdef duckdb_value value_of_timestamp(Target *target, int64_t micros) noexcept nogil:
    cdef duckdb_timestamp timestamp
    cdef duckdb_timestamp_s seconds
    cdef duckdb_timestamp_ms millis
    cdef duckdb_timestamp_ns nanos
    cdef bint infinite = micros == INT64_MAX or micros == -INT64_MAX
    if target.id == DUCKDB_TYPE_TIMESTAMP:
        timestamp.micros = micros
        return api.create_timestamp(timestamp)
    elif target.id == DUCKDB_TYPE_TIMESTAMP_S and (infinite or micros % 1000000 == 0):
        seconds.seconds = micros if infinite else micros // 1000000
        return api.create_timestamp_s(seconds)
    elif target.id == DUCKDB_TYPE_TIMESTAMP_MS and (infinite or micros % 1000 == 0):
        millis.millis = micros if infinite else micros // 1000
        return api.create_timestamp_ms(millis)
    elif target.id == DUCKDB_TYPE_TIMESTAMP_NS and (infinite or -INT64_MAX // 1000 < micros < INT64_MAX // 1000):
        nanos.nanos = micros if infinite else micros * 1000
        return api.create_timestamp_ns(nanos)
    elif target.id == DUCKDB_TYPE_DATE and not infinite and micros % DAY_MICROS == 0:
        return value_of_date(target, <int32_t>(micros // DAY_MICROS))
    return NULL
