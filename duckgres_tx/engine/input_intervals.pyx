"""Intervals in PostgreSQL's own styles, the SQL standard's, and ISO 8601 with designators.

Touches: nothing but what it is given. No GIL.

Spec: datatype-datetime.html#DATATYPE-INTERVAL-INPUT
"""

from libc.math cimport fabs, rint, trunc
from libc.stdint cimport INT32_MAX, int64_t
from libc.stdlib cimport strtod
from libc.string cimport memcpy

from duckgres_tx.engine.input_errors cimport bad_datetime, complain
from duckgres_tx.engine.spans cimport Span, is_digit, is_space, trim


cdef extern from "<strings.h>":
    int strncasecmp(const char *left, const char *right, size_t length) noexcept nogil


cdef enum:
    BAD = -1
    OVERFLOW = -2
    LONGEST = 200


# A unit: what one of it is, of exactly one of the three.
cdef struct Unit:
    const char *name
    int months
    int days
    double micros


cdef Unit[60] units = [
    Unit(b"us", 0, 0, 1), Unit(b"usec", 0, 0, 1), Unit(b"usecs", 0, 0, 1), Unit(b"usecond", 0, 0, 1),
    Unit(b"useconds", 0, 0, 1), Unit(b"microsecond", 0, 0, 1), Unit(b"microseconds", 0, 0, 1),
    Unit(b"ms", 0, 0, 1e3), Unit(b"msec", 0, 0, 1e3), Unit(b"msecs", 0, 0, 1e3), Unit(b"mseconds", 0, 0, 1e3),
    Unit(b"millisecond", 0, 0, 1e3), Unit(b"milliseconds", 0, 0, 1e3),
    Unit(b"s", 0, 0, 1e6), Unit(b"sec", 0, 0, 1e6), Unit(b"secs", 0, 0, 1e6), Unit(b"second", 0, 0, 1e6),
    Unit(b"seconds", 0, 0, 1e6),
    Unit(b"m", 0, 0, 6e7), Unit(b"min", 0, 0, 6e7), Unit(b"mins", 0, 0, 6e7), Unit(b"minute", 0, 0, 6e7),
    Unit(b"minutes", 0, 0, 6e7),
    Unit(b"h", 0, 0, 3.6e9), Unit(b"hr", 0, 0, 3.6e9), Unit(b"hrs", 0, 0, 3.6e9), Unit(b"hour", 0, 0, 3.6e9),
    Unit(b"hours", 0, 0, 3.6e9),
    Unit(b"d", 0, 1, 0), Unit(b"day", 0, 1, 0), Unit(b"days", 0, 1, 0),
    Unit(b"w", 0, 7, 0), Unit(b"week", 0, 7, 0), Unit(b"weeks", 0, 7, 0),
    Unit(b"mon", 1, 0, 0), Unit(b"mons", 1, 0, 0), Unit(b"month", 1, 0, 0), Unit(b"months", 1, 0, 0),
    Unit(b"y", 12, 0, 0), Unit(b"yr", 12, 0, 0), Unit(b"yrs", 12, 0, 0), Unit(b"year", 12, 0, 0),
    Unit(b"years", 12, 0, 0),
    Unit(b"dec", 120, 0, 0), Unit(b"decs", 120, 0, 0), Unit(b"decade", 120, 0, 0), Unit(b"decades", 120, 0, 0),
    Unit(b"c", 1200, 0, 0), Unit(b"cent", 1200, 0, 0), Unit(b"century", 1200, 0, 0), Unit(b"centuries", 1200, 0, 0),
    Unit(b"mil", 12000, 0, 0), Unit(b"mils", 12000, 0, 0), Unit(b"millennia", 12000, 0, 0),
    Unit(b"millennium", 12000, 0, 0),
    Unit(NULL, 0, 0, 0), Unit(NULL, 0, 0, 0), Unit(NULL, 0, 0, 0), Unit(NULL, 0, 0, 0), Unit(NULL, 0, 0, 0),
]


