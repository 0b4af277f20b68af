"""Dates, times, timestamps and intervals as text. No GIL, no allocation: the caller has made room.

Spec: datatype-datetime.html#DATATYPE-DATETIME-OUTPUT, datatype-datetime.html#DATATYPE-INTERVAL-OUTPUT
"""

from libc.stdint cimport INT32_MAX, INT64_MAX, int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from duckgres_tx.engine.buffers cimport likely
from duckgres_tx.engine.civil cimport Civil, civil_from_days, floor_divide
from duckgres_tx.engine.date_table cimport DATE_ENTRY, DATE_LENGTH, TABLE_DAYS, date_texts
from duckgres_tx.engine.plans cimport (
    INTERVAL_ISO_8601, INTERVAL_POSTGRES_VERBOSE, INTERVAL_SQL_STANDARD, ColumnPlan, Zone
)
from duckgres_tx.engine.text_numbers cimport eight_digits, write_int64, write_uint64


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
    plan.zone_from = -INT64_MAX if low == 0 else zone.starts[low - 1] + cycles
    plan.zone_until = INT64_MAX if low == zone.size else zone.starts[low] + cycles
    if zone.cycle_start != INT64_MAX and plan.zone_until > zone.cycle_start + cycles:
        plan.zone_until = zone.cycle_start + cycles


cdef struct Span:
    # An interval taken apart; the parts of the time all have its sign.
    int64_t years
    int64_t months
    int64_t days
    int64_t hours
    int64_t minutes
    int64_t seconds
    int64_t micros


cdef inline Span take_apart(int32_t months, int32_t days, int64_t micros) noexcept nogil:
    cdef Span span
    span.years = months // 12
    span.months = months - span.years * 12
    span.days = days
    span.hours = micros // 3600000000LL
    micros -= span.hours * 3600000000LL
    span.minutes = micros // 60000000
    micros -= span.minutes * 60000000
    span.seconds = micros // 1000000
    span.micros = micros - span.seconds * 1000000
    return span


cdef inline uint64_t size_of(int64_t value) noexcept nogil:
    return <uint64_t>(-value if value < 0 else value)


cdef inline char *write_padded(char *out, uint64_t value) noexcept nogil:
    """At least two digits."""
    if value < 100:
        return write_pair(out, <uint32_t>value)
    return write_uint64(out, value)


cdef inline char *write_seconds(char *out, Span *span, bint padded) noexcept nogil:
    if padded:
        out = write_padded(out, size_of(span.seconds))
    else:
        out = write_uint64(out, size_of(span.seconds))
    return write_fraction(out, <uint32_t>size_of(span.micros))


cdef inline char *write_interval(char *out, int32_t months, int32_t days, int64_t micros, int style) noexcept nogil:
    cdef Span span = take_apart(months, days, micros)
    if style == INTERVAL_ISO_8601:
        return write_iso_interval(out, &span)
    if style == INTERVAL_SQL_STANDARD:
        return write_sql_interval(out, &span)
    if style == INTERVAL_POSTGRES_VERBOSE:
        return write_verbose_interval(out, &span)
    return write_postgres_interval(out, &span, months, days, micros)


cdef inline char *write_unit(char *out, char *first, int64_t value, const char *unit, size_t length, bint *before) noexcept nogil:
    """One part of the postgres style: a plus sign where the part before it was negative."""
    if value == 0:
        return out
    if out != first:
        out[0] = c" "
        out += 1
    if before[0] and value > 0:
        out[0] = c"+"
        out += 1
    out = write_int64(out, value)
    out[0] = c" "
    out = write_text(out + 1, unit, length)
    if value != 1:
        out[0] = c"s"
        out += 1
    before[0] = value < 0
    return out


cdef inline char *write_postgres_interval(char *out, Span *span, int32_t months, int32_t days, int64_t micros) noexcept nogil:
    cdef char *first = out
    cdef bint before = False
    out = write_unit(out, first, span.years, b"year", 4, &before)
    out = write_unit(out, first, span.months, b"mon", 3, &before)
    out = write_unit(out, first, span.days, b"day", 3, &before)
    if micros == 0 and out != first:
        return out
    if out != first:
        out[0] = c" "
        out += 1
    if micros < 0 or before:
        out[0] = c"-" if micros < 0 else c"+"
        out += 1
    out = write_padded(out, size_of(span.hours))
    out[0] = c":"
    out = write_padded(out + 1, size_of(span.minutes))
    out[0] = c":"
    return write_seconds(out + 1, span, True)


cdef inline char *write_iso_part(char *out, int64_t value, char unit) noexcept nogil:
    if value == 0:
        return out
    out = write_int64(out, value)
    out[0] = unit
    return out + 1


