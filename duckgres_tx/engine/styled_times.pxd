"""Dates and timestamps in the styles other than ISO. No GIL, no allocation: the caller has made room."""

from duckgres_tx.engine.capi cimport idx_t
from duckgres_tx.engine.plans cimport ColumnPlan


# A value of a plan whose `write` is STYLED_DATE ... STYLED_TIMESTAMPTZ.
cdef char *write_styled(ColumnPlan *plan, idx_t row, char *out) noexcept nogil
