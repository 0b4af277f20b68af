"""Memory for the strings of one data chunk: given out piece by piece, taken back all at once. No GIL."""

from libc.stdlib cimport free, malloc


cdef enum:
    SLAB_BYTES = 64 * 1024


cdef struct Slab:
    Slab *next
    size_t used
    size_t capacity


cdef struct Arena:
    # The one in use is the first.
    Slab *slabs


cdef inline char *_new_slab(Arena *arena, size_t size) noexcept nogil:
    cdef size_t capacity = SLAB_BYTES if size <= SLAB_BYTES else size
    cdef Slab *slab = <Slab *>malloc(sizeof(Slab) + capacity)
    if slab == NULL:
        return NULL
    slab.next = arena.slabs
    slab.used = size
    slab.capacity = capacity
    arena.slabs = slab
    return <char *>(slab + 1)


cdef inline char *take_bytes(Arena *arena, size_t size) noexcept nogil:
    """So many bytes, which stay where they are; NULL without memory."""
    cdef Slab *slab = arena.slabs
    if slab == NULL or slab.capacity - slab.used < size:
        return _new_slab(arena, size)
    slab.used += size
    return <char *>(slab + 1) + slab.used - size


cdef inline void reset_arena(Arena *arena) noexcept nogil:
    """Forget all that was given out; an ordinary slab is kept."""
    cdef Slab *slab
    while arena.slabs != NULL and (arena.slabs.next != NULL or arena.slabs.capacity > SLAB_BYTES):
        slab = arena.slabs
        arena.slabs = slab.next
        free(slab)
    if arena.slabs != NULL:
        arena.slabs.used = 0


cdef inline void free_arena(Arena *arena) noexcept nogil:
    cdef Slab *slab
    while arena.slabs != NULL:
        slab = arena.slabs
        arena.slabs = slab.next
        free(slab)
