"""Parameters that are arrays: to DuckDB's lists, of lists when they have more than one dimension.

All elements of a list have one type. That of the parameter's own elements is tried first; if an element doesn't fit it
(1.5 among BIGINTs), that of the elements the client declared; if only DuckDB can read them, VARCHAR.

Touches: the heap, for values and what they are made from. No GIL.

Spec: arrays.html#ARRAYS-IO, array_recv in PostgreSQL's arrayfuncs.c
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

from duckgres_tx.engine.array_input cimport (
    ITEM_BAD, ITEM_CLOSE, ITEM_ELEMENT, ITEM_END, ITEM_NULL, ITEM_OPEN, ArrayScanner, next_item, open_array
)
from duckgres_tx.engine.buffers cimport swap32
from duckgres_tx.engine.capi cimport (
    DUCKDB_TYPE_ARRAY, DUCKDB_TYPE_LIST, DUCKDB_TYPE_VARCHAR, api, duckdb_logical_type, duckdb_type, idx_t
)
from duckgres_tx.engine.input_errors cimport bad_binary, complain, no_memory
from duckgres_tx.engine.parameter_scalars cimport MADE, NOT_EXACT, REFUSED, SourceValue, read_scalar
from duckgres_tx.engine.parameter_types cimport is_textual, natural_type, oid_of_target, type_name
from duckgres_tx.engine.values cimport make_target


cdef enum:
    # MAXDIM
    MOST_DIMENSIONS = 6


# The types of a nested list, from the elements (0) to the whole (`depth`). Freed by _drop_shape.
cdef struct Shape:
    int depth
    duckdb_logical_type[MOST_DIMENSIONS + 1] types
    Target leaf


cdef void _drop_shape(Shape *shape) noexcept nogil:
    cdef int level
    for level in range(shape.depth + 1):
        api.destroy_logical_type(&shape.types[level])


cdef duckdb_logical_type _child(duckdb_logical_type type) noexcept nogil:
    cdef duckdb_type id = api.get_type_id(type)
    if id == DUCKDB_TYPE_LIST:
        return api.list_type_child_type(type)
    elif id == DUCKDB_TYPE_ARRAY:
        return api.array_type_child_type(type)
    return NULL


cdef int _depth_of(duckdb_logical_type type) noexcept nogil:
    """How many lists lie in one another."""
    cdef int depth = 0
    cdef duckdb_logical_type child
    if type == NULL:
        return 0
    child = _child(type)
    if child != NULL:
        depth = 1 + _depth_of(child)
        api.destroy_logical_type(&child)
    return depth


cdef duckdb_logical_type _leaf_of(duckdb_logical_type type) noexcept nogil:
    """The type of the innermost elements; the caller's to destroy. NULL for what is no list."""
    cdef duckdb_logical_type child = NULL if type == NULL else _child(type)
    cdef duckdb_logical_type deeper = NULL
    if child != NULL:
        deeper = _leaf_of(child)
        if deeper != NULL:
            api.destroy_logical_type(&child)
            return deeper
    return child


cdef void _shape_around(Shape *shape, duckdb_logical_type leaf, int depth) noexcept nogil:
    """Lists of lists of a type, which is taken over."""
    cdef int level
    shape.depth = depth
    shape.types[0] = leaf
    for level in range(1, depth + 1):
        shape.types[level] = api.create_list_type(shape.types[level - 1])
    shape.leaf = make_target(leaf)


cdef void _shape_of(Shape *shape, duckdb_logical_type type, int depth) noexcept nogil:
    """The types inside a type that has just that depth."""
    cdef int level
    shape.depth = depth
    # The whole itself is never asked for its type.
    shape.types[depth] = NULL
    for level in range(depth - 1, -1, -1):
        shape.types[level] = _child(type if level == depth - 1 else shape.types[level + 1])
    shape.leaf = make_target(shape.types[0])


# Values of one list, growing.
cdef struct Values:
    duckdb_value *values
    idx_t count
    idx_t capacity


cdef bint _append(Values *values, duckdb_value value) noexcept nogil:
    cdef duckdb_value *moved
    if value == NULL:
        return False
    if values.count == values.capacity:
        moved = <duckdb_value *>realloc(values.values, (2 * values.capacity + 8) * sizeof(duckdb_value))
        if moved == NULL:
            api.destroy_value(&value)
            return False
        values.values = moved
        values.capacity = 2 * values.capacity + 8
    values.values[values.count] = value
    values.count += 1
    return True


cdef void _drop_values(Values *values) noexcept nogil:
    cdef idx_t index
    for index in range(values.count):
        api.destroy_value(&values.values[index])
    free(values.values)


