"""DuckDB's lists and fixed-size arrays as PostgreSQL's arrays, and structs without names as its records. No GIL."""

from duckgres_tx.engine.buffers cimport Writer
from duckgres_tx.engine.capi cimport idx_t
from duckgres_tx.engine.plans cimport ColumnPlan


# A value, not NULL, of any plan from FIRST_ARRAY on. The end, or NULL with the writer's `result` set.
cdef char *write_array(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil
