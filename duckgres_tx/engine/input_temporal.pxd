"""Dates, times and timestamps as PostgreSQL reads them from text. No GIL.

It is read in the forms that programs send: ISO 8601 and PostgreSQL's own output, and M/D/YYYY. Each function returns
0, -1 with the reading's complaint filled, or LEFT_TO_DUCKDB: a time zone's name, or none where the session's is meant.
"""

from libc.stdint cimport int32_t, int64_t

from duckgres_tx.engine.input_errors cimport Reading


cdef enum:
    LEFT_TO_DUCKDB = 1


# Days since 1970, microseconds of a day, microseconds since 1970; with DuckDB's infinities.
cdef int read_date_text(Reading *reading, const char *text, int64_t length, int32_t *days) noexcept nogil
cdef int read_time_text(Reading *reading, const char *text, int64_t length, int64_t *micros) noexcept nogil
cdef int read_timetz_text(Reading *reading, const char *text, int64_t length, int64_t *micros, int32_t *offset) noexcept nogil
cdef int read_timestamp_text(Reading *reading, const char *text, int64_t length, int64_t *micros) noexcept nogil
cdef int read_timestamptz_text(Reading *reading, const char *text, int64_t length, int64_t *micros) noexcept nogil
