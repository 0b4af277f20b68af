"""Dates, times and timestamps as text. No GIL, no allocation: the caller has made room.

Spec: datatype-datetime.html#DATATYPE-DATETIME-OUTPUT
"""

from libc.stdint cimport INT32_MAX, INT64_MAX, int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from duckgres_tx.engine.buffers cimport likely
from duckgres_tx.engine.civil cimport Civil, civil_from_days, floor_divide
from duckgres_tx.engine.date_table cimport DATE_ENTRY, DATE_LENGTH, TABLE_DAYS, date_texts
from duckgres_tx.engine.plans cimport ZONE_NAME, ColumnPlan, Zone
from duckgres_tx.engine.text_numbers cimport eight_digits, write_uint64


cdef extern from *:
    """
    static const char duckgres_pairs[201] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
        "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
        "8081828384858687888990919293949596979899";
    """
    const char *pairs "duckgres_pairs"


cdef enum:
    SECONDS_PER_DAY = 86400


cdef inline char *write_pair(char *out, uint32_t value) noexcept nogil:
    """`value` < 100 as two digits."""
    memcpy(out, pairs + 2 * value, 2)
    return out + 2


cdef inline char *write_civil(char *out, Civil civil, bint *before_christ) noexcept nogil:
    """YYYY-MM-DD, the year with as many digits as it takes but four at least. PostgreSQL puts BC after the time."""
    cdef uint64_t year
    cdef uint32_t century
    before_christ[0] = civil.year <= 0
    year = <uint64_t>(1 - civil.year if civil.year <= 0 else civil.year)
    if year < 10000:
        century = <uint32_t>year // 100
        out = write_pair(out, century)
        out = write_pair(out, <uint32_t>year - century * 100)
    else:
        out = write_uint64(out, year)
    out[0] = c"-"
    out = write_pair(out + 1, civil.month)
    out[0] = c"-"
    return write_pair(out + 1, civil.day)


cdef inline char *write_text(char *out, const char *text, size_t length) noexcept nogil:
    memcpy(out, text, length)
    return out + length


cdef inline char *write_infinity(char *out, bint negative) noexcept nogil:
    if negative:
        return write_text(out, b"-infinity", 9)
    return write_text(out, b"infinity", 8)


cdef inline char *write_date(char *out, int32_t days) noexcept nogil:
    cdef bint before_christ
    if days == INT32_MAX or days == -INT32_MAX:
        return write_infinity(out, days < 0)
    out = write_civil(out, civil_from_days(days), &before_christ)
    if before_christ:
        return write_text(out, b" BC", 3)
    return out


cdef inline char *write_fraction(char *out, uint32_t micros) noexcept nogil:
    """A point and the digits of millionths without trailing zeros; nothing when there are none."""
    cdef uint64_t digits
    cdef int size = 6
    if micros == 0:
        return out
    # Eight digits of micros * 100 are the six wanted and two zeros.
    digits = eight_digits(micros * 100) | 0x3030303030303030ULL
    out[0] = c"."
    memcpy(out + 1, &digits, 8)
    while out[size] == c"0":
        size -= 1
    return out + 1 + size


