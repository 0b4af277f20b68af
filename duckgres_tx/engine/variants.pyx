"""DuckDB's VARIANT as JSON.

A variant is a small tree of its own, spread over four vectors: `keys`, a list of names; `children`, a list of
(index into keys, index into values); `values`, a list of (type, offset into data); and `data`, the bytes. Value 0 is
the root. In the data an object or an array is its number of children and, unless that is 0, the index of the first;
a string is its length and its bytes; a decimal its width, its scale and its number; all those counts are LEB128.

Touches: the buffer it is given. No GIL.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from duckgres_tx.engine.buffers cimport Writer
from duckgres_tx.engine.capi cimport duckdb_list_entry
from duckgres_tx.engine.json_scalars cimport quote_json, write_json_scalar, write_literal
from duckgres_tx.engine.plans cimport (
    ANY_TEXT, PLAIN, PLAIN_FLOAT, QUOTED, STRING, TEXT_BIGNUM, TEXT_BIT, TEXT_BLOB, TEXT_DATE, TEXT_DECIMAL16,
    TEXT_DECIMAL32, TEXT_DECIMAL64, TEXT_DECIMAL128, TEXT_DOUBLE, TEXT_FLOAT, TEXT_INT8, TEXT_INT16, TEXT_INT32,
    TEXT_INT64, TEXT_INT128, TEXT_INTERVAL, TEXT_TIME, TEXT_TIME_NS, TEXT_TIMESTAMP, TEXT_TIMESTAMP_MS,
    TEXT_TIMESTAMP_NS, TEXT_TIMESTAMP_S, TEXT_TIMESTAMPTZ, TEXT_TIMETZ, TEXT_UINT8, TEXT_UINT16, TEXT_UINT32,
    TEXT_UINT64, TEXT_UINT128, TEXT_UUID
)
from duckgres_tx.engine.strings cimport INLINE_LENGTH, string_at


cdef enum:
    # DuckDB's VariantLogicalType, where it is no plain number.
    IS_NULL = 0
    IS_TRUE = 1
    IS_FALSE = 2
    IS_DECIMAL = 15
    IS_STRING = 16
    IS_BLOB = 17
    IS_OBJECT = 29
    IS_ARRAY = 30
    IS_BIGNUM = 31
    IS_BITSTRING = 32
    IS_GEOMETRY = 33
    TYPES = 34

# What writes a value of each type, and how it is quoted; its bytes are as in a vector.
cdef int[34] WRITES = [
    0, 0, 0, TEXT_INT8, TEXT_INT16, TEXT_INT32, TEXT_INT64, TEXT_INT128, TEXT_UINT8, TEXT_UINT16, TEXT_UINT32,
    TEXT_UINT64, TEXT_UINT128, TEXT_FLOAT, TEXT_DOUBLE, 0, STRING, TEXT_BLOB, TEXT_UUID, TEXT_DATE, TEXT_TIME,
    TEXT_TIME_NS, TEXT_TIMESTAMP_S, TEXT_TIMESTAMP_MS, TEXT_TIMESTAMP, TEXT_TIMESTAMP_NS, TEXT_TIMETZ,
    TEXT_TIMESTAMPTZ, TEXT_INTERVAL, 0, 0, TEXT_BIGNUM, TEXT_BIT, TEXT_BLOB,
]
cdef int[34] QUOTING = [
    PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN,
    PLAIN, PLAIN, PLAIN_FLOAT, PLAIN_FLOAT, PLAIN, ANY_TEXT, ANY_TEXT, QUOTED, ANY_TEXT, QUOTED,
    QUOTED, ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT, QUOTED,
    ANY_TEXT, ANY_TEXT, PLAIN, PLAIN, PLAIN, QUOTED, ANY_TEXT,
]


cdef inline uint32_t _count(const uint8_t **position) noexcept nogil:
    """The LEB128 number at a position, which moves behind it."""
    cdef uint32_t number = 0
    cdef int shift = 0
    cdef uint8_t byte
    while shift < 35:
        byte = position[0][0]
        position[0] += 1
        number |= <uint32_t>(byte & 127) << shift
        if byte < 128:
            break
        shift += 7
    return number


cdef char *write_variant(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil:
    return _write_node(writer, plan, row, 0, out)


cdef char *_write_node(Writer *writer, ColumnPlan *plan, idx_t row, uint32_t index, char *out) noexcept nogil:
    cdef uint64_t value = (<const duckdb_list_entry *>plan.children[VARIANT_VALUES].data)[row].offset + index
    cdef int what = (<const uint8_t *>plan.children[VARIANT_TYPE].data)[value]
    cdef const uint8_t *data = <const uint8_t *>string_at(plan.children[VARIANT_DATA].data, row).data
    data += (<const uint32_t *>plan.children[VARIANT_OFFSET].data)[value]
    if what == IS_NULL or what >= TYPES:
        return write_literal(writer, out, b"null", 4)
    elif what == IS_TRUE:
        return write_literal(writer, out, b"true", 4)
    elif what == IS_FALSE:
        return write_literal(writer, out, b"false", 5)
    elif what == IS_OBJECT or what == IS_ARRAY:
        return _write_children(writer, plan, row, what == IS_OBJECT, data, out)
    return _write_leaf(writer, plan, what, data, out)


cdef char *_write_children(
    Writer *writer, ColumnPlan *plan, idx_t row, bint named, const uint8_t *data, char *out
) noexcept nogil:
    cdef uint32_t count = _count(&data)
    cdef uint32_t first = _count(&data) if count > 0 else 0
    cdef uint64_t child = (<const duckdb_list_entry *>plan.children[VARIANT_CHILDREN].data)[row].offset + first
    cdef uint32_t index
    out = write_literal(writer, out, b"{" if named else b"[", 1)
    for index in range(count):
        if out != NULL and index > 0:
            out = write_literal(writer, out, b",", 1)
        if out != NULL and named:
            out = _write_name(writer, plan, row, child + index, out)
        if out == NULL:
            return NULL
        out = _write_node(
            writer, plan, row, (<const uint32_t *>plan.children[VARIANT_VALUE_INDEX].data)[child + index], out
        )
    return NULL if out == NULL else write_literal(writer, out, b"}" if named else b"]", 1)


cdef char *_write_name(Writer *writer, ColumnPlan *plan, idx_t row, uint64_t child, char *out) noexcept nogil:
    cdef uint64_t key = (<const duckdb_list_entry *>plan.children[VARIANT_KEYS].data)[row].offset
    cdef size_t start = out - writer.start
    key += (<const uint32_t *>plan.children[VARIANT_KEY_INDEX].data)[child]
    out = write_literal(
        writer, out, string_at(plan.children[VARIANT_KEY].data, key).data,
        string_at(plan.children[VARIANT_KEY].data, key).length
    )
    if out != NULL:
        out = quote_json(writer, start, out)
    return NULL if out == NULL else write_literal(writer, out, b":", 1)


cdef char *_write_leaf(Writer *writer, ColumnPlan *plan, int what, const uint8_t *data, char *out) noexcept nogil:
    """Write a scalar as the only row of a vector made for it."""
    cdef ColumnPlan leaf
    # 16 bytes, aligned for any type.
    cdef uint64_t[2] value
    cdef uint32_t length
    memset(&leaf, 0, sizeof(leaf))
    memset(value, 0, sizeof(value))
    leaf.render = plan.render
    leaf.json = True
    leaf.width = 128
    leaf.zone_from = 1
    leaf.data = <const char *>value
    leaf.write = WRITES[what]
    leaf.quoting = QUOTING[what]
    if what == IS_DECIMAL:
        _take_decimal(&leaf, data, value)
    elif what == IS_STRING or what == IS_BLOB or what == IS_BIGNUM or what == IS_BITSTRING or what == IS_GEOMETRY:
        length = _count(&data)
        memcpy(value, &length, 4)
        if length <= INLINE_LENGTH:
            memcpy(<char *>value + 4, data, length)
        else:
            memcpy(<char *>value + 8, &data, sizeof(data))
    else:
        memcpy(value, data, _size_of(what))
    return write_json_scalar(writer, &leaf, 0, out)


cdef void _take_decimal(ColumnPlan *leaf, const uint8_t *data, uint64_t *value) noexcept nogil:
    cdef uint32_t width = _count(&data)
    leaf.scale = _count(&data)
    if width > 18:
        leaf.write = TEXT_DECIMAL128 if leaf.scale > 0 else TEXT_INT128
        memcpy(value, data, 16)
    elif width > 9:
        leaf.write = TEXT_DECIMAL64 if leaf.scale > 0 else TEXT_INT64
        memcpy(value, data, 8)
    elif width > 4:
        leaf.write = TEXT_DECIMAL32 if leaf.scale > 0 else TEXT_INT32
        memcpy(value, data, 4)
    else:
        leaf.write = TEXT_DECIMAL16 if leaf.scale > 0 else TEXT_INT16
        memcpy(value, data, 2)


cdef size_t _size_of(int what) noexcept nogil:
    cdef int write = WRITES[what]
    if write == TEXT_INT8 or write == TEXT_UINT8:
        return 1
    elif write == TEXT_INT16 or write == TEXT_UINT16:
        return 2
    elif write == TEXT_INT32 or write == TEXT_UINT32 or write == TEXT_FLOAT or write == TEXT_DATE:
        return 4
    elif write == TEXT_INT128 or write == TEXT_UINT128 or write == TEXT_UUID or write == TEXT_INTERVAL:
        return 16
    return 8
