"""Validity masks: one bit a row, 1 is a value, 0 is NULL; no mask when all are values."""

from duckgres_tx.engine.capi cimport idx_t
from duckgres_tx.engine.plans cimport NOTHING, ColumnPlan


cdef inline bint is_null(ColumnPlan *plan, idx_t row) noexcept nogil:
    if plan.validity != NULL and (plan.validity[row >> 6] >> (row & 63)) & 1 == 0:
        return True
    return plan.write == NOTHING
