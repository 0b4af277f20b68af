"""DuckDB's lists and fixed-size arrays as PostgreSQL's arrays, structs without names as its records, in text and in binary.

A list of lists is an array of more dimensions. PostgreSQL's arrays are rectangles, DuckDB's lists needn't be: text shows
a ragged one as it is (`{{1,2},{3}}`, a missing sublist as NULL), which clients' parsers take; in binary there is
no way to say it, and it ends in ENCODE_RAGGED. When there is no element at all, the binary form is the empty array.

Touches: the buffer it is given. No GIL.

Spec: arrays.html#ARRAYS-IO, rowtypes.html#ROWTYPES-IO-SYNTAX; array_send in PostgreSQL's arrayfuncs.c, record_send in rowtypes.c
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

from duckgres_tx.engine.buffers cimport Writer, ensure, put32
from duckgres_tx.engine.capi cimport duckdb_list_entry
from duckgres_tx.engine.json_values cimport write_json
from duckgres_tx.engine.nulls cimport is_null
from duckgres_tx.engine.plans cimport (
    BINARY_ARRAY, BINARY_RECORD, BINARY_VECTOR, FIRST_ARRAY, FIRST_JSON, FIRST_RECORD, FIRST_VARYING, PLAIN_FLOAT,
    QUOTED, TEXT_ARRAY, TEXT_LIST, TEXT_RECORD, TEXT_VECTOR
)
from duckgres_tx.engine.parameter_types cimport array_oid
from duckgres_tx.engine.scalars cimport write_scalar
from duckgres_tx.engine.strings cimport write_varying


cdef enum:
    RAGGED = -2
    # MAXDIM
    MOST_DIMENSIONS = 6


cdef struct Range:
    uint64_t first
    uint64_t count


cdef inline Range _elements(ColumnPlan *plan, idx_t row) noexcept nogil:
    """Which rows of the child are the elements of a row."""
    cdef Range found
    if plan.write == TEXT_ARRAY or plan.write == BINARY_ARRAY:
        found.first = row * plan.array_size
        found.count = plan.array_size
    else:
        found.first = (<const duckdb_list_entry *>plan.data)[row].offset
        found.count = (<const duckdb_list_entry *>plan.data)[row].length
    return found


cdef inline bint _is_nested(ColumnPlan *plan) noexcept nogil:
    return FIRST_ARRAY <= plan.write < FIRST_RECORD


cdef char *write_array(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil:
    if plan.write == TEXT_LIST or plan.write == TEXT_ARRAY:
        return _write_braces(writer, plan, row, out)
    if plan.write == TEXT_RECORD:
        return _write_record(writer, plan, row, out)
    if plan.write == BINARY_RECORD:
        return _write_binary_record(writer, plan, row, out)
    if plan.write == TEXT_VECTOR:
        return _write_vector(writer, plan, row, out)
    return _write_binary(writer, plan, row, out)


cdef char *_write_element(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil:
    """A value that is not NULL."""
    if plan.write >= FIRST_ARRAY:
        return write_array(writer, plan, row, out)
    if plan.write >= FIRST_JSON:
        return write_json(writer, plan, row, out)
    if plan.write >= FIRST_VARYING:
        return write_varying(writer, plan, row, out)
    out = ensure(writer, out, plan.width + 8)
    return NULL if out == NULL else write_scalar(writer, plan, row, out)


cdef char *_write_braces(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil:
    cdef Range elements = _elements(plan, row)
    cdef ColumnPlan *child = plan.children[0]
    cdef uint64_t index
    cdef size_t start
    out = ensure(writer, out, 2)
    if out == NULL:
        return NULL
    out[0] = c"{"
    out += 1
    for index in range(elements.first, elements.first + elements.count):
        out = ensure(writer, out, 8)
        if out == NULL:
            return NULL
        if index > elements.first:
            out[0] = c","
            out += 1
        if is_null(child, index):
            memcpy(out, b"NULL", 4)
            out += 4
            continue
        start = out - writer.start
        if _is_nested(child):
            out = _write_braces(writer, child, index, out)
        else:
            out = _write_element(writer, child, index, out)
            if out != NULL and child.quoting > QUOTED:
                out = _quote(writer, start, out)
        if out == NULL:
            return NULL
    out = ensure(writer, out, 1)
    if out == NULL:
        return NULL
    out[0] = c"}"
    return out + 1


cdef inline bint _is_special(uint8_t byte) noexcept nogil:
    """What makes array_out quote an element."""
    return (
        byte == c'"' or byte == c"\\" or byte == c"{" or byte == c"}" or byte == c"," or byte == c" "
        or (byte >= 9 and byte <= 13)
    )


cdef inline bint _is_null_word(const char *text) noexcept nogil:
    return (
        (text[0] | 32) == c"n" and (text[1] | 32) == c"u" and (text[2] | 32) == c"l" and (text[3] | 32) == c"l"
    )


cdef char *_enclose(Writer *writer, size_t start, char *out, size_t escapes, bint backslashes) noexcept nogil:
    """Put quotes around what is written from offset `start` of the writer to `out`.

    Before each of the `escapes` quotes and backslashes in it goes a backslash, or the same byte once more.
    """
    cdef size_t length = (out - writer.start) - start
    cdef size_t index
    cdef char *text
    cdef char *target
    cdef char byte
    out = ensure(writer, out, escapes + 2)
    if out == NULL:
        return NULL
    text = writer.start + start
    # From the end, so that nothing is overwritten before it is read.
    target = text + length + escapes + 1
    target[0] = c'"'
    for index in range(length, 0, -1):
        byte = text[index - 1]
        target -= 1
        target[0] = byte
        if byte == c'"' or byte == c"\\":
            target -= 1
            target[0] = c"\\" if backslashes else byte
    text[0] = c'"'
    return out + escapes + 2


cdef char *_quote(Writer *writer, size_t start, char *out) noexcept nogil:
    """Quote the element written from offset `start` of the writer to `out`, if array_out would."""
    cdef char *text = writer.start + start
    cdef size_t length = out - text
    cdef size_t escapes = 0
    cdef bint needed = length == 0 or (length == 4 and _is_null_word(text))
    cdef size_t index
    cdef char byte
    for index in range(length):
        byte = text[index]
        if _is_special(<uint8_t>byte):
            needed = True
            escapes += byte == c'"' or byte == c"\\"
    if not needed:
        return out
    return _enclose(writer, start, out, escapes, True)


cdef char *_write_vector(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil:
    """int2vector and oidvector: the elements with spaces between them."""
    cdef Range elements = _elements(plan, row)
    cdef uint64_t index
    for index in range(elements.first, elements.first + elements.count):
        out = _write_element(writer, plan.children[0], index, out)
        if out != NULL:
            out = ensure(writer, out, 1)
        if out == NULL:
            return NULL
        if index + 1 < elements.first + elements.count:
            out[0] = c" "
            out += 1
    return out


cdef struct Shape:
    int dimensions
    uint64_t[MOST_DIMENSIONS] sizes
    # Dimensions whose size an actual list has told.
    int known
    bint nulls


cdef int _measure(ColumnPlan *plan, idx_t row, int depth, Shape *shape) noexcept nogil:
    """Find the sizes of a nested list and whether an element is NULL; RAGGED if it is no rectangle."""
    cdef Range elements = _elements(plan, row)
    cdef ColumnPlan *child = plan.children[0]
    cdef uint64_t index
    if depth >= MOST_DIMENSIONS:
        return RAGGED
    if depth >= shape.known:
        shape.sizes[depth] = elements.count
        shape.known = depth + 1
    elif shape.sizes[depth] != elements.count:
        return RAGGED
    for index in range(elements.first, elements.first + elements.count):
        if is_null(child, index):
            if _is_nested(child):
                return RAGGED
            shape.nulls = True
        elif _is_nested(child) and _measure(child, index, depth + 1, shape):
            return RAGGED
    return 0


cdef char *_write_binary(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil:
    """Int32(dimensions) Int32(has NULLs) Int32(element type), for each Int32(size) Int32(lower bound), elements."""
    cdef Shape shape
    cdef ColumnPlan *leaf = plan
    cdef uint64_t total = 1
    cdef int index
    shape.dimensions = 0
    shape.known = 0
    shape.nulls = False
    while _is_nested(leaf):
        leaf = leaf.children[0]
        shape.dimensions += 1
    if _measure(plan, row, 0, &shape):
        writer.result = RAGGED
        return NULL
    for index in range(shape.known):
        total *= shape.sizes[index]
    # An empty vector has one dimension of none, an empty array has no dimension.
    if (total == 0 or shape.known < shape.dimensions) and plan.write != BINARY_VECTOR:
        shape.dimensions = 0
    out = ensure(writer, out, 12 + 8 * MOST_DIMENSIONS)
    if out == NULL:
        return NULL
    put32(out, shape.dimensions)
    put32(out + 4, shape.nulls)
    put32(out + 8, leaf.oid)
    out += 12
    for index in range(shape.dimensions):
        put32(out, shape.sizes[index])
        put32(out + 4, 0 if plan.write == BINARY_VECTOR else 1)
        out += 8
    return out if shape.dimensions == 0 else _write_leaves(writer, plan, row, out)


cdef char *_write_leaves(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil:
    """The elements of every depth in order, each Int32(length or -1) and its bytes."""
    cdef Range elements = _elements(plan, row)
    cdef ColumnPlan *child = plan.children[0]
    cdef uint64_t index
    cdef size_t start
    for index in range(elements.first, elements.first + elements.count):
        if _is_nested(child):
            out = _write_leaves(writer, child, index, out)
            if out == NULL:
                return NULL
            continue
        out = ensure(writer, out, 4)
        if out == NULL:
            return NULL
        if is_null(child, index):
            put32(out, 0xffffffffU)
            out += 4
            continue
        start = out - writer.start
        out = _write_element(writer, child, index, out + 4)
        if out == NULL:
            return NULL
        put32(writer.start + start, <size_t>(out - writer.start) - start - 4)
    return out


cdef char *_write_record(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil:
    """(1,,"a b"): nothing for NULL, quotes doubled in quotes."""
    cdef ColumnPlan *child
    cdef size_t start
    cdef int index
    for index in range(plan.n_children):
        child = plan.children[index]
        out = ensure(writer, out, 1)
        if out == NULL:
            return NULL
        out[0] = c"," if index > 0 else c"("
        out += 1
        if is_null(child, row):
            continue
        start = out - writer.start
        out = _write_element(writer, child, row, out)
        if out != NULL and child.quoting > PLAIN_FLOAT:
            out = _quote_field(writer, start, out)
        if out == NULL:
            return NULL
    out = ensure(writer, out, 1)
    if out == NULL:
        return NULL
    out[0] = c")"
    return out + 1


cdef inline bint _is_special_in_field(uint8_t byte) noexcept nogil:
    """What makes record_out quote a field."""
    return (
        byte == c'"' or byte == c"\\" or byte == c"(" or byte == c")" or byte == c"," or byte == c" "
        or (byte >= 9 and byte <= 13)
    )


cdef char *_quote_field(Writer *writer, size_t start, char *out) noexcept nogil:
    """Quote the field written from offset `start` of the writer to `out`, if record_out would."""
    cdef char *text = writer.start + start
    cdef size_t length = out - text
    cdef size_t doubled = 0
    cdef bint needed = length == 0
    cdef size_t index
    cdef char byte
    for index in range(length):
        byte = text[index]
        if _is_special_in_field(<uint8_t>byte):
            needed = True
            doubled += byte == c'"' or byte == c"\\"
    if not needed:
        return out
    return _enclose(writer, start, out, doubled, False)


cdef int _oid_of(ColumnPlan *plan) noexcept nogil:
    """The type of a record's field."""
    cdef int found
    if not _is_nested(plan) or plan.write == BINARY_VECTOR:
        return plan.oid
    while _is_nested(plan):
        plan = plan.children[0]
    found = array_oid(plan.oid)
    return found if found != 0 else plan.oid


cdef char *_write_binary_record(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil:
    """Int32(fields), for each Int32(type) Int32(length or -1) and its bytes."""
    cdef ColumnPlan *child
    cdef size_t start
    cdef int index
    out = ensure(writer, out, 4)
    if out == NULL:
        return NULL
    put32(out, plan.n_children)
    out += 4
    for index in range(plan.n_children):
        child = plan.children[index]
        out = ensure(writer, out, 8)
        if out == NULL:
            return NULL
        put32(out, _oid_of(child))
        put32(out + 4, 0xffffffffU)
        out += 8
        if is_null(child, row):
            continue
        start = out - writer.start
        out = _write_element(writer, child, row, out)
        if out == NULL:
            return NULL
        put32(writer.start + start - 4, <size_t>(out - writer.start) - start)
    return out
