"""Values of limited length, a column at a time.

Touches: the slots of the plan it is given. No GIL.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport malloc
from libc.string cimport memcpy

from duckgres_tx.engine.binary_numbers cimport write_numeric64
from duckgres_tx.engine.buffers cimport likely, put32, put64
from duckgres_tx.engine.date_table cimport DATE_ENTRY, DATE_LENGTH, TABLE_DAYS, date_texts
from duckgres_tx.engine.nulls cimport is_null
from duckgres_tx.engine.plans cimport (
    BINARY_DECIMAL64, BINARY_DOUBLE, BINARY_FLOAT, BINARY_INT32, BINARY_INT64, BINARY_TIME, NOTHING, TEXT_DATE,
    TEXT_DECIMAL32, TEXT_DECIMAL64, TEXT_INT32, TEXT_INT64
)
from duckgres_tx.engine.scalars cimport write_scalar
from duckgres_tx.engine.text_numbers cimport write_decimal64, write_int64
from duckgres_tx.engine.text_temporal cimport write_date


cdef enum:
    LENGTH = 4
    # What a writer may scribble behind the last slot.
    SLACK = 64


cdef bint make_slots(ColumnPlan *plan) noexcept nogil:
    if plan.write >= NOTHING or plan.width > SLOT_SIZE - LENGTH:
        return False
    if plan.slots == NULL:
        plan.slots = <char *>malloc(BLOCK_ROWS * (SLOT_SIZE + 1) + SLACK)
        plan.sizes = <uint8_t *>plan.slots + BLOCK_ROWS * SLOT_SIZE + SLACK
    return plan.slots != NULL


cdef void fill_slots(Writer *writer, ColumnPlan *plan, idx_t row, int count) noexcept nogil:
    cdef int what = plan.write
    if what == TEXT_INT32:
        _fill_integers32(plan, <const int32_t *>plan.data + row, count)
    elif what == TEXT_INT64:
        _fill_integers64(plan, <const int64_t *>plan.data + row, count)
    elif what == TEXT_DECIMAL64:
        _fill_decimals64(plan, <const int64_t *>plan.data + row, count)
    elif what == TEXT_DECIMAL32:
        _fill_decimals32(plan, <const int32_t *>plan.data + row, count)
    elif what == TEXT_DATE:
        _fill_dates(plan, <const int32_t *>plan.data + row, count)
    elif what == BINARY_INT32 or what == BINARY_FLOAT:
        _fill_words32(plan, <const uint32_t *>plan.data + row, count)
    elif what == BINARY_INT64 or what == BINARY_DOUBLE or what == BINARY_TIME:
        _fill_words64(plan, <const uint64_t *>plan.data + row, count)
    elif what == BINARY_DECIMAL64:
        _fill_numerics64(plan, <const int64_t *>plan.data + row, count)
    else:
        _fill_any(writer, plan, row, count)
    if plan.validity != NULL:
        _clear_nulls(plan, row, count)


cdef inline void _close(ColumnPlan *plan, int index, char *slot, char *end) noexcept nogil:
    """A value has been written behind its length."""
    cdef uint32_t length = <uint32_t>(end - slot) - LENGTH
    # Big-endian, for a length of one byte.
    cdef uint32_t word = length << 24
    memcpy(slot, &word, LENGTH)
    plan.sizes[index] = <uint8_t>(length + LENGTH)


cdef void _clear_nulls(ColumnPlan *plan, idx_t row, int count) noexcept nogil:
    cdef int index
    cdef uint32_t null = 0xffffffffU
    for index in range(count):
        if is_null(plan, row + index):
            memcpy(plan.slots + index * SLOT_SIZE, &null, LENGTH)
            plan.sizes[index] = LENGTH


cdef void _fill_any(Writer *writer, ColumnPlan *plan, idx_t row, int count) noexcept nogil:
    cdef char *slot = plan.slots
    cdef int index
    for index in range(count):
        # What a NULL's place holds is no value.
        if not is_null(plan, row + index):
            _close(plan, index, slot, write_scalar(writer, plan, row + index, slot + LENGTH))
        slot += SLOT_SIZE


cdef void _fill_integers32(ColumnPlan *plan, const int32_t *values, int count) noexcept nogil:
    cdef char *slot = plan.slots
    cdef int index
    for index in range(count):
        _close(plan, index, slot, write_int64(slot + LENGTH, values[index]))
        slot += SLOT_SIZE


cdef void _fill_integers64(ColumnPlan *plan, const int64_t *values, int count) noexcept nogil:
    cdef char *slot = plan.slots
    cdef int index
    for index in range(count):
        _close(plan, index, slot, write_int64(slot + LENGTH, values[index]))
        slot += SLOT_SIZE


cdef void _fill_decimals64(ColumnPlan *plan, const int64_t *values, int count) noexcept nogil:
    cdef char *slot = plan.slots
    cdef int scale = plan.scale
    cdef int index
    for index in range(count):
        _close(plan, index, slot, write_decimal64(slot + LENGTH, values[index], scale))
        slot += SLOT_SIZE


cdef void _fill_decimals32(ColumnPlan *plan, const int32_t *values, int count) noexcept nogil:
    cdef char *slot = plan.slots
    cdef int scale = plan.scale
    cdef int index
    for index in range(count):
        _close(plan, index, slot, write_decimal64(slot + LENGTH, values[index], scale))
        slot += SLOT_SIZE


cdef void _fill_dates(ColumnPlan *plan, const int32_t *values, int count) noexcept nogil:
    cdef char *slot = plan.slots
    cdef int index
    for index in range(count):
        if likely(0 <= values[index] < TABLE_DAYS):
            put32(slot, DATE_LENGTH)
            memcpy(slot + LENGTH, date_texts + <size_t>values[index] * DATE_ENTRY, DATE_ENTRY)
            plan.sizes[index] = LENGTH + DATE_LENGTH
        else:
            _close(plan, index, slot, write_date(slot + LENGTH, values[index]))
        slot += SLOT_SIZE


cdef void _fill_words32(ColumnPlan *plan, const uint32_t *values, int count) noexcept nogil:
    cdef char *slot = plan.slots
    cdef int index
    for index in range(count):
        put64(slot, (4ULL << 32) | values[index])
        plan.sizes[index] = LENGTH + 4
        slot += SLOT_SIZE


cdef void _fill_words64(ColumnPlan *plan, const uint64_t *values, int count) noexcept nogil:
    cdef char *slot = plan.slots
    cdef int index
    for index in range(count):
        put32(slot, 8)
        put64(slot + LENGTH, values[index])
        plan.sizes[index] = LENGTH + 8
        slot += SLOT_SIZE


cdef void _fill_numerics64(ColumnPlan *plan, const int64_t *values, int count) noexcept nogil:
    cdef char *slot = plan.slots
    cdef int scale = plan.scale
    cdef int index
    for index in range(count):
        _close(plan, index, slot, write_numeric64(slot + LENGTH, values[index], scale))
        slot += SLOT_SIZE
