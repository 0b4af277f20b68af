"""Parameters that are arrays. No GIL."""

from libc.stdint cimport int64_t

from duckgres_tx.engine.capi cimport duckdb_value
from duckgres_tx.engine.input_errors cimport Reading
from duckgres_tx.engine.values cimport Target


# As read_scalar, with MADE or REFUSED. `element` is 0 when only DuckDB's resolved type tells what the elements are.
cdef int read_array(
    Reading *reading, Target *target, int element, int format, const char *data, int64_t length, duckdb_value *value
) noexcept nogil
