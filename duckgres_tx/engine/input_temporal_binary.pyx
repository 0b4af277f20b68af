"""Dates, times, timestamps and intervals, as PostgreSQL's *recv functions read them.

Touches: nothing but what it is given. No GIL.
"""

from libc.stdint cimport INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from duckgres_tx.engine.buffers cimport swap32, swap64
from duckgres_tx.engine.input_errors cimport bad_binary, complain


cdef enum:
    # 16 hours, short of a second
    FARTHEST_OFFSET = 57599

cdef int64_t DAY_MICROS = 86400000000LL
# 2000-01-01, from where PostgreSQL counts.
cdef int64_t EPOCH_MICROS = 946684800000000LL
cdef int64_t EPOCH_DAYS = 10957


cdef inline int64_t _int64_at(const char *data) noexcept nogil:
    cdef uint64_t value
    memcpy(&value, data, 8)
    return <int64_t>swap64(value)


cdef inline int32_t _int32_at(const char *data) noexcept nogil:
    cdef uint32_t value
    memcpy(&value, data, 4)
    return <int32_t>swap32(value)


cdef int read_date_binary(Reading *reading, const char *data, int64_t length, int32_t *days) noexcept nogil:
    cdef int64_t value
    if length != 4:
        return bad_binary(reading)
    value = _int32_at(data)
    if value == INT32_MAX or value == INT32_MIN:
        days[0] = INT32_MAX if value > 0 else -INT32_MAX
        return 0
    value += EPOCH_DAYS
    if value >= INT32_MAX:
        return complain(reading, b"22008", b"date out of range")
    days[0] = <int32_t>value
    return 0


cdef int read_time_binary(Reading *reading, const char *data, int64_t length, int64_t *micros) noexcept nogil:
    if length != 8:
        return bad_binary(reading)
    micros[0] = _int64_at(data)
    if micros[0] < 0 or micros[0] > DAY_MICROS:
        return complain(reading, b"22008", b"time out of range")
    return 0


cdef int read_timetz_binary(Reading *reading, const char *data, int64_t length, int64_t *micros, int32_t *offset) noexcept nogil:
    if length != 12:
        return bad_binary(reading)
    if read_time_binary(reading, data, 8, micros):
        return -1
    # PostgreSQL counts seconds west of Greenwich.
    offset[0] = -_int32_at(data + 8)
    if offset[0] > FARTHEST_OFFSET or offset[0] < -FARTHEST_OFFSET:
        return complain(reading, b"22009", b"time zone displacement out of range")
    return 0


cdef int read_timestamp_binary(Reading *reading, const char *data, int64_t length, int64_t *micros) noexcept nogil:
    if length != 8:
        return bad_binary(reading)
    micros[0] = _int64_at(data)
    if micros[0] == INT64_MAX:
        return 0
    if micros[0] == INT64_MIN:
        micros[0] = -INT64_MAX
        return 0
    if micros[0] > INT64_MAX - EPOCH_MICROS - 1:
        return complain(reading, b"22008", b"timestamp out of range")
    micros[0] += EPOCH_MICROS
    return 0


cdef int read_interval_binary(Reading *reading, const char *data, int64_t length, duckdb_interval *interval) noexcept nogil:
    if length != 16:
        return bad_binary(reading)
    interval.micros = _int64_at(data)
    interval.days = _int32_at(data + 8)
    interval.months = _int32_at(data + 12)
    return 0
