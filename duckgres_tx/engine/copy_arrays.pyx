"""Arrays into the list vectors of COPY's data chunks.

An array of two dimensions is a list of lists; its column has one for its element.

Touches: the column's vectors, and heap memory for an array's elements without quotes. No GIL.

Spec: arrays.html#ARRAYS-IO
"""

from libc.stdint cimport int32_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from duckgres_tx.engine.array_input cimport (
    ITEM_BAD, ITEM_CLOSE, ITEM_END, ITEM_NULL, ITEM_OPEN, ArrayScanner, next_item, open_array
)
from duckgres_tx.engine.buffers cimport swap32
from duckgres_tx.engine.capi cimport api, duckdb_list_entry
from duckgres_tx.engine.copy_columns cimport read_binary_value, read_text_value, set_null
from duckgres_tx.engine.input_errors cimport bad_binary, complain, no_memory


cdef enum:
    MOST_DIMENSIONS = 6
    FIRST_CAPACITY = 2048


cdef bint _make_room(CopyColumn *column) noexcept nogil:
    """Room for one element more; its column's pointers follow the vector, which may move."""
    cdef CopyColumn *element = column.element
    if column.elements < column.capacity:
        return True
    column.capacity = column.capacity * 2 if column.capacity else FIRST_CAPACITY
    if api.list_vector_reserve(column.vector, column.capacity):
        return False
    element.vector = api.list_vector_get_child(column.vector)
    element.data = <char *>api.vector_get_data(element.vector)
    if element.validity != NULL:
        api.vector_ensure_validity_writable(element.vector)
        element.validity = api.vector_get_validity(element.vector)
    return True


cdef inline duckdb_list_entry *_entry(CopyColumn *column, idx_t row) noexcept nogil:
    return <duckdb_list_entry *>column.data + row


cdef inline void _begin(CopyColumn *column, idx_t row) noexcept nogil:
    _entry(column, row).offset = column.elements
    _entry(column, row).length = 0


cdef inline int _finish(CopyColumn *column, idx_t row) noexcept nogil:
    _entry(column, row).length = column.elements - _entry(column, row).offset
    api.list_vector_set_size(column.vector, column.elements)
    return 0


cdef int _dimensions_differ(Reading *reading) noexcept nogil:
    return complain(reading, b"2202E", b"the array's number of dimensions is not that of the column")


cdef int _take_item(
    CopyColumn *column, ArrayScanner *scanner, int item, Arena *arena, Reading *reading
) noexcept nogil:
    """An element, a NULL or a whole list as the next element of the column's list."""
    cdef CopyColumn *element = column.element
    cdef idx_t row = column.elements
    if not _make_room(column):
        return no_memory(reading)
    column.elements += 1
    if item == ITEM_NULL:
        set_null(element, row)
        return 0
    if item == ITEM_OPEN:
        if element.element == NULL:
            return _dimensions_differ(reading)
        return _fill(element, row, scanner, arena, reading)
    if element.element != NULL:
        return _dimensions_differ(reading)
    return read_text_value(element, row, scanner.element, scanner.element_length, arena, reading)


cdef int _fill(
    CopyColumn *column, idx_t row, ArrayScanner *scanner, Arena *arena, Reading *reading
) noexcept nogil:
    """The list whose opening brace has been read."""
    cdef int item
    _begin(column, row)
    while True:
        item = next_item(scanner)
        if item == ITEM_BAD:
            return -1
        if item == ITEM_CLOSE:
            return _finish(column, row)
        if _take_item(column, scanner, item, arena, reading):
            return -1


cdef int read_array_text(
    CopyColumn *column, idx_t row, const char *text, int64_t length, Arena *arena, Reading *reading
) noexcept nogil:
    cdef ArrayScanner scanner
    cdef char *scratch = <char *>malloc(length + 1)
    cdef int item
    cdef int result
    if scratch == NULL:
        return no_memory(reading)
    result = open_array(&scanner, reading, text, length, scratch)
    if result == 0:
        item = next_item(&scanner)
        result = -1 if item != ITEM_OPEN else _fill(column, row, &scanner, arena, reading)
    if result == 0 and next_item(&scanner) != ITEM_END:
        result = -1
    free(scratch)
    return result


# --- binary

cdef inline int32_t _word(const char *data) noexcept nogil:
    cdef uint32_t word
    memcpy(&word, data, 4)
    return <int32_t>swap32(word)


# An array's elements, not read yet.
cdef struct Elements:
    const char *at
    const char *end
    const char *sizes
    int dimensions


cdef int _fill_binary(
    CopyColumn *column, idx_t row, Elements *elements, int dimension, Arena *arena, Reading *reading
) noexcept nogil:
    cdef int32_t count = _word(elements.sizes + 8 * dimension)
    cdef int32_t _index
    _begin(column, row)
    for _index in range(count):
        if not _make_room(column):
            return no_memory(reading)
        column.elements += 1
        if dimension + 1 < elements.dimensions:
            if _fill_binary(column.element, column.elements - 1, elements, dimension + 1, arena, reading):
                return -1
        elif _take_binary(column.element, column.elements - 1, elements, arena, reading):
            return -1
    return _finish(column, row)


cdef int _take_binary(
    CopyColumn *element, idx_t row, Elements *elements, Arena *arena, Reading *reading
) noexcept nogil:
    cdef const char *value = elements.at + 4
    cdef int32_t length
    if elements.end - elements.at < 4:
        return bad_binary(reading)
    length = _word(elements.at)
    if length == -1:
        elements.at = value
        set_null(element, row)
        return 0
    if length < 0 or length > elements.end - value:
        return bad_binary(reading)
    elements.at = value + length
    return read_binary_value(element, row, value, length, arena, reading)


cdef int _depth_of(CopyColumn *column) noexcept nogil:
    cdef int depth = 0
    while column.element != NULL:
        depth += 1
        column = column.element
    return depth


cdef int read_array_binary(
    CopyColumn *column, idx_t row, const char *data, int64_t length, Arena *arena, Reading *reading
) noexcept nogil:
    """Int32(dimensions) Int32(has NULLs) Int32(element OID), for each dimension Int32(size) Int32(first); elements."""
    cdef Elements elements
    cdef int dimension
    if length < 12:
        return bad_binary(reading)
    elements.dimensions = _word(data)
    if elements.dimensions < 0 or elements.dimensions > MOST_DIMENSIONS or length < 12 + 8 * elements.dimensions:
        return bad_binary(reading)
    if elements.dimensions == 0:
        _begin(column, row)
        return _finish(column, row)
    if elements.dimensions != _depth_of(column):
        return _dimensions_differ(reading)
    for dimension in range(elements.dimensions):
        if _word(data + 12 + 8 * dimension) < 0:
            return bad_binary(reading)
    elements.sizes = data + 12
    elements.at = data + 12 + 8 * elements.dimensions
    elements.end = data + length
    if _fill_binary(column, row, &elements, 0, arena, reading):
        return -1
    return 0 if elements.at == elements.end else bad_binary(reading)