cdef inline char *write_iso_interval(char *out, Span *span) noexcept nogil:
    cdef bint has_time = span.hours != 0 or span.minutes != 0 or span.seconds != 0 or span.micros != 0
    if not has_time and span.years == 0 and span.months == 0 and span.days == 0:
        return write_text(out, b"PT0S", 4)
    out[0] = c"P"
    out = write_iso_part(out + 1, span.years, c"Y")
    out = write_iso_part(out, span.months, c"M")
    out = write_iso_part(out, span.days, c"D")
    if not has_time:
        return out
    out[0] = c"T"
    out = write_iso_part(out + 1, span.hours, c"H")
    out = write_iso_part(out, span.minutes, c"M")
    if span.seconds != 0 or span.micros != 0:
        if span.seconds < 0 or span.micros < 0:
            out[0] = c"-"
            out += 1
        out = write_seconds(out, span, False)
        out[0] = c"S"
        out += 1
    return out


cdef inline char *write_days_clock(char *out, Span *span) noexcept nogil:
    """H:MM:SS of the SQL standard's style."""
    out = write_uint64(out, size_of(span.hours))
    out[0] = c":"
    out = write_padded(out + 1, size_of(span.minutes))
    out[0] = c":"
    return write_seconds(out + 1, span, True)


cdef inline char *write_year_month(char *out, Span *span) noexcept nogil:
    out = write_uint64(out, size_of(span.years))
    out[0] = c"-"
    return write_uint64(out + 1, size_of(span.months))


cdef inline char *write_sql_interval(char *out, Span *span) noexcept nogil:
    """The SQL standard's style: one sign in front where the standard has a form, a sign for each part elsewhere."""
    cdef bint time_negative = span.hours < 0 or span.minutes < 0 or span.seconds < 0 or span.micros < 0
    cdef bint time_positive = span.hours > 0 or span.minutes > 0 or span.seconds > 0 or span.micros > 0
    cdef bint negative = span.years < 0 or span.months < 0 or span.days < 0 or time_negative
    cdef bint positive = span.years > 0 or span.months > 0 or span.days > 0 or time_positive
    cdef bint year_month = span.years != 0 or span.months != 0
    if not negative and not positive:
        out[0] = c"0"
        return out + 1
    if (negative and positive) or (year_month and (span.days != 0 or time_negative or time_positive)):
        out[0] = c"-" if span.years < 0 or span.months < 0 else c"+"
        out = write_year_month(out + 1, span)
        out[0] = c" "
        out[1] = c"-" if span.days < 0 else c"+"
        out = write_uint64(out + 2, size_of(span.days))
        out[0] = c" "
        out[1] = c"-" if time_negative else c"+"
        return write_days_clock(out + 2, span)
    if negative:
        out[0] = c"-"
        out += 1
    if year_month:
        return write_year_month(out, span)
    if span.days != 0:
        out = write_uint64(out, size_of(span.days))
        out[0] = c" "
        out += 1
    return write_days_clock(out, span)


cdef inline char *write_verbose_part(
    char *out, int64_t value, const char *unit, size_t length, bint *zero, bint *before
) noexcept nogil:
    """One part of the verbose style, whose sign is relative to the first part's: that one is told by "ago"."""
    if value == 0:
        return out
    if zero[0]:
        before[0] = value < 0
        value = <int64_t>size_of(value)
    elif before[0]:
        value = -value
    zero[0] = False
    out[0] = c" "
    out = write_int64(out + 1, value)
    out[0] = c" "
    out = write_text(out + 1, unit, length)
    if value != 1:
        out[0] = c"s"
        out += 1
    return out


cdef inline char *write_verbose_interval(char *out, Span *span) noexcept nogil:
    cdef bint zero = True
    cdef bint before = False
    out[0] = c"@"
    out = write_verbose_part(out + 1, span.years, b"year", 4, &zero, &before)
    out = write_verbose_part(out, span.months, b"mon", 3, &zero, &before)
    out = write_verbose_part(out, span.days, b"day", 3, &zero, &before)
    out = write_verbose_part(out, span.hours, b"hour", 4, &zero, &before)
    out = write_verbose_part(out, span.minutes, b"min", 3, &zero, &before)
    if span.seconds != 0 or span.micros != 0:
        out[0] = c" "
        out += 1
        if span.seconds < 0 or (span.seconds == 0 and span.micros < 0):
            if zero:
                before = True
            elif not before:
                out[0] = c"-"
                out += 1
        elif before:
            out[0] = c"-"
            out += 1
        out = write_seconds(out, span, False)
        out = write_text(out, b" sec", 4)
        if size_of(span.seconds) != 1 or span.micros != 0:
            out[0] = c"s"
            out += 1
        zero = False
    if zero:
        out = write_text(out, b" 0", 2)
    if before:
        out = write_text(out, b" ago", 4)
    return out
