"""The text of the days that most dates are among. Filled at import, read-only afterwards."""


cdef enum:
    # 1970 to 2069
    TABLE_DAYS = 36525
    # YYYY-MM-DD, filled up for copying
    DATE_LENGTH = 10
    DATE_ENTRY = 16


# Entry n is the day n after 1970-01-01.
cdef char[TABLE_DAYS * DATE_ENTRY] date_texts
