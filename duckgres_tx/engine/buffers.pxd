"""A growing byte buffer, and the cursor that the encoders write through. No GIL anywhere."""

from libc.stdlib cimport free, realloc
from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy


cdef extern from *:
    """
    #define duckgres_swap16(x) __builtin_bswap16(x)
    #define duckgres_swap32(x) __builtin_bswap32(x)
    #define duckgres_swap64(x) __builtin_bswap64(x)
    #define duckgres_likely(x) __builtin_expect(!!(x), 1)
    #define duckgres_unlikely(x) __builtin_expect(!!(x), 0)
    """
    uint16_t swap16 "duckgres_swap16"(uint16_t) noexcept nogil
    uint32_t swap32 "duckgres_swap32"(uint32_t) noexcept nogil
    uint64_t swap64 "duckgres_swap64"(uint64_t) noexcept nogil
    bint likely "duckgres_likely"(bint) noexcept nogil
    bint unlikely "duckgres_unlikely"(bint) noexcept nogil


# `data` is malloc'd (NULL with capacity 0 is a fresh buffer); whoever holds the struct frees it.
cdef struct Buffer:
    char *data
    size_t length
    size_t capacity


# A buffer that is being written. The write position travels in registers as `char *`;
# `start` and `end` move when the buffer grows, so positions that must survive are kept as offsets from `start`.
cdef struct Writer:
    char *start
    char *end
    int result


cdef inline char *grow(Writer *writer, char *position, size_t wanted) noexcept nogil:
    """Make room for `wanted` bytes at `position`; its new address, or NULL (and `result` set) without memory."""
    cdef size_t used = position - writer.start
    cdef size_t capacity = <size_t>(writer.end - writer.start)
    cdef char *moved
    capacity = capacity + capacity // 2
    if capacity < used + wanted:
        capacity = used + wanted + 256
    moved = <char *>realloc(writer.start, capacity)
    if moved == NULL:
        writer.result = -1
        return NULL
    writer.start = moved
    writer.end = moved + capacity
    return moved + used


cdef inline char *ensure(Writer *writer, char *position, size_t wanted) noexcept nogil:
    """`position` with at least `wanted` bytes after it, which may be elsewhere now; NULL without memory."""
    if likely(<size_t>(writer.end - position) >= wanted):
        return position
    return grow(writer, position, wanted)


cdef inline void put16(char *out, uint16_t value) noexcept nogil:
    value = swap16(value)
    memcpy(out, &value, 2)


cdef inline void put32(char *out, uint32_t value) noexcept nogil:
    value = swap32(value)
    memcpy(out, &value, 4)


cdef inline void put64(char *out, uint64_t value) noexcept nogil:
    value = swap64(value)
    memcpy(out, &value, 8)
