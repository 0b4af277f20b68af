"""The names of PostgreSQL's own functions, which a regproc shows in place of its OID. No GIL."""

from libc.stdint cimport int64_t


cdef enum:
    # PostgreSQL's names have 63 bytes at most, numbers 20.
    PROCEDURE_WIDTH = 64

# Append the function's name, "-" for 0, or the OID's digits when nobody has named it; at most PROCEDURE_WIDTH bytes.
cdef char *write_procedure(char *out, int64_t oid) noexcept nogil