# What has been read so far; as doubles, which are exact far beyond what an interval holds, but for the microseconds of
# very long times.
cdef struct Sum:
    double months
    double days
    int64_t micros


cdef struct Amount:
    double whole
    # What is behind the point, with the number's sign.
    double fraction


cdef bint _scan_amount(const char **at, const char *end, Amount *amount, bint *negative) noexcept nogil:
    """[+-] digits [. digits]"""
    cdef char text[LONGEST + 8]
    cdef const char *start
    cdef size_t length
    negative[0] = at[0] < end and at[0][0] == c"-"
    if at[0] < end and (at[0][0] == c"-" or at[0][0] == c"+"):
        at[0] += 1
    start = at[0]
    amount.whole = 0
    amount.fraction = 0
    while at[0] < end and is_digit(at[0][0]):
        amount.whole = amount.whole * 10 + (at[0][0] - c"0")
        at[0] += 1
    if at[0] < end and at[0][0] == c".":
        start = at[0]
        at[0] += 1
        while at[0] < end and is_digit(at[0][0]):
            at[0] += 1
        length = at[0] - start
        text[0] = c"0"
        memcpy(text + 1, start, length)
        text[length + 1] = 0
        amount.fraction = strtod(text, NULL)
        if length == 1 and amount.whole == 0:
            return False
    elif at[0] == start:
        return False
    if negative[0]:
        amount.whole = -amount.whole
        amount.fraction = -amount.fraction
    return True


cdef int _add_micros(Sum *sum, double whole, double fraction, double unit) noexcept nogil:
    """So many units and a fraction of one, in microseconds; whole ones exactly."""
    cdef double size = whole * unit
    if fabs(size + <double>sum.micros) > 9.2e18:
        return OVERFLOW
    sum.micros += <int64_t>whole * <int64_t>unit + <int64_t>rint(fraction * unit)
    return 0


cdef int _add(Sum *sum, Amount amount, Unit *unit) noexcept nogil:
    """Fractions spill over into smaller units, 30 days to a month, as PostgreSQL does."""
    cdef double days
    if unit.months > 0:
        sum.months += amount.whole * unit.months
        if unit.months > 1:
            sum.months += rint(amount.fraction * unit.months)
            return 0
        days = amount.fraction * 30
    elif unit.days > 0:
        sum.days += amount.whole * unit.days
        days = amount.fraction * unit.days
    else:
        return _add_micros(sum, amount.whole, amount.fraction, unit.micros)
    sum.days += trunc(days)
    return _add_micros(sum, 0, days - trunc(days), 8.64e10)


cdef Unit *_find_unit(const char *text, size_t length) noexcept nogil:
    cdef size_t index = 0
    while units[index].name != NULL:
        if strncasecmp(units[index].name, text, length) == 0 and units[index].name[length] == 0:
            return &units[index]
        index += 1
    return NULL


cdef int _scan_clock(const char **at, const char *end, Amount hours, bint negative, Sum *sum) noexcept nogil:
    """:MM[:SS[.ffffff]] after the hours, whose sign holds for all of it."""
    cdef Amount minutes, seconds
    cdef bint sign
    cdef double factor = -1 if negative else 1
    if hours.fraction != 0:
        return BAD
    at[0] += 1
    if at[0] >= end or not is_digit(at[0][0]) or not _scan_amount(at, end, &minutes, &sign):
        return BAD
    seconds.whole = seconds.fraction = 0
    if at[0] < end and at[0][0] == c":":
        at[0] += 1
        if at[0] >= end or not is_digit(at[0][0]) or not _scan_amount(at, end, &seconds, &sign):
            return BAD
    elif minutes.fraction != 0:
        # MM:SS.ffffff
        seconds.whole, seconds.fraction = minutes.whole, minutes.fraction
        minutes.whole = fabs(hours.whole)
        minutes.fraction = 0
        hours.whole = 0
    if minutes.whole > 59 or seconds.whole > 59:
        return OVERFLOW
    if _add_micros(sum, hours.whole, 0, 3.6e9) or _add_micros(sum, factor * minutes.whole, 0, 6e7):
        return OVERFLOW
    return _add_micros(sum, factor * seconds.whole, factor * seconds.fraction, 1e6)


