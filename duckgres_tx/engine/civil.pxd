"""Days to calendar dates. No GIL.

The proleptic Gregorian calendar, as both DuckDB and PostgreSQL have it; year 0 is 1 BC.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t


cdef struct Civil:
    int64_t year
    int month
    int day


cdef inline int64_t floor_divide(int64_t value, int64_t divisor) noexcept nogil:
    """For a positive `divisor`."""
    cdef int64_t quotient = value // divisor
    return quotient - (value - quotient * divisor < 0)


cdef inline Civil civil_from_days(int64_t days) noexcept nogil:
    """The date of a day counted from 1970-01-01, for any day that DuckDB can hold.

    Within an era of 400 years, which begins on 1 March, by Neri and Schneider's reciprocals
    ("Euclidean affine functions and their application to calendar algorithms", 2022).
    """
    cdef Civil civil
    cdef int64_t era = floor_divide(days + 719468, 146097)
    cdef uint32_t day_of_era = <uint32_t>(days + 719468 - era * 146097)
    cdef uint32_t scaled = 4 * day_of_era + 3
    cdef uint32_t century = scaled // 146097
    cdef uint32_t day_of_century = (scaled - century * 146097) // 4
    cdef uint64_t product = 2939745ULL * (4 * day_of_century + 3)
    cdef uint32_t year_of_century = <uint32_t>(product >> 32)
    cdef uint32_t day_of_year = <uint32_t>(product & 0xffffffffULL) // 2939745 // 4
    cdef uint32_t months = 2141 * day_of_year + 197913
    cdef bint next_year = day_of_year >= 306
    civil.year = era * 400 + 100 * century + year_of_century + next_year
    civil.month = <int>(months >> 16) - 12 * next_year
    civil.day = <int>((months & 0xffff) // 2141) + 1
    return civil


cdef inline int64_t days_from_civil(int64_t year, int month, int day) noexcept nogil:
    """The day, counted from 1970-01-01, of a valid date."""
    cdef int64_t era, year_of_era, day_of_year
    if month <= 2:
        year -= 1
    era = floor_divide(year, 400)
    year_of_era = year - era * 400
    day_of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468


cdef inline int days_in_month(int64_t year, int month) noexcept nogil:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31