cdef inline char *write_clock(char *out, int64_t micros) noexcept nogil:
    """HH:MM:SS[.ffffff] of a time of day, 24:00:00 included."""
    cdef uint32_t seconds = <uint32_t>(micros // 1000000)
    return write_time_of_day(out, seconds, <uint32_t>(micros - <int64_t>seconds * 1000000))


cdef inline char *write_time_of_day(char *out, uint32_t seconds, uint32_t fraction) noexcept nogil:
    cdef uint32_t minutes = seconds // 60
    cdef uint32_t hours = minutes // 60
    out = write_pair(out, hours)
    out[0] = c":"
    out = write_pair(out + 1, minutes - hours * 60)
    out[0] = c":"
    out = write_pair(out + 1, seconds - minutes * 60)
    return write_fraction(out, fraction)


cdef inline char *write_offset(char *out, int32_t seconds, bint always_minutes) noexcept nogil:
    """A zone's offset, seconds east of Greenwich: +HH[:MM[:SS]]."""
    cdef uint32_t size = <uint32_t>(-seconds if seconds < 0 else seconds)
    cdef uint32_t minutes = size // 60
    out[0] = c"-" if seconds < 0 else c"+"
    out = write_pair(out + 1, minutes // 60)
    if size % 3600 != 0 or always_minutes:
        out[0] = c":"
        out = write_pair(out + 1, minutes % 60)
    if size % 60 != 0:
        out[0] = c":"
        out = write_pair(out + 1, size % 60)
    return out


cdef inline char *write_timetz(char *out, uint64_t bits) noexcept nogil:
    """DuckDB packs 40 bits of microseconds and 24 of 57599 - offset."""
    out = write_clock(out, <int64_t>(bits >> 24))
    return write_offset(out, 57599 - <int32_t>(bits & 0xffffff), False)


cdef inline char *write_timestamp(char *out, int64_t seconds, uint32_t micros, char separator) noexcept nogil:
    """Seconds since 1970 in local time, and millionths of one."""
    cdef bint before_christ = False
    cdef int64_t days = floor_divide(seconds, SECONDS_PER_DAY)
    if likely(0 <= days < TABLE_DAYS):
        memcpy(out, date_texts + days * DATE_ENTRY, DATE_ENTRY)
        out += DATE_LENGTH
    else:
        out = write_civil(out, civil_from_days(days), &before_christ)
    out[0] = separator
    out = write_time_of_day(out + 1, <uint32_t>(seconds - days * SECONDS_PER_DAY), micros)
    if before_christ:
        return write_text(out, b" BC", 3)
    return out


cdef inline char *write_timestamptz(char *out, ColumnPlan *plan, int64_t micros, bint json) noexcept nogil:
    """Microseconds since 1970 in UTC, in the session's zone."""
    cdef int64_t seconds = floor_divide(micros, 1000000)
    cdef uint32_t fraction = <uint32_t>(micros - seconds * 1000000)
    cdef char *end
    if seconds < plan.zone_from or seconds >= plan.zone_until:
        find_offset(plan, seconds)
    end = write_timestamp(out, seconds + plan.zone_offset, fraction, c"T" if json else c" ")
    if (end - 1)[0] == c"C":
        # PostgreSQL puts the offset before BC.
        return write_text(write_offset(end - 3, plan.zone_offset, json), b" BC", 3)
    return write_offset(end, plan.zone_offset, json)


cdef inline void find_offset(ColumnPlan *plan, int64_t seconds) noexcept nogil:
    """Remember in the plan the offset that holds at a time, and from when until when it does."""
    cdef const Zone *zone = plan.render.zone
    cdef int64_t cycles = 0
    cdef size_t low = 0
    cdef size_t high = zone.size
    cdef size_t middle
    # 400 Gregorian years are 12622780800 seconds, and whole weeks.
    if seconds >= zone.cycle_start:
        cycles = ((seconds - zone.cycle_start) // 12622780800LL + 1) * 12622780800LL
        seconds -= cycles
    while low < high:
        middle = (low + high) // 2
        if zone.starts[middle] <= seconds:
            low = middle + 1
        else:
            high = middle
    plan.zone_offset = zone.first_offset if low == 0 else zone.offsets[low - 1]
    plan.zone_name = zone.names + low * ZONE_NAME
    plan.zone_from = -INT64_MAX if low == 0 else zone.starts[low - 1] + cycles
    plan.zone_until = INT64_MAX if low == zone.size else zone.starts[low] + cycles
    if zone.cycle_start != INT64_MAX and plan.zone_until > zone.cycle_start + cycles:
        plan.zone_until = zone.cycle_start + cycles
