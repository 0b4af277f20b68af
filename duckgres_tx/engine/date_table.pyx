"""The text of the days that most dates are among.

A look-up takes a third of the time of the calendar's arithmetic.

Touches: its own table.
"""

from libc.string cimport memcpy

from duckgres_tx.engine.civil cimport Civil, civil_from_days
from duckgres_tx.engine.text_numbers cimport write_eight


cdef void _fill() noexcept nogil:
    cdef int day
    cdef Civil civil
    cdef char[8] digits
    cdef char *text = date_texts
    for day in range(TABLE_DAYS):
        civil = civil_from_days(day)
        write_eight(digits, <unsigned int>(civil.year * 10000 + civil.month * 100 + civil.day))
        memcpy(text, digits, 4)
        text[4] = c"-"
        memcpy(text + 5, digits + 4, 2)
        text[7] = c"-"
        memcpy(text + 8, digits + 6, 2)
        text += DATE_ENTRY


_fill()
