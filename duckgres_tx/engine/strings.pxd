"""Values of any length that aren't nested: strings, bytes, bits, labels, big numbers. No GIL.

The writers here make room for themselves; each returns the end of what it wrote, or NULL with the writer's `result` set.
"""

from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from duckgres_tx.engine.buffers cimport Writer
from duckgres_tx.engine.capi cimport idx_t
from duckgres_tx.engine.plans cimport ColumnPlan


cdef enum:
    # A string_t of up to 12 bytes holds them itself.
    INLINE_LENGTH = 12
    STRING_SIZE = 16


# Bytes somewhere else: of a vector, valid until its chunk is freed.
cdef struct Slice:
    const char *data
    uint32_t length


cdef inline Slice string_at(const char *strings, idx_t row) noexcept nogil:
    """The bytes of a row of a VARCHAR or BLOB vector."""
    cdef Slice found
    cdef const char *string = strings + row * STRING_SIZE
    found.length = (<const uint32_t *>string)[0]
    found.data = string + 4 if found.length <= INLINE_LENGTH else (<const char *const *>(string + 8))[0]
    return found


cdef inline char *copy_string(char *out, const char *strings, idx_t row) noexcept nogil:
    """Write a row's bytes where there is room for them and 12 more."""
    cdef const char *string = strings + row * STRING_SIZE
    cdef const char *text
    cdef size_t length = (<const uint32_t *>string)[0]
    cdef size_t middle
    if length <= INLINE_LENGTH:
        memcpy(out, string + 4, INLINE_LENGTH)
        return out + length
    text = (<const char *const *>(string + 8))[0]
    if length > 48:
        memcpy(out, text, length)
    elif length >= 16:
        # Three pieces of 16 that overlap, so that 16 to 48 bytes take no branch.
        middle = length - 16 if length < 32 else 16
        memcpy(out, text, 16)
        memcpy(out + middle, text + middle, 16)
        memcpy(out + length - 16, text + length - 16, 16)
    else:
        memcpy(out, text, 8)
        memcpy(out + length - 8, text + length - 8, 8)
    return out + length


cdef char *write_varying(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil
