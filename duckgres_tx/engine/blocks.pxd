"""Values of limited length, a column at a time: up to 64 rows of one column, each whole in a slot of 32 bytes.

A row is then put together by copying slots, with no branch on what a column is; and a column is one loop over one type.
A slot holds what goes on the wire: the length (-1 for NULL) and the value. No GIL.
"""

from duckgres_tx.engine.buffers cimport Writer
from duckgres_tx.engine.capi cimport idx_t
from duckgres_tx.engine.plans cimport ColumnPlan


cdef enum:
    BLOCK_ROWS = 64
    SLOT_SIZE = 32


# Whether all values of the plan fit in slots; makes the memory for them if need be, False without any.
cdef bint make_slots(ColumnPlan *plan) noexcept nogil

# Fill the slots from `row` on, `count` <= BLOCK_ROWS. Sets the writer's result when a value is out of range.
cdef void fill_slots(Writer *writer, ColumnPlan *plan, idx_t row, int count) noexcept nogil