cdef duckdb_value _close_list(Values *values, Shape *shape, int level, Target *target) noexcept nogil:
    """The list of values whose type is that of `level`; an ARRAY where the whole is one of that size."""
    # The C API refuses a NULL pointer, even to no values.
    cdef duckdb_value nothing = NULL
    cdef duckdb_value *first = values.values if values.values != NULL else &nothing
    if (
        level == shape.depth - 1 and target.id == DUCKDB_TYPE_ARRAY and shape.types[shape.depth] == NULL
        and api.array_type_array_size(target.type) == values.count
    ):
        return api.create_array_value(shape.types[level], first, values.count)
    return api.create_list_value(shape.types[level], first, values.count)


cdef int _build_text(
    ArrayScanner *scanner, SourceValue *source, Shape *shape, int level, Target *target, duckdb_value *value
) noexcept nogil:
    """One pair of braces, of which the first is read already; its elements have the type of `level`."""
    cdef Values values = Values(NULL, 0, 0)
    cdef duckdb_value element = NULL
    cdef int result = MADE
    cdef int item
    while result == MADE:
        item = next_item(scanner)
        if item == ITEM_CLOSE:
            break
        elif item == ITEM_NULL and level == 0:
            element = api.create_null_value()
        elif item == ITEM_OPEN and level > 0:
            result = _build_text(scanner, source, shape, level - 1, target, &element)
        elif item == ITEM_ELEMENT and level == 0:
            source.data = scanner.element
            source.length = scanner.element_length
            result = read_scalar(scanner.reading, source, &shape.leaf, True, &element)
        else:
            if item != ITEM_BAD:
                complain(
                    scanner.reading, b"22P02", b"multidimensional arrays must have sub-arrays with matching dimensions"
                )
            result = REFUSED
        if result == MADE and not _append(&values, element):
            no_memory(scanner.reading)
            result = REFUSED
    if result == MADE:
        value[0] = _close_list(&values, shape, level, target)
    _drop_values(&values)
    return result


cdef int _text_depth(const char *text, int64_t length) noexcept nogil:
    """How many braces open before anything else."""
    cdef int depth = 0
    cdef int64_t index = 0
    while index < length and text[index] != c"{":
        index += 1
    while index < length and (text[index] == c"{" or text[index] == c" "):
        depth += text[index] == c"{"
        index += 1
    return depth


cdef int _read_text(
    Reading *reading, SourceValue *source, Shape *shape, Target *target, duckdb_value *value
) noexcept nogil:
    cdef ArrayScanner scanner
    cdef SourceValue element = source[0]
    cdef int result = REFUSED
    cdef char *scratch = <char *>malloc(source.length + 1)
    if scratch == NULL:
        no_memory(reading)
        return REFUSED
    if open_array(&scanner, reading, source.data, source.length, scratch) == 0:
        next_item(&scanner)
        result = _build_text(&scanner, &element, shape, shape.depth - 1, target, value)
        if result == MADE and next_item(&scanner) != ITEM_END:
            api.destroy_value(value)
            result = REFUSED
    free(scratch)
    return result


cdef struct BinaryArray:
    Reading *reading
    const char *at
    const char *end
    int dimensions
    int element
    uint32_t[MOST_DIMENSIONS] sizes


cdef inline uint32_t _number_at(const char *data) noexcept nogil:
    cdef uint32_t number
    memcpy(&number, data, 4)
    return swap32(number)


cdef int _open_binary(BinaryArray *array, Reading *reading, const char *data, int64_t length) noexcept nogil:
    """Int32(dimensions) Int32(has NULLs) Int32(element type), for each Int32(size) Int32(lower bound)."""
    cdef uint64_t total = 1
    cdef int index
    array.reading = reading
    array.end = data + length
    if length < 12:
        return bad_binary(reading)
    array.dimensions = _number_at(data)
    array.element = _number_at(data + 8)
    if array.dimensions < 0 or array.dimensions > MOST_DIMENSIONS or length < 12 + 8 * array.dimensions:
        return bad_binary(reading)
    array.at = data + 12 + 8 * array.dimensions
    for index in range(array.dimensions):
        array.sizes[index] = _number_at(data + 12 + 8 * index)
        total *= array.sizes[index]
        # Every element takes 4 bytes at least.
        if array.sizes[index] > 0x7fffffff or total > <uint64_t>(array.end - array.at) // 4:
            return bad_binary(reading)
    if total == 0:
        array.dimensions = 0
    return 0


