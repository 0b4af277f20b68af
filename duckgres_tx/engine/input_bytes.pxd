"""bytea, uuid, bit strings and text as PostgreSQL reads them. No GIL.

Each function returns 0, or -1 with the reading's complaint filled.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from duckgres_tx.engine.input_errors cimport Reading


# Bytes that were allocated for a value; `data` is freed by whoever asked for them.
cdef struct Bytes:
    uint8_t *data
    int64_t length


cdef int read_bool_text(Reading *reading, const char *text, int64_t length, bint *value) noexcept nogil
cdef int read_bytea_text(Reading *reading, const char *text, int64_t length, Bytes *bytes) noexcept nogil
cdef int read_uuid_text(Reading *reading, const char *text, int64_t length, uint64_t *high, uint64_t *low) noexcept nogil
# DuckDB's form of a BIT: the number of unused bits, then the bits behind those.
cdef int read_bits_text(Reading *reading, const char *text, int64_t length, Bytes *bytes) noexcept nogil
cdef int read_bits_binary(Reading *reading, const char *data, int64_t length, Bytes *bytes) noexcept nogil
# 22021 unless it is UTF-8 without NUL.
cdef int check_text(Reading *reading, const char *text, int64_t length) noexcept nogil
