"""Dates and times into the vectors of COPY's data chunks.

A time without a zone where one belongs is in the session's.

Touches: the column's vector. No GIL.
"""

from libc.stdint cimport INT64_MAX, int32_t, uint64_t

from duckgres_tx.engine.capi cimport (
    DUCKDB_TYPE_DATE, DUCKDB_TYPE_TIMESTAMP_MS, DUCKDB_TYPE_TIMESTAMP_NS, DUCKDB_TYPE_TIMESTAMP_S,
    DUCKDB_TYPE_TIMESTAMP_TZ, DUCKDB_TYPE_TIME_NS, DUCKDB_TYPE_TIME_TZ
)
from duckgres_tx.engine.civil cimport floor_divide
from duckgres_tx.engine.input_errors cimport complain, datetime_out_of_range
from duckgres_tx.engine.input_temporal cimport (
    LEFT_TO_DUCKDB, read_date_text, read_time_text, read_timestamp_text, read_timestamptz_text, read_timetz_text
)
from duckgres_tx.engine.input_temporal_binary cimport (
    read_date_binary, read_time_binary, read_timestamp_binary, read_timetz_binary
)
from duckgres_tx.engine.plans cimport Zone
from duckgres_tx.engine.spans cimport Span, trim

cdef extern from "<time.h>" nogil:
    ctypedef long time_t
    time_t time(time_t *when)

cdef enum:
    SECONDS_A_DAY = 86400
    # The calendar repeats after 400 years.
    CYCLE_DAYS = 146097

cdef int64_t MICROS_A_SECOND = 1000000


cdef int32_t _offset_at(const Zone *zone, int64_t seconds) noexcept nogil:
    """Seconds east of Greenwich at a moment."""
    cdef size_t low = 0
    cdef size_t high = zone.size
    cdef size_t middle
    cdef int64_t cycle = <int64_t>CYCLE_DAYS * SECONDS_A_DAY
    if seconds >= zone.cycle_start:
        seconds -= ((seconds - zone.cycle_start) // cycle + 1) * cycle
    while low < high:
        middle = (low + high) // 2
        if zone.starts[middle] <= seconds:
            low = middle + 1
        else:
            high = middle
    return zone.offsets[low - 1] if low else zone.first_offset


cdef int32_t _local_offset(const Zone *zone, int64_t local) noexcept nogil:
    """The offset that a local time has. Where the clock was put forward the one before holds, where back the one after."""
    cdef int32_t before = _offset_at(zone, local - SECONDS_A_DAY)
    cdef int32_t after = _offset_at(zone, local + SECONDS_A_DAY)
    if before == after:
        return before
    return after if _offset_at(zone, local - after) == after else before


cdef bint _names_a_zone(const char *text, int64_t length) noexcept nogil:
    """Whether the text ends in a word other than BC and AD."""
    cdef Span span = trim(text, length)
    cdef char last
    if span.length < 2:
        return False
    last = span.text[span.length - 1] | 32
    if last == c"c" or last == c"d":
        return not ((span.text[span.length - 2] | 32) == (c"b" if last == c"c" else c"a") and (
            span.length < 3 or not c"a" <= (span.text[span.length - 3] | 32) <= c"z"
        ))
    return c"a" <= last <= c"z"


cdef int _refuse_zone(Reading *reading) noexcept nogil:
    return complain(reading, b"0A000", b"time zones in COPY data must be offsets, such as +02, not names")


cdef int _read_local(
    CopyColumn *column, const char *text, int64_t length, Reading *reading, int64_t *micros
) noexcept nogil:
    """A timestamp in the session's time zone."""
    cdef int64_t seconds
    if _names_a_zone(text, length):
        return _refuse_zone(reading)
    if read_timestamp_text(reading, text, length, micros):
        return -1
    seconds = floor_divide(micros[0], MICROS_A_SECOND)
    micros[0] -= _local_offset(column.render.zone, seconds) * MICROS_A_SECOND
    return 0


cdef int read_instant(
    CopyColumn *column, idx_t row, const char *data, int64_t length, bint binary, Reading *reading
) noexcept nogil:
    cdef int64_t micros = 0
    cdef int64_t *values = <int64_t *>column.data
    cdef int result
    if column.id == DUCKDB_TYPE_DATE:
        if binary:
            return read_date_binary(reading, data, length, <int32_t *>column.data + row)
        return read_date_text(reading, data, length, <int32_t *>column.data + row)
    if binary:
        result = read_timestamp_binary(reading, data, length, &micros)
    elif column.id == DUCKDB_TYPE_TIMESTAMP_TZ:
        result = read_timestamptz_text(reading, data, length, &micros)
        if result == LEFT_TO_DUCKDB:
            result = _read_local(column, data, length, reading, &micros)
    else:
        result = read_timestamp_text(reading, data, length, &micros)
    if result:
        return -1
    if micros != INT64_MAX and micros != -INT64_MAX:
        if column.id == DUCKDB_TYPE_TIMESTAMP_S:
            micros = floor_divide(micros + MICROS_A_SECOND // 2, MICROS_A_SECOND)
        elif column.id == DUCKDB_TYPE_TIMESTAMP_MS:
            micros = floor_divide(micros + 500, 1000)
        elif column.id == DUCKDB_TYPE_TIMESTAMP_NS:
            if not -INT64_MAX // 1000 < micros < INT64_MAX // 1000:
                return datetime_out_of_range(reading, b"timestamp", data, 0 if binary else length)
            micros *= 1000
    values[row] = micros
    return 0


cdef int read_clock(
    CopyColumn *column, idx_t row, const char *data, int64_t length, bint binary, Reading *reading
) noexcept nogil:
    cdef int64_t micros = 0
    cdef int32_t offset = 0
    cdef int result
    if column.id != DUCKDB_TYPE_TIME_TZ:
        if binary:
            result = read_time_binary(reading, data, length, &micros)
        else:
            result = read_time_text(reading, data, length, &micros)
        (<int64_t *>column.data)[row] = micros * 1000 if column.id == DUCKDB_TYPE_TIME_NS else micros
        return result
    if binary:
        result = read_timetz_binary(reading, data, length, &micros, &offset)
    else:
        result = read_timetz_text(reading, data, length, &micros, &offset)
    if result == LEFT_TO_DUCKDB:
        if _names_a_zone(data, length):
            return _refuse_zone(reading)
        # What the clock of today says there.
        result = read_time_text(reading, data, length, &micros)
        offset = _offset_at(column.render.zone, time(NULL))
    (<uint64_t *>column.data)[row] = (<uint64_t>micros << 24) | <uint64_t>(57599 - offset)
    return result
