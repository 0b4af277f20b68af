"""Values of limited length, text and binary: one switch over what a plan writes. No GIL, no allocation.

The caller has made room for the plan's `width` and 8 more bytes.
"""

from libc.stdint cimport (
    INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t,
    uint64_t
)
from libc.string cimport memcpy

from duckgres_tx.engine.binary_numbers cimport write_numeric64, write_numeric128, write_numeric_digits
from duckgres_tx.engine.buffers cimport Writer, put16, put32, put64
from duckgres_tx.engine.capi cimport duckdb_hugeint, duckdb_interval, idx_t
from duckgres_tx.engine.civil cimport floor_divide
from duckgres_tx.engine.plans cimport (
    BINARY_BOOL, BINARY_DATE, BINARY_DECIMAL16, BINARY_DECIMAL32, BINARY_DECIMAL64, BINARY_DECIMAL128, BINARY_DOUBLE,
    BINARY_FLOAT, BINARY_INT8, BINARY_INT16, BINARY_INT32, BINARY_INT64, BINARY_INT128, BINARY_INTERVAL, BINARY_NUMERIC,
    BINARY_OID,
    BINARY_TIME, BINARY_TIME_NS, BINARY_TIMESTAMP, BINARY_TIMESTAMP_MS, BINARY_TIMESTAMP_NS, BINARY_TIMESTAMP_S,
    BINARY_TIMETZ, BINARY_UINT8, BINARY_UINT16, BINARY_UINT32, BINARY_UINT64, BINARY_UINT128, BINARY_UUID, JSON_BOOL,
    STYLED_DATE, STYLED_TIMESTAMPTZ,
    TEXT_BOOL, TEXT_DATE, TEXT_DECIMAL16, TEXT_DECIMAL32, TEXT_DECIMAL64, TEXT_DECIMAL128, TEXT_DOUBLE, TEXT_FLOAT,
    TEXT_INT8, TEXT_INT16, TEXT_INT32, TEXT_INT64, TEXT_INT128, TEXT_INTERVAL, TEXT_NUMERIC, TEXT_PROCEDURE, TEXT_TIME,
    TEXT_TIME_NS,
    TEXT_TIMESTAMP, TEXT_TIMESTAMP_MS, TEXT_TIMESTAMP_NS, TEXT_TIMESTAMP_S, TEXT_TIMESTAMPTZ, TEXT_TIMETZ, TEXT_UINT8,
    TEXT_UINT16, TEXT_UINT32, TEXT_UINT64, TEXT_UINT128, TEXT_UUID, ColumnPlan
)
from duckgres_tx.engine.procedures cimport write_procedure
from duckgres_tx.engine.styled_times cimport write_styled
from duckgres_tx.engine.text_floats cimport write_double, write_float
from duckgres_tx.engine.text_intervals cimport write_interval
from duckgres_tx.engine.text_numbers cimport (
    count_zeros, trim_fraction, write_decimal64, write_decimal128, write_int64, write_int128, write_uint64, write_uint128
)
from duckgres_tx.engine.text_temporal cimport (
    write_clock, write_date, write_infinity, write_text, write_timestamp, write_timestamptz, write_timetz
)


cdef enum:
    OUT_OF_RANGE = -3


