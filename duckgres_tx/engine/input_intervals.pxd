"""Intervals as PostgreSQL reads them from text. No GIL."""

from libc.stdint cimport int64_t

from duckgres_tx.engine.capi cimport duckdb_interval
from duckgres_tx.engine.input_errors cimport Reading


# 0, or -1 with the reading's complaint filled.
cdef int read_interval_text(Reading *reading, const char *text, int64_t length, duckdb_interval *interval) noexcept nogil
