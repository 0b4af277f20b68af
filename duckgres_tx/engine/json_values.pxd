"""Structs, maps, unions, variants, and lists inside them, as JSON. No GIL."""

from duckgres_tx.engine.buffers cimport Writer
from duckgres_tx.engine.capi cimport idx_t
from duckgres_tx.engine.plans cimport ColumnPlan


# A value of a plan made for JSON, NULL included. The end, or NULL with the writer's `result` set.
cdef char *write_json(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil
