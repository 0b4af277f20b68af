"""Dates, times and timestamps, as PostgreSQL's *in functions read them.

Touches: nothing but what it is given. No GIL.

Spec: datatype-datetime.html#DATATYPE-DATETIME-INPUT
"""

from libc.stdint cimport INT32_MAX, INT64_MAX, int32_t, int64_t
from duckgres_tx.engine.civil cimport days_from_civil, days_in_month
from duckgres_tx.engine.input_errors cimport bad_datetime, datetime_out_of_range, field_out_of_range
from duckgres_tx.engine.spans cimport Span, is_digit, is_space, trim


cdef extern from "<strings.h>":
    int strncasecmp(const char *left, const char *right, size_t length) noexcept nogil


cdef enum:
    BAD = -1
    OUT_OF_RANGE = -2
    # 16 hours, short of a second
    FARTHEST_OFFSET = 57599

cdef int64_t DAY_MICROS = 86400000000LL


cdef struct Moment:
    # 1 and -1: infinity and -infinity.
    int infinite
    bint has_date
    bint before_christ
    int64_t year
    int month
    int day
    bint has_time
    int64_t micros
    bint has_zone
    bint named_zone
    int32_t offset


cdef struct Scanner:
    const char *at
    const char *end


cdef inline char _peek(Scanner *scanner) noexcept nogil:
    return scanner.at[0] if scanner.at < scanner.end else 0


cdef inline bint _take(Scanner *scanner, char byte) noexcept nogil:
    if _peek(scanner) != byte:
        return False
    scanner.at += 1
    return True


cdef inline void _skip_spaces(Scanner *scanner) noexcept nogil:
    while scanner.at < scanner.end and is_space(scanner.at[0]):
        scanner.at += 1


cdef inline int _digits(Scanner *scanner, int most, int64_t *value) noexcept nogil:
    """Up to `most` digits; how many there were."""
    cdef int count = 0
    value[0] = 0
    while count < most and is_digit(_peek(scanner)):
        value[0] = value[0] * 10 + (scanner.at[0] - c"0")
        scanner.at += 1
        count += 1
    return count


cdef inline bint _take_word(Scanner *scanner, const char *word, int length) noexcept nogil:
    """A whole word, in any case."""
    if scanner.end - scanner.at < length or strncasecmp(scanner.at, word, length) != 0:
        return False
    if scanner.at + length < scanner.end and _is_letter(scanner.at[length]):
        return False
    scanner.at += length
    return True


cdef inline bint _is_letter(char byte) noexcept nogil:
    return c"a" <= (byte | 32) <= c"z"


