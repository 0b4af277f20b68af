"""Parameters that are no arrays: from a PostgreSQL type's text or binary to a DuckDB value. No GIL."""

from libc.stdint cimport int64_t

from duckgres_tx.engine.capi cimport duckdb_value
from duckgres_tx.engine.input_errors cimport Reading
from duckgres_tx.engine.values cimport Target


cdef enum:
    MADE = 0
    REFUSED = -1
    # Asked to be exact: the target can't hold it.
    NOT_EXACT = 1


# What the client sent. `oid` says how to read it.
cdef struct SourceValue:
    int oid
    int format
    const char *data
    int64_t length


# MADE with a value that the caller destroys (NULL: no memory); REFUSED with the complaint filled; or NOT_EXACT, which
# only happens when `exact`: otherwise the value then keeps its own type.
cdef int read_scalar(
    Reading *reading, SourceValue *source, Target *target, bint exact, duckdb_value *value
) noexcept nogil
