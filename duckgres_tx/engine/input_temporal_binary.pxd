"""Dates, times, timestamps and intervals as PostgreSQL reads them from binary. No GIL.

Each function returns 0, or -1 with the reading's complaint filled. Values are DuckDB's: days since 1970, microseconds of
a day, microseconds since 1970, with DuckDB's infinities.
"""

from libc.stdint cimport int32_t, int64_t

from duckgres_tx.engine.capi cimport duckdb_interval
from duckgres_tx.engine.input_errors cimport Reading


cdef int read_date_binary(Reading *reading, const char *data, int64_t length, int32_t *days) noexcept nogil
cdef int read_time_binary(Reading *reading, const char *data, int64_t length, int64_t *micros) noexcept nogil
cdef int read_timetz_binary(Reading *reading, const char *data, int64_t length, int64_t *micros, int32_t *offset) noexcept nogil
cdef int read_timestamp_binary(Reading *reading, const char *data, int64_t length, int64_t *micros) noexcept nogil
cdef int read_interval_binary(Reading *reading, const char *data, int64_t length, duckdb_interval *interval) noexcept nogil