cdef inline bint _is_letter(char byte) noexcept nogil:
    return c"a" <= (byte | 32) <= c"z"


cdef int _scan_part(const char **at, const char *end, Sum *sum) noexcept nogil:
    """One part of PostgreSQL's or the SQL standard's styles: a number with what follows it."""
    cdef Amount amount, months
    cdef bint negative, sign
    cdef const char *word
    cdef Unit *unit
    if not _scan_amount(at, end, &amount, &negative):
        return BAD
    if at[0] < end and at[0][0] == c":":
        return _scan_clock(at, end, amount, negative, sum)
    if at[0] < end and at[0][0] == c"-" and at[0] + 1 < end and is_digit(at[0][1]):
        at[0] += 1
        if not _scan_amount(at, end, &months, &sign) or months.whole > 11:
            return BAD
        sum.months += amount.whole * 12 + (-months.whole if negative else months.whole)
        return 0
    while at[0] < end and is_space(at[0][0]):
        at[0] += 1
    word = at[0]
    while at[0] < end and _is_letter(at[0][0]):
        at[0] += 1
    if at[0] == word:
        # A number alone: seconds at the end, days before a time.
        unit = _find_unit(b"sec" if at[0] == end else b"day", 3)
    else:
        unit = _find_unit(word, at[0] - word)
    if unit == NULL:
        return BAD
    return _add(sum, amount, unit)


cdef int _scan_words(const char *at, const char *end, Sum *sum) noexcept nogil:
    cdef bint any = False
    cdef int result
    if at < end and at[0] == c"@":
        at += 1
    while True:
        while at < end and is_space(at[0]):
            at += 1
        if at == end:
            return 0 if any else BAD
        if end - at == 3 and any and strncasecmp(at, b"ago", 3) == 0:
            sum.months, sum.days, sum.micros = -sum.months, -sum.days, -sum.micros
            return 0
        result = _scan_part(&at, end, sum)
        if result:
            return result
        any = True


cdef Unit *_iso_unit(char designator, bint time) noexcept nogil:
    if time:
        if designator == c"H" or designator == c"M" or designator == c"S":
            return _find_unit(&designator, 1)
    elif designator == c"Y" or designator == c"W" or designator == c"D":
        return _find_unit(&designator, 1)
    elif designator == c"M":
        return _find_unit(b"mon", 3)
    return NULL


cdef int _scan_iso(const char *at, const char *end, Sum *sum) noexcept nogil:
    """PnYnMnWnDTnHnMnS, each number with its own sign."""
    cdef Amount amount
    cdef bint negative
    cdef bint time = False
    cdef bint any = False
    cdef Unit *unit
    cdef int result
    while at < end:
        if at[0] == c"T" and not time:
            time = True
            at += 1
            continue
        if not _scan_amount(&at, end, &amount, &negative) or at >= end:
            return BAD
        unit = _iso_unit(at[0], time)
        result = BAD if unit == NULL else _add(sum, amount, unit)
        if result:
            return result
        at += 1
        any = True
    return 0 if any else BAD


cdef int read_interval_text(Reading *reading, const char *text, int64_t length, duckdb_interval *interval) noexcept nogil:
    cdef Span span = trim(text, length)
    cdef Sum sum
    cdef int result
    sum.months = sum.days = 0
    sum.micros = 0
    if span.length > LONGEST or span.length == 0:
        result = BAD
    elif span.text[0] == c"P":
        result = _scan_iso(span.text + 1, span.text + span.length, &sum)
    else:
        result = _scan_words(span.text, span.text + span.length, &sum)
    if result == 0 and (fabs(sum.months) > INT32_MAX or fabs(sum.days) > INT32_MAX):
        result = OVERFLOW
    if result == OVERFLOW:
        return complain(reading, b"22015", b"interval out of range")
    if result:
        return bad_datetime(reading, text, length)
    interval.months = <int>sum.months
    interval.days = <int>sum.days
    interval.micros = sum.micros
    return 0