cdef inline char *write_scalar(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil:
    cdef int what = plan.write
    cdef const char *data = plan.data
    if what == TEXT_INT32:
        return write_int64(out, (<const int32_t *>data)[row])
    elif what == TEXT_INT64:
        return write_int64(out, (<const int64_t *>data)[row])
    elif what == TEXT_DECIMAL64:
        return write_decimal64(out, (<const int64_t *>data)[row], plan.scale)
    elif what == TEXT_DATE:
        return write_date(out, (<const int32_t *>data)[row])
    elif what == TEXT_BOOL:
        out[0] = c"t" if (<const uint8_t *>data)[row] else c"f"
        return out + 1
    elif what == TEXT_INT8:
        return write_int64(out, (<const int8_t *>data)[row])
    elif what == TEXT_INT16:
        return write_int64(out, (<const int16_t *>data)[row])
    elif what == TEXT_UINT8:
        return write_uint64(out, (<const uint8_t *>data)[row])
    elif what == TEXT_UINT16:
        return write_uint64(out, (<const uint16_t *>data)[row])
    elif what == TEXT_UINT32:
        return write_uint64(out, (<const uint32_t *>data)[row])
    elif what == TEXT_UINT64:
        return write_uint64(out, (<const uint64_t *>data)[row])
    elif what == TEXT_INT128:
        return write_int128(out, (<const duckdb_hugeint *>data)[row].upper, (<const duckdb_hugeint *>data)[row].lower)
    elif what == TEXT_UINT128:
        return write_uint128(out, <uint64_t>(<const duckdb_hugeint *>data)[row].upper, (<const duckdb_hugeint *>data)[row].lower)
    elif what == TEXT_FLOAT:
        return write_float(out, (<const float *>data)[row], plan.render.extra_float_digits)
    elif what == TEXT_DOUBLE:
        return write_double(out, (<const double *>data)[row], plan.render.extra_float_digits)
    elif what == TEXT_DECIMAL16:
        return write_decimal64(out, (<const int16_t *>data)[row], plan.scale)
    elif what == TEXT_DECIMAL32:
        return write_decimal64(out, (<const int32_t *>data)[row], plan.scale)
    elif what == TEXT_DECIMAL128:
        return write_decimal128(
            out, (<const duckdb_hugeint *>data)[row].upper, (<const duckdb_hugeint *>data)[row].lower, plan.scale
        )
    elif what == TEXT_NUMERIC:
        return trim_fraction(write_decimal128(
            out, (<const duckdb_hugeint *>data)[row].upper, (<const duckdb_hugeint *>data)[row].lower, plan.scale
        ))
    elif what == TEXT_TIME:
        return write_clock(out, (<const int64_t *>data)[row])
    elif what == TEXT_TIME_NS:
        return write_clock(out, (<const int64_t *>data)[row] // 1000)
    elif what == TEXT_TIMETZ:
        return write_timetz(out, (<const uint64_t *>data)[row])
    elif what == TEXT_TIMESTAMP:
        return write_instant(out, plan, (<const int64_t *>data)[row], 1000000, 1)
    elif what == TEXT_TIMESTAMP_S:
        return write_instant(out, plan, (<const int64_t *>data)[row], 1, 0)
    elif what == TEXT_TIMESTAMP_MS:
        return write_instant(out, plan, (<const int64_t *>data)[row], 1000, 1000)
    elif what == TEXT_TIMESTAMP_NS:
        return write_nanoseconds(out, plan, (<const int64_t *>data)[row])
    elif what == TEXT_TIMESTAMPTZ:
        if is_infinite((<const int64_t *>data)[row]):
            return write_infinity(out, (<const int64_t *>data)[row] < 0)
        return write_timestamptz(out, plan, (<const int64_t *>data)[row], plan.json)
    elif what == TEXT_INTERVAL:
        return write_interval(
            out, (<const duckdb_interval *>data)[row].months, (<const duckdb_interval *>data)[row].days,
            (<const duckdb_interval *>data)[row].micros, plan.render.interval_style
        )
    elif what == TEXT_UUID:
        return write_uuid(out, <const duckdb_hugeint *>data + row)
    elif what == TEXT_PROCEDURE:
        return write_procedure(out, (<const int64_t *>data)[row])
    elif STYLED_DATE <= what <= STYLED_TIMESTAMPTZ:
        return write_styled(plan, row, out)
    elif what == JSON_BOOL:
        if (<const uint8_t *>data)[row]:
            return write_text(out, b"true", 4)
        return write_text(out, b"false", 5)
    elif what == BINARY_BOOL:
        out[0] = (<const uint8_t *>data)[row] != 0
        return out + 1
    elif what == BINARY_INT8:
        put16(out, <uint16_t>(<const int8_t *>data)[row])
        return out + 2
    elif what == BINARY_INT16:
        put16(out, (<const uint16_t *>data)[row])
        return out + 2
    elif what == BINARY_INT32 or what == BINARY_FLOAT:
        put32(out, (<const uint32_t *>data)[row])
        return out + 4
    elif what == BINARY_INT64 or what == BINARY_DOUBLE or what == BINARY_TIME:
        put64(out, (<const uint64_t *>data)[row])
        return out + 8
    elif what == BINARY_UINT8:
        put16(out, (<const uint8_t *>data)[row])
        return out + 2
    elif what == BINARY_UINT16:
        put32(out, (<const uint16_t *>data)[row])
        return out + 4
    elif what == BINARY_UINT32:
        put64(out, (<const uint32_t *>data)[row])
        return out + 8
    elif what == BINARY_OID:
        put32(out, <uint32_t>(<const uint64_t *>data)[row])
        return out + 4
    elif what == BINARY_UINT64:
        return write_numeric_digits(out, 0, (<const uint64_t *>data)[row], False, 0)
    elif what == BINARY_INT128:
        return write_numeric128(out, (<const duckdb_hugeint *>data)[row].upper, (<const duckdb_hugeint *>data)[row].lower, 0)
    elif what == BINARY_UINT128:
        return write_numeric_digits(
            out, <uint64_t>(<const duckdb_hugeint *>data)[row].upper, (<const duckdb_hugeint *>data)[row].lower, False, 0
        )
    elif what == BINARY_DECIMAL16:
        return write_numeric64(out, (<const int16_t *>data)[row], plan.scale)
    elif what == BINARY_DECIMAL32:
        return write_numeric64(out, (<const int32_t *>data)[row], plan.scale)
    elif what == BINARY_DECIMAL64:
        return write_numeric64(out, (<const int64_t *>data)[row], plan.scale)
    elif what == BINARY_DECIMAL128:
        return write_numeric128(
            out, (<const duckdb_hugeint *>data)[row].upper, (<const duckdb_hugeint *>data)[row].lower, plan.scale
        )
    elif what == BINARY_NUMERIC:
        # Zeros at the end are in no group; only the header tells of them.
        write_numeric128(
            out, (<const duckdb_hugeint *>data)[row].upper, (<const duckdb_hugeint *>data)[row].lower, plan.scale
        )
        put16(out + 6, plan.scale - count_zeros(
            (<const duckdb_hugeint *>data)[row].upper, (<const duckdb_hugeint *>data)[row].lower, plan.scale
        ))
        return out + 8 + 2 * (((<uint8_t>out[0]) << 8) | <uint8_t>out[1])
    elif what == BINARY_DATE:
        put32(out, <uint32_t>binary_date(writer, (<const int32_t *>data)[row]))
        return out + 4
    elif what == BINARY_TIME_NS:
        put64(out, <uint64_t>((<const int64_t *>data)[row] // 1000))
        return out + 8
    elif what == BINARY_TIMETZ:
        # PostgreSQL counts seconds west of Greenwich.
        put64(out, (<const uint64_t *>data)[row] >> 24)
        put32(out + 8, ((<const uint64_t *>data)[row] & 0xffffff) - 57599)
        return out + 12
    elif what == BINARY_TIMESTAMP:
        put64(out, <uint64_t>binary_instant(writer, (<const int64_t *>data)[row], 1))
        return out + 8
    elif what == BINARY_TIMESTAMP_S:
        put64(out, <uint64_t>binary_instant(writer, (<const int64_t *>data)[row], 1000000))
        return out + 8
    elif what == BINARY_TIMESTAMP_MS:
        put64(out, <uint64_t>binary_instant(writer, (<const int64_t *>data)[row], 1000))
        return out + 8
    elif what == BINARY_TIMESTAMP_NS:
        put64(out, <uint64_t>binary_nanoseconds(writer, (<const int64_t *>data)[row]))
        return out + 8
    elif what == BINARY_INTERVAL:
        put64(out, <uint64_t>(<const duckdb_interval *>data)[row].micros)
        put32(out + 8, <uint32_t>(<const duckdb_interval *>data)[row].days)
        put32(out + 12, <uint32_t>(<const duckdb_interval *>data)[row].months)
        return out + 16
    elif what == BINARY_UUID:
        put64(out, <uint64_t>(<const duckdb_hugeint *>data)[row].upper ^ (1ULL << 63))
        put64(out + 8, (<const duckdb_hugeint *>data)[row].lower)
        return out + 16
    return out


cdef inline bint is_infinite(int64_t value) noexcept nogil:
    """DuckDB's timestamps of every unit have the same two infinities."""
    return value == INT64_MAX or value == -INT64_MAX


cdef inline char *write_instant(char *out, ColumnPlan *plan, int64_t value, int64_t units, uint32_t micros) noexcept nogil:
    """A timestamp of `units` to the second, each of so many microseconds."""
    cdef int64_t seconds
    if is_infinite(value):
        return write_infinity(out, value < 0)
    seconds = floor_divide(value, units)
    return write_timestamp(out, seconds, <uint32_t>(value - seconds * units) * micros, c"T" if plan.json else c" ")


cdef inline char *write_nanoseconds(char *out, ColumnPlan *plan, int64_t value) noexcept nogil:
    """PostgreSQL's timestamps end at microseconds; what is finer is cut off."""
    if is_infinite(value):
        return write_infinity(out, value < 0)
    return write_instant(out, plan, floor_divide(value, 1000), 1000000, 1)


cdef inline char *write_uuid(char *out, const duckdb_hugeint *value) noexcept nogil:
    """DuckDB keeps a UUID as a 128-bit number with the first bit flipped, so that they sort."""
    cdef uint64_t halves[2]
    cdef const char *digits = b"0123456789abcdef"
    cdef int index
    cdef uint8_t byte
    halves[0] = <uint64_t>value.upper ^ (1ULL << 63)
    halves[1] = value.lower
    for index in range(16):
        if index == 4 or index == 6 or index == 8 or index == 10:
            out[0] = c"-"
            out += 1
        byte = <uint8_t>(halves[index >> 3] >> (56 - 8 * (index & 7)))
        out[0] = digits[byte >> 4]
        out[1] = digits[byte & 15]
        out += 2
    return out


cdef inline int32_t binary_date(Writer *writer, int32_t days) noexcept nogil:
    """Days since 2000-01-01."""
    if days == INT32_MAX:
        return INT32_MAX
    if days == -INT32_MAX:
        return INT32_MIN
    if days < INT32_MIN + 10958:
        writer.result = OUT_OF_RANGE
        return 0
    return days - 10957


cdef inline int64_t binary_instant(Writer *writer, int64_t value, int64_t micros) noexcept nogil:
    """Microseconds since 2000-01-01 of a count of units since 1970, each of so many microseconds."""
    if value == INT64_MAX:
        return INT64_MAX
    if value == -INT64_MAX:
        return INT64_MIN
    if value > INT64_MAX // micros or value < (INT64_MIN + 946684800000001LL) // micros:
        writer.result = OUT_OF_RANGE
        return 0
    return value * micros - 946684800000000LL


cdef inline int64_t binary_nanoseconds(Writer *writer, int64_t value) noexcept nogil:
    if is_infinite(value):
        return binary_instant(writer, value, 1)
    return binary_instant(writer, floor_divide(value, 1000), 1)
