"""Intervals as text, in PostgreSQL's four styles. No GIL, no allocation: the caller has made room.

Spec: datatype-datetime.html#DATATYPE-INTERVAL-OUTPUT, EncodeInterval in PostgreSQL's datetime.c
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from duckgres_tx.engine.plans cimport INTERVAL_ISO_8601, INTERVAL_POSTGRES_VERBOSE, INTERVAL_SQL_STANDARD
from duckgres_tx.engine.text_numbers cimport write_int64, write_uint64
from duckgres_tx.engine.text_temporal cimport write_fraction, write_pair, write_text


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