cdef int _build_binary(
    BinaryArray *array, SourceValue *source, Shape *shape, int level, Target *target, duckdb_value *value
) noexcept nogil:
    cdef Values values = Values(NULL, 0, 0)
    cdef duckdb_value element = NULL
    cdef int result = MADE
    cdef uint32_t _index
    cdef uint32_t count = 0 if array.dimensions == 0 else array.sizes[array.dimensions - 1 - level]
    for _index in range(count):
        if level > 0:
            result = _build_binary(array, source, shape, level - 1, target, &element)
        else:
            result = _binary_element(array, source, shape, &element)
        if result == MADE and not _append(&values, element):
            no_memory(array.reading)
            result = REFUSED
        if result != MADE:
            break
    if result == MADE:
        value[0] = _close_list(&values, shape, level, target)
    _drop_values(&values)
    return result


cdef int _binary_element(BinaryArray *array, SourceValue *source, Shape *shape, duckdb_value *value) noexcept nogil:
    """Int32(length, -1 for NULL) and the bytes."""
    cdef int64_t length
    if array.end - array.at < 4:
        bad_binary(array.reading)
        return REFUSED
    length = <int>_number_at(array.at)
    array.at += 4
    if length == -1:
        value[0] = api.create_null_value()
        return MADE
    if length < 0 or array.end - array.at < length:
        bad_binary(array.reading)
        return REFUSED
    source.data = array.at
    source.length = length
    array.at += length
    return read_scalar(array.reading, source, &shape.leaf, True, value)


cdef int _read_binary(
    Reading *reading, SourceValue *source, Shape *shape, Target *target, duckdb_value *value
) noexcept nogil:
    cdef BinaryArray array
    cdef SourceValue element = source[0]
    cdef int result
    if _open_binary(&array, reading, source.data, source.length):
        return REFUSED
    result = _build_binary(&array, &element, shape, shape.depth - 1, target, value)
    if result == MADE and array.at != array.end:
        api.destroy_value(value)
        bad_binary(reading)
        return REFUSED
    return result


cdef int _attempt(
    Reading *reading, SourceValue *source, duckdb_logical_type leaf, int depth, Target *target, duckdb_value *value
) noexcept nogil:
    """Read the whole with elements of one type, which is taken over; NULL is the target's own."""
    cdef Shape shape
    cdef int result
    if leaf == NULL:
        _shape_of(&shape, target.type, depth)
    else:
        _shape_around(&shape, leaf, depth)
    if source.format == 1:
        result = _read_binary(reading, source, &shape, target, value)
    else:
        result = _read_text(reading, source, &shape, target, value)
    _drop_shape(&shape)
    return result


cdef int read_array(
    Reading *reading, Target *target, int element, int format, const char *data, int64_t length, duckdb_value *value
) noexcept nogil:
    cdef SourceValue source
    cdef BinaryArray array
    cdef duckdb_logical_type leaf = _leaf_of(target.type)
    cdef int own_depth = _depth_of(target.type)
    cdef int depth
    cdef int result = NOT_EXACT
    source.oid = element
    source.format = format
    source.data = data
    source.length = length
    if element == 0 or (is_textual(element) and format == 0 and leaf != NULL):
        source.oid = 25 if leaf == NULL else oid_of_target(api.get_type_id(leaf))
    if format == 1:
        if _open_binary(&array, reading, data, length):
            api.destroy_logical_type(&leaf)
            return REFUSED
        # What the elements say they are, unless that is unknown here.
        source.oid = array.element
        depth = array.dimensions
    else:
        depth = _text_depth(data, length)
    if depth == 0 or (depth == 1 and own_depth > 1 and format == 0 and _is_empty(&source)):
        depth = own_depth if own_depth > 0 else 1
    if depth > MOST_DIMENSIONS:
        api.destroy_logical_type(&leaf)
        return complain(reading, b"54000", b"number of array dimensions exceeds the maximum allowed (6)")
    reading.type_name = type_name(source.oid)
    if leaf != NULL and depth == own_depth:
        result = _attempt(reading, &source, NULL, depth, target, value)
        api.destroy_logical_type(&leaf)
    elif leaf != NULL:
        result = _attempt(reading, &source, leaf, depth, target, value)
    elif source.oid == 1700:
        result = _attempt(reading, &source, api.create_decimal_type(38, 10), depth, target, value)
    if result == NOT_EXACT:
        leaf = api.create_logical_type(natural_type(source.oid))
        result = _attempt(reading, &source, leaf, depth, target, value)
    if result == NOT_EXACT:
        result = _attempt(reading, &source, api.create_logical_type(DUCKDB_TYPE_VARCHAR), depth, target, value)
    return result


cdef bint _is_empty(SourceValue *source) noexcept nogil:
    """Whether the text of an array of one dimension has no elements."""
    cdef int64_t index
    for index in range(source.length):
        if source.data[index] != c"{" and source.data[index] != c"}" and source.data[index] != c" ":
            return False
    return True
