"""DuckDB values of a wanted type, made from what a parameter says. No GIL."""

from libc.stdint cimport int32_t, int64_t

from duckgres_tx.engine.capi cimport duckdb_interval, duckdb_logical_type, duckdb_type, duckdb_value
from duckgres_tx.engine.numbers cimport Number


# The type that a value should have. `type` is borrowed, NULL when only `id` is known.
cdef struct Target:
    duckdb_type id
    duckdb_logical_type type
    # DECIMAL.
    int width
    int scale


cdef Target make_target(duckdb_logical_type type) noexcept nogil

# Each returns a value of the target's type, or NULL when that couldn't hold it exactly.
cdef duckdb_value value_of_integer(Target *target, int64_t value) noexcept nogil
cdef duckdb_value value_of_number(Target *target, Number *number) noexcept nogil
cdef duckdb_value value_of_double(Target *target, double value) noexcept nogil
cdef duckdb_value value_of_date(Target *target, int32_t days) noexcept nogil
cdef duckdb_value value_of_timestamp(Target *target, int64_t micros) noexcept nogil

# A DECIMAL with as many digits as it takes, a DOUBLE for NaN and the infinities.
cdef duckdb_value natural_number(Number *number) noexcept nogil
