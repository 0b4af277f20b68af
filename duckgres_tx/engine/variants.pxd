"""DuckDB's VARIANT as JSON. No GIL."""

from duckgres_tx.engine.buffers cimport Writer
from duckgres_tx.engine.capi cimport idx_t
from duckgres_tx.engine.plans cimport ColumnPlan


# The children of a VARIANT's plan: its four vectors, and those inside them.
cdef enum:
    VARIANT_KEYS
    VARIANT_KEY
    VARIANT_CHILDREN
    VARIANT_KEY_INDEX
    VARIANT_VALUE_INDEX
    VARIANT_VALUES
    VARIANT_TYPE
    VARIANT_OFFSET
    VARIANT_DATA
    VARIANT_VECTORS


# A value, not NULL. The end, or NULL with the writer's `result` set.
cdef char *write_variant(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil
