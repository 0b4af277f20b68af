"""Dates and timestamps as ``DateStyle`` SQL, German and Postgres have them.

Touches: nothing but what it is given. No GIL.

Spec: datatype-datetime.html#DATATYPE-DATETIME-OUTPUT, EncodeDateOnly and EncodeDateTime in PostgreSQL's datetime.c
"""

from libc.stdint cimport INT32_MAX, INT64_MAX, int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport strlen

from duckgres_tx.engine.civil cimport Civil, civil_from_days, floor_divide
from duckgres_tx.engine.plans cimport (
    DATE_GERMAN, DATE_POSTGRES, STYLED_DATE, STYLED_TIMESTAMP_MS, STYLED_TIMESTAMP_NS, STYLED_TIMESTAMP_S,
    STYLED_TIMESTAMPTZ, Render
)
from duckgres_tx.engine.text_numbers cimport write_uint64
from duckgres_tx.engine.text_temporal cimport find_offset, write_infinity, write_pair, write_text, write_time_of_day


cdef const char *weekdays = b"SunMonTueWedThuFriSat"
cdef const char *months = b"JanFebMarAprMayJunJulAugSepOctNovDec"


cdef char *_write_year(char *out, int64_t year) noexcept nogil:
    """Four digits at least; the year 0 is 1 BC."""
    cdef uint64_t counted = <uint64_t>(year if year > 0 else 1 - year)
    if counted < 10000:
        out = write_pair(out, <uint32_t>counted // 100)
        return write_pair(out, <uint32_t>counted % 100)
    return write_uint64(out, counted)


cdef char *_write_date(char *out, Civil *civil, const Render *render) noexcept nogil:
    """The three numbers; PostgreSQL puts BC after the time."""
    cdef char separator = c"/"
    cdef bint day_first = render.day_first
    if render.date_style == DATE_GERMAN:
        separator = c"."
        day_first = True
    elif render.date_style == DATE_POSTGRES:
        separator = c"-"
    out = write_pair(out, civil.day if day_first else civil.month)
    out[0] = separator
    out = write_pair(out + 1, civil.month if day_first else civil.day)
    out[0] = separator
    return _write_year(out + 1, civil.year)


cdef char *_write_month_and_day(char *out, Civil *civil, int64_t days, bint day_first) noexcept nogil:
    """``Wed Dec 17`` or ``Wed 17 Dec``."""
    # 1970-01-01 was a Thursday
    cdef int64_t weekday = days + 4 - 7 * floor_divide(days + 4, 7)
    out = write_text(out, weekdays + 3 * weekday, 3)
    out[0] = c" "
    out += 1
    if day_first:
        out = write_pair(out, civil.day)
        out[0] = c" "
        return write_text(out + 1, months + 3 * (civil.month - 1), 3)
    out = write_text(out, months + 3 * (civil.month - 1), 3)
    out[0] = c" "
    return write_pair(out + 1, civil.day)


cdef char *_write_timestamp(char *out, const Render *render, int64_t seconds, uint32_t micros, const char *zone) noexcept nogil:
    """Seconds since 1970 in local time; `zone` is NULL, or the abbreviation of the zone."""
    cdef int64_t days = floor_divide(seconds, 86400)
    cdef Civil civil = civil_from_days(days)
    if render.date_style == DATE_POSTGRES:
        out = _write_month_and_day(out, &civil, days, render.day_first)
    else:
        out = _write_date(out, &civil, render)
    out[0] = c" "
    out = write_time_of_day(out + 1, <uint32_t>(seconds - days * 86400), micros)
    if render.date_style == DATE_POSTGRES:
        out[0] = c" "
        out = _write_year(out + 1, civil.year)
    if zone != NULL:
        out[0] = c" "
        out = write_text(out + 1, zone, strlen(zone))
    return out if civil.year > 0 else write_text(out, b" BC", 3)


cdef char *_write_day(char *out, const Render *render, int32_t days) noexcept nogil:
    cdef Civil civil
    if days == INT32_MAX or days == -INT32_MAX:
        return write_infinity(out, days < 0)
    civil = civil_from_days(days)
    out = _write_date(out, &civil, render)
    return out if civil.year > 0 else write_text(out, b" BC", 3)


cdef char *write_styled(ColumnPlan *plan, idx_t row, char *out) noexcept nogil:
    cdef int64_t value, seconds
    cdef int64_t units = 1000000
    if plan.write == STYLED_DATE:
        return _write_day(out, plan.render, (<const int32_t *>plan.data)[row])
    value = (<const int64_t *>plan.data)[row]
    if value == INT64_MAX or value == -INT64_MAX:
        return write_infinity(out, value < 0)
    if plan.write == STYLED_TIMESTAMP_S:
        units = 1
    elif plan.write == STYLED_TIMESTAMP_MS:
        units = 1000
    elif plan.write == STYLED_TIMESTAMP_NS:
        value = floor_divide(value, 1000)
    seconds = floor_divide(value, units)
    value = (value - seconds * units) * (1000000 // units)
    if plan.write != STYLED_TIMESTAMPTZ:
        return _write_timestamp(out, plan.render, seconds, <uint32_t>value, NULL)
    if seconds < plan.zone_from or seconds >= plan.zone_until:
        find_offset(plan, seconds)
    return _write_timestamp(out, plan.render, seconds + plan.zone_offset, <uint32_t>value, plan.zone_name)
