"""DuckDB's nested values as JSON documents.

Touches: the buffer it is given. No GIL.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from duckgres_tx.engine.buffers cimport Writer
from duckgres_tx.engine.capi cimport duckdb_list_entry
from duckgres_tx.engine.json_scalars cimport quote_json, write_json_scalar, write_literal
from duckgres_tx.engine.nulls cimport is_null
from duckgres_tx.engine.plans cimport (
    DOCUMENT, JSON_ARRAY, JSON_LIST, JSON_MAP, JSON_STRUCT, JSON_UNION, JSON_VARIANT
)
from duckgres_tx.engine.variants cimport write_variant


cdef char *write_json(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil:
    cdef int what = plan.write
    if is_null(plan, row):
        return write_literal(writer, out, b"null", 4)
    if what == JSON_STRUCT:
        return _write_struct(writer, plan, row, out)
    elif what == JSON_LIST:
        return _write_elements(
            writer, plan, (<const duckdb_list_entry *>plan.data)[row].offset,
            (<const duckdb_list_entry *>plan.data)[row].length, out
        )
    elif what == JSON_ARRAY:
        return _write_elements(writer, plan, row * plan.array_size, plan.array_size, out)
    elif what == JSON_MAP:
        return _write_map(writer, plan, row, out)
    elif what == JSON_UNION:
        return _write_union(writer, plan, row, out)
    elif what == JSON_VARIANT:
        return write_variant(writer, plan, row, out)
    return write_json_scalar(writer, plan, row, out)


cdef char *_write_label(Writer *writer, ColumnPlan *plan, uint32_t index, char *out) noexcept nogil:
    """A field's name with its colon, as the plan keeps it."""
    cdef uint32_t first = 0 if index == 0 else plan.label_ends[index - 1]
    return write_literal(writer, out, plan.labels + first, plan.label_ends[index] - first)


cdef char *_write_struct(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil:
    cdef int index
    for index in range(plan.n_children):
        out = write_literal(writer, out, b"," if index > 0 else b"{", 1)
        if out != NULL:
            out = _write_label(writer, plan, index, out)
        if out != NULL:
            out = write_json(writer, plan.children[index], row, out)
        if out == NULL:
            return NULL
    return write_literal(writer, out, b"}" if plan.n_children > 0 else b"{}", 1 if plan.n_children > 0 else 2)


cdef char *_write_union(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil:
    """The member that the tag names, alone: {"name": value}. The first child is the tag."""
    cdef uint8_t tag = (<const uint8_t *>plan.children[0].data)[row]
    if is_null(plan.children[0], row):
        return write_literal(writer, out, b"null", 4)
    out = write_literal(writer, out, b"{", 1)
    if out != NULL:
        out = _write_label(writer, plan, tag, out)
    if out != NULL:
        out = write_json(writer, plan.children[1 + tag], row, out)
    if out != NULL:
        out = write_literal(writer, out, b"}", 1)
    return out


cdef char *_write_elements(Writer *writer, ColumnPlan *plan, uint64_t first, uint64_t count, char *out) noexcept nogil:
    cdef uint64_t index
    out = write_literal(writer, out, b"[", 1)
    for index in range(first, first + count):
        if out != NULL and index > first:
            out = write_literal(writer, out, b",", 1)
        if out == NULL:
            return NULL
        out = write_json(writer, plan.children[0], index, out)
    return NULL if out == NULL else write_literal(writer, out, b"]", 1)


cdef char *_write_map(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil:
    """An object. A key that is no string becomes the string of its text form, or of its JSON when it is nested."""
    cdef uint64_t first = (<const duckdb_list_entry *>plan.data)[row].offset
    cdef uint64_t count = (<const duckdb_list_entry *>plan.data)[row].length
    cdef uint64_t index
    out = write_literal(writer, out, b"{", 1)
    for index in range(first, first + count):
        if out != NULL and index > first:
            out = write_literal(writer, out, b",", 1)
        if out != NULL:
            out = _write_key(writer, plan.children[0], index, out)
        if out != NULL:
            out = write_literal(writer, out, b":", 1)
        if out == NULL:
            return NULL
        out = write_json(writer, plan.children[1], index, out)
    return NULL if out == NULL else write_literal(writer, out, b"}", 1)


cdef char *_write_key(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil:
    cdef size_t start = out - writer.start
    out = write_json(writer, plan, row, out)
    if out == NULL or (writer.start[start] == c'"' and plan.quoting != DOCUMENT):
        return out
    return quote_json(writer, start, out)