cdef int _scan_date(Scanner *scanner, Moment *moment) noexcept nogil:
    """YYYY-MM-DD, YYYYMMDD, M/D/YYYY."""
    cdef int64_t first, second, third
    cdef int digits = _digits(scanner, 9, &first)
    cdef char separator = _peek(scanner)
    if digits == 8 and separator != c"-" and separator != c"/":
        moment.year = first // 10000
        moment.month = <int>(first // 100 % 100)
        moment.day = <int>(first % 100)
    elif digits > 0 and (separator == c"-" or separator == c"/" or separator == c"."):
        scanner.at += 1
        if _digits(scanner, 2, &second) == 0 or not _take(scanner, separator) or _digits(scanner, 9, &third) == 0:
            return BAD
        if digits > 2:
            moment.year, moment.month, moment.day = first, <int>second, <int>(third if third < 100 else 100)
        else:
            moment.year, moment.month, moment.day = third, <int>first, <int>second
            if third < 100:
                # As PostgreSQL: two digits are 1970 to 2069.
                moment.year += 1900 if third >= 70 else 2000
    else:
        return BAD
    moment.has_date = True
    return 0


cdef int _scan_fraction(Scanner *scanner, int64_t *micros) noexcept nogil:
    """The digits after a second's point, rounded to millionths."""
    cdef int count = 0
    cdef int64_t unit = 100000
    micros[0] = 0
    while is_digit(_peek(scanner)):
        if unit > 0:
            micros[0] += (scanner.at[0] - c"0") * unit
        elif count == 6 and scanner.at[0] >= c"5":
            micros[0] += 1
        unit //= 10
        count += 1
        scanner.at += 1
    return 0


cdef int _scan_time(Scanner *scanner, Moment *moment) noexcept nogil:
    """HH:MM[:SS[.ffffff]] [AM|PM], HHMMSS."""
    cdef int64_t hours
    cdef int64_t minutes = 0
    cdef int64_t seconds = 0
    cdef int64_t micros = 0
    cdef int digits = _digits(scanner, 6, &hours)
    if digits == 6 or (digits == 4 and _peek(scanner) != c":"):
        if digits == 6:
            seconds = hours % 100
            hours //= 100
        minutes = hours % 100
        hours //= 100
    elif digits > 0 and digits <= 2 and _take(scanner, c":"):
        if _digits(scanner, 2, &minutes) == 0:
            return BAD
        if _take(scanner, c":") and _digits(scanner, 2, &seconds) == 0:
            return BAD
    else:
        return BAD
    if _take(scanner, c"."):
        _scan_fraction(scanner, &micros)
    _skip_spaces(scanner)
    if _take_word(scanner, b"am", 2):
        if hours > 12:
            return OUT_OF_RANGE
        hours = 0 if hours == 12 else hours
    elif _take_word(scanner, b"pm", 2):
        if hours > 12:
            return OUT_OF_RANGE
        hours = 12 if hours == 12 else hours + 12
    moment.micros = ((hours * 60 + minutes) * 60 + seconds) * 1000000 + micros
    moment.has_time = True
    if hours > 24 or minutes > 59 or seconds > 60 or moment.micros > DAY_MICROS:
        return OUT_OF_RANGE
    return 0


cdef int _scan_zone(Scanner *scanner, Moment *moment) noexcept nogil:
    """Z, UTC, +HH[:MM[:SS]], +HHMM; or the name of a zone."""
    cdef bint west
    cdef int64_t hours
    cdef int64_t minutes = 0
    cdef int64_t seconds = 0
    cdef int digits
    moment.has_zone = True
    if (
        _take_word(scanner, b"z", 1) or _take_word(scanner, b"utc", 3) or _take_word(scanner, b"gmt", 3)
        or _take_word(scanner, b"zulu", 4)
    ):
        return 0
    if _peek(scanner) != c"+" and _peek(scanner) != c"-":
        moment.named_zone = True
        while scanner.at < scanner.end and not is_space(scanner.at[0]):
            scanner.at += 1
        return 0
    west = scanner.at[0] == c"-"
    scanner.at += 1
    digits = _digits(scanner, 6, &hours)
    if digits == 0:
        return BAD
    if digits > 4:
        seconds = hours % 100
        hours //= 100
    if digits > 2:
        minutes = hours % 100
        hours //= 100
    elif _take(scanner, c":"):
        if _digits(scanner, 2, &minutes) == 0:
            return BAD
        if _take(scanner, c":") and _digits(scanner, 2, &seconds) == 0:
            return BAD
    hours = (hours * 60 + minutes) * 60 + seconds
    if minutes > 59 or seconds > 59 or hours > FARTHEST_OFFSET:
        return OUT_OF_RANGE
    moment.offset = <int32_t>(-hours if west else hours)
    return 0


cdef bint _scan_special(Scanner *scanner, Moment *moment) noexcept nogil:
    """infinity, -infinity, epoch."""
    cdef Scanner tried = scanner[0]
    cdef bint negative = _take(&tried, c"-")
    if not negative:
        _take(&tried, c"+")
    if _take_word(&tried, b"infinity", 8) and tried.at == tried.end:
        moment.infinite = -1 if negative else 1
        return True
    tried = scanner[0]
    if _take_word(&tried, b"epoch", 5) and tried.at == tried.end:
        moment.has_date = moment.has_time = moment.has_zone = True
        moment.year = 1970
        moment.month = moment.day = 1
        return True
    return False


cdef int _scan_moment(const char *text, int64_t length, bint time_first, Moment *moment) noexcept nogil:
    """Whatever parts of a date, a time and a zone there are."""
    cdef Span span = trim(text, length)
    cdef Scanner scanner = Scanner(span.text, span.text + span.length)
    cdef const char *colon = span.text
    cdef int result
    moment.infinite = 0
    moment.has_date = moment.has_time = moment.has_zone = moment.named_zone = moment.before_christ = False
    moment.micros = 0
    moment.offset = 0
    if _scan_special(&scanner, moment):
        return 0
    # A time alone has a colon behind its first digits.
    while colon < scanner.end and is_digit(colon[0]):
        colon += 1
    if not time_first or (colon < scanner.end and (colon[0] == c"-" or colon[0] == c"/")):
        result = _scan_date(&scanner, moment)
        if result:
            return result
        if (_peek(&scanner) | 32) == c"t":
            scanner.at += 1
        _skip_spaces(&scanner)
    elif (_peek(&scanner) | 32) == c"t":
        scanner.at += 1
    if is_digit(_peek(&scanner)):
        result = _scan_time(&scanner, moment)
        if result:
            return result
        _skip_spaces(&scanner)
    while scanner.at < scanner.end:
        if moment.has_date and _take_word(&scanner, b"bc", 2):
            moment.before_christ = True
        elif moment.has_date and _take_word(&scanner, b"ad", 2):
            pass
        elif moment.has_zone:
            return BAD
        else:
            result = _scan_zone(&scanner, moment)
            if result:
                return result
        _skip_spaces(&scanner)
    return 0


cdef int _days_of(Moment *moment, int64_t *days) noexcept nogil:
    """The date of a moment as days since 1970."""
    cdef int64_t year = moment.year
    if year <= 0 or moment.month < 1 or moment.month > 12 or moment.day < 1:
        return OUT_OF_RANGE
    if moment.before_christ:
        year = 1 - year
    if moment.day > days_in_month(year, moment.month):
        return OUT_OF_RANGE
    days[0] = days_from_civil(year, moment.month, moment.day)
    return 0


cdef int _complain(Reading *reading, int result, const char *text, int64_t length) noexcept nogil:
    if result == OUT_OF_RANGE:
        return field_out_of_range(reading, text, length)
    return bad_datetime(reading, text, length)


cdef int read_date_text(Reading *reading, const char *text, int64_t length, int32_t *days) noexcept nogil:
    cdef Moment moment
    cdef int64_t found = 0
    cdef int result = _scan_moment(text, length, False, &moment)
    if result == 0 and moment.infinite == 0:
        result = _days_of(&moment, &found)
    if result:
        return _complain(reading, result, text, length)
    if moment.infinite:
        days[0] = INT32_MAX * moment.infinite
        return 0
    if found >= INT32_MAX or found <= -INT32_MAX:
        return datetime_out_of_range(reading, b"date", text, length)
    days[0] = <int32_t>found
    return 0


cdef int read_time_text(Reading *reading, const char *text, int64_t length, int64_t *micros) noexcept nogil:
    cdef Moment moment
    cdef int result = _scan_moment(text, length, True, &moment)
    if result or not moment.has_time or moment.infinite:
        return _complain(reading, result, text, length)
    micros[0] = moment.micros
    return 0


cdef int read_timetz_text(Reading *reading, const char *text, int64_t length, int64_t *micros, int32_t *offset) noexcept nogil:
    cdef Moment moment
    cdef int result = _scan_moment(text, length, True, &moment)
    if result or not moment.has_time or moment.infinite:
        return _complain(reading, result, text, length)
    if moment.named_zone or not moment.has_zone:
        return LEFT_TO_DUCKDB
    micros[0] = moment.micros
    offset[0] = moment.offset
    return 0


cdef int _read_instant(
    Reading *reading, const char *what, const char *text, int64_t length, bint with_zone, int64_t *micros
) noexcept nogil:
    cdef Moment moment
    cdef int64_t days = 0
    cdef int result = _scan_moment(text, length, False, &moment)
    if result == 0 and moment.infinite == 0:
        result = _days_of(&moment, &days)
    if result:
        return _complain(reading, result, text, length)
    if moment.infinite:
        micros[0] = INT64_MAX * moment.infinite
        return 0
    if with_zone and (moment.named_zone or not moment.has_zone):
        return LEFT_TO_DUCKDB
    # DuckDB's timestamps go from 290309 BC to 294247; a day less on either side leaves room for time and offset.
    if days < -106751990 or days > 106751990:
        return datetime_out_of_range(reading, what, text, length)
    micros[0] = days * DAY_MICROS + moment.micros
    if with_zone:
        micros[0] -= <int64_t>moment.offset * 1000000
    return 0


cdef int read_timestamp_text(Reading *reading, const char *text, int64_t length, int64_t *micros) noexcept nogil:
    """An offset is ignored, as PostgreSQL does."""
    return _read_instant(reading, b"timestamp", text, length, False, micros)


cdef int read_timestamptz_text(Reading *reading, const char *text, int64_t length, int64_t *micros) noexcept nogil:
    return _read_instant(reading, b"timestamp", text, length, True, micros)
